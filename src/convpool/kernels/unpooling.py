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
from convpool.kernels.layouts import WORTH_THREADS, laid_out, written
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
        if last:
            places = np.require(indices.transpose(0, 2, 3, 1), np.int64, ["C", "A"])
        else:
            places = np.require(indices, np.int64, ["C", "A"])
        scatter = _over_channels() if last else _over_planes()
        batch, channels, height, width = values.shape
        cells = plane[0] * plane[1]

        def write(output: Array) -> None:
            into = output.view(word)
            if last:
                shape, cells_shape = (batch, height * width, channels), (batch, cells, channels)
                from_, into = values.transpose(0, 2, 3, 1), into.transpose(0, 2, 3, 1)
            else:
                shape, cells_shape = (batch * channels, height * width), (batch * channels, cells)
                from_ = values
            scatter(
                from_.reshape(shape),
                places.reshape(shape),
                into.reshape(cells_shape),
                threads=output.size >= WORTH_THREADS,
            )

        shape = (batch, channels, *plane)
        return written(write, shape, element, out, channels_last=last)

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
