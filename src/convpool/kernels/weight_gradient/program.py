"""The programs: sums of products block by block of the output, and what becomes of them."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.convolution.blocking import SEGMENT
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import (
    fields,
    load,
    load_number,
    load_places,
    store_all,
    store_rows,
    transpose,
)
from convpool.kernels.sums import (
    add_places,
    add_stored,
    multiply_add,
    multiply_add_each,
    zeros,
)
from convpool.kernels.weight_gradient.interleave import copying, filling
from convpool.kernels.weight_gradient.record import Record


@cache
def summing(number: Any, lanes: int, count: int, apart: int) -> Any:
    """Return the function that sums the tiles of a segment of pixels.

    A tile is `count` numbers of each pixel times `lanes` filters. If the channels are `apart`, each
    of the filters has one of its own, and a tile is as many vectors of channels times the filters.
    """
    item = np.dtype(number).itemsize
    vector = lanes * item
    width = count * (vector if apart else item)
    add = multiply_add_each if apart else multiply_add

    @block
    def sum_tiles(panel, positions, strips, number_of_strips, tiles, gradient, pixels, sums, fresh):
        """Leave the sums of all tiles in memory, on top of those of earlier pixels.

        The arguments:
            panel: its address.
            positions: address of the pixels' places in the panel.
            strips, number_of_strips: address of the strips' places at a pixel, and how many.
            tiles: of a strip.
            gradient: address of the first pixel's filters; the next one's follow.
            pixels: their number.
            sums: address of the first tile's sums.
            fresh: whether there are no earlier pixels.
        """
        for strip in range(number_of_strips):
            place = panel + load_number(np.int64, strips + strip * 8)
            for _ in range(tiles):
                tile = zeros(number, lanes, count)
                for pixel in range(pixels):
                    filters = load(number, gradient + pixel * vector, lanes)
                    here = place + load_number(np.int64, positions + pixel * 8)
                    tile = add(tile, filters, here)
                if not fresh:
                    tile = add_stored(tile, sums, vector)
                store_all(tile, sums, vector)
                place += width
                sums += count * vector

    return sum_tiles


@cache
def _gathering(number: Any, lanes: int, register: int) -> Any:
    vector = lanes * np.dtype(number).itemsize
    copy = copying(number, register)

    @block
    def gather(record, source, turned, group, first_block, end_block, images, rows, columns):
        """Copy the gradient of a block's pixels to where filters are neighbours."""
        plan = fields(record, Record)
        joined = columns == plan.out_width
        joined = joined and plan.gradient_row == columns * plan.gradient_column
        runs, pixels = (1, rows * columns) if joined else (rows, columns)
        inside = min(plan.filters, plan.all_filters - group * plan.filters)
        for number_of_block in range(first_block, end_block):
            k = number_of_block * lanes
            filters = min(lanes, inside - k)
            here = source + (group * plan.filters + k) * plan.gradient_filter
            target = turned + (number_of_block - first_block) * plan.block_bytes
            if filters < lanes:  # small numbers that were left there would be as slow as a fault
                for pixel in range(images * rows * columns):
                    store_all(zeros(number, lanes, 1), target + pixel * vector, 0)
            for image in range(images):
                for run in range(runs):
                    copy(
                        here + image * plan.gradient_image + run * plan.gradient_row,
                        target,
                        pixels,
                        filters,
                        plan.gradient_column,
                        plan.gradient_filter,
                        vector,
                    )
                    target += pixels * vector

    return gather


