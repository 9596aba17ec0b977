"""Maxima and means of windows: both are one reduction, and the same kernels carry them out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import Window
from convpool.kernels import channels_last, separable, strips, whole_planes
from convpool.kernels.layouts import WORTH_THREADS
from convpool.kernels.simd import HALF, SUM

Array = NDArray[Any]
Axes = tuple[Window, Window]
Reduction = Callable[[Array, Array], None]

_BAND = 1 << 13
"""Bytes of input that are read a block of columns at a time, before the next block is begun.

Whole planes of 224x224 that way take 5 percent longer, of 112x112 20 percent; single rows, whose
lines can't be carried, 2.5 times as long at 28x28 (one thread, AVX-512).
"""
_STACK = 1 << 16
"""Bytes of planes that are reduced as one."""


@dataclass(frozen=True, eq=False)
class Divisors:
    """What sums are divided by: a number of their row (OH,) times one of their column (OW,).

    Both are float64; `alike` says that all products are the same.
    """

    rows: Array
    columns: Array
    alike: bool


NO_DIVISORS = Divisors(np.ones(1), np.ones(1), alike=True)


def over_planes(
    axes: Axes, element: np.dtype[Any], operations: tuple[int, ...], divisors: Divisors
) -> Reduction:
    """Return what reduces images (N, C, H, W) into an output, both contiguous in that order.

    Of two operations the second is carried out where the first says that it dropped a NaN.
    """
    rows, columns = axes
    # Planes whose windows tile them from top to bottom are one tall plane.
    apart = rows.before == 0 and rows.kernel <= rows.stride
    tiled = apart and rows.output * rows.stride == rows.size
    plans = [
        strips.strips_for(rows, columns, element.itemsize, operation, alone=not divisors.alike)
        for operation in operations
    ]
    # A vector is loaded from the last column on, and a tall plane's rows all take the one number.
    by_column = np.concatenate([divisors.columns, np.ones(strips.MOST_LANES)])
    if divisors.alike:
        by_column[:] = divisors.columns[0]
    fixed: tuple[Any, ...] = divisors.rows[:1] if divisors.alike else divisors.rows, by_column
    size = 4 if operations == (HALF + SUM,) else element.itemsize
    if whole_planes.covers(axes):
        kernels = [whole_planes.values_kernel(size, operations[-1])]
        tiled = False
        shape: tuple[int, ...] = (whole_planes.run_of(axes, size),)
    elif plans[0] is None:
        kernels = [
            separable.values_kernel(separable.Scratch(size, operation)) for operation in operations
        ]
        tiled = False
        shape = (*separable.geometry(rows), *separable.geometry(columns))
    else:
        kernels = [strips.values_kernel(plan) for plan in plans if plan]
        group_bytes = columns.size * element.itemsize * rows.stride * plans[0].group
        band = max(1, _BAND // group_bytes) * plans[0].group
        shape = (rows.kernel, rows.stride, rows.before, columns.before, band)
    plane_bytes = rows.size * columns.size * element.itemsize

    def reduce(images: Array, output: Array) -> None:
        stack = _in_stack(images.shape[0] * images.shape[1], plane_bytes) if tiled else 1
        threads = images.size >= WORTH_THREADS
        for kernel in kernels:
            run = partial(kernel, threads=True) if threads else kernel.serial
            if not run(images, output, *fixed, (*shape, stack)):
                break

    return reduce


def over_channels(
    axes: Axes, element: np.dtype[Any], operation: int, divisors: Divisors
) -> Reduction:
    """Return what reduces images (N, C, H, W) into an output, both in channels-last memory."""
    rows, columns = axes
    shared = columns.kernel - columns.stride if columns.kernel <= 3 and columns.dilation == 1 else 0
    taps = taps_inside(rows)
    geometries = separable.geometry(rows), separable.geometry(columns)

    def reduce(images: Array, output: Array) -> None:
        lanes = channels_last.lanes_for(images.shape[1], element.itemsize)
        kernel = channels_last.values_kernel(
            channels_last.Channels(lanes, max(0, shared), operation)
        )
        kernel(
            images.transpose(0, 2, 3, 1),
            output.transpose(0, 2, 3, 1),
            divisors.rows,
            divisors.columns,
            taps,
            *geometries,
            threads=images.size >= WORTH_THREADS,
        )

    return reduce


def taps_inside(axis: Window) -> Array:
    """Return, for each window, from and to which tap it is on the image, and its first cell.

    int64, (windows, 3); from and to are equal where no tap is.
    """
    starts = np.arange(axis.output, dtype=np.int64) * axis.stride - axis.before
    begin = np.maximum(0, -(starts // axis.dilation))
    end = np.minimum(axis.kernel, (axis.size - 1 - starts) // axis.dilation + 1)
    first = np.where(starts >= 0, starts, starts % axis.dilation)
    return np.stack([begin, np.maximum(begin, end), first], axis=1)


@lru_cache(maxsize=256)
def _in_stack(count: int, plane_bytes: int) -> int:
    """Return how many planes are reduced as one, a power of two that divides their count."""
    high = 1
    while count % (2 * high) == 0 and high * plane_bytes < _STACK:
        high *= 2
    return high
