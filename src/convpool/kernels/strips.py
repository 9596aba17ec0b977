"""Pooling of narrow windows over planes: a block of columns at a time, straight down a plane.

Under a block of output columns lies a strip of input, held as one vector a row. Where windows move
by one column, each row is reduced across as soon as it is loaded, from loads a column apart; where
they move by more, rows are reduced down the strip first and then every s-th lane of it, shifted by
0 to k - 1, across. Rows that the next window shares are carried to it. Planes too narrow to fill a
vector are computed several output rows at a time.

Beyond the image, maxima take the nearest row again and lanes of the lowest number beside it, which
leave them as they are; sums take zeros.

Larger-than drops NaN; keeping it takes 11 to 27 percent longer (3x3 at stride 2 over 64 planes of
112x112, and at stride 1 over 256 planes of 28x28, one thread, AVX-512). So one comparison a row
tells whether there was any, and if so all is done again and kept.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import prange

from convpool.arithmetic import Window
from convpool.kernels.jit import Kernel
from convpool.kernels.simd import (
    HALF,
    adds,
    any_lane,
    choose,
    combine,
    either,
    larger,
    nan_lanes,
    neutral,
    store_row,
)
from convpool.kernels.windows import (
    divide,
    finish_rows,
    load_first_largest,
    load_rows,
    packed,
    store_group,
    widen,
    zeros,
)

WIDEST_WINDOW, LONGEST_STEP = 3, 3
"""Columns under a window, and from one window to the next: each pair is compiled by itself."""

_BLOCK = 64  # bytes of output a block: one register of AVX-512
_STRIP = 128  # bytes of input a strip, where more than one register of columns is under a block
MOST_LANES, MOST_IN_GROUP = 64, 4
_NARROWEST = 4  # lanes and columns for a row in a group
_FEW_ROWS = 3  # rows under a window that are unrolled


_GROUPED = (7, 8, 10, 14, 16)
"""Outputs of a row of which several are made at a time: each width is compiled by itself."""


@dataclass(frozen=True)
class Strips:
    """What a kernel is compiled for.

    `rows` under a window is 0 where only the call tells; `shared` of them, at most 2, are carried
    to the next window. Vectors of input have `strip` lanes, those of output `lanes`; both hold
    `group` output rows side by side, of `columns` where there are several, else 0. `padded` says
    that windows reach beyond the first or last row.
    """

    taps: int
    step: int
    rows: int
    shared: int
    lanes: int
    strip: int
    group: int
    columns: int
    padded: bool
    operation: int

    @property
    def block(self) -> int:
        """Output columns that a strip is enough for."""
        lanes = self.lanes // self.group
        if self.step == 1:
            return lanes
        return min(lanes, (self.strip // self.group - self.taps) // self.step + 1)


def strips_for(
    rows: Window, columns: Window, itemsize: int, operation: int, *, alone: bool = False
) -> Strips | None:
    """Return the kernel for windows over planes, or None if they are too wide or spread.

    `alone` says that each output row must be computed by itself.
    """
    if (rows.dilation, columns.dilation) != (1, 1) or columns.stride > LONGEST_STEP:
        return None
    if (rows.kernel, rows.stride) != (columns.kernel, columns.stride) or columns.kernel < 2:
        return None
    if columns.output < _NARROWEST or operation & HALF:
        return None
    lanes, group, step = _BLOCK // itemsize, 1, columns.stride
    used = (columns.output - 1) * step + columns.kernel
    while (
        not alone
        and group < MOST_IN_GROUP
        and columns.output in _GROUPED
        and _NARROWEST <= columns.output <= lanes // (2 * group)
        and rows.output >= 2 * group
        and lanes // (2 * group) >= _NARROWEST
        and 2 * group * max(_power_of_two(used), lanes // (2 * group)) <= _STRIP // itemsize
    ):
        group *= 2
    columns_of_strip = min(max(_power_of_two(used), lanes // group), _STRIP // itemsize // group)
    widest = lanes // group if step == 1 else columns_of_strip
    if columns.kernel > min(widest, WIDEST_WINDOW):
        return None
    few = rows.kernel if rows.kernel <= _FEW_ROWS else 0
    shared = max(0, few - rows.stride) if group == 1 else 0
    last = (rows.output - 1) * rows.stride + rows.kernel - rows.before
    return Strips(
        taps=columns.kernel,
        step=step,
        rows=few,
        shared=shared,
        lanes=lanes,
        strip=group * columns_of_strip,
        group=group,
        columns=columns.output if group > 1 else 0,
        padded=rows.before > 0 or last > rows.size,
        operation=operation,
    )


def name_of(operation: int) -> str:
    """Return a short name of an operation, for the cache's files."""
    return ("drop", "keep", "sum")[operation & ~HALF] + ("-half" if operation & HALF else "")


def _power_of_two(number: int) -> int:
    """Return the smallest power of two that isn't below a number."""
    return 1 << (number - 1).bit_length()


