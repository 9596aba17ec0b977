"""The operands of a block of positions: pixels by channel, gradients as pairs of positions.

Rows of products are positions. Those of pixels lie side by side, so a tap is a distance; gradients
are 0 where a position is none of the output's, as between rows, so what pixels are there doesn't
matter.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import PAIRS, PIECES, ROWS, TILE
from convpool.kernels.convolution.panel import Reading, filling
from convpool.kernels.convolution.record import Record as Panel
from convpool.kernels.jit import block
from convpool.kernels.pieces import (
    is_tiny,
    least,
    least_of,
    no_number,
    store_all_pairs,
    store_halves,
)
from convpool.kernels.rows import fields, load, load_all, prefetch, store, transpose
from convpool.kernels.simd import SUM, load_row
from convpool.kernels.weight_gradient.amx.record import Operands
from convpool.kernels.weight_gradient.record import Record

_OPERANDS = 8 * len(Record._fields)
_PANEL = _OPERANDS + 8 * len(Operands._fields)
_HALF = 2
_AHEAD = 3
"""Channels ahead of which planes are asked for: layers of 56x56 and 28x28 take 5 to 10 % less."""
STEP = 2 * PAIRS
"""Positions of a step."""


@cache
def _splitting(number: Any) -> Any:
    item = np.dtype(number).itemsize

    @block
    def split(source, row, target, pitch, piece, rows, inside, width):
        """Split rows of numbers, of which the first `inside` are there, and the others 0.

        The arguments:
            source, row: address of the first row, and bytes to the next.
            target, pitch: likewise; what lies behind a row is overwritten with zeros.
            piece: bytes from a piece to the next.
            rows, inside, width: how many rows there are, and numbers in each.

        Returns whether a number is tiny.
        """
        trace = no_number(STEP)
        for i in range(rows):
            here, there = source + i * row, target + i * pitch
            whole = inside // STEP * STEP
            for x in range(0, whole, STEP):
                numbers = load(number, here + x * item, STEP)
                trace = least(trace, numbers)
                store_halves(numbers, there + x * _HALF, piece)
            for x in range(whole, width, STEP):
                numbers = load_row(number, here + x * item, x, inside, STEP, SUM)
                trace = least(trace, numbers)
                store_halves(numbers, there + x * _HALF, piece)
        return is_tiny(trace)

    return split


@cache
def reading(number: Any, lanes: int, how: Reading | None) -> Any:
    """Return the function that splits the pixels of a block, from a panel or from the images."""
    return _from_panel(number, lanes, how) if how else _from_images(number)


@cache
def _from_images(number: Any) -> Any:
    item, split = np.dtype(number).itemsize, _splitting(number)

    @block
    def read(record, source, memory, channels, images, rows, row, columns, column):
        """Split `channels` channels from an address on; what is outside of an image is 0."""
        plan, more = fields(record, Record), fields(record + _OPERANDS, Operands)
        has_tiny = False
        width, pitch, piece = more.run or columns, more.pitch, more.pixel_piece
        first = row + more.lowest_y
        end = first + rows + plan.extent_y
        above, below = max(0, min(end, 0) - first), max(0, end - max(first, more.height))
        inside = end - first - above - below
        for channel in range(channels):
            there = memory + more.pixels + channel * more.pixel_row
            for image in range(images):
                here = source + image * plan.image_stride + channel * plan.channel_stride
                here += (first + above) * plan.row_stride + column * item
                for ahead in range(0, (inside - 1) * plan.row_stride + width * item, 64):
                    prefetch(here + _AHEAD * plan.channel_stride + ahead)
                there = memory + more.pixels + channel * more.pixel_row
                there += image * more.of_image * _HALF
                if above:  # to call it takes as long as to split some vectors
                    split(0, 0, there, pitch * _HALF, piece, above, 0, pitch)
                    there += above * pitch * _HALF
                if more.left:
                    split(0, 0, there, 0, piece, 1, 0, more.left)
                    there += more.left * _HALF
                has_tiny |= split(
                    here, plan.row_stride, there, pitch * _HALF, piece, inside, width, pitch
                )
                there += inside * pitch * _HALF
                if below:
                    split(0, 0, there, pitch * _HALF, piece, below, 0, pitch)
                    there += below * pitch * _HALF
            split(0, 0, there, 0, piece, 1, 0, STEP)
        return has_tiny

    return read


@cache
def _from_panel(number: Any, lanes: int, how: Reading) -> Any:
    split, fill = _splitting(number), filling(number, lanes, *how)
    item = np.dtype(number).itemsize

    @block
    def read(record, source, memory, channels, images, _rows, row, _columns, column):
        """Split `channels` channels from an address on, some at a time by a panel."""
        plan, more = fields(record, Record), fields(record + _OPERANDS, Operands)
        panel = fields(record + _PANEL, Panel)
        has_tiny = False
        slots, size = panel.slots_y * panel.slots_x, panel.panel_rows * panel.pitch
        for first in range(0, channels, ROWS):
            some = min(ROWS, channels - first)
            for image in range(images):
                here = source + image * plan.image_stride + first * plan.channel_stride
                fill(record + _PANEL, here, memory + more.panel, some, row, column)
                for channel in range(some):
                    for slot in range(slots):
                        here = memory + more.panel + channel * panel.channel_gap
                        here += slot * size * item
                        there = memory + more.pixels + (first + channel) * more.pixel_row
                        there += (slot * more.of_slot + image * more.of_image) * _HALF
                        has_tiny |= split(here, 0, there, 0, more.pixel_piece, 1, size, size + STEP)
        return has_tiny

    return read


@cache
def _copying(number: Any) -> Any:
    item = np.dtype(number).itemsize

    @block
    def copy(source, row, target, pitch, rows, inside, width):
        """Copy rows of numbers, of which the first `inside` are there, and the others 0.

        The arguments are those of `split`.
        """
        for i in range(rows):
            here, there = source + i * row, target + i * pitch
            whole = inside // ROWS * ROWS
            for x in range(0, whole, ROWS):
                store(load(number, here + x * item, ROWS), there + x * item)
            for x in range(whole, width, ROWS):
                store(load_row(number, here + x * item, x, inside, ROWS, SUM), there + x * item)

    return copy


@cache
def turning(number: Any) -> Any:
    """Return the function that makes pairs of a block's gradients."""
    item, copy = np.dtype(number).itemsize, _copying(number)

    @block
    def turn(record, source, straight, target, filters, images, rows, columns, steps):
        """Turn the gradients of up to 32 filters, for so many steps.

        Numbers are turned before they are split: a third of the shuffles.

        The arguments:
            source: address of the first filter's first gradient of the block.
            straight, target: address of scratch for 16 filters, and of the pairs.
        """
        plan, more = fields(record, Record), fields(record + _OPERANDS, Operands)
        trace = no_number(ROWS)
        pitch = more.pitch * item
        for half in range(-(-filters // ROWS)):
            for row in range(min(ROWS, filters - half * ROWS)):
                here = source + (half * ROWS + row) * plan.gradient_filter
                there = straight + row * more.straight_row
                for image in range(images):
                    first = here + image * plan.gradient_image
                    for ahead in range(0, (rows - 1) * plan.gradient_row + columns * item, 64):
                        prefetch(first + _AHEAD * plan.gradient_filter + ahead)
                    copy(first, plan.gradient_row, there, pitch, rows, columns, more.pitch)
                    there += rows * pitch
                    rest = STEP if image + 1 == images else more.of_image - rows * more.pitch
                    if rest:
                        copy(0, 0, there, 0, 1, 0, rest)
                        there += rest * item
            for part in range(2 * steps):  # of 16 positions
                here = straight + part * ROWS * item
                square = transpose(load_all(number, here, more.straight_row, ROWS, ROWS))
                trace = least_of(trace, square)
                step, is_second = divmod(part, 2)
                there = target + (step * 2 + half) * PIECES * TILE + is_second * TILE // 2
                store_all_pairs(square, there, 64, TILE)
        return is_tiny(trace)

    return turn
