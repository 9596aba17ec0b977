"""Max pooling's gradient by its input: each window's goes to the cell that its index names.

Planes are taken in parallel, window after window, so that where windows share a cell their
gradients are added in one order.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,misc"

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numba import prange
from numpy.typing import NDArray

from convpool.arithmetic import window_axes
from convpool.kernels.jit import Kernel
from convpool.kernels.layouts import (
    WORTH_THREADS,
    by_image,
    by_plane,
    delivered,
    destination,
    laid_out,
)
from convpool.request import Request, check_cells

if TYPE_CHECKING:
    from convpool.spec import MaxPool2dSpec

Array = NDArray[Any]


def prepare(request: Request) -> Callable[..., Array]:
    """Return the function of plane, gradient and indices (N, C, OH, OW) that returns (N, C, H, W).

    It raises ArgumentError if a window that has a cell has an index outside of the plane.
    """
    _, height, width = request.image_shape
    axes = window_axes(cast("MaxPool2dSpec", request.spec), (height, width))
    dtype = np.dtype(request.dtype)
    number = np.dtype("float32") if dtype == "float16" else dtype
    rows, columns = (
        np.array([axis.touches(window) for window in range(axis.output)], bool) for axis in axes
    )
    has_cell = np.logical_and.outer(rows, columns)
    all_have = bool(has_cell.all())

    def run(
        plane: tuple[int, int], gradient: Array, indices: Array, *, out: Array | None = None
    ) -> Array:
        if not all_have:
            gradient = np.where(has_cell, gradient, dtype.type(0))
            indices = np.where(has_cell, indices, 0)
        gradient, last = laid_out(gradient.astype(number, copy=False), number)
        order = (0, 2, 3, 1) if last else (0, 1, 2, 3)
        places = np.require(indices.transpose(order), np.int64, ["C", "A"])
        shape = (*indices.shape[:2], *plane)
        # Halves are added in float32, and rounded into `out` or a new array.
        result = destination(shape, number, out if number == dtype else None, channels_last=last)
        flat = by_image if last else by_plane
        scatter = _over_channels() if last else _over_planes()
        arrays = (flat(array) for array in (gradient.transpose(order), places))
        into = flat(result.transpose(order))
        if scatter(*arrays, into, threads=result.size >= WORTH_THREADS):
            check_cells(indices, plane)
        if number != dtype:
            with np.errstate(over="ignore"):  # what is too large for a half is infinite
                return delivered(result.astype(dtype), out)
        return delivered(result, out)

    return run


@cache
def _over_planes() -> Kernel:
    """Return the kernel for gradient and indices (P, OH*OW) and an output (P, H*W).

    It returns how many indices name no cell.
    """

    def scatter(gradient, indices, output):
        count, windows = gradient.shape
        cells = np.uint64(output.shape[1])
        wrong = 0
        for plane in prange(count):
            output[plane] = 0
            missed = 0
            for window in range(windows):
                place = indices[plane, window]
                if np.uint64(place) < cells:
                    output[plane, place] += gradient[plane, window]
                else:
                    missed += 1
            wrong += missed
        return wrong

    return Kernel(scatter, variant="planes")


@cache
def _over_channels() -> Kernel:
    """Return the kernel for gradient and indices (N, OH*OW, C) and an output (N, H*W, C)."""

    def scatter(gradient, indices, output):
        count, windows, channels = gradient.shape
        cells = np.uint64(output.shape[1])
        wrong = 0
        for image in prange(count):
            output[image] = 0
            missed = 0
            for window in range(windows):
                for channel in range(channels):
                    place = indices[image, window, channel]
                    if np.uint64(place) < cells:
                        output[image, place, channel] += gradient[image, window, channel]
                    else:
                        missed += 1
            wrong += missed
        return wrong

    return Kernel(scatter, variant="channels")