@cache
def values_kernel(strips: Strips) -> Kernel:
    """Return the kernel for the maxima or means; it returns whether it dropped a NaN, perhaps.

    Its arguments: planes (N, C, H, W), output (N, C, OH, OW); what each output row's sums (the last
    number for all further ones) and each output column's (with a vector more of them) are divided
    by, float64; and (rows under a window, stride down, padding above, padding left, output rows of
    a band, planes that are stacked to a tall one).
    """
    taps, step, strip, block = strips.taps, strips.step, strips.strip, strips.block
    lanes, group, operation = strips.lanes, strips.group, strips.operation
    window, shape = packed(taps, step, strip), packed(lanes, group, operation, strips.padded)
    rows, shared, out_columns = strips.rows, strips.shared, strips.columns
    is_sum = adds(operation)
    kept_lanes = lanes if step == 1 else strip

    def pool(planes, output, row_divisors, column_divisors, geometry):  # type: ignore[no-untyped-def]
        reach, stride, top, left, band_rows, stack = geometry
        batch, channels, height, width = planes.shape
        out_height, out_width = output.shape[2:]
        count = batch * channels // stack
        height, out_height = height * stack, out_height * stack
        pitch, out_pitch = width * planes.itemsize, out_width * planes.itemsize
        under = rows or reach
        met_nan = np.zeros(1, np.int64)  # a flag, for Numba's reductions fail in loops this deep
        for plane in prange(count):
            source = planes.ctypes.data + plane * height * pitch
            target = output.ctypes.data + plane * out_height * out_pitch
            dropped = 0
            for band in range(0, out_height, band_rows):
                for column in range(0, out_width, block):
                    across = (column * step - left, width)
                    stored = min(block, out_width - column)
                    older = newer = neutral(planes, kept_lanes, operation)
                    found = nan_lanes(newer, newer)
                    for t in range(shared):
                        image = (source, pitch, height, band * stride - top + t, stride)
                        values, nan = load_rows(planes, image, across, window, shape)
                        older, newer, found = newer, values, either(found, nan)
                    for group_row in range(band, min(band + band_rows, out_height), group):
                        # The last group repeats rows of the one before it.
                        row = min(group_row, out_height - group)
                        best = newer
                        if shared == 2:
                            best = combine(newer, older, operation)
                        for t in range(shared, under):
                            image = (source, pitch, height, row * stride - top + t, stride)
                            values, nan = load_rows(planes, image, across, window, shape)
                            best = values if t == 0 else combine(values, best, operation)
                            older, newer, found = newer, values, either(found, nan)
                        best = finish_rows(best, window, shape)
                        if is_sum:
                            divisors = column_divisors.ctypes.data + 8 * column
                            number = row_divisors[min(row, len(row_divisors) - 1)]
                            best = divide(best, number, divisors)
                        address = target + row * out_pitch + column * planes.itemsize
                        if group > 1:
                            store_group(best, address, planes, group, out_columns)
                        else:
                            store_row(best, address, stored, planes)
                    dropped |= any_lane(found)
            if dropped:
                met_nan[0] = 1
        return met_nan[0] > 0

    return Kernel(pool, variant=f"values-{name_of(operation)}")


@cache
def indices_kernel(strips: Strips) -> Kernel:
    """Return the kernel for the maxima and their indices, int64; it returns as the other does.

    Its arguments: planes (N, C, H, W), output and indices (N, C, OH, OW), and (rows under a window,
    stride down, padding above, padding left).
    """
    taps, step, strip, block = strips.taps, strips.step, strips.strip, strips.block
    lanes, group, operation = strips.lanes, strips.group, strips.operation
    window, shape = packed(taps, step, strip), packed(lanes, group, operation, strips.padded)
    rows, shared, out_columns = strips.rows, strips.shared, strips.columns

    def pool(planes, output, indices, geometry):  # type: ignore[no-untyped-def]  # compiled
        reach, stride, top, left = geometry
        batch, channels, height, width = planes.shape
        out_height, out_width = output.shape[2:]
        count = batch * channels
        pitch = width * planes.itemsize
        under = rows or reach
        met_nan = np.zeros(1, np.int64)  # a flag, for Numba's reductions fail in loops this deep
        for plane in prange(count):
            source = planes.ctypes.data + plane * height * pitch
            first_pixel = plane * out_height * out_width
            dropped = 0
            for column in range(0, out_width, block):
                across = (column * step - left, width)
                stored = min(block, out_width - column)
                newer = neutral(planes, lanes, operation)
                found = nan_lanes(newer, newer)
                older, newer_at = newer, zeros(lanes)
                older_at = newer_at
                for t in range(shared):
                    image = (source, pitch, height, t - top, stride)
                    values, at, nan = load_first_largest(planes, image, across, window, shape)
                    older, older_at, newer, newer_at = newer, newer_at, values, at
                    found = either(found, nan)
                for group_row in range(0, out_height, group):
                    row = min(group_row, out_height - group)
                    best, best_at = newer, newer_at
                    if shared == 2:
                        wins = larger(newer, older, operation)
                        best = choose(wins, newer, older)
                        best_at = choose(wins, newer_at, older_at)
                    for t in range(shared, under):
                        image = (source, pitch, height, row * stride - top + t, stride)
                        values, at, nan = load_first_largest(planes, image, across, window, shape)
                        if t == 0:
                            best, best_at = values, at
                        else:
                            wins = larger(values, best, operation)
                            best, best_at = choose(wins, values, best), choose(wins, at, best_at)
                        older, older_at, newer, newer_at = newer, newer_at, values, at
                        found = either(found, nan)
                    pixel = first_pixel + row * out_width + column
                    address = output.ctypes.data + pixel * planes.itemsize
                    address_at = indices.ctypes.data + pixel * 8
                    if group > 1:
                        store_group(best, address, planes, group, out_columns)
                        store_group(widen(best_at), address_at, indices, group, out_columns)
                    else:
                        store_row(best, address, stored, planes)
                        store_row(widen(best_at), address_at, stored, indices)
                dropped |= any_lane(found)
            if dropped:
                met_nan[0] = 1
        return met_nan[0] > 0

    return Kernel(pool, variant=f"indices-{name_of(operation)}")
