"""Pooling of any windows over planes: down the columns first, then across the rows.

A band of output rows is reduced over the rows under its windows into scratch memory, whose lines
have the padding in them. There maxima double: of windows twice as wide as those before, from two of
them, so that k columns take log2(k) passes; sums add k columns. At last every s-th column stays.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import prange

from convpool.arithmetic import Window
from convpool.kernels.jit import Kernel
from convpool.kernels.simd import (
    adds,
    any_lane,
    choose,
    combine,
    either,
    load_row,
    nan_lanes,
    neutral,
    store_row,
)
from convpool.kernels.strips import name_of
from convpool.kernels.windows import (
    NO_CELL,
    divide,
    load_whole,
    packed,
    precedes,
    row_indices,
    store_whole,
)

_VECTOR = 64  # bytes: one register of AVX-512
_BAND = 1 << 14  # bytes of scratch memory, if one line isn't more


@dataclass(frozen=True)
class Scratch:
    """What a kernel is compiled for: bytes of a number in scratch memory, and the operation."""

    itemsize: int
    operation: int


def geometry(axis: Window) -> tuple[int, int, int, int]:
    """Return (taps, stride, padding before, dilation), as kernels of any window take them."""
    return axis.kernel, axis.stride, axis.before, axis.dilation


@cache
def values_kernel(scratch: Scratch) -> Kernel:
    """Return the kernel for the maxima or means; it returns whether it dropped a NaN, perhaps.

    Its arguments: planes (N, C, H, W), output (N, C, OH, OW), divisors as for `strips`, and of the
    vertical and then the horizontal axis (taps, stride, padding before, dilation), and a 1.
    """
    item, operation = scratch.itemsize, scratch.operation
    lanes, is_sum = _VECTOR // item, adds(operation)
    word, shape = np.dtype(f"u{item}"), packed(lanes, operation)

    def pool(planes, output, row_divisors, column_divisors, geometry):  # type: ignore[no-untyped-def]
        reach, stride, top, spread, taps, step, left, apart, _ = geometry
        batch, channels, height, width = planes.shape
        out_height, out_width = output.shape[2:]
        count = batch * channels
        pitch = width * planes.itemsize
        line = (out_width - 1) * step + (taps - 1) * apart + 1
        band = min(out_height, max(1, _BAND // (line * item)))
        met_nan = np.zeros(1, np.int64)  # a flag, for Numba's reductions fail in loops this deep
        for plane in prange(count):
            source = planes.ctypes.data + plane * height * pitch
            target = output.ctypes.data + plane * out_height * out_width * planes.itemsize
            memory = np.empty((band + 1) * line + 4 * lanes, word)
            scratch = memory.ctypes.data
            found = nan_lanes(neutral(planes, lanes, operation), neutral(planes, lanes, operation))
            for start in range(0, out_height, band):
                rows = min(band, out_height - start)
                for row in range(rows):
                    y = (start + row) * stride - top
                    begin, end = -y, height - y
                    if spread > 1:
                        begin, end = -(y // spread), (height - 1 - y) // spread + 1
                    begin = max(0, begin)
                    end = max(begin, min(reach, end))
                    for place in range(0, line, lanes):
                        best = neutral(planes, lanes, operation)
                        first = place - left
                        address = source + y * pitch + first * planes.itemsize
                        for t in range(begin, end):
                            there = address + t * spread * pitch
                            values = load_row(planes, there, first, width, lanes, operation)
                            found = either(found, nan_lanes(values, values))
                            best = combine(values, best, operation)
                        store_whole(best, scratch + (row * line + place) * item)
                done = 1
                while done < taps:
                    # Windows of `done` columns become ones of more; sums do all at once.
                    more = min(done, taps - done)
                    far = more * apart * item
                    for address in range(scratch, scratch + rows * line * item, lanes * item):
                        best = load_whole(planes, address, shape)
                        if is_sum:
                            for t in range(1, taps):
                                here = address + t * apart * item
                                values = load_whole(planes, here, shape)
                                best = combine(values, best, operation)
                        else:
                            values = load_whole(planes, address + far, shape)
                            best = combine(values, best, operation)
                        store_whole(best, address)
                    done = taps if is_sum else done + more
                for row in range(rows):
                    if step > 1:
                        for column in range(1, out_width):
                            memory[row * line + column] = memory[row * line + column * step]
                    for column in range(0, out_width, lanes):
                        address = scratch + (row * line + column) * item
                        best = load_whole(planes, address, shape)
                        if is_sum:
                            divisors = column_divisors.ctypes.data + 8 * column
                            number = row_divisors[min(start + row, len(row_divisors) - 1)]
                            best = divide(best, number, divisors)
                        pixel = (start + row) * out_width + column
                        address = target + pixel * planes.itemsize
                        store_row(best, address, min(lanes, out_width - column), planes)
            if any_lane(found):
                met_nan[0] = 1
        return met_nan[0] > 0

    return Kernel(pool, variant=f"values-{name_of(operation)}")


@cache
def indices_kernel(scratch: Scratch) -> Kernel:
    """Return the kernel for the maxima and their indices, int64; it returns as the other does.

    Its arguments: planes (N, C, H, W), output and indices (N, C, OH, OW), the first cells of each
    output row's windows and of each output column's, int64, and the two axes' numbers.
    """
    item, operation = scratch.itemsize, scratch.operation
    lanes = _VECTOR // item
    word, shape, at_shape = np.dtype(f"u{item}"), packed(lanes, operation), packed(lanes, 0)

    def pool(planes, output, indices, row_cells, column_cells, down, across):  # type: ignore[no-untyped-def]
        reach, stride, top, spread = down
        taps, step, left, apart = across
        batch, channels, height, width = planes.shape
        out_height, out_width = output.shape[2:]
        count = batch * channels
        pitch = width * item
        line = (out_width - 1) * step + (taps - 1) * apart + 1
        met_nan = np.zeros(1, np.int64)  # a flag, for Numba's reductions fail in loops this deep
        for plane in prange(count):
            source = planes.ctypes.data + plane * height * pitch
            memory = np.empty(2 * line + 4 * lanes, word)
            found_at = np.empty(2 * line + 4 * lanes, np.int32)
            scratch, numbers = memory.ctypes.data, found_at.ctypes.data
            found = nan_lanes(neutral(planes, lanes, operation), neutral(planes, lanes, operation))
            for row in range(out_height):
                y = row * stride - top
                for place in range(0, line, lanes):
                    best = neutral(planes, lanes, operation)
                    first = place - left
                    best_at = row_indices(best, 0, 0, 0)
                    for t in range(reach):
                        at = y + t * spread
                        if 0 <= at < height:
                            address = source + at * pitch + first * item
                            values = load_row(planes, address, first, width, lanes, operation)
                            found = either(found, nan_lanes(values, values))
                            values_at = row_indices(values, at * width, first, width)
                            wins = precedes(values, values_at, best, best_at, operation)
                            best = choose(wins, values, best)
                            best_at = choose(wins, values_at, best_at)
                    store_whole(best, scratch + place * item)
                    store_whole(best_at, numbers + place * 4)
                done = 1
                while done < taps:
                    more = min(done, taps - done)
                    for place in range(0, line, lanes):
                        best = load_whole(planes, scratch + place * item, shape)
                        best_at = load_whole(found_at, numbers + place * 4, at_shape)
                        there = place + more * apart
                        values = load_whole(planes, scratch + there * item, shape)
                        values_at = load_whole(found_at, numbers + there * 4, at_shape)
                        wins = precedes(values, values_at, best, best_at, operation)
                        store_whole(choose(wins, values, best), scratch + place * item)
                        store_whole(choose(wins, values_at, best_at), numbers + place * 4)
                    done += more
                for column in range(out_width):
                    memory[column] = memory[column * step]
                    cell = np.int64(found_at[column * step])
                    if cell == NO_CELL:
                        cell = row_cells[row] * width + column_cells[column]
                    indices[plane // channels, plane % channels, row, column] = cell
                pixel = (plane * out_height + row) * out_width
                for column in range(0, out_width, lanes):
                    best = load_whole(planes, scratch + column * item, shape)
                    address = output.ctypes.data + (pixel + column) * item
                    store_row(best, address, min(lanes, out_width - column), planes)
            if any_lane(found):
                met_nan[0] = 1
        return met_nan[0] > 0

    return Kernel(pool, variant=f"indices-{name_of(operation)}")
