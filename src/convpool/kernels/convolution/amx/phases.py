"""The program for layers of several phases: each has steps of its own over the same pixels."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import configure, release
from convpool.kernels.convolution.amx.outputs import MADE
from convpool.kernels.convolution.amx.planes import keeping, writing
from convpool.kernels.convolution.amx.program import multiplying, reading_panel
from convpool.kernels.convolution.amx.record import Pieces
from convpool.kernels.convolution.amx.weights import STEP_BYTES
from convpool.kernels.convolution.forward import place_of
from convpool.kernels.convolution.panel import Reading
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_number, store_all, store_number
from convpool.kernels.sums import zeros

_RECORD = 8 * len(Record._fields)
PHASE, ROW_PHASE = 24, 16
"""Bytes of a phase's numbers, and of those of a row of phases before its places."""


@cache
def program(number: Any, planar: bool, lanes: int, reading: Reading, step: int) -> Program:
    """Return the program for an order of the output, and a way to read the input.

    Along a row, `step` phases take turns.
    """
    read = reading_panel(number, lanes, reading)
    clear = _clearing(number, lanes)
    multiply = multiplying(number, keeping(number), splits=False)
    write = writing(number, planar, step)

    def convolve(record, unit, thread):
        """Make one block of the output, for the unit's blocks of filters."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        _, group, _, first, end, _, _ = place_of(record, unit)
        memory = plan.scratch + thread * plan.scratch_bytes
        has_tiny = read(record, unit, memory)
        clear(record, memory)
        tiles = more.number_of_tiles
        for number_of_block in range(first, end):
            is_last = number_of_block + 1 == plan.filter_blocks
            if number_of_block == first or is_last:
                configure(more.shapes + 64 * is_last)
            packed = group * plan.filter_blocks + number_of_block
            checks = has_tiny or load_number(np.int64, plan.packed + 8 * packed) != 0
            store_number(np.int64(checks), memory + more.has_tiny)
            weights = plan.packed + more.head + packed * more.number_of_steps * STEP_BYTES
            for row_phase in range(more.number_of_row_phases):
                waiting = -1, 0, 0
                for column_phase in range(step):
                    phase = more.phases + (row_phase * step + column_phase) * PHASE
                    begin = load_number(np.int64, phase)
                    steps = load_number(np.int64, phase + 8)
                    segment = load_number(np.int64, phase + 16)
                    place = more.row_phases + row_phase * (ROW_PHASE + 8 * step) + ROW_PHASE
                    place = load_number(np.int64, place + column_phase * 8)
                    for done in range(0, steps, segment):
                        filters = weights + (begin + done) * STEP_BYTES
                        part = begin + done, min(segment, steps - done)
                        for tile in range(0, tiles, 2):
                            these = tile, tiles
                            multiply(record, unit, memory, (filters, 0, 0, 0), these, part, waiting)
                            waiting = tile, place, done
                if waiting[0] >= 0:
                    multiply(record, unit, memory, (0, 0, 0, 0), (0, tiles), (0, 0), waiting)
                write(record, unit, memory, number_of_block, row_phase)
        release()

    variant = "-".join(map(str, (number.__name__, int(planar), *reading, step)))
    return Program(convolve, variant=f"amx-phases-{variant}")


@cache
def _clearing(number: Any, lanes: int) -> Any:
    @block
    def clear(record, memory):
        """Put zeros where no product writes, but outputs are read.

        Of filters that there aren't, after the last position of each filter's sums, and instead of
        the sums of phases without products: these lie last.
        """
        more = fields(record + _RECORD, Pieces)
        for line in range(0, MADE, 64):
            store_all(zeros(number, lanes, 1), memory + more.made + line, 0)
        sums, filter_row = memory + more.sums, more.filter_row
        for place in range(0, more.no_products, filter_row):
            # Tiles end one line before, or two.
            store_all(zeros(number, lanes, 1), sums + place + filter_row - 128, 0)
            store_all(zeros(number, lanes, 1), sums + place + filter_row - 64, 0)
        for line in range(more.no_products, more.sums_end, 64):
            store_all(zeros(number, lanes, 1), sums + line, 0)

    return clear
