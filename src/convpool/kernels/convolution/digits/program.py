"""The program: a block's pixels as digits, multiplied with block after block of filters."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import (
    TILE,
    add_digits,
    clear_sums,
    configure,
    release,
    store_sums,
)
from convpool.kernels.convolution.amx.outputs import ENTRY, MADE
from convpool.kernels.convolution.amx.program import tiles_of
from convpool.kernels.convolution.amx.record import Pieces
from convpool.kernels.convolution.amx.weights import STEP_BYTES
from convpool.kernels.convolution.digits.outputs import finishing
from convpool.kernels.convolution.digits.pixels import reading
from convpool.kernels.convolution.digits.weights import SCALES
from convpool.kernels.convolution.forward import place_of
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_number, store_number

_RECORD = 8 * len(Record._fields)
ORDERS = 3 * MADE
"""Bytes of the sums of 32 filters and 32 positions, for each order of digits."""


@cache
def program(number: Any, lanes: int) -> Program:
    """Return the program for planes that lie as they are to be split."""
    read, finish = reading(number, lanes), finishing(number)
    add_smallest, add_smaller, add_largest = summing(2), summing(1), summing(0)

    def convolve(record, unit, thread):
        """Make one block of the output, for the unit's blocks of filters."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        image, group, _, first, end, _, _ = place_of(record, unit)
        memory = plan.scratch + thread * plan.scratch_bytes
        wild = read(record, unit, memory)
        tiles, made = tiles_of(record, unit), memory + more.made
        waiting = -1, 0, np.intp(0)
        for number_of_block in range(first, end):
            is_last = number_of_block + 1 == plan.filter_blocks
            if number_of_block == first or is_last:
                configure(more.shapes + 64 * is_last)
            packed = group * plan.filter_blocks + number_of_block
            wild |= load_number(np.int64, plan.packed + 8 * packed) != 0
            weights = plan.packed + more.head + SCALES
            weights += packed * (SCALES + more.number_of_steps * STEP_BYTES)
            for tile in range(0, tiles, 2):
                add_smallest(record, memory, weights, (tile, tiles))
                # Meanwhile earlier sums are finished, by other units of the CPU.
                for quarter in range(4):
                    finish(record, unit, memory, waiting, quarter)
                store_sums(made + 2 * MADE, made + 2 * MADE + 2 * TILE)
                add_smaller(record, memory, weights, (tile, tiles))
                store_sums(made + MADE, made + MADE + 2 * TILE)
                add_largest(record, memory, weights, (tile, tiles))
                store_sums(made, made + 2 * TILE)
                waiting = tile, number_of_block, weights - SCALES
        for quarter in range(4):
            finish(record, unit, memory, waiting, quarter)
        if wild:
            store_number(np.int64(1), more.spoiled + image * 8)
        release()

    return Program(convolve, variant=f"digits-{number.__name__}")


@cache
def summing(order: int) -> Any:
    """Return the function that multiplies digits whose numbers add up to `order`."""

    @block
    def add(record, memory, weights, tiles):
        """Leave sums of 32 filters and 32 pixels, or the last 16, in the registers."""
        more = fields(record + _RECORD, Pieces)
        tile, count = tiles
        entry = more.tiles + tile * ENTRY
        is_whole = tile + 1 < count
        pixels = memory + more.pieces + load_number(np.int64, entry)
        others = memory + more.pieces + load_number(np.int64, entry + is_whole * ENTRY)
        row = more.pair_row
        clear_sums()
        for step in range(more.number_of_steps):
            place = load_number(np.int64, more.steps + step * 8)
            filters = weights + step * STEP_BYTES
            one, other = pixels + place, others + place
            if is_whole:
                add_digits(filters, filters + TILE, 64, 2 * TILE, one, other, row, 2, order)
            else:
                add_digits(filters, filters + TILE, 64, 2 * TILE, one, other, row, 1, order)

    return add
