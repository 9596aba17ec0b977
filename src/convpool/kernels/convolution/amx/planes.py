"""From the sums of several phases to the output, row by row: what phases share is made whole.

The sums of a phase lie filter by filter. Along a row, the positions of phases take turns.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import ROWS
from convpool.kernels.combining import add_no_times, any_nan
from convpool.kernels.convolution.amx.outputs import MADE
from convpool.kernels.convolution.amx.record import Pieces
from convpool.kernels.convolution.amx.weights import FILTERS
from convpool.kernels.convolution.forward import CEILING, SLOPE, place_of
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import block
from convpool.kernels.pieces import any_lost
from convpool.kernels.rows import (
    fields,
    interleave,
    load_all,
    load_number,
    load_places,
    store_all,
    store_number,
    store_rows,
    transpose,
)
from convpool.kernels.sums import activate, add_numbers, add_rows, add_stored, zeros

_RECORD = 8 * len(Record._fields)
_ROW = 128  # bytes of a filter's sums of one segment


@cache
def keeping(number: Any) -> Any:
    """Return the function that keeps the sums of 16 filters and 16 positions."""

    @block
    def keep(record, _unit, memory, waiting, quarter):
        """Add the sums of a segment to earlier ones of the phase.

        The arguments:
            record, memory: the program's, and the thread's scratch.
            waiting: number of the first 16 of 32 positions; where the phase's sums lie; whether
                there are earlier ones.
            quarter: of the sums of 32 filters and 32 positions.
        """
        more = fields(record + _RECORD, Pieces)
        pair, place, is_more = waiting
        tile, half = pair + quarter // 2, quarter % 2
        if tile >= more.number_of_tiles:
            return
        made = memory + more.made + half * MADE // 2 + quarter // 2 * 64
        vectors = load_all(number, made, _ROW, ROWS, ROWS)
        sums = memory + more.sums + place + half * ROWS * more.filter_row + tile * 64
        if is_more:
            vectors = add_stored(vectors, sums, more.filter_row)
        store_all(vectors, sums, more.filter_row)

    return keep


@cache
def writing(number: Any, planar: bool, step: int) -> Any:
    """Return the function that writes the outputs of a row of phases, `step` of them."""
    write_row = (_writing_planes if planar else _writing_pixels)(number, step)

    @block
    def write(record, unit, memory, number_of_block, row_phase):
        """Write a block of filters of those rows of a unit that belong to one row of phases."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        image, group, _, _, _, row, column = place_of(record, unit)
        first = number_of_block * FILTERS
        filters = min(FILTERS, plan.filters - first)
        k = group * plan.filters + first
        output = plan.output + image * plan.output_image + k * plan.output_filter
        output += column * step * plan.output_column
        columns = min(plan.columns * step, plan.out_width - column * step)
        phase = more.row_phases + row_phase * 8 * (2 + step)
        spoiled = False
        for y in range(plan.rows):
            place = (row + y) * plan.step_y + row_phase
            if place < plan.out_height:
                sums = memory + more.sums + load_number(np.int64, phase) * y * more.sums_pitch * 4
                target = output + place * plan.output_row
                spoiled |= write_row(record, memory, sums, phase, target, k, filters, columns)
        if spoiled:
            store_number(np.int64(1), more.spoiled + image * 8)

    return write


@cache
def _writing_planes(number: Any, step: int) -> Any:
    item = np.dtype(number).itemsize
    lanes = step * ROWS
    wide = ROWS << (step - 1).bit_length()

    @block
    def write_planes(record, memory, sums, phase, target, k, filters, columns):
        """Write a row of each filter; returns whether another way must be taken."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        moves = load_number(np.int64, phase)
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        bends = slope != 1 or ceiling != np.inf
        checks = load_number(np.int64, memory + more.has_tiny)
        made_of = load_number(np.int64, phase + 8)
        trace = zeros(number, wide, 1)[0]
        spoiled = False
        for row in range(filters):
            here = sums + moves * row * more.filter_row
            output, bias = target + row * plan.output_filter, plan.bias + (k + row) * item
            for x in range(0, columns, lanes):
                there = min(lanes, columns - x)
                parts = load_places(number, here, phase + 16, ROWS, step)
                vectors = add_numbers((interleave(parts),), bias, 1)
                trace = add_no_times(trace, vectors)
                if checks:
                    store_number(made_of & ((1 << there) - 1), memory + more.chosen)
                    spoiled |= any_lost((interleave(parts),), 0, memory + more.chosen)
                if plan.residual:
                    vectors = add_rows(vectors, output + plan.residual, 0, 0, there)
                if bends:
                    vectors = activate(vectors, slope, ceiling)
                store_rows(vectors, output, 0, 0, there)
                here += moves * ROWS * item
                output += lanes * item
        return spoiled or any_nan(trace)

    return write_planes


@cache
def _writing_pixels(number: Any, step: int) -> Any:
    item = np.dtype(number).itemsize

    @block
    def write_pixels(record, memory, sums, phase, target, k, filters, columns):
        """Write a row of pixels; returns whether another way must be taken."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        moves = load_number(np.int64, phase)
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        checks = load_number(np.int64, memory + more.has_tiny)
        made_of = load_number(np.int64, phase + 8)
        trace = zeros(number, ROWS, 1)[0]
        spoiled = False
        by_pixel = step * plan.output_column
        for part in range(step):
            pixels = -(-(columns - part) // step)
            place = sums + load_number(np.int64, phase + 16 + part * 8)
            is_made = made_of >> part & 1
            for x in range(0, pixels, ROWS):
                there = min(ROWS, pixels - x)
                store_number(is_made * ((1 << there) - 1), memory + more.chosen)
                for first in range(0, filters, ROWS):
                    here = place + moves * (first * more.filter_row + x * item)
                    last = min(ROWS, filters - first) - 1
                    vectors = load_all(number, here, moves * more.filter_row, ROWS, ROWS)
                    if checks:
                        spoiled |= any_lost(vectors, last, memory + more.chosen)
                    vectors = add_numbers(transpose(vectors), plan.bias + (k + first) * item, 0)
                    trace = add_no_times(trace, vectors)
                    output = target + part * plan.output_column + x * by_pixel
                    output += first * plan.output_filter
                    if plan.residual:
                        residual = output + plan.residual
                        vectors = add_rows(vectors, residual, by_pixel, there - 1, last + 1)
                    if slope != 1 or ceiling != np.inf:
                        vectors = activate(vectors, slope, ceiling)
                    store_rows(vectors, output, by_pixel, there - 1, last + 1)
        return spoiled or any_nan(trace)

    return write_pixels
