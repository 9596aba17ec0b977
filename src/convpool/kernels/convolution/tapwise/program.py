"""The program: a block's products, of each filter and tap a plane, are added where they meet.

What a transposed convolution makes of one tap is the image's product with a matrix, moved. With
few filters this has as many rows as there are taps, where each phase for itself would have few.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.convolution.forward import CEILING, SLOPE, place_of
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.tapwise.record import Taps
from convpool.kernels.convolution.tiles import Tile, across_pixels
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import (
    fields,
    interleave,
    load_number,
    load_places,
    store_all,
    store_rows,
)
from convpool.kernels.simd import SUM, load_row
from convpool.kernels.sums import activate, add_numbers, add_rows, add_stored, zeros

_RECORD = 8 * len(Record._fields)
PHASE, TAP = 24, 24
"""Bytes of a phase's numbers, and of a tap's."""


@cache
def program(number: Any, tile: tuple[int, int], register: int, step: int) -> Program:
    """Return the program for a tile of pixels and rows of products; `step` phases take turns."""
    multiply = _multiplying(number, tile)
    add_up = _adding(number, register)
    write = _writing(number, register, step)
    item = np.dtype(number).itemsize

    def convolve(record, unit, thread):
        """Make one block of rows of the output."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Taps)
        image, group, _, _, _, row, _ = place_of(record, unit)
        memory = plan.scratch + thread * plan.scratch_bytes
        begin = max(0, row + more.lowest)
        end = min(more.height, row + plan.rows + more.lowest + more.extent)
        multiply(record, image, group, memory, begin, max(0, end - begin))
        output = plan.output + image * plan.output_image
        for number_of_filter in range(plan.filters):
            products = memory + more.products
            products += number_of_filter * more.taps_of_filter * more.plane
            k = group * plan.filters + number_of_filter
            for y in range(row, row + plan.rows):
                for row_phase in range(more.row_phases):
                    place = y * plan.step_y + row_phase
                    if place < plan.out_height:
                        add_up(record, memory, products, begin, y, row_phase * step, step)
                        target = output + k * plan.output_filter + place * plan.output_row
                        write(record, memory, target, plan.bias + k * item)

    variant = "-".join(map(str, (number.__name__, *tile, step)))
    return Program(convolve, variant=f"tapwise-{variant}")


@cache
def _multiplying(number: Any, tile: tuple[int, int]) -> Any:
    lanes, count = tile
    item = np.dtype(number).itemsize
    sum_rows = across_pixels(number, Tile(False, lanes, count))

    @block
    def multiply(record, image, group, memory, begin, rows):
        """Leave the products of a block's rows of pixels in memory.

        Vectors of pixels, all channels of a chunk, are copied to where they are neighbours: there
        they stay in the first cache for all rows of products.
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Taps)
        pixels = rows * plan.width
        source = plan.images + image * plan.image_stride + begin * plan.row_stride
        source += group * plan.channels * plan.channel_stride
        total = plan.filters * more.taps_of_filter
        weights = plan.packed + group * total * plan.filter_row
        for first in range(0, plan.channels, plan.chunk):
            channels = min(plan.chunk, plan.channels - first)
            for x in range(0, pixels, lanes):
                here = source + first * plan.channel_stride + x * item
                for channel in range(channels):
                    vector = load_row(number, here, x, pixels, lanes, SUM)
                    store_all((vector,), memory + channel * lanes * item, 0)
                    here += plan.channel_stride
                for k in range(0, total, count):
                    sum_rows(
                        memory,
                        plan.offsets,
                        weights + k * plan.filter_row + first * item,
                        plan.filter_row,
                        channels,
                        memory + more.products + k * more.plane + x * item,
                        1,
                        min(lanes, pixels - x),
                        min(count, total - k) - 1,
                        0,
                        0,
                        more.plane,
                        0,
                        0,
                        number(1),
                        number(np.inf),
                        first == 0,
                        False,
                        0,
                        (0, 0, 0),
                        0,
                    )

    return multiply


@cache
def _adding(number: Any, register: int) -> Any:
    item = np.dtype(number).itemsize

    @block
    def add_up(record, memory, products, begin, y, first, phases):
        """Add up the products that meet in a row of positions, phase by phase."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Taps)
        for phase in range(phases):
            entry = more.phases + (first + phase) * PHASE
            tap = more.taps + load_number(np.int64, entry) * TAP
            line = memory + more.lines + phase * more.line
            columns = load_number(np.int64, entry + 16)
            for x in range(0, columns, register):
                store_all(zeros(number, register, 1), line + x * item, 0)
            for _ in range(load_number(np.int64, entry + 8)):
                row = y + load_number(np.int64, tap + 8)
                right = load_number(np.int64, tap + 16)
                if 0 <= row < more.height:
                    source = products + load_number(np.int64, tap) * more.plane
                    source += ((row - begin) * plan.width + right) * item
                    for x in range(0, columns, register):
                        there = line + x * item
                        product = load_row(
                            number, source + x * item, x + right, plan.width, register, SUM
                        )
                        store_all(add_stored((product,), there, 0), there, 0)
                tap += TAP

    return add_up


@cache
def _writing(number: Any, register: int, step: int) -> Any:
    item = np.dtype(number).itemsize
    lanes = step * register

    @block
    def write(record, memory, target, bias):
        """Write a row of the output, in which phases take turns."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Taps)
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        bends = slope != 1 or ceiling != np.inf
        lines = memory + more.lines
        for x in range(0, plan.out_width, lanes):
            parts = load_places(number, lines, more.turns, register, step)
            vectors = add_numbers((interleave(parts),), bias, 1)
            output, there = target + x * item, min(lanes, plan.out_width - x)
            if plan.residual:
                vectors = add_rows(vectors, output + plan.residual, 0, 0, there)
            if bends:
                vectors = activate(vectors, slope, ceiling)
            store_rows(vectors, output, 0, 0, there)
            lines += register * item

    return write
