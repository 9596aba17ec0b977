"""Max pooling's gradient where windows don't overlap, and large results past the caches."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convpool import kernels, reference
from convpool.arithmetic import window_axes
from convpool.errors import ArgumentError
from convpool.kernels import max_pooling_backward
from convpool.kernels.single_windows import window_of
from convpool.request import Request
from convpool.spec import MaxPool2dSpec
from convpool.threads import get_num_threads, set_num_threads
from tests.drawing import takes
from tests.kernels.layouts import noise

Array = NDArray[Any]

TYPES = ("float32", "float64")
WINDOWS = ((2, 2, 0), (2, 2, 1), (3, 3, 0), (3, 3, 1), (1, 1, 0), (2, 3, 1), (1, 4, 0), (4, 4, 2))
"""Kernels, strides and paddings."""


def gradient_of(spec: MaxPool2dSpec, shape: tuple[int, ...], dtype: str) -> Any:
    request = Request("max_pool2d_backward", spec, (shape[1], shape[2], shape[3]), dtype)
    return kernels.prepare(request)


def pooled(spec: MaxPool2dSpec, shape: tuple[int, ...], dtype: str) -> tuple[Array, Array]:
    """A gradient by the output, and indices of windows."""
    _, indices = reference.max_pool2d_with_indices(spec, noise(shape, dtype))
    return noise(indices.shape[::-1], dtype).T.copy(), indices


def by_torch(spec: MaxPool2dSpec, shape: tuple[int, ...], gradient: Array, indices: Array) -> Array:
    layer = spec.kernel_size, spec.stride, [side for side, _ in spec.pads], spec.dilation
    result = torch.ops.aten.max_pool2d_with_indices_backward(
        torch.from_numpy(gradient),
        torch.empty(shape, dtype=torch.from_numpy(gradient).dtype),
        *(*layer, spec.ceil_mode, torch.from_numpy(indices)),
    )
    found: Array = result.numpy()
    return found


SIDE = st.integers(1, 40)


@given(
    st.sampled_from(WINDOWS),
    st.sampled_from(WINDOWS),
    st.tuples(st.integers(1, 3), st.integers(1, 9), SIDE, SIDE),
    st.booleans(),
    st.sampled_from(TYPES),
)
def test_against_torch(
    rows: tuple[int, int, int],
    columns: tuple[int, int, int],
    shape: tuple[int, int, int, int],
    ceil_mode: bool,
    dtype: str,
) -> None:
    """To the bit: nothing is added up."""
    kernel, stride, padding = zip(rows, columns, strict=True)
    spec = MaxPool2dSpec(kernel, stride, padding, ceil_mode=ceil_mode)
    if not takes(spec, shape):
        return
    gradient, indices = pooled(spec, shape, dtype)
    ours = gradient_of(spec, shape, dtype)(shape[2:], gradient, indices)
    assert ours.tobytes() == by_torch(spec, shape, gradient, indices).tobytes()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("side", [1, 7, 31, 32, 33, 75])
def test_widths_and_special_numbers(side: int, dtype: str) -> None:
    shape = (2, 3, side + 1, side)
    spec = MaxPool2dSpec(2, 2, 0 if side > 1 else 1)
    gradient, indices = pooled(spec, shape, dtype)
    gradient.flat[::3] = np.nan
    gradient.flat[1::3] = -0.0
    gradient.flat[2::7] = -np.inf
    ours = gradient_of(spec, shape, dtype)(shape[2:], gradient, indices)
    expected = by_torch(spec, shape, gradient, indices)
    np.testing.assert_array_equal(ours, expected)
    assert not np.signbit(ours[ours == 0]).any()


@pytest.mark.parametrize("window", [(2, 2, 0), (3, 3, 1), (1, 2, 0)])
@pytest.mark.parametrize("dtype", TYPES)
def test_indices_outside_of_their_windows(window: tuple[int, int, int], dtype: str) -> None:
    """Each gets its gradient wherever it points in the plane, among planes with or without such."""
    shape = (3, 4, 20, 37)
    kernel, stride, padding = window
    spec = MaxPool2dSpec(kernel, stride, padding, ceil_mode=True)
    gradient, indices = pooled(spec, shape, dtype)
    random = np.random.default_rng(1)
    indices[1, 2] = random.integers(0, 20 * 37, indices.shape[2:])
    indices[0, 0, 3, 4] += 1 if window[0] < 3 else 3
    indices[2, 1, :, -1] = (np.arange(indices.shape[2]) + 3) * 37  # where a row wraps around
    indices[2, 3, -1, -1] = 0
    expected = reference.max_pool2d_backward(spec, shape[2:], gradient, indices)
    ours = gradient_of(spec, shape, dtype)(shape[2:], gradient, indices)
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("wrong", [-1, 20 * 37, 1 << 31, (1 << 32) + 2, -(1 << 32) + 2, 1 << 62])
@pytest.mark.parametrize("place", [(0, 0, 0, 1), (1, 2, 9, 17), (1, 1, 4, 15)])
def test_indices_outside_of_the_plane(wrong: int, place: tuple[int, int, int, int]) -> None:
    """Also those whose lower 32 bits are a cell's; nothing beside the result is written."""
    shape = (2, 3, 20, 37)
    spec = MaxPool2dSpec(2)
    gradient, indices = pooled(spec, shape, "float32")
    indices[place] = wrong
    whole = np.full((4, 3, 20, 37), 7, np.float32)
    with pytest.raises(ArgumentError, match=f"indices is {wrong}, but must be from 0 to 739"):
        gradient_of(spec, shape, "float32")((20, 37), gradient, indices, out=whole[1:3])
    assert (whole[[0, 3]] == 7).all()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("spec", [MaxPool2dSpec(2), MaxPool2dSpec(3, 2, 1), MaxPool2dSpec(3, 3, 1)])
