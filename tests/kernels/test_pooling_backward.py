"""The poolings' gradients, and that by a bias, against the reference."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convpool import functional as F  # noqa: N812
from convpool import kernels, reference
from convpool.arithmetic import output_shape, window_axes
from convpool.dispatch import plan
from convpool.errors import ArgumentError
from convpool.request import Request
from convpool.spec import AvgPool2dSpec, Conv2dSpec, LayerSpec, MaxPool2dSpec, MaxUnpool2dSpec
from convpool.threads import get_num_threads, set_num_threads
from tests.drawing import LAYOUTS, SIZE, avg_pool2ds, max_pool2ds, takes
from tests.kernels.layouts import both_layouts, channels_last, noise

Array = NDArray[Any]

SAME: Callable[[Array], Array] = np.ascontiguousarray
LAST: Callable[[Array], Array] = channels_last
FLOATS = ("float16", "float32", "float64")
TOLERANCE = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-14}
WIDE = (8, 16, 60, 60)
"""Images that are worth threads."""


def backward(operation: str, spec: LayerSpec, shape: tuple[int, ...], dtype: str) -> Any:
    """The kernels' operator for images of a shape, which must not refuse."""
    request = Request(operation, spec, (shape[1], shape[2], shape[3]), dtype)
    assert kernels.refusal(request) is None
    return kernels.prepare(request)


def assert_close(ours: Array, expected: Array) -> None:
    tolerance = TOLERANCE[expected.dtype.name]
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    assert ours.dtype == expected.dtype
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance * scale)


@given(max_pool2ds(), st.tuples(SIZE, SIZE), st.sampled_from(FLOATS), st.integers(0, 2))
def test_max_pooling(spec: MaxPool2dSpec, plane: tuple[int, int], dtype: str, batch: int) -> None:
    shape = (batch, 3, *plane)
    if not takes(spec, shape):
        return
    images = noise(shape, dtype)
    _, indices = reference.max_pool2d_with_indices(spec, images)
    gradient = noise(indices.shape, dtype)[::-1]
    expected = reference.max_pool2d_backward(spec, plane, gradient, indices)
    run = backward("max_pool2d_backward", spec, shape, dtype)
    for layout in (SAME, *LAYOUTS):
        assert_close(run(plane, layout(gradient), layout(indices)), expected)
        assert_close(run(plane, layout(gradient), indices), expected)


