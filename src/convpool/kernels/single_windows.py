"""Max pooling's gradient over planes, from windows to cells.

Where windows don't overlap, the cells under a row of windows are written row by row, from vectors
of gradients and of indices, which are compared with the cells' places: each cell is stored once,
and not set to zero before. That an index is in its window is seen on the way. If one isn't, the
plane is done again as where windows overlap: set to zero, then window after window, so that what
meets in a cell is added in one order.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.arithmetic import Window
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_number, prefetch, store_number
from convpool.kernels.simd import (
    SUM,
    any_lane,
    combine,
    either,
    load_row,
    neutral,
    splat,
    store_row,
)
from convpool.kernels.spreading import (
    before_windows,
    beyond_int32,
    lost,
    narrow,
    none_found,
    positive_zeros,
    spread,
)
from convpool.kernels.streaming import stream_bytes
from convpool.kernels.windows import packed

WIDEST_STEP = 4
"""Columns from one window to the next: each step is compiled by itself."""

_BAND = 16  # rows of windows that are done block by block: what masks take is shared by them
_REGISTER = 64  # bytes of a block's gradients: one register of AVX-512


class Record(NamedTuple):
    """The numbers of one call: addresses, then lengths.

    After them, each unit says how many of its indices name no cell.
    """

    output: int
    second: int
    gradient: int
    indices: int
    scratch: int
    """Where planes are made that are streamed to the output, or 0."""
    scratch_bytes: int
    """Of a thread."""
    planes: int
    unit_planes: int
    height: int
    width: int
    rows: int
    """Windows."""
    columns: int
    taps: int
    """Of the rows under a window, as the next two."""
    step: int
    top: int
    left: int


def window_of(axes: tuple[Window, Window]) -> int:
    """Return what `spread` is told of windows, or 0 if they may overlap."""
    _, columns = axes
    if any(axis.dilation != 1 or axis.kernel > axis.stride for axis in axes):
        return 0
    if columns.stride > WIDEST_STEP or not all(
        axis.touches(window) for axis in axes for window in (0, axis.output - 1)
    ):
        return 0
    last = (columns.output - 1) * columns.stride - columns.before + columns.kernel
    overhangs = columns.before > 0 or last > columns.size
    return packed(columns.kernel, columns.stride, int(overhangs))


@cache
def program(number: Any, window: int) -> Program:
    """Return the program for an element type; `window` is what `window_of` returned."""
    item = np.dtype(number).itemsize
    length = len(Record._fields)
    scatter, place = _scattering(number), _placing(number, window)

    def differentiate(record, unit, thread):
        plan = fields(record, Record)
        windows, cells = plan.rows * plan.columns, plan.height * plan.width
        first = unit * plan.unit_planes
        end = min(plan.planes, first + plan.unit_planes)
        start = plan.output + first * cells * item
        into = start
        if plan.scratch:
            into = plan.scratch + thread * plan.scratch_bytes
        wrong = 0
        for plane in range(first, end):
            gradient = plan.gradient + plane * windows * item
            indices = plan.indices + plane * windows * 8
            target = into + (plane - first) * cells * item
            if window == 0 or place(record, gradient, indices, target):
                wrong += scatter(gradient, indices, target, windows, cells)
        if plan.scratch:
            stream_bytes(into, start, (end - first) * cells * item)
        store_number(np.int64(wrong), record + 8 * (length + unit))

    return Program(differentiate, variant=f"max-pool-back-{number.__name__}-{window}")


@cache
def _clearing(number: Any) -> Any:
    item = np.dtype(number).itemsize
    lanes = _REGISTER // item

    @block
    def clear(target, count):
        """Put zeros in `count` numbers from an address on."""
        for i in range(0, count, lanes):
            store_row(neutral(number, lanes, SUM), target + i * item, count - i, number)

    return clear


@cache
def _scattering(number: Any) -> Any:
    item = np.dtype(number).itemsize
    clear = _clearing(number)

    @block
    def scatter(gradient, indices, target, windows, cells):
        """Add a plane's gradients up where their indices are; return how many have no cell."""
        clear(target, cells)
        wrong = 0
        for window in range(windows):
            place = load_number(np.int64, indices + window * 8)
            if np.uint64(place) < np.uint64(cells):
                there = target + place * item
                value = load_number(number, gradient + window * item)
                store_number(load_number(number, there) + value, there)
            else:
                wrong += 1
        return wrong

    return scatter


@cache
def _clearing_beside(number: Any, step: int) -> Any:
    item = np.dtype(number).itemsize
    clear = _clearing(number)

    @block
    def clear_beside(record, target, row):
        """Put zeros in the cells from a row of windows on that no window lies on."""
        plan = fields(record, Record)
        width, height = plan.width, plan.height
        y = row * plan.step - plan.top
        end = min(y + plan.taps, height)
        under = plan.columns * step - plan.left
        if under < width:
            for line in range(max(0, y), end):
                clear(target + (line * width + under) * item, width - under)
        following = min(y + plan.step, height) if row + 1 < plan.rows else height
        if end < following:
            clear(target + end * width * item, (following - end) * width)

    return clear_beside


@cache
def _placing(number: Any, window: int) -> Any:
    item = np.dtype(number).itemsize
    lanes = _REGISTER // item
    step = max(1, window >> 9 & 511)
    clear_beside = _clearing_beside(number, step)

    @block
    def place_all(record, gradient, indices, target):
        """Write a plane whose windows don't overlap; return whether an index isn't in its window.

        Then not all of the plane is right.
        """
        plan = fields(record, Record)
        width, height, end = plan.width, plan.height, plan.columns
        is_beside = end * step - plan.left < width or plan.taps < plan.step
        is_beside |= plan.rows * plan.step - plan.top < height
        missed = none_found(neutral(number, lanes, SUM))
        bits = neutral(np.int64, lanes, SUM)
        next_line = splat(-width, missed)
        next_row = splat(-width * plan.step, missed)
        for band in range(0, plan.rows, _BAND):
            band_end = min(band + _BAND, plan.rows)
            for first in range(0, end, lanes):
                column = first * step - plan.left
                origin = (band * plan.step - plan.top) * width + column
                before = before_windows(origin, step, lanes)
                for row in range(band, band_end):
                    y, pixel = row * plan.step - plan.top, row * end + first
                    there = gradient + pixel * item
                    value = positive_zeros(load_row(number, there, first, end, lanes, SUM))
                    at = load_row(np.int64, indices + pixel * 8, first, end, lanes, SUM)
                    ahead = pixel + _BAND * end
                    prefetch(gradient + ahead * item)
                    prefetch(indices + ahead * 8)
                    prefetch(indices + ahead * 8 + 64)
                    bits = either(bits, at)
                    place = combine(narrow(at), before, SUM)
                    found = none_found(value)
                    for line in range(y, y + plan.taps):
                        if 0 <= line < height:
                            there = target + line * width * item
                            block = value, place, found
                            found = spread(number, there, block, (column, width), window)
                        place = combine(place, next_line, SUM)
                    missed = either(missed, lost(found, first, end))
                    before = combine(before, next_row, SUM)
            if is_beside:
                for row in range(band, band_end):
                    clear_beside(record, target, row)
        return any_lane(either(missed, beyond_int32(bits)))

    return place_all
