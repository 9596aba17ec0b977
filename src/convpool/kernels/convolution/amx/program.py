"""The program: a block's pixels are split, and multiplied with block after block of filters."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import (
    PIECES,
    ROWS,
    TILE,
    add_products,
    clear_sums,
    configure,
    release,
    store_sums,
)
from convpool.kernels.convolution.amx.outputs import ENTRY, MADE, finishing
from convpool.kernels.convolution.amx.pixels import splitting
from convpool.kernels.convolution.amx.record import Pieces
from convpool.kernels.convolution.amx.weights import (
    FILTERS,
    LARGEST,
    STEP_BYTES,
    Weights,
    splitting_weights,
)
from convpool.kernels.convolution.forward import place_of
from convpool.kernels.convolution.panel import Reading, filling
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_number, store_all, store_number
from convpool.kernels.sums import zeros

_RECORD = 8 * len(Record._fields)


@cache
def program(number: Any, planar: bool, lanes: int, reading: Reading | None) -> Program:
    """Return the program for an order of the output and a way to read the input.

    Without one, its planes lie as they are to be split, and no panel is filled.
    """
    read = reading_panel(number, lanes, reading) if reading else _reading_in_place(number, lanes)
    multiply = multiplying(number, finishing(number, planar), splits=True)

    def convolve(record, unit, thread):
        """Make one block of the output, for the unit's blocks of filters."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        _, group, _, first, end, _, _ = place_of(record, unit)
        memory = plan.scratch + thread * plan.scratch_bytes
        has_tiny = read(record, unit, memory)
        for line in range(0, MADE, 64):  # of filters that there aren't, nothing is ever stored
            store_all(zeros(number, lanes, 1), memory + more.made + line, 0)
        waiting, tiles = (-1, 0, 0), tiles_of(record, unit)
        for number_of_block in range(first, end):
            is_last = number_of_block + 1 == plan.filter_blocks
            if number_of_block == first or is_last:
                configure(more.shapes + 64 * is_last)
            checks = memory + more.has_tiny + number_of_block % 2 * 8
            packed = group * plan.filter_blocks + number_of_block
            source, weights = 0, plan.packed + more.head
            left = plan.filters - number_of_block * FILTERS
            if more.weights:
                told = fields(more.weights, Weights)
                source = plan.packed + group * told.of_group
                source += number_of_block * FILTERS * told.of_filter
                store_number(np.int64(has_tiny), checks)
            else:
                weights += packed * more.number_of_steps * STEP_BYTES
                is_checked = has_tiny or load_number(np.int64, plan.packed + 8 * packed) != 0
                store_number(np.int64(is_checked), checks)
            for step in range(0, more.number_of_steps, more.segment):
                filters = memory + more.filters if more.weights else weights + step * STEP_BYTES
                part = step, min(more.segment, more.number_of_steps - step)
                for tile in range(0, tiles, 2):
                    there = filters, source * (tile == 0), left, checks
                    multiply(record, unit, memory, there, (tile, tiles), part, waiting)
                    waiting = tile, number_of_block, step
        multiply(record, unit, memory, (0, 0, 0, 0), (0, tiles), (0, 0), waiting)
        release()

    variant = "-".join(map(str, (number.__name__, int(planar), *(reading or ("in-place",)))))
    return Program(convolve, variant=f"amx-{variant}")


