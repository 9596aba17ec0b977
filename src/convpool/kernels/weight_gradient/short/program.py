"""The programs: products at 36 points of a block's tiles, and the gradients that they make."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.combining import any_nan
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, store_all, store_number
from convpool.kernels.sums import zeros
from convpool.kernels.weight_gradient.interleave import copying, filling
from convpool.kernels.weight_gradient.program import ordering, pixels_of, place_of, summing
from convpool.kernels.weight_gradient.record import Record
from convpool.kernels.weight_gradient.short.record import Tiles
from convpool.kernels.weight_gradient.short.transforms import (
    POINTS,
    of_gradients,
    of_pixels,
    of_sums,
)

_TILES = 8 * len(Record._fields)
PLANES = POINTS * POINTS


@cache
def sum_program(number: Any, lanes: int, count: int, register: int, m: int, r: int) -> Program:
    """Return the program that sums a share of the blocks, for some filters and channels."""
    read, turn = _reading(number, register, m, r), _turning(number, lanes, register, m, r)
    sum_tiles = summing(number, lanes, count, 0)

    def differentiate(record, unit, thread):
        """Sum one part's blocks for the filters and channels that the unit holds."""
        plan, more = fields(record, Record), fields(record + _TILES, Tiles)
        part, group, first_block, end_block, first_chunk, end_chunk = place_of(record, unit)
        memory = plan.scratch + thread * plan.scratch_bytes
        sums_of_group = plan.sums + part * plan.sums_part
        sums_of_group += group * plan.filter_blocks * plan.sums_block
        blocks = plan.image_blocks * plan.row_blocks
        first = blocks * part // plan.parts
        for number_of_block in range(first, blocks * (part + 1) // plan.parts):
            image, row, _, images, rows, _ = pixels_of(record, number_of_block)
            tiles = images * -(-rows // m) * more.columns
            source = plan.gradient + image * plan.gradient_image + row * plan.gradient_row
            for k in range(first_block, end_block):
                filters = min(lanes, plan.filters - k * lanes)
                here = source + (group * plan.filters + k * lanes) * plan.gradient_filter
                there = memory + more.slopes + (k - first_block) * more.slope_block
                turn(record, here, memory, there, filters, images, rows)
            for chunk in range(first_chunk, end_chunk):
                channels = min(plan.chunk, plan.channels - chunk * plan.chunk)
                here = plan.images + image * plan.image_stride
                here += (group * plan.channels + chunk * plan.chunk) * plan.channel_stride
                read(record, here, memory, channels, images, rows, row)
                for plane in range(PLANES):
                    for k in range(first_block, end_block):
                        slopes = memory + more.slopes + (k - first_block) * more.slope_block
                        sums = sums_of_group + k * plan.sums_block + chunk * plan.sums_chunk
                        sum_tiles(
                            memory + more.values + plane * more.value_plane,
                            plan.positions,
                            plan.strips,
                            1,
                            plan.tiles,
                            slopes + plane * more.slope_plane,
                            tiles,
                            sums + plane * more.sums_plane,
                            number_of_block == first,
                        )

    variant = f"weights-short-{number.__name__}-{lanes}-{count}-{m}-{r}"
    return Program(differentiate, variant=variant)


@cache
def _turning(number: Any, lanes: int, register: int, m: int, r: int) -> Any:
    item = np.dtype(number).itemsize
    vector, copy, transform = (
        lanes * item,
        copying(number, register),
        of_gradients(number, register, m, r),
    )

    @block
    def turn(record, source, memory, target, filters, images, rows):
        """Transform the gradients of up to `lanes` filters; beyond the output they are 0."""
        plan, more = fields(record, Record), fields(record + _TILES, Tiles)
        straight, halfway = memory + more.straight, memory + more.halfway
        columns, tile_rows = more.columns * m, -(-rows // m)
        row = columns * vector
        if filters < lanes or rows < tile_rows * m or plan.out_width < columns:
            for pixel in range(tile_rows * m * columns):
                store_all(zeros(number, lanes, 1), straight + pixel * vector, 0)
        for image in range(images):
            for y in range(rows):
                here = source + image * plan.gradient_image + y * plan.gradient_row
                copy(
                    here,
                    straight + y * row,
                    plan.out_width,
                    filters,
                    plan.gradient_column,
                    plan.gradient_filter,
                    vector,
                )
            for y in range(tile_rows):
                there = target + (image * tile_rows + y) * more.columns * vector
                for half in range(0, vector, register * item):
                    transform(
                        straight + y * m * row + half,
                        row,
                        vector,
                        halfway,
                        there + half,
                        vector,
                        more.slope_plane,
                        more.columns,
                    )

    return turn


@cache
def _reading(number: Any, register: int, m: int, r: int) -> Any:
    item = np.dtype(number).itemsize
    fill, transform = filling(number, register), of_pixels(number, register, m, r)

    @block
    def read(record, source, memory, channels, images, rows, row):
        """Transform the pixels of up to a chunk's channels."""
        plan, more = fields(record, Record), fields(record + _TILES, Tiles)
        tile_rows, pixel = -(-rows // m), plan.chunk * item
        pitch = plan.panel_columns * pixel
        for image in range(images):
            here = source + image * plan.image_stride
            fill(record, here, memory, channels, tile_rows * m, more.columns * m, row, 0)
            for y in range(tile_rows):
                there = memory + more.values
                there += (image * tile_rows + y) * more.columns * more.value_tile
                for channel in range(0, pixel, register * item):
                    transform(
                        memory + y * m * pitch + channel,
                        pitch,
                        pixel,
                        memory + more.halfway,
                        there + channel,
                        more.value_tile,
                        more.value_plane,
                        more.columns,
                    )

    return read


@cache
def finish_program(number: Any, lanes: int, register: int, m: int, r: int) -> Program:
    """Return the program that makes gradients of the sums, in the order of the weights."""
    item = np.dtype(number).itemsize
    vector = lanes * item
    transform, order = of_sums(number, register, m, r), ordering(number, lanes, register)

    def finish(record, unit, thread):
        """Write the weights of one block of filters."""
        plan, more = fields(record, Record), fields(record + _TILES, Tiles)
        halfway = plan.scratch + thread * plan.scratch_bytes + more.halfway
        trace = zeros(number, register, 1)[0]
        for channel in range(plan.channels):
            chunk, place = divmod(channel, plan.chunk)
            sums = plan.sums + unit * plan.sums_block + chunk * plan.sums_chunk + place * vector
            for half in range(0, vector, register * item):
                trace = transform(
                    sums + half, more.sums_plane, plan.parts, plan.sums_part, halfway, trace
                )
        if any_nan(trace):
            store_number(np.int64(1), more.doubts + 8)
        order(record, unit, 1)

    return Program(finish, variant=f"weights-short-finish-{number.__name__}-{lanes}-{m}-{r}")
