"""Images whose channels lie side by side, copied to planes."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.jit import Program
from convpool.kernels.rows import fields
from convpool.kernels.weight_gradient.interleave import copying

Array = NDArray[Any]

_WORTH_THREADS = 1 << 16  # numbers


class Planes(NamedTuple):
    """What the program is told; sizes and strides in bytes, but for numbers of things."""

    source: int = 0
    target: int = 0
    by_image: int = 0
    by_pixel: int = 0
    pixels: int = 0
    channels: int = 0
    parts: int = 0
    """Units of an image."""


@cache
def _program(number: Any, lanes: int) -> Program:
    item, copy = np.dtype(number).itemsize, copying(number, lanes)

    def turn(record, unit, _thread):
        """Copy some pixels of an image."""
        plan = fields(record, Planes)
        image, part = divmod(unit, plan.parts)
        first = plan.pixels * part // plan.parts
        end = plan.pixels * (part + 1) // plan.parts
        plane = plan.pixels * item
        source = plan.source + image * plan.by_image + first * plan.by_pixel
        target = plan.target + image * plan.channels * plane + first * item
        # What are pixels and channels there, are channels and pixels here.
        copy(source, target, plan.channels, end - first, item, plan.by_pixel, plane)

    return Program(turn, variant=f"planes-{number.__name__}-{lanes}")


def in_planes(images: Array, number: Any, lanes: int) -> Array:
    """Return images (N, C, H, W) whose rows lie in memory as such, copied if need be."""
    batch, channels, height, width = images.shape
    by_image, by_channel, by_row, by_column = images.strides
    if width == 1 or by_column == images.itemsize:
        return images
    if by_channel != images.itemsize or by_row != width * by_column:
        return np.ascontiguousarray(images)
    planes = memory.empty(images.shape, number)
    record = Planes(
        images.ctypes.data, planes.ctypes.data, by_image, by_column, height * width, channels, 4
    )
    threads = images.size >= _WORTH_THREADS
    _program(number, lanes)(np.array(record, np.int64), 4 * batch, threads=threads)
    return planes