@block
def place_of(record, unit):
    """Return a unit's part, group, and its blocks of filters and chunks, each from and to."""
    plan = fields(record, Record)
    rest, held_chunk = divmod(unit, -(-plan.chunks // plan.held_chunks))
    rest, held_block = divmod(rest, -(-plan.filter_blocks // plan.held_blocks))
    part, group = divmod(rest, plan.groups)
    first_block, first_chunk = held_block * plan.held_blocks, held_chunk * plan.held_chunks
    return (
        part,
        group,
        first_block,
        min(plan.filter_blocks, first_block + plan.held_blocks),
        first_chunk,
        min(plan.chunks, first_chunk + plan.held_chunks),
    )


@block
def pixels_of(record, number_of_block):
    """Return a block's first image, row and column, and how many there are of each."""
    plan = fields(record, Record)
    rest, column_block = divmod(number_of_block, plan.column_blocks)
    image_block, row_block = divmod(rest, plan.row_blocks)
    image, row = image_block * plan.block_images, row_block * plan.block_rows
    column = column_block * plan.block_columns
    return (
        image,
        row,
        column,
        min(plan.block_images, plan.batch - image),
        min(plan.block_rows, plan.out_height - row),
        min(plan.block_columns, plan.out_width - column),
    )


@cache
def sum_program(number: Any, lanes: int, count: int, apart: int, register: int) -> Program:
    """Return the program that sums a share of the blocks, for some filters and channels."""
    item = np.dtype(number).itemsize
    vector = lanes * item
    gather, fill = _gathering(number, lanes, register), filling(number, register)
    sum_tiles = summing(number, lanes, count, apart)

    def differentiate(record, unit, thread):
        """Sum one part's blocks for the filters and channels that the unit holds."""
        plan = fields(record, Record)
        part, group, first_block, end_block, first_chunk, end_chunk = place_of(record, unit)
        panel = plan.scratch + thread * plan.scratch_bytes
        turned = panel + plan.panel_bytes
        sums_of_group = plan.sums + part * plan.sums_part
        sums_of_group += group * plan.filter_blocks * plan.sums_block
        blocks = plan.image_blocks * plan.row_blocks * plan.column_blocks
        first = blocks * part // plan.parts
        for block_of_pixels in range(first, blocks * (part + 1) // plan.parts):
            image, row, column, images, rows, columns = pixels_of(record, block_of_pixels)
            pixels = images * rows * columns
            source = plan.gradient + image * plan.gradient_image
            source += row * plan.gradient_row + column * plan.gradient_column
            gather(record, source, turned, group, first_block, end_block, images, rows, columns)
            parts = -(-pixels // SEGMENT)
            for chunk in range(first_chunk, end_chunk):
                c = group * plan.channels + chunk * plan.chunk
                inside = min(plan.channels, plan.all_channels - group * plan.channels)
                for i in range(images):
                    fill(
                        record,
                        plan.images + (image + i) * plan.image_stride + c * plan.channel_stride,
                        panel + i * plan.panel_image,
                        min(plan.chunk, inside - chunk * plan.chunk),
                        rows,
                        columns,
                        row,
                        column,
                    )
                for segment in range(parts):
                    begin = pixels * segment // parts
                    for number_of_block in range(first_block, end_block):
                        here = turned + (number_of_block - first_block) * plan.block_bytes
                        sums = sums_of_group + number_of_block * plan.sums_block
                        sum_tiles(
                            panel,
                            plan.positions + begin * 8,
                            plan.strips,
                            plan.number_of_strips,
                            plan.tiles,
                            here + begin * vector,
                            pixels * (segment + 1) // parts - begin,
                            sums + chunk * plan.sums_chunk,
                            block_of_pixels == first and segment == 0,
                        )

    variant = f"weights-{number.__name__}-{lanes}-{count}-{int(apart)}"
    return Program(differentiate, variant=variant)


@cache
def ordering(number: Any, lanes: int, register: int) -> Any:
    """Return the function that writes weights in their order."""
    item = np.dtype(number).itemsize

    @block
    def order(record, unit, parts):
        """Write the weights of one block of filters: the sums of so many parts."""
        plan = fields(record, Record)
        group, number_of_block = divmod(unit, plan.filter_blocks)
        filters = min(plan.filters, plan.all_filters - group * plan.filters)
        row = plan.weights * item
        for k in range(0, min(lanes, filters - number_of_block * lanes), register):
            here = filters - number_of_block * lanes - k
            sums = plan.sums + unit * plan.sums_block + k * item
            target = plan.result
            target += (group * plan.filters + number_of_block * lanes + k) * row
            for weight in range(0, plan.weights, register):
                places = plan.places + weight * 8
                square = load_places(number, sums, places, register, register)
                for part in range(1, parts):
                    square = add_places(square, sums + part * plan.sums_part, places)
                last = min(here, register) - 1
                store_rows(
                    transpose(square), target + weight * item, row, last, plan.weights - weight
                )

    return order


@cache
def finish_program(number: Any, lanes: int, register: int) -> Program:
    """Return the program that adds the parts' sums and puts them in the order of the weights."""
    order = ordering(number, lanes, register)

    def finish(record, unit, _thread):
        """Write the weights of one block of filters."""
        order(record, unit, fields(record, Record).parts)

    return Program(finish, variant=f"weights-finish-{number.__name__}-{lanes}")
