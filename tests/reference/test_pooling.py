"""The poolings: ties, NaN, infinities, windows without a cell, integers, what unpooling keeps."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convpool.arithmetic import Window, output_shape, window_axes
from convpool.reference import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    max_pool2d_with_indices,
    max_unpool2d,
    max_unpool2d_backward,
)
from convpool.spec import AvgPool2dSpec, MaxPool2dSpec, MaxUnpool2dSpec
from tests.drawing import LAYOUTS, avg_pool2ds, max_pool2ds, takes

Array = NDArray[Any]
INF, NAN = np.inf, np.nan


def row_pool(kernel: int, stride: int, padding: int = 0, dilation: int = 1) -> MaxPool2dSpec:
    return MaxPool2dSpec((1, kernel), (1, stride), (0, padding), (1, dilation))


def pooled_row(row: list[Any], spec: MaxPool2dSpec, dtype: str) -> tuple[list[Any], list[int]]:
    image = np.array(row, dtype).reshape(1, 1, 1, -1)
    values, indices = max_pool2d_with_indices(spec, image)
    assert values.dtype == dtype
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(max_pool2d(spec, image), values)
    return values.ravel().tolist(), indices.ravel().tolist()


@pytest.mark.parametrize(
    ("row", "best", "place"),
    [
        ([1, 7, 7, 7], 7, 1),
        ([-0.0, 0.0, -1, -1], 0, 0),
        ([INF, INF, 1, 2], INF, 0),
        ([-INF] * 4, -INF, 0),
        ([-INF, -INF, -5, -INF], -5, 2),
        ([1, NAN, 9, 2], NAN, 1),
        ([1, NAN, 9, NAN], NAN, 3),
        ([NAN, NAN, INF, 2], NAN, 1),
        ([NAN] * 4, NAN, 3),
    ],
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_who_wins_a_window(row: list[float], best: float, place: int, dtype: str) -> None:
    """The first of equals, any NaN, and of several NaN the last."""
    values, indices = pooled_row(row, row_pool(4, 4), dtype)
    np.testing.assert_array_equal(values, [best])
    assert indices == [place]


def test_the_first_of_equals_is_so_by_rows() -> None:
    image = np.zeros((1, 1, 4, 6), "int8")
    _, indices = max_pool2d_with_indices(MaxPool2dSpec((2, 3)), image)
    assert indices[0, 0].tolist() == [[0, 3], [12, 15]]


@pytest.mark.parametrize("dtype", ["float32", "int8", "int64", "uint8", "uint64", "bool"])
def test_padding_never_wins_over_the_lowest_value(dtype: str) -> None:
    """Where all cells hold it, the first cell on the input is named."""
    lowest = {"f": -INF, "b": False}.get(np.dtype(dtype).kind)
    if lowest is None:
        lowest = np.iinfo(dtype).min
    values, indices = pooled_row([lowest] * 5, row_pool(3, 2, padding=1), dtype)
    assert values == [lowest] * 3
    assert indices == [0, 1, 3]


def test_dilated_windows_name_their_first_cell_on_the_input() -> None:
    _, indices = pooled_row([-INF] * 6, row_pool(2, 1, padding=2, dilation=3), "float32")
    assert indices == [1, 2, 0, 1, 2, 3, 4][: len(indices)]


def test_bool_pools_as_any() -> None:
    values, indices = pooled_row([0, 1, 1, 0, 0, 0], row_pool(3, 3), "bool")
    assert values == [True, False]
    assert indices == [1, 3]


STEPS_OVER = row_pool(2, 1, padding=2, dilation=3)
"""On a row of two: windows with taps at -2 and 1, -1 and 2 (neither on it), 0 and 3."""


@pytest.mark.parametrize(("dtype", "lowest"), [("float32", -INF), ("int16", -(2**15))])
def test_a_window_without_a_cell_has_the_lowest_value(dtype: str, lowest: float) -> None:
    values, indices = pooled_row([5, 6], STEPS_OVER, dtype)
    assert values == [6, lowest, 5]
    assert (indices[0], indices[2]) == (1, 0)


def test_the_gradient_of_a_window_without_a_cell_goes_nowhere() -> None:
    _, indices = max_pool2d_with_indices(STEPS_OVER, np.array([[[[5.0, 6.0]]]]))
    gradient = np.array([[[[1.0, 10.0, 100.0]]]])
    back = max_pool2d_backward(STEPS_OVER, (1, 2), gradient, indices)
    assert back.tolist() == [[[[100.0, 1.0]]]]
    no_images = max_pool2d_backward(STEPS_OVER, (1, 2), gradient[:0], indices[:0])
    assert no_images.shape == (0, 1, 1, 2)


def cells(axes: tuple[Window, Window], row: int, column: int) -> tuple[list[int], list[int]]:
    """The rows and the columns of the input on which the taps of one window lie."""
    on_input = []
    for axis, window in zip(axes, (row, column), strict=True):
        places = [axis.position(window, tap) for tap in range(axis.kernel)]
        on_input.append([place for place in places if 0 <= place < axis.size])
    return on_input[0], on_input[1]


@given(max_pool2ds(), st.integers(1, 9), st.integers(1, 9), st.integers(0, 999))
def test_max_pooling_window_by_window(
    spec: MaxPool2dSpec, height: int, width: int, seed: int
) -> None:
    shape = (2, 2, height, width)
    assume(takes(spec, shape))
    random = np.random.default_rng(seed)
    image = random.integers(-3, 3, shape).astype("float32")
    image[random.random(shape) < 0.1] = NAN
    values, indices = max_pool2d_with_indices(spec, image)
    assert values.shape == output_shape(spec, shape)
    axes = window_axes(spec, (height, width))
    gradient = random.integers(1, 9, values.shape).astype("float32")
    expected_back = np.zeros(shape, "float32")
    for n, c, row, column in np.ndindex(values.shape):
        rows, columns = cells(axes, row, column)
        window = [(float(image[n, c, y, x]), y * width + x) for y in rows for x in columns]
        if not window:
            assert values[n, c, row, column] == -INF
            continue
        missing = [(value, at) for value, at in window if np.isnan(value)]
        value, at = missing[-1] if missing else max(window, key=lambda cell: cell[0])
        np.testing.assert_equal(float(values[n, c, row, column]), value)
        assert indices[n, c, row, column] == at
        expected_back[n, c, at // width, at % width] += gradient[n, c, row, column]
    back = max_pool2d_backward(spec, (height, width), gradient, indices)
    np.testing.assert_array_equal(back, expected_back)


@given(avg_pool2ds(), st.integers(1, 9), st.integers(1, 9), st.integers(0, 999))
def test_average_pooling_window_by_window(
    spec: AvgPool2dSpec, height: int, width: int, seed: int
) -> None:
    """In whole numbers: the exact mean without its fraction. Its gradient is its adjoint."""
    shape = (2, 1, height, width)
    assume(takes(spec, shape))
    random = np.random.default_rng(seed)
    image = random.integers(-99, 99, shape)
    output = avg_pool2d(spec, image)
    axes = window_axes(spec, (height, width))
    for n, c, row, column in np.ndindex(output.shape):
        rows, columns = cells(axes, row, column)
        total = int(image[n, c][np.ix_(rows, columns)].sum())
        divisor = spec.divisor_override
        if divisor is None and spec.count_include_pad:
            divisor = 1
            for axis, window in zip(axes, (row, column), strict=True):
                start = window * axis.stride - axis.before
                divisor *= min(start + axis.kernel, axis.size + axis.after) - start
        elif divisor is None:
            divisor = len(rows) * len(columns)
        exact = abs(total) // abs(divisor)
        assert output[n, c, row, column] == (exact if total * divisor >= 0 else -exact)
    wide = image.astype("float64")
    means = avg_pool2d(spec, wide)
    np.testing.assert_array_equal(np.trunc(np.round(means, 9)), output)
    gradient = random.standard_normal(output.shape)
    back = avg_pool2d_backward(spec, (height, width), gradient)
    assert np.vdot(means, gradient) == pytest.approx(np.vdot(wide, back), abs=1e-9)


@pytest.mark.parametrize(
    ("dtype", "row", "mean"),
    [
        ("uint8", [200, 250, 255, 255], 240),  # whose sum is no uint8
        ("int8", [-128] * 4, -128),
        ("int8", [-32] * 4, -32),
        ("int16", [2**15 - 1] * 4, 2**15 - 1),
        ("int64", [-1, -2, -2, -2], -1),  # -7/4, towards zero
        ("int64", [1, 2, 2, 2], 1),
        ("int64", [-(2**63), 0, 0, 0], -(2**61)),
    ],
)
def test_the_mean_of_integers_lies_between_them(dtype: str, row: list[int], mean: int) -> None:
    image = np.array(row, dtype).reshape(1, 1, 1, 4)
    output = avg_pool2d(AvgPool2dSpec((1, 4)), image)
    assert output.dtype == dtype
    assert output.ravel().tolist() == [mean]


def test_averages_of_infinities_and_nan_raise_no_warning() -> None:
    row = np.array([INF, 1, INF, -INF, NAN, 1, -INF, -INF, 6e4, 6e4], "float16")
    output = avg_pool2d(AvgPool2dSpec((1, 2)), row.reshape(1, 1, 1, 10))
    np.testing.assert_array_equal(output.ravel(), [INF, NAN, NAN, -INF, np.float16(6e4)])
    summed = avg_pool2d(AvgPool2dSpec((1, 2), divisor_override=1), row.reshape(1, 1, 1, 10))
    assert summed[0, 0, 0, -1] == INF


@pytest.mark.parametrize("layout", [np.array, *LAYOUTS])
def test_unpooling_keeps_the_last_value_at_a_cell(layout: Callable[[Array], Array]) -> None:
    """The last of the window order, wherever the arrays lie in memory."""
    spec = MaxUnpool2dSpec(2, 1)
    values = np.array([[1, 2], [3, 4]], "uint16").reshape(1, 1, 2, 2)
    indices = np.array([[4, 4], [0, 4]]).reshape(1, 1, 2, 2)
    restored = max_unpool2d(spec, layout(values), layout(indices), (3, 3))
    assert restored.dtype == "uint16"
    assert restored[0, 0].tolist() == [[3, 0, 0], [0, 4, 0], [0, 0, 0]]


@given(max_pool2ds(), st.integers(1, 9), st.integers(1, 9), st.integers(0, 999))
def test_unpooling_puts_back_what_pooling_found(
    spec: MaxPool2dSpec, height: int, width: int, seed: int
) -> None:
    shape = (2, 3, height, width)
    assume(takes(spec, shape))
    image = np.random.default_rng(seed).random(shape) + 1
    values, indices = max_pool2d_with_indices(spec, image)
    assume(np.isfinite(values).all())
    unpooling = MaxUnpool2dSpec(1)
    restored = max_unpool2d(unpooling, values, indices, (height, width))
    kept = restored != 0
    np.testing.assert_array_equal(restored[kept], image[kept])
    assert np.count_nonzero(kept) == sum(np.unique(plane).size for plane in indices.reshape(6, -1))
    np.testing.assert_array_equal(max_unpool2d_backward(unpooling, restored, indices), values)
