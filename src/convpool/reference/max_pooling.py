"""Max pooling, its indices and its gradient: the definition, in NumPy."""

from typing import Any

import numpy as np

from convpool.arithmetic import Window, window_axes
from convpool.reference.precision import Array, accumulator, rounded
from convpool.reference.taps import meetings
from convpool.request import check_cells
from convpool.spec import MaxPool2dSpec


def max_pool2d_with_indices(spec: MaxPool2dSpec, input: Array) -> tuple[Array, Array]:
    """Return the largest value under each window and its flat index in the H x W plane, int64.

    PyTorch's rules: the first of equal values wins; a NaN wins over everything, the last NaN over
    the others; where all values are minus infinity the first real cell is named. A window whose
    spread taps all miss the input gives the lowest value and the index at which its search began,
    which names no cell of the window.
    """
    axes = window_axes(spec, (input.shape[2], input.shape[3]))
    shape = (*input.shape[:2], axes[0].output, axes[1].output)
    values = np.full(shape, _lowest(input.dtype))
    indices = np.broadcast_to(_first_cells(axes), shape).copy()
    flat = np.arange(input.shape[2] * input.shape[3]).reshape(1, 1, *input.shape[2:])
    for tap in meetings(axes):
        cells, best = input[tap.big], values[tap.small]
        wins = (cells > best) | (cells != cells)  # noqa: PLR0124 (only NaN differs from itself)
        np.copyto(best, cells, where=wins)
        np.copyto(indices[tap.small], flat[tap.big], where=wins)
    return values, indices


def max_pool2d(spec: MaxPool2dSpec, input: Array) -> Array:
    """Return the largest value under each window."""
    return max_pool2d_with_indices(spec, input)[0]


def max_pool2d_backward(
    spec: MaxPool2dSpec, plane: tuple[int, int], gradient: Array, indices: Array
) -> Array:
    """Return the gradient by the input: each output's goes to the cell that its index names.

    A window that misses the input has no cell, so its gradient goes nowhere. Any other index that
    is outside of the plane is an ArgumentError.
    """
    axes = window_axes(spec, plane)
    rows, columns = ([axis.touches(window) for window in range(axis.output)] for axis in axes)
    alive = np.logical_and.outer(rows, columns)
    batch, channels = gradient.shape[:2]
    by_plane = (batch * channels, np.count_nonzero(alive))
    result = np.zeros((batch * channels, plane[0] * plane[1]), accumulator(gradient.dtype))
    check_cells(indices[:, :, alive], plane)
    cells = (np.arange(batch * channels)[:, None], indices[:, :, alive].reshape(by_plane))
    np.add.at(result, cells, gradient[:, :, alive].reshape(by_plane))
    return rounded(result.reshape(batch, channels, *plane), gradient.dtype)


def _lowest(dtype: np.dtype[Any]) -> Array:
    """Return the value that no other is below, which padding counts as."""
    if dtype.kind == "f":
        return np.array(-np.inf, dtype)
    return np.array(False if dtype.kind == "b" else np.iinfo(dtype).min, dtype)


def _first_cells(axes: tuple[Window, Window]) -> Array:
    """Return the flat index of the first cell of each window, (OH, OW), int64."""
    vertical, horizontal = (
        np.array([axis.first_cell(window) for window in range(axis.output)], np.int64)
        for axis in axes
    )
    return vertical[:, None] * axes[1].size + horizontal
