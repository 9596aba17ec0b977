"""The program: block by block of the output, chunk by chunk of channels, tile by tile."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.convolution.blocking import SEGMENT
from convpool.kernels.convolution.finish import finishing
from convpool.kernels.convolution.panel import Reading, filling
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.tiles import Tile, across_filters, across_pixels
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_number

Number = Any
"""The class of an element type, such as np.float32."""
SLOPE, CEILING = (8 * Record._fields.index(name) for name in ("slope", "ceiling"))


@cache
def program(number: Number, tile: Tile, planar: bool, register: int, reading: Reading) -> Program:
    """Return the program for a tile, a way to read the input and an order of the output."""
    names = map(int, (*tile, planar, *reading))
    variant = "-".join(("forward", number.__name__, *map(str, names)))
    if tile.across_filters:
        return Program(_across_filters(number, tile, planar, register, reading), variant=variant)
    return Program(_across_pixels(number, tile, register, reading), variant=variant)


@block
def place_of(record, unit):
    """Return a unit's image, groups from and how many, filter blocks from and to, row, column."""
    plan = fields(record, Record)
    rest, column_block = divmod(unit, plan.column_blocks)
    rest, row_block = divmod(rest, plan.row_blocks)
    rest, held = divmod(rest, -(-plan.filter_blocks // plan.held))
    image, joint = divmod(rest, -(-plan.groups // plan.joint))
    group, first_filter = joint * plan.joint, held * plan.held
    return (
        image,
        group,
        min(plan.joint, plan.groups - group),
        first_filter,
        min(first_filter + plan.held, plan.filter_blocks),
        row_block * plan.rows,
        column_block * plan.columns,
    )


def _across_filters(
    number: Number, tile: Tile, planar: bool, register: int, reading: Reading
) -> Any:
    lanes, count = tile.lanes, tile.numbers
    item = np.dtype(number).itemsize
    pixel = lanes * item
    fill = filling(number, register, *reading)
    sum_rows = across_filters(number, lanes, count, tile.skips)
    finish = finishing(number, register, int(planar))

    def convolve(record, unit, thread):
        """Make one block of the output, by way of sums in the scratch memory."""
        plan = fields(record, Record)
        image, group, _, first_filter, end_filter, row, column = place_of(record, unit)
        panel = plan.scratch + thread * plan.scratch_bytes
        memory = panel + plan.panel_bytes
        source = plan.images + image * plan.image_stride
        source += group * plan.channels * plan.channel_stride
        # The last tile reads beyond its row: only at the very end is there nothing to be read.
        across = min(plan.columns, plan.out_width - column)
        reaches_out = column + -(-across // count) * count > plan.out_width
        met = plan.met + row * plan.met_row + column // count * 16
        for first in range(0, plan.channels, plan.chunk):
            channels = min(plan.chunk, plan.channels - first)
            begin = source + first * plan.channel_stride
            here, offsets_of_phases = panel, plan.offsets
            is_last = first + channels == plan.channels and image + 1 == plan.batch
            if plan.direct != 0 and not (reaches_out and is_last):
                here, offsets_of_phases = begin + column * item, plan.direct
            else:
                fill(record, begin, panel, channels, row, column)
            done = (group * plan.channels + first) * plan.filter_blocks + channels * first_filter
            weights = plan.packed + done * plan.taps * pixel
            for block_of_filters in range(end_filter - first_filter):
                for phase in range(plan.number_of_phases):
                    entry = plan.phases + phase * 48
                    first_y = load_number(np.int64, entry)
                    rows = load_number(np.int64, entry + 8)
                    first_x = load_number(np.int64, entry + 16)
                    columns = load_number(np.int64, entry + 24)
                    products = channels * load_number(np.int64, entry + 32)
                    offsets = offsets_of_phases + load_number(np.int64, entry + 40) * 8
                    sums = memory + block_of_filters * plan.sums_bytes
                    sums += (first_y * plan.sums_pitch + first_x) * pixel
                    parts = max(1, -(-products // SEGMENT))
                    for part in range(parts):
                        begin = products * part // parts
                        sum_rows(
                            here,
                            offsets + begin * 8,
                            weights + begin * pixel,
                            products * (part + 1) // parts - begin,
                            sums,
                            min(plan.rows, rows - row),
                            min(plan.columns, columns - column),
                            plan.pitch * item,
                            plan.sums_pitch * plan.step_y * pixel,
                            plan.step_x * pixel,
                            channels * plan.taps * pixel,
                            first + part == 0,
                            (met, plan.met_row, channels),
                        )
                    weights += products * pixel
        rows = min(plan.rows * plan.step_y, plan.out_height - row * plan.step_y)
        columns = min(plan.columns * plan.step_x, plan.out_width - column * plan.step_x)
        if plan.joined:
            rows, columns = 1, rows * columns
        output = plan.output + image * plan.output_image + row * plan.step_y * plan.output_row
        output += column * plan.step_x * plan.output_column
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        for k in range(first_filter * lanes, min(end_filter * lanes, plan.filters), register):
            k_of_all = group * plan.filters + k
            sums = memory + (k // lanes - first_filter) * plan.sums_bytes + (k % lanes) * item
            for y in range(rows):
                finish(
                    sums + y * plan.sums_pitch * pixel,
                    pixel,
                    output + k_of_all * plan.output_filter + y * plan.output_row,
                    plan.filters - k,
                    columns,
                    plan.output_filter,
                    plan.output_column,
                    plan.bias + k_of_all * item,
                    plan.residual,
                    slope,
                    ceiling,
                )

    return convolve


@block
def aligned(record, source, column, item):
    """Return a block's first position, how many it has, and how many the first tile leaves out.

    Blocks are moved to where the image's lines begin: of vectors that straddle two of them, each
    line is loaded twice, which takes up to a fifth longer.
    """
    plan = fields(record, Record)
    moved = 0
    if plan.channel_stride % 64 == 0:
        moved = source % 64 // item
    end = column + plan.columns - moved
    if column + plan.columns >= plan.out_width:
        end = plan.out_width
    first = max(0, column - moved)
    return first, end - first, moved if column == 0 else 0


def _across_pixels(number: Number, tile: Tile, register: int, reading: Reading) -> Any:
    _, lanes, count, _, packed, flat, _ = tile
    item = np.dtype(number).itemsize
    fill = filling(number, register, *reading)
    sum_rows = across_pixels(number, tile)

    def convolve(record, unit, thread):
        """Make one block of the output, which holds the sums until the last products are added."""
        plan = fields(record, Record)
        image, first_group, groups, first_filter, end_filter, row, column = place_of(record, unit)
        source = plan.images + image * plan.image_stride
        source += first_group * plan.channels * plan.channel_stride
        rows = min(plan.rows, plan.out_height - row)
        columns = min(plan.columns, plan.out_width - column)
        skip = 0
        if packed and flat and plan.direct != 0 and plan.in_place:
            column, columns, skip = aligned(record, source, column, item)
        output = plan.output + image * plan.output_image + row * plan.output_row
        output += column * plan.output_column
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        panel = plan.scratch + thread * plan.scratch_bytes
        reaches_out = column + -(-columns // lanes) * lanes > plan.out_width
        for first in range(0, plan.channels, plan.chunk):
            channels = min(plan.chunk, plan.channels - first)
            begin = source + first * plan.channel_stride
            here, offsets = panel, plan.offsets
            is_last = first + channels == plan.channels and image + 1 == plan.batch
            if plan.direct != 0 and plan.in_place and not (reaches_out and is_last):
                here, offsets = begin + column * item, plan.direct
            else:
                fill(record, begin, panel, groups * channels, row, column)
            # Of one tap a channel, what comes next is asked for meanwhile: by each tile of each
            # block of filters, a line of each channel.
            coming, step = begin + channels * plan.channel_stride + column * item, plan.channel_gap
            if first + channels == plan.channels:
                coming = source + (column + columns) * item
            if here != panel:
                step = plan.channel_stride
            last_line = coming + (columns - 1) * item
            lines = -(-columns // lanes) * 64
            products = channels * plan.taps
            parts = max(1, -(-products // SEGMENT))
            for part in range(parts):
                begin = products * part // parts
                end = products * (part + 1) // parts
                for group in range(groups):
                    group_of_all = first_group + group
                    for block_of_filters in range(first_filter, end_filter):
                        k = block_of_filters * count
                        k_of_all = group_of_all * plan.filters + k
                        if packed:
                            done = (group_of_all * plan.channels + first) * plan.filter_blocks
                            done = (done + channels * block_of_filters) * plan.taps + begin
                            weights = plan.packed + done * (count * item)
                        else:
                            weights = plan.packed + k_of_all * plan.filter_row
                            weights += (first * plan.taps + begin) * item
                        taps = offsets + begin * 8
                        place = here + group * channels * plan.channel_gap
                        if flat:
                            taps = step
                            place += begin * step
                        line = coming + (block_of_filters - first_filter) * lines
                        sum_rows(
                            place,
                            taps,
                            weights,
                            plan.filter_row,
                            end - begin,
                            output + k_of_all * plan.output_filter,
                            rows,
                            columns,
                            min(count, plan.filters - k) - 1,
                            plan.pitch * item,
                            plan.output_row,
                            plan.output_filter,
                            plan.bias + k_of_all * item,
                            plan.residual,
                            slope,
                            ceiling,
                            first + part == 0,
                            first + channels == plan.channels and part == parts - 1,
                            plan.chosen,
                            (line, last_line, plan.channel_stride),
                            skip if here != panel else 0,
                        )

    return convolve