@given(avg_pool2ds(), st.tuples(SIZE, SIZE), st.sampled_from(FLOATS), st.integers(0, 2))
def test_average_pooling(
    spec: AvgPool2dSpec, plane: tuple[int, int], dtype: str, batch: int
) -> None:
    shape = (batch, 3, *plane)
    if not takes(spec, shape):
        return
    gradient = noise(output_shape(spec, shape), dtype)
    expected = reference.avg_pool2d_backward(spec, plane, gradient)
    run = backward("avg_pool2d_backward", spec, shape, dtype)
    for layout in (SAME, *LAYOUTS):
        assert_close(run(plane, layout(gradient)), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("width", [1, 15, 33, 70])
def test_average_pooling_of_wide_planes(width: int, dtype: str) -> None:
    """Of more windows than a vector has lanes, narrow ones and others, with columns left over."""
    for spec in (
        AvgPool2dSpec(2, 2, 1, ceil_mode=True),
        AvgPool2dSpec((2, 3), (3, 1), (1, 1), count_include_pad=False),
        AvgPool2dSpec((3, 5), 2, (1, 2)),
        AvgPool2dSpec((2, 1), (1, 4)),
        AvgPool2dSpec((1, 7), 6, (0, 3), divisor_override=3),
    ):
        shape = (2, 3, 6, width)
        if not takes(spec, shape):
            continue
        gradient = noise(output_shape(spec, shape), dtype)
        expected = reference.avg_pool2d_backward(spec, shape[2:], gradient)
        run = backward("avg_pool2d_backward", spec, shape, dtype)
        for layout in (SAME, LAST):
            assert_close(run(shape[2:], layout(gradient)), expected)


@pytest.mark.parametrize("dtype", [*FLOATS, "int8", "uint64", "bool"])
def test_unpooling(dtype: str) -> None:
    spec = MaxUnpool2dSpec(1)
    for shape, plane in (((2, 3, 4, 5), (9, 7)), ((1, 1, 1, 1), (1, 1)), ((0, 3, 4, 5), (9, 7))):
        gradient = noise((*shape[:2], *plane), dtype)
        indices = np.random.default_rng(0).integers(0, plane[0] * plane[1], shape)
        expected = reference.max_unpool2d_backward(spec, gradient, indices)
        run = backward("max_unpool2d_backward", spec, shape, dtype)
        for layout in (SAME, *LAYOUTS):
            ours = run(layout(gradient), layout(indices))
            assert ours.dtype == expected.dtype
            np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("dtype", FLOATS)
def test_bias(dtype: str) -> None:
    spec = Conv2dSpec(4, 6, 3)
    for shape in ((3, 6, 40, 30), (1, 6, 1, 1), (2, 6, 7, 5), (0, 6, 4, 4)):
        gradient = noise(shape, dtype)
        exact = gradient.astype(np.float64).sum(axis=(0, 2, 3))
        run = backward("convolution_bias", spec, (*shape[:1], 4, *shape[2:]), dtype)
        for layout in (SAME, *LAYOUTS):
            ours = run(layout(gradient))
            assert ours.dtype == np.dtype(dtype)
            np.testing.assert_allclose(ours, exact.astype(dtype), rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("index", [-1, 60 * 60, 2**62, -(2**62)])
@pytest.mark.parametrize("layout", [SAME, LAST])
def test_indices_outside_of_the_plane(index: int, layout: Any) -> None:
    """The first is named; nothing is written there, with one thread or more."""
    spec = MaxPool2dSpec(2)
    images = noise(WIDE)
    _, indices = reference.max_pool2d_with_indices(spec, images)
    gradient = noise(indices.shape)
    indices[5, 7, 3, 4] = index
    expected = f"indices is {index}, but must be from 0 to 3599 everywhere"
    calls: list[Callable[[], Array]] = [
        lambda: F.max_pool2d_backward(layout(gradient), layout(indices), WIDE, 2),
        lambda: reference.max_pool2d_backward(spec, (60, 60), gradient, indices),
        lambda: F.max_unpool2d_backward(layout(images), layout(indices)),
        lambda: reference.max_unpool2d_backward(MaxUnpool2dSpec(1), images, indices),
    ]
    for run in calls:
        with pytest.raises(ArgumentError, match=expected):
            run()


def test_indices_of_windows_without_a_cell_are_not_looked_at() -> None:
    spec = MaxPool2dSpec(2, 1, 1, dilation=3)
    images = noise((1, 2, 2, 3))
    axes = window_axes(spec, (2, 3))
    assert not all(axis.touches(i) for axis in axes for i in range(axis.output))
    _, indices = reference.max_pool2d_with_indices(spec, images)
    assert (indices >= 6).any()
    gradient = noise(indices.shape)
    expected = reference.max_pool2d_backward(spec, (2, 3), gradient, indices)
    ours = F.max_pool2d_backward(gradient, indices, images.shape, 2, 1, 1, 3)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_threads_and_out() -> None:
    """The same bits with any number of threads, into a new array or into one that is given."""
    images = noise(WIDE)
    largest, mean = MaxPool2dSpec(3, 1, 1), AvgPool2dSpec(3, 1, 1)
    _, indices = reference.max_pool2d_with_indices(largest, images)
    threads = get_num_threads()
    for layout in (SAME, LAST):
        gradient, places = layout(noise(WIDE)[::-1]), layout(indices)
        calls: dict[str, tuple[LayerSpec, tuple[Any, ...]]] = {
            "max_pool2d_backward": (largest, ((60, 60), gradient, places)),
            "avg_pool2d_backward": (mean, ((60, 60), gradient)),
            "max_unpool2d_backward": (MaxUnpool2dSpec(1), (gradient, places)),
        }
        for operation, (spec, arrays) in calls.items():
            run = backward(operation, spec, WIDE, "float32")
            whole = run(*arrays)
            try:
                for count in range(1, threads + 1):
                    set_num_threads(count)
                    assert run(*arrays).tobytes() == whole.tobytes()
                    for out in both_layouts(np.ones(WIDE, np.float32)):
                        assert run(*arrays, out=out) is out
                        np.testing.assert_array_equal(out, whole)
            finally:
                set_num_threads(threads)


def test_the_functions_run_the_kernels() -> None:
    for operation, spec in (
        ("max_pool2d_backward", MaxPool2dSpec(2)),
        ("avg_pool2d_backward", AvgPool2dSpec(2)),
        ("max_unpool2d_backward", MaxUnpool2dSpec(1)),
        ("convolution_bias", Conv2dSpec(3, 4, 2)),
    ):
        assert plan(operation, spec, (3, 8, 8), "float32").engine == "kernels"
    assert plan("avg_pool2d_backward", AvgPool2dSpec(2), (3, 8, 8), "int64").engine == "reference"


def test_halves_that_are_too_large_are_infinite() -> None:
    """Without a warning, which is an error here."""
    gradient = np.full((1, 2, 8, 8), 60000.0, np.float16)
    indices = np.zeros(gradient.shape, np.int64)
    assert F.max_pool2d_backward(gradient, indices, (1, 2, 8, 8), 1)[0, 0, 0, 0] == np.inf
    back = F.avg_pool2d_backward(gradient, (1, 2, 9, 9), 2, 1, divisor_override=1)
    assert (back[..., 1:-1, 1:-1] == np.inf).all()
    sums = plan("convolution_bias", Conv2dSpec(3, 2, 1), (3, 8, 8), "float16").run(gradient)
    assert (sums == np.inf).all()
