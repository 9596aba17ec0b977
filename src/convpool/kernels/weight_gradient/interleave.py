"""Copies pixels to where their channels are neighbours.

Planes are turned square by square, in registers: 64 shuffles for 16 x 16 numbers, which is little
beside the products that each takes part in.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.jit import block
from convpool.kernels.rows import (
    fields,
    load_number,
    load_rows,
    prefetch,
    store_number,
    store_rows,
    transpose,
)
from convpool.kernels.sums import zeros
from convpool.kernels.weight_gradient.record import Record

_AHEAD = 512
"""Bytes ahead of which a plane's pixels are asked for: of as many planes as a vector has lanes, the
CPU by itself reads too late (1x1 layers of 56x56 and 112x112: copying took 1.5 to 3 times as long).
"""


@cache
def copying(number: Any, lanes: int) -> Any:
    """Return the function that copies a row of pixels with their channels."""
    item = np.dtype(number).itemsize

    @block
    def copy_pixels(source, target, pixels, channels, by_pixel, by_channel, pitch):
        """Copy `pixels` pixels of `channels` channels to target + pixel * pitch."""
        if item in (by_pixel, by_channel):
            is_planar = by_pixel == item
            for i in range(0, pixels, lanes):
                here = min(pixels - i, lanes)
                for channel in range(0, channels, lanes):
                    most = min(channels - channel, lanes)
                    place = source + i * by_pixel + channel * by_channel
                    there = target + i * pitch + channel * item
                    if is_planar:
                        for row in range(most):
                            prefetch(place + row * by_channel + _AHEAD)
                        square = transpose(
                            load_rows(number, place, by_channel, most - 1, here, lanes, lanes)
                        )
                    else:
                        square = load_rows(number, place, by_pixel, here - 1, most, lanes, lanes)
                    store_rows(square, there, pitch, here - 1, most)
        else:
            for i in range(pixels):
                for channel in range(channels):
                    value = load_number(number, source + i * by_pixel + channel * by_channel)
                    store_number(value, target + i * pitch + channel * item)

    return copy_pixels


@cache
def _clearing(number: Any, lanes: int) -> Any:
    item = np.dtype(number).itemsize

    @block
    def clear(target, count):
        """Put zeros in `count` numbers from an address on, and in no more."""
        for i in range(0, count, lanes):
            store_rows(zeros(number, lanes, 1), target + i * item, 0, 0, count - i)

    return clear


@cache
def _copying_row(number: Any, lanes: int) -> Any:
    item = np.dtype(number).itemsize
    copy = copying(number, lanes)

    @block
    def copy_padding(record, source, target, channels, first):
        """Copy what padding repeats within a row of the panel, from wherever the table says."""
        plan = fields(record, Record)
        for i in range(plan.panel_columns):
            q, slot = divmod(i, plan.slots_x)
            place = first + q * plan.stride_x
            place += load_number(np.int64, plan.residues + (plan.slots_y + slot) * 8)
            if 0 <= place + plan.lowest_x < plan.width or place >= plan.padded_columns:
                continue
            column = load_number(np.int64, plan.source_columns + place * 8)
            for channel in range(channels):
                there = source + channel * plan.channel_stride + column * plan.column_stride
                value = load_number(number, there)
                store_number(value, target + (i * plan.chunk + channel) * item)

    @block
    def copy_row(record, source, target, channels, columns, column):
        """Copy what lies within a row: all at once, or if some pixels meet no tap, by residue."""
        plan = fields(record, Record)
        pixel = plan.chunk * item
        count, runs, step = columns + plan.extent_x, plan.slots_x, plan.stride_x
        if runs == step:
            count, runs, step = count * step, 1, 1
        for run in range(runs):
            first = column * plan.stride_x + plan.lowest_x
            first += load_number(np.int64, plan.residues + (plan.slots_y + run) * 8)
            begin = min(count, -(min(first, 0) // step))
            end = max(begin, min(count, -(-(plan.width - first) // step)))
            copy(
                source + (first + begin * step) * plan.column_stride,
                target + (run + begin * runs) * pixel,
                end - begin,
                channels,
                step * plan.column_stride,
                plan.channel_stride,
                runs * pixel,
            )
        if plan.repeats:
            copy_padding(record, source, target, channels, column * plan.stride_x)

    return copy_row


@cache
def filling(number: Any, lanes: int) -> Any:
    """Return the function that fills the panel of an image's block.

    The panel holds, row by row and column by column of the padded image, the numbers of a chunk's
    channels side by side. Of rows and columns that no tap meets, as between strides, it holds none.
    """
    item = np.dtype(number).itemsize
    copy_row, clear = _copying_row(number, lanes), _clearing(number, lanes)

    @block
    def fill(record, image, panel, channels, rows, columns, row, column):
        """Fill the panel of `rows` x `columns` positions from (row, column) on."""
        plan = fields(record, Record)
        target = panel
        for place in range((rows + plan.extent_y) * plan.slots_y):
            q, slot = divmod(place, plan.slots_y)
            padded_row = (row + q) * plan.stride_y
            padded_row += load_number(np.int64, plan.residues + slot * 8)
            from_row = -1
            if padded_row < plan.padded_rows:
                from_row = load_number(np.int64, plan.source_rows + padded_row * 8)
            first = column * plan.stride_x + plan.lowest_x
            if (
                from_row < 0
                or channels < plan.chunk
                or first < 0
                or first + (columns + plan.extent_x) * plan.stride_x > plan.width
            ):
                clear(target, plan.panel_columns * plan.chunk)
            if from_row >= 0:
                source = image + from_row * plan.row_stride
                copy_row(record, source, target, channels, columns, column)
            target += plan.panel_columns * plan.chunk * item
        clear(target, lanes)  # the last tile reads some numbers more

    return fill
