"""The program: a block of positions after the other is multiplied, pixels with gradients."""

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
from convpool.kernels.combining import add_no_times, any_nan
from convpool.kernels.convolution.panel import Reading
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_all, load_number, store_all, store_number
from convpool.kernels.sums import add_stored, zeros
from convpool.kernels.weight_gradient.amx.operands import STEP, reading, turning
from convpool.kernels.weight_gradient.amx.record import Operands
from convpool.kernels.weight_gradient.program import pixels_of, place_of
from convpool.kernels.weight_gradient.record import Record

_OPERANDS = 8 * len(Record._fields)
FILTERS = 2 * ROWS
"""Filters of a block."""
STEP_BYTES = 2 * PIECES * TILE
"""Bytes of the pairs of a block of filters for one step."""
_ROW = FILTERS * 4


@cache
def sum_program(number: Any, lanes: int, how: Reading | None) -> Program:
    """Return the program that sums a share of the blocks, for some filters and channels."""
    read, turn, multiply = reading(number, lanes, how), turning(number), _multiplying(number)

    def differentiate(record, unit, thread):
        """Sum one part's blocks for the filters and channels that the unit holds."""
        plan, more = fields(record, Record), fields(record + _OPERANDS, Operands)
        part, group, first_block, end_block, first_chunk, end_chunk = place_of(record, unit)
        memory = plan.scratch + thread * plan.scratch_bytes
        sums = plan.sums + part * plan.sums_part + group * plan.filter_blocks * plan.sums_block
        sums += first_chunk * plan.sums_chunk
        channel = group * plan.channels + first_chunk * ROWS
        channels = min(plan.channels - first_chunk * ROWS, (end_chunk - first_chunk) * ROWS)
        # Of filters and channels that there aren't, sums needn't be right, but finite.
        for line in range(0, ROWS * more.straight_row, 64):
            store_all(zeros(number, ROWS, 1), memory + more.straight + line, 0)
        for piece in range(PIECES):
            rows = memory + more.pixels + piece * more.pixel_piece
            for line in range(channels * more.pixel_row, more.pixel_piece, 64):
                store_all(zeros(number, ROWS, 1), rows + line, 0)
        blocks = plan.image_blocks * plan.row_blocks * plan.column_blocks
        first = blocks * part // plan.parts
        has_tiny = False
        configure(more.shapes)
        for number_of_block in range(first, blocks * (part + 1) // plan.parts):
            image, row, column, images, rows, columns = pixels_of(record, number_of_block)
            steps = (images - 1) * more.of_image + (rows - 1) * more.pitch + columns
            steps = -(-steps // STEP)
            source = plan.images + image * plan.image_stride + channel * plan.channel_stride
            has_tiny |= read(record, source, memory, channels, images, rows, row, columns, column)
            source = plan.gradient + image * plan.gradient_image
            source += row * plan.gradient_row + column * plan.gradient_column
            for k in range(first_block, end_block):
                filters = min(plan.filters - k * FILTERS, FILTERS)
                here = source + (group * plan.filters + k * FILTERS) * plan.gradient_filter
                there = memory + more.turned + (k - first_block) * more.steps * STEP_BYTES
                straight = memory + more.straight
                has_tiny |= turn(
                    record, here, straight, there, filters, images, rows, columns, steps
                )
            for pair in range(0, (end_chunk - first_chunk) * more.taps, 2):
                for k in range(first_block, end_block):
                    multiply(
                        record,
                        memory,
                        pair,
                        (end_chunk - first_chunk) * more.taps - pair,
                        (k - first_block) * more.steps * STEP_BYTES,
                        steps,
                        plan.filters - k * FILTERS,
                        sums + k * plan.sums_block,
                        number_of_block == first,
                    )
        release()
        if has_tiny:
            store_number(np.int64(1), more.doubts)

    variant = "-".join(map(str, (number.__name__, *(how or ("in-place",)))))
    return Program(differentiate, variant=f"amx-weights-gradient-{variant}")


@cache
def _multiplying(number: Any) -> Any:
    @block
    def multiply(record, memory, pair, tiles, turned, steps, filters, sums, fresh):
        """Add the products of a block of positions to the sums of 32 filters.

        The arguments:
            record, memory: the program's, and the thread's scratch.
            pair, tiles: number of the first of two tiles of 16 channels at a tap, and how many
                there are from it on.
            turned: where in the pairs the filters' begin.
            steps: of 32 positions.
            filters: from the block's first on.
            sums: address of the unit's sums; the tile's are added to those of earlier positions.
            fresh: whether there are no earlier ones.
        """
        more = fields(record + _OPERANDS, Operands)
        row, piece = more.pixel_row, more.pixel_piece
        chunk, tap = divmod(pair, more.taps)
        one = memory + more.pixels + chunk * ROWS * row
        one += load_number(np.int64, more.offsets + tap * 8)
        chunk, tap = divmod(pair + (tiles > 1), more.taps)
        two = memory + more.pixels + chunk * ROWS * row
        two += load_number(np.int64, more.offsets + tap * 8)
        first = memory + more.turned + turned
        second = first + PIECES * TILE
        is_whole = filters > ROWS
        clear_sums()
        for i in range(2 * steps):
            step = i if i < steps else i - steps
            a, b, c, d = one + step * 64, two + step * 64, first, second
            c += step * STEP_BYTES
            d += step * STEP_BYTES
            if i < steps and is_whole:
                add_products(a, b, row, piece, c, d, 64, 2, 0)
            elif i < steps:
                add_products(a, b, row, piece, c, d, 64, 1, 0)
            elif is_whole:
                add_products(a, b, row, piece, c, d, 64, 2, 1)
            else:
                add_products(a, b, row, piece, c, d, 64, 1, 1)
        made = memory + more.made
        store_sums(made, made + 2 * TILE)
        target = sums + pair * ROWS * _ROW
        trace = zeros(number, ROWS, 1)[0]
        for _ in range(min(2, tiles) * 4):
            vectors = load_all(number, made, 64, ROWS, 8)
            trace = add_no_times(trace, vectors)
            if not fresh:
                vectors = add_stored(vectors, target, 64)
            store_all(vectors, target, 64)
            made += 512
            target += 512
        if any_nan(trace):
            store_number(np.int64(1), more.doubts + 8)

    return multiply