@pytest.mark.parametrize("shape", [(2, 16, 40, 40), (5, 3, 7, 9), (1, 40, 61, 35), (3, 1, 1, 1)])
def test_streamed(
    spec: MaxPool2dSpec, shape: tuple[int, ...], dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bits past the caches, whatever the threads and wherever a line starts."""
    if not takes(spec, shape):
        return
    gradient, indices = pooled(spec, shape, dtype)
    expected = gradient_of(spec, shape, dtype)(shape[2:], gradient, indices)
    monkeypatch.setattr(max_pooling_backward, "WORTH_STREAMING", 1)
    run = gradient_of(spec, shape, dtype)
    threads = get_num_threads()
    whole = np.full((shape[0] + 2, *shape[1:]), 7, dtype)
    try:
        for count in range(1, threads + 1):
            set_num_threads(count)
            assert run(shape[2:], gradient, indices).tobytes() == expected.tobytes()
            out = whole[1:-1]
            assert run(shape[2:], gradient, indices, out=out).tobytes() == expected.tobytes()
            assert (whole[[0, -1]] == 7).all()
    finally:
        set_num_threads(threads)


def test_which_windows_are_single() -> None:
    def single(spec: MaxPool2dSpec) -> bool:
        return window_of(window_axes(spec, (9, 9))) > 0

    assert single(MaxPool2dSpec(2))
    assert single(MaxPool2dSpec(2, 3))
    assert single(MaxPool2dSpec((1, 3), (5, 4), (0, 1)))
    assert single(MaxPool2dSpec(2, 2, 1, ceil_mode=True))
    assert not single(MaxPool2dSpec(3, 2, 1))
    assert not single(MaxPool2dSpec((2, 3), 2))
    assert not single(MaxPool2dSpec(2, 5))  # for steps as wide nothing is compiled
    assert not single(MaxPool2dSpec(2, 4, 0, 2))