@block
def tiles_of(record, unit):
    """Return how many tiles of 16 positions lie in a unit's block: in the last one, fewer."""
    plan = fields(record, Record)
    more = fields(record + _RECORD, Pieces)
    _, _, _, _, _, row, column = place_of(record, unit)
    rows = min(plan.rows, plan.out_height - row) - 1
    columns = min(plan.columns, plan.out_width - column)
    if more.flattened:
        return -(-(rows * plan.pitch + columns) // ROWS)
    return rows * -(-plan.columns // ROWS) + -(-columns // ROWS)


@cache
def multiplying(number: Any, finish: Any, *, splits: bool) -> Any:
    """Return the function that multiplies 32 filters with 32 pixels, or with the last 16.

    `splits` says whether it can split weights that it is to multiply.
    """
    split = splitting_weights(number)

    @block
    def multiply(record, unit, memory, weights, tiles, part, waiting):
        """Leave the sums of a segment in memory; meanwhile, finish those that wait there.

        What multiplies matrices would stand idle, if sums were finished by themselves (a tenth of
        the time of 64 channels). The smaller products come first, and then the largest of each
        step: see `add_products`. All is one loop, so that `finish` is compiled in one place.

        The arguments:
            record, unit, memory: the program's, and the thread's scratch.
            weights: address of the first step's tiles; those of the next one follow. Then, if they
                are yet to be split, that of the block's weights, else 0; how many filters there are
                from the block's first one on; and where 1 is stored if a weight is tiny.
            tiles: number of the first 16 positions, and how many tiles the block has.
            part: the segment's first step, and how many there are; without any, no products.
            waiting: what `finish` is told of the sums that wait: first a tile, or -1 for none.
        """
        more = fields(record + _RECORD, Pieces)
        tile, count = tiles
        entry = more.tiles + tile * ENTRY
        is_whole = tile + 1 < count
        pixels = memory + more.pieces + load_number(np.int64, entry)
        others = memory + more.pieces + load_number(np.int64, entry + is_whole * ENTRY)
        first, steps = part
        filters, source, left, checks = weights
        unsplit = steps if splits and source else 0
        if unsplit:
            split(more.weights, source, first, left, filters, checks)
        row, places = more.pair_row, more.steps + first * 8
        clear_sums()
        # Sums are finished late, when they have long been stored: at once takes 3 % longer.
        late = max(4, 2 * steps) - 4
        for i in range(late + 4):
            step = i if i < steps else i - steps
            if i + 1 < unsplit:  # those of the next step, for which products then needn't wait
                there = filters + (i + 1) * STEP_BYTES
                split(more.weights, source, first + i + 1, left, there, checks)
            if i < 2 * steps:
                place = load_number(np.int64, places + step * 8)
                largest = filters + step * STEP_BYTES + LARGEST
                more_filters, piece = largest + TILE, -2 * TILE
                one, other = pixels + place, others + place
                if i < steps and is_whole:
                    add_products(largest, more_filters, 64, piece, one, other, row, 2, 0)
                elif i < steps:
                    add_products(largest, more_filters, 64, piece, one, other, row, 1, 0)
                elif is_whole:
                    add_products(largest, more_filters, 64, piece, one, other, row, 2, 1)
                else:
                    add_products(largest, more_filters, 64, piece, one, other, row, 1, 1)
            if i >= late and waiting[0] >= 0:
                finish(record, unit, memory, waiting, i - late)
        store_sums(memory + more.made, memory + more.made + 2 * TILE)

    return multiply


@cache
def reading_panel(number: Any, lanes: int, how: Reading) -> Any:
    """Return the function that splits a block of the input by way of the panel."""
    fill, split = filling(number, lanes, *how), splitting(number, lanes)

    @block
    def read(record, unit, memory):
        """Split a unit's block of the input, chunk by chunk of channels.

        Returns whether a number is tiny.
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        image, group, _, _, _, row, column = place_of(record, unit)
        source = plan.images + image * plan.image_stride
        source += group * plan.channels * plan.channel_stride
        target = memory + more.pieces
        has_tiny = False
        for first in range(0, plan.channels, plan.chunk):
            channels = min(plan.chunk, plan.channels - first)
            begin = source + first * plan.channel_stride
            fill(record, begin, memory, channels, row, column)
            has_tiny |= split(
                record + _RECORD, memory, plan.channel_gap, channels, more.width, target
            )
            target += plan.chunk // 2 * PIECES * more.pair_row
        return has_tiny

    return read


@cache
def _reading_in_place(number: Any, lanes: int) -> Any:
    item, split = np.dtype(number).itemsize, splitting(number, lanes)

    @block
    def read(record, unit, memory):
        """Split a unit's block of a plane that is one long row, all channels at once."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        image, group, _, _, _, _, column = place_of(record, unit)
        source = plan.images + image * plan.image_stride + column * item
        source += group * plan.channels * plan.channel_stride
        width = min(plan.columns, plan.out_width - column)
        target = memory + more.pieces
        return split(record + _RECORD, source, plan.channel_stride, plan.channels, width, target)

    return read
