"""Max unpooling: zeros with values at the cells that indices name.

Planes are taken in parallel, each value after value, so that the last one stays where several name
a cell.
"""

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
from convpool.request import Request

Array = NDArray[Any]


def prepare(request: Request) -> Callable[..., Array]:
    """Return the function of values, indices (N, C, H, W) and plane that returns (N, C, *plane)."""
    element = np.dtype(request.dtype)
    # Only moved, never read as numbers: all types of a size are one.
    word = np.dtype(f"u{element.itemsize}")

    def run(
        values: Array, indices: Array, plane: tuple[int, int], *, out: Array | None = None
    ) -> Array:
        values, last = laid_out(values, word)
        order = (0, 2, 3, 1) if last else (0, 1, 2, 3)
        values = values.transpose(order)
        places = np.require(indices.transpose(order), np.int64, ["C", "A"])
        shape = (*indices.shape[:2], *plane)
        result = destination(shape, element, out, channels_last=last)
        into = result.view(word).transpose(order)
        flat, threads = by_image if last else by_plane, result.size >= WORTH_THREADS
        scatter = _over_channels() if last else _over_planes()
        scatter(flat(values), flat(places), flat(into), threads=threads)
        return delivered(result, out)

    return run


@cache
def _over_planes() -> Kernel:
    """Return the kernel for values and indices (P, H*W) and an output (P, OH*OW)."""

    def scatter(values, indices, output):  # type: ignore[no-untyped-def]  # compiled
        count, cells = values.shape
        for plane in prange(count):
            output[plane] = 0
            for cell in range(cells):
                output[plane, indices[plane, cell]] = values[plane, cell]

    return Kernel(scatter, variant="planes")


@cache
def _over_channels() -> Kernel:
    """Return the kernel for values and indices (N, H*W, C) and an output (N, OH*OW, C)."""

    def scatter(values, indices, output):  # type: ignore[no-untyped-def]  # compiled
        count, cells, channels = values.shape
        for image in prange(count):
            output[image] = 0
            for cell in range(cells):
                for channel in range(channels):
                    place = indices[image, cell, channel]
                    output[image, place, channel] = values[image, cell, channel]

    return Kernel(scatter, variant="channels")
