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
    store_dealt,
    store_number,
    store_rows,
    transpose,
)
from convpool.kernels.simd import SUM, load_row
from convpool.kernels.sums import zeros

BY_NUMBER, BY_VECTOR, BY_EVERY_SECOND, BY_EVERY_FOURTH, BY_SQUARE, BY_TWO, BY_FOUR = range(7)
"""How a row is copied: number by number; by vectors of pixels, of which each lane, every second or
every fourth; by squares of pixels and channels, where the channels are neighbours in memory; by
vectors that are dealt out to two or four grids, whose residues are all that the stride has."""
_DEALT = {BY_TWO: 2, BY_FOUR: 4}
Reading = tuple[int, int]
"""How a row is copied, and whether padding repeats pixels."""


@cache
def filling(number: Any, lanes: int, reading: int, repeats: int) -> Any:
    """Return the function that fills a panel with numbers of a type, by vectors of `lanes`.

    Args:
        number: the class of the element type.
        lanes: of a register.
        reading: how a row is copied. Each way is compiled for those layers only that take it.
        repeats: whether padding repeats pixels.
    """
    item = np.dtype(number).itemsize
    dealt = _DEALT.get(reading, 1)
    clear = _clearing(number, lanes)
    copy_numbers = _by_number(number)
    if reading == BY_NUMBER:
        copy_row = copy_numbers
    elif reading == BY_SQUARE:
        copy_row = _by_square(number, lanes)
    elif reading in _DEALT:
        copy_row = _by_dealing(number, _DEALT[reading], lanes)
    else:
        copy_row = _by_vector(number, {BY_VECTOR: 1, BY_EVERY_SECOND: 2}.get(reading, 4), lanes)

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
        of_row, of_grid = plan.pitch * item, plan.panel_rows * plan.pitch * item
        for grid in range(0, plan.slots_y * plan.slots_x, dealt):
            slot_y, slot_x = divmod(grid, plan.slots_x)
            below = load_number(np.int64, plan.residues + slot_y * 8) + row * plan.stride_y
            first = load_number(np.int64, plan.residues + (plan.slots_y + slot_x) * 8)
            first += column * plan.stride_x
            for q in range(plan.panel_rows):
                target = panel + grid * of_grid + q * of_row
                place = below + q * plan.stride_y
                from_row = -1
                if place < plan.padded_rows:
                    from_row = load_number(np.int64, plan.source_rows + place * 8)
                source = image + from_row * plan.row_stride
                if from_row < 0 or reading == BY_SQUARE:
                    for other in range(dealt):
                        there = target + other * of_grid
                        clear(there, plan.pitch, channels, plan.channel_gap)
                if from_row >= 0:
                    copy_row(record, source, target, channels, first, 0)
                    if repeats and reading != BY_NUMBER:
                        for other in range(dealt):
                            there = target + other * of_grid
                            copy_numbers(record, source, there, channels, first + other, 1)

    return fill


@cache
def _clearing(number: Any, lanes: int) -> Any:
    item = np.dtype(number).itemsize

    @block
    def clear(target, pitch, channels, gap):
        """Put zeros in a row of each channel, and nowhere else: others may lie behind it."""
        for channel in range(channels):
            for i in range(0, pitch, lanes):
                place = target + channel * gap + i * item
                store_rows(zeros(number, lanes, 1), place, 0, 0, pitch - i)

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
    def copy_squares(record, source, target, channels, first, _only_padding):
        """Copy what lies within a row of each channel; squares are turned on the way."""
        plan = fields(record, Record)
        column = first + plan.lowest_x
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
    def copy_vectors(record, source, target, channels, first, _only_padding):
        """Copy a row of each channel whose pixels are neighbours; what is outside becomes 0.

        A vector of all channels before the next one, so that a mask is made once for all.
        """
        plan = fields(record, Record)
        width, of_channel, gap = plan.width, plan.channel_stride, plan.channel_gap
        column = first + plan.lowest_x
        for i in range(0, plan.pitch, lanes):
            pixel = column + i * step
            here, there = source + pixel * item, target + i * item
            if pixel >= 0 and pixel + wide <= width:
                for _ in range(channels):
                    store(every(load(number, here, wide), step, lanes), there)
                    here += of_channel
                    there += gap
            else:
                for _ in range(channels):
                    pixels = load_row(number, here, pixel, width, wide, SUM)
                    store(every(pixels, step, lanes), there)
                    here += of_channel
                    there += gap

    return copy_vectors


@cache
def _by_dealing(number: Any, step: int, lanes: int) -> Any:
    item = np.dtype(number).itemsize
    wide = step * lanes

    @block
    def deal_vectors(record, source, target, channels, first, _only_padding):
        """Copy a row of each channel to as many grids as the stride: a vector of pixels to all.

        Picked for each grid by itself, the pixels would be loaded as often. No row is written
        beyond its end, since the next grid's first one was there before.
        """
        plan = fields(record, Record)
        width, of_channel, gap = plan.width, plan.channel_stride, plan.channel_gap
        of_grid = plan.panel_rows * plan.pitch * item
        column = first + plan.lowest_x
        for i in range(0, plan.pitch, lanes):
            pixel = column + i * step
            here, there = source + pixel * item, target + i * item
            for _ in range(channels):
                pixels = load_row(number, here, pixel, width, wide, SUM)
                store_dealt(pixels, step, there, of_grid, plan.pitch - i)
                here += of_channel
                there += gap

    return deal_vectors
