"""From sums of 32 filters and 32 positions to the output, a quarter at a time."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import ROWS, TILE
from convpool.kernels.combining import add_no_times, any_nan
from convpool.kernels.convolution.amx.record import Pieces
from convpool.kernels.convolution.forward import CEILING, SLOPE, place_of
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import block
from convpool.kernels.pieces import any_lost
from convpool.kernels.rows import (
    fields,
    load_all,
    load_number,
    store_all,
    store_compressed,
    store_number,
    store_rows,
    transpose,
)
from convpool.kernels.sums import activate, add_expanded, add_numbers, add_rows, add_stored, zeros

_RECORD = 8 * len(Record._fields)
_ROW = 128  # bytes of a filter's sums
MADE = 4 * TILE
"""Bytes of the sums of 32 filters and 32 positions."""
ENTRY = 32
"""Bytes of a row of the table of tiles."""


@cache
def finishing(number: Any, planar: bool) -> Any:
    """Return the function that finishes 16 filters and 16 positions."""
    write = writing(number, planar)

    @block
    def finish(record, unit, memory, waiting, quarter):
        """Add sums to earlier ones, and store them, or with the last ones the outputs.

        The arguments:
            record, unit, memory: the program's, and the thread's scratch.
            waiting: number of the first 16 of 32 positions, of the block of filters, and of the
                first step of the sums.
            quarter: of the sums of 32 filters and 32 positions.
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        pair, number_of_block, step = waiting
        tile, half = pair + quarter // 2, quarter % 2
        k = (2 * number_of_block + half) * ROWS
        if k >= plan.filters or tile >= more.number_of_tiles:
            return
        distance = half * 2 * TILE + quarter // 2 * 64
        vectors = load_all(number, memory + more.made + distance, _ROW, ROWS, ROWS)
        sums = memory + more.sums + pair // 2 * MADE + distance
        if step > 0:
            vectors = add_stored(vectors, sums, _ROW)
        if step + more.segment < more.number_of_steps:
            store_all(vectors, sums, _ROW)
        else:
            checks = load_number(np.int64, memory + more.has_tiny + number_of_block % 2 * 8)
            write(record, unit, memory, vectors, tile, k, checks)

    return finish


@cache
def writing(number: Any, planar: bool) -> Any:
    """Return the function that stores outputs."""
    item = np.dtype(number).itemsize

    @block
    def write(record, unit, memory, vectors, tile, k, checks):
        """Store outputs: those of a tile's positions, of the filters from k on.

        `checks` says whether small ones may lack products.
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        image, group, _, _, _, row, column = place_of(record, unit)
        entry = more.tiles + tile * ENTRY
        y, x = load_number(np.int64, entry + 8), load_number(np.int64, entry + 16)
        rows = min(plan.rows, plan.out_height - row)
        if more.flattened:
            there = rows * plan.pitch - tile * ROWS
        else:
            there = min(plan.columns, plan.out_width - column) - x if y < rows else 0
        there = max(0, min(ROWS, there))
        bits = load_number(np.int64, entry + 24) & ((1 << there) - 1)
        if bits == 0:
            return
        chosen = memory + more.chosen
        store_number(np.int64(bits), chosen)
        k_of_all = group * plan.filters + k
        target = plan.output + image * plan.output_image + k_of_all * plan.output_filter
        target += (y + row) * plan.output_row + (x + column) * plan.output_column
        bias = plan.bias + k_of_all * item
        last = min(ROWS, plan.filters - k) - 1
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        spoils = checks and any_lost(vectors, last, chosen)
        if planar:
            vectors = add_numbers(vectors, bias, 1)
        else:
            vectors = add_numbers(transpose(vectors), bias, 0)
        if spoils or any_nan(add_no_times(zeros(number, ROWS, 1)[0], vectors)):
            store_number(np.int64(1), more.spoiled + image * 8)
        residual = target + plan.residual
        if plan.residual and planar:
            vectors = add_expanded(vectors, residual, plan.output_filter, last, chosen)
        elif plan.residual:
            vectors = add_rows(vectors, residual, plan.output_column, there - 1, last + 1)
        if slope != 1 or ceiling != np.inf:
            vectors = activate(vectors, slope, ceiling)
        if planar:
            store_compressed(vectors, target, plan.output_filter, last, chosen)
        else:
            store_rows(vectors, target, plan.output_column, there - 1, last + 1)

    return write
