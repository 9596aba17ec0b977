"""Copies a chunk of a block's input, padding and all, to where its taps are neighbours.

A panel holds, channel by channel, a grid for each pair of a vertical and a horizontal residue of
the stride: place (q, i) of a grid is the input at row first + residue + stride * q, and its column
likewise. So the positions of one tap lie side by side whatever the stride, and padding is ordinary
numbers.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import block
from convpool.kernels.simd import (
    every,
    fields,
    load,
    load_number,
    load_row,
    store,
    store_all,
    store_number,
    zeros,
)

BY_NUMBER, BY_VECTOR, BY_EVERY_SECOND = range(3)
"""How a row is copied. The second and third take vectors, of which each or every second lane."""


@cache
def filling(number: type[np.number[Any]], how: int, lanes: int) -> Any:
    """Return the function that fills a panel with numbers of a type, by vectors of `lanes`."""
    item = np.dtype(number).itemsize
    copy_row = _by_vector(number, how or 1, lanes)
    by_number = how == BY_NUMBER

    @block
    def fill(record, image, panel, channels, row, column):
        """Fill a panel with `channels` channels of an image, from its first one's address on.

        `row` and `column` are the block's first positions of the phases.
        """
        plan = fields(record, Record)
        for channel in range(channels):
            # In the order of memory: a row's last vector may go beyond it, into what comes next.
            target = panel + channel * plan.channel_gap
            for slot in range(plan.slots_y * plan.slots_x):
                slot_y, slot_x = divmod(slot, plan.slots_x)
                below = load_number(np.int64, plan.residues + slot_y * 8) + row * plan.stride_y
                first = load_number(np.int64, plan.residues + (plan.slots_y + slot_x) * 8)
                first += column * plan.stride_x
                for q in range(plan.panel_rows):
                    place = below + q * plan.stride_y
                    from_row = -1
                    if place < plan.padded_rows:
                        from_row = load_number(np.int64, plan.source_rows + place * 8)
                    source = image + channel * plan.channel_stride + from_row * plan.row_stride
                    if from_row < 0:
                        for i in range(0, plan.pitch, lanes):
                            store_all(zeros(number, lanes, 1), target + i * item, 0)
                    elif not by_number:
                        copy_row(source, target, first + plan.lowest_x, plan.width, plan.pitch)
                    if from_row >= 0 and (by_number or plan.repeats):
                        for i in range(plan.pitch):
                            at = first + i * plan.stride_x
                            inside = 0 <= at + plan.lowest_x < plan.width
                            if by_number or not inside:
                                from_column = -1
                                if at < plan.padded_columns:
                                    from_column = load_number(np.int64, plan.source_columns + at * 8)
                                value = number(0)
                                if from_column >= 0:
                                    value = load_number(number, source + from_column * plan.column_stride)
                                store_number(value, target + i * item)
                    target += plan.pitch * item

    return fill


@cache
def _by_vector(number: type[np.number[Any]], step: int, lanes: int) -> Any:
    item = np.dtype(number).itemsize
    wide = step * lanes
    stride = step * item

    @block
    def copy_row(source, target, column, width, pitch):
        """Copy a row of a grid whose pixels are neighbours; what is outside becomes 0.

        Zeros before and after, and whole vectors between: masks everywhere would take longer.
        """
        before = min(-(min(column, 0) // step), pitch)
        column += before * step
        for i in range(0, before, lanes):
            store_all(zeros(number, lanes, 1), target + i * item, 0)
        inside = max(min(pitch - before, (width - column + step - 1) // step), 0)
        source += column * item
        target += before * item
        whole = max(min(inside, (width - column) // step), 0) // lanes * lanes
        for i in range(0, whole, lanes):
            store(every(load(number, source + i * stride, wide), step, lanes), target + i * item)
        for i in range(whole, inside, lanes):
            left = width - column - i * step
            pixels = load_row(number, source + i * stride, 0, left, wide, 0)
            store(every(pixels, step, lanes), target + i * item)
        for i in range(-(-inside // lanes) * lanes, pitch - before, lanes):
            store_all(zeros(number, lanes, 1), target + i * item, 0)

    return copy_row
