"""Max unpooling's gradient by its input: that of the cell which each index names."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,misc"

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

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

Array = NDArray[Any]


def prepare(request: Request) -> Callable[..., Array]:
    """Return the function of a gradient (N, C, OH, OW) and indices (N, C, H, W) of their shape.

    It raises ArgumentError if an index is outside of the gradient's plane.
    """
    element = np.dtype(request.dtype)
    # Only moved, never read as numbers: all types of a size are one.
    word = np.dtype(f"u{element.itemsize}")

    def run(gradient: Array, indices: Array, *, out: Array | None = None) -> Array:
        plane = gradient.shape[2], gradient.shape[3]
        gradient, last = laid_out(gradient, word)
        order = (0, 2, 3, 1) if last else (0, 1, 2, 3)
        places = np.require(indices.transpose(order), np.int64, ["C", "A"])
        result = destination(indices.shape, element, out, channels_last=last)
        flat = by_image if last else by_plane
        gather = _over_channels() if last else _over_planes()
        arrays = (flat(array) for array in (gradient.transpose(order), places))
        into = flat(result.view(word).transpose(order))
        if gather(*arrays, into, threads=result.size >= WORTH_THREADS):
            check_cells(indices, plane)
        return delivered(result, out)

    return run


@cache
def _over_planes() -> Kernel:
    """Return the kernel for a gradient (P, OH*OW), indices and an output (P, H*W).

    It returns how many indices name no cell.
    """

    def gather(gradient, indices, output):
        count, values = indices.shape
        cells = np.uint64(gradient.shape[1])
        wrong = 0
        for plane in prange(count):
            missed = 0
            for value in range(values):
                place = indices[plane, value]
                if np.uint64(place) < cells:
                    output[plane, value] = gradient[plane, place]
                else:
                    missed += 1
            wrong += missed
        return wrong

    return Kernel(gather, variant="planes")


@cache
def _over_channels() -> Kernel:
    """Return the kernel for a gradient (N, OH*OW, C), indices and an output (N, H*W, C)."""

    def gather(gradient, indices, output):
        count, values, channels = indices.shape
        cells = np.uint64(gradient.shape[1])
        wrong = 0
        for image in prange(count):
            missed = 0
            for value in range(values):
                for channel in range(channels):
                    place = indices[image, value, channel]
                    if np.uint64(place) < cells:
                        output[image, value, channel] = gradient[image, place, channel]
                    else:
                        missed += 1
            wrong += missed
        return wrong

    return Kernel(gather, variant="channels")
