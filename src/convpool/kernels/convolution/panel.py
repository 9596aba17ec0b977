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
from convpool.kernels.rows import (
    every,
    fields,
    load,
    load_number,
    load_rows,
    store,
    store_all,
    store_number,
    store_rows,
    transpose,
    zeros,
)
from convpool.kernels.simd import SUM, load_row

BY_NUMBER, BY_VECTOR, BY_EVERY_SECOND, BY_EVERY_FOURTH, BY_SQUARE = range(5)
"""How a row is copied: number by number; by vectors of pixels, of which each lane, every second or
every fourth; by squares of pixels and channels, where the channels are neighbours in memory."""


@cache
def filling(number: Any, lanes: int) -> Any:
    """Return the function that fills a panel with numbers of a type, by vectors of `lanes`."""
    item = np.dtype(number).itemsize
    copy_vectors, copy_every_second, copy_every_fourth = (
        _by_vector(number, step, lanes) for step in (1, 2, 4)
    )
    clear = _clearing(number, lanes)
    copy_numbers, copy_squares = _by_number(number), _by_square(number, lanes)

    @block
    def fill(record, image, panel, channels, row, column):
        """Fill a panel with `channels` channels of an image, from its first one's address on.

        `row` and `column` are the block's first positions of the phases. All channels of a row are
        copied before the next row, since what there is to find out about a row takes longer than
        to copy it.
        """
        plan = fields(record, Record)
        # Tiles read what is left between channels and after the last one, though nothing of it is
        # stored; small numbers that were left there would be as slow as a fault.
        filled = plan.slots_y * plan.slots_x * plan.panel_rows * plan.pitch
        gap = plan.channel_gap // item
        clear(panel + filled * item, gap - filled, channels, plan.channel_gap)
        clear(panel + channels * plan.channel_gap, plan.slack // item, 1, 0)
        target = panel
        for slot_y in range(plan.slots_y):
            below = load_number(np.int64, plan.residues + slot_y * 8) + row * plan.stride_y
            for slot_x in range(plan.slots_x):
                first = load_number(np.int64, plan.residues + (plan.slots_y + slot_x) * 8)
                first += column * plan.stride_x
                for q in range(plan.panel_rows):
                    place = below + q * plan.stride_y
                    from_row = -1
                    if place < plan.padded_rows:
                        from_row = load_number(np.int64, plan.source_rows + place * 8)
                    source = image + from_row * plan.row_stride
                    steps = plan.channel_stride, plan.channel_gap
                    if from_row < 0:
                        clear(target, plan.pitch, channels, plan.channel_gap)
                    elif plan.reading == BY_NUMBER:
                        copy_numbers(record, source, target, channels, first, 0)
                    else:
                        start = first + plan.lowest_x
                        if plan.reading == BY_SQUARE:
                            clear(target, plan.pitch, channels, plan.channel_gap)
                            copy_squares(record, source, target, channels, start)
                        elif plan.reading == BY_VECTOR:
                            copy_vectors(
                                source, target, channels, steps, start, plan.width, plan.pitch
                            )
                        elif plan.reading == BY_EVERY_SECOND:
                            copy_every_second(
                                source, target, channels, steps, start, plan.width, plan.pitch
                            )
                        else:
                            copy_every_fourth(
                                source, target, channels, steps, start, plan.width, plan.pitch
                            )
                        if plan.repeats:
                            copy_numbers(record, source, target, channels, first, 1)
                    target += plan.pitch * item

    return fill


@cache
def _clearing(number: Any, lanes: int) -> Any:
    item = np.dtype(number).itemsize

    @block
    def clear(target, pitch, channels, gap):
        """Put zeros in a row of each channel."""
        for channel in range(channels):
            for i in range(0, pitch, lanes):
                store_all(zeros(number, lanes, 1), target + channel * gap + i * item, 0)

    return clear


@cache
def _by_number(number: Any) -> Any:
    item = np.dtype(number).itemsize

    @block
    def copy_numbers(record, source, target, channels, first, only_padding):
        """Copy a row of each channel number by number, from wherever the table says."""
        plan = fields(record, Record)
        for i in range(plan.pitch):
            place = first + i * plan.stride_x
            if only_padding and 0 <= place + plan.lowest_x < plan.width:
                continue
            column = -1
            if place < plan.padded_columns:
                column = load_number(np.int64, plan.source_columns + place * 8)
            for channel in range(channels):
                value = number(0)
                if column >= 0:
                    there = source + channel * plan.channel_stride + column * plan.column_stride
                    value = load_number(number, there)
                store_number(value, target + channel * plan.channel_gap + i * item)

    return copy_numbers


@cache
def _by_square(number: Any, lanes: int) -> Any:
    item = np.dtype(number).itemsize

    @block
    def copy_squares(record, source, target, channels, column):
        """Copy what lies within a row of each channel; squares are turned on the way."""
        plan = fields(record, Record)
        step = plan.stride_x * plan.column_stride
        begin = min(-(min(column, 0) // plan.stride_x), plan.pitch)
        end = min(plan.pitch, -(-(plan.width - column) // plan.stride_x))
        for i in range(begin, end, lanes):
            here = source + (column + i * plan.stride_x) * plan.column_stride
            pixels = min(end - i, lanes)
            for channel in range(0, channels, lanes):
                most = min(channels - channel, lanes)
                square = load_rows(
                    number, here + channel * item, step, pixels - 1, most, lanes, lanes
                )
                there = target + channel * plan.channel_gap + i * item
                store_rows(transpose(square), there, plan.channel_gap, most - 1, pixels)

    return copy_squares


@cache
def _by_vector(number: Any, step: int, lanes: int) -> Any:
    item = np.dtype(number).itemsize
    wide = step * lanes

    @block
    def copy_vectors(source, target, channels, steps, column, width, pitch):
        """Copy a row of each channel whose pixels are neighbours; what is outside becomes 0.

        A vector of all channels before the next one, so that a mask is made once for all.
        """
        for i in range(0, pitch, lanes):
            first = column + i * step
            here, there = source + first * item, target + i * item
            if first >= 0 and first + wide <= width:
                for _ in range(channels):
                    store(every(load(number, here, wide), step, lanes), there)
                    here += steps[0]
                    there += steps[1]
            else:
                for _ in range(channels):
                    pixels = load_row(number, here, first, width, wide, SUM)
                    store(every(pixels, step, lanes), there)
                    here += steps[0]
                    there += steps[1]

    return copy_vectors
