"""Pooling of windows as large as their planes: each plane is one run of numbers in memory.

Sums are those of some vectors of lanes each, in runs as long as the root of their number: so
rounding errors grow more slowly than along the sides of a window, column by column and then across.
"""

from functools import cache
from math import isqrt

from numba import prange

from convpool.arithmetic import Window
from convpool.kernels.jit import Kernel
from convpool.kernels.simd import adds, combine, load_row, neutral, store_row
from convpool.kernels.strips import MOST_LANES, name_of
from convpool.kernels.windows import divide, fold

_BLOCK = 128  # bytes: two registers of AVX-512; with one or four, 7x7 takes a fifth longer
_SHORTEST_RUN = 16  # vectors


def covers(axes: tuple[Window, Window]) -> bool:
    """Tell whether there is one window, with all of a plane in it."""
    return all(
        axis.output == axis.dilation == 1
        and axis.before >= 0
        and axis.kernel >= axis.before + axis.size
        for axis in axes
    )


def run_of(axes: tuple[Window, Window], itemsize: int) -> int:
    """Return how many numbers are reduced before they meet others."""
    lanes = lanes_for(itemsize)
    vectors = axes[0].size * axes[1].size // lanes
    return lanes * max(_SHORTEST_RUN, isqrt(vectors))


def lanes_for(itemsize: int) -> int:
    """Return the lanes of a vector."""
    return min(MOST_LANES, _BLOCK // itemsize)


@cache
def values_kernel(itemsize: int, operation: int) -> Kernel:
    """Return the kernel for the maxima or means, which drops no NaN where maxima keep it.

    Its arguments: planes (N, C, H, W), output (N, C, 1, 1), divisors as for `strips`, and (numbers
    of a run, 1).
    """
    lanes, is_sum = lanes_for(itemsize), adds(operation)

    def pool(planes, output, row_divisors, column_divisors, geometry):  # type: ignore[no-untyped-def]
        run, _ = geometry
        batch, channels, height, width = planes.shape
        pixels, item = height * width, planes.itemsize
        for plane in prange(batch * channels):
            source = planes.ctypes.data + plane * pixels * item
            best = neutral(planes, lanes, operation)
            for start in range(0, pixels, run):
                end = min(start + run, pixels)
                part = neutral(planes, lanes, operation)
                for place in range(start, end, lanes):
                    address = source + place * item
                    values = load_row(planes, address, place, end, lanes, operation)
                    part = combine(values, part, operation)
                best = combine(part, best, operation)
            one = fold(best, operation)
            if is_sum:
                one = divide(one, row_divisors[0], column_divisors.ctypes.data)
            store_row(one, output.ctypes.data + plane * item, 1, planes)
        return False

    return Kernel(pool, variant=f"whole-{name_of(operation)}")
