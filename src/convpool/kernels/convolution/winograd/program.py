"""The program: a block of tiles is transformed, multiplied with the filters, transformed back."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.convolution.filters import packing
from convpool.kernels.convolution.finish import finishing
from convpool.kernels.convolution.forward import CEILING, SLOPE, place_of
from convpool.kernels.convolution.panel import filling
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.winograd import matrices, products
from convpool.kernels.convolution.winograd.record import HEAD, Tiles
from convpool.kernels.convolution.winograd.transforms import (
    reading,
    turning,
    weighing,
    writing,
)
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_number, store_number

Short = tuple[int, int]
"""Outputs of a tile, and taps, each in a row and in a column alike."""
_RECORD = 8 * len(Record._fields)
_MOST_SOON = 256 << 10  # bytes, beside what the second cache holds anyway


@cache
def program(
    number: Any,
    short: Short,
    tile: tuple[int, int] | None,
    planar: bool,
    register: int,
    how: tuple[int, int, int],
) -> Program:
    """Return the program of a short convolution for a tile of registers, or on AMX without one.

    How: as rows are copied (`Reading`), and whether the taps are apart in a row.
    """
    m, r = short
    points = (m + r - 1) ** 2
    if tile:
        multiply, lanes = products.multiplying(number, *tile, points), tile[0]
    else:
        multiply, lanes = matrices.multiplying(number, points), matrices.LANES
    row_of_sums = lanes * np.dtype(number).itemsize
    read = _reading(number, short, register, how, int(not tile))
    write = _writing(number, short, lanes, planar, register, how[2])

    def convolve(record, unit, thread):
        """Make one block of tiles, of some images, for the unit's blocks of filters."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        group_of_images, group, _, first, end, row, column = place_of(record, unit)
        memory = plan.scratch + thread * plan.scratch_bytes
        first_image = group_of_images * more.images
        images = min(more.images, plan.batch * more.turns - first_image)
        tiles = 0
        for i in range(images):
            tiles += read(record, memory, (first_image + i, group, row, column, tiles, i))
        soon = _soon(record, first_image, images, end - first)
        for begin in range(first, end, more.together):
            weights = plan.packed + HEAD
            weights += (group * plan.filter_blocks + begin) * more.weights_block
            blocks = min(more.together, end - begin)
            multiply(record, memory, tiles, weights, blocks, soon)
            soon = 0, 0, 0
            for j in range(blocks):
                sums, done = memory + more.sums + j * more.sums_block, 0
                for i in range(images):
                    place = first_image + i, group, row, column, done, i
                    done += write(record, memory, place, sums + done * row_of_sums, begin + j)

    told = (*(tile or ("amx",)), int(planar), *how)
    variant = "-".join(map(str, (number.__name__, m, r, *told)))
    return Program(convolve, variant=f"winograd-{variant}")


@block
def _soon(record, first, images, blocks):
    """Return what a unit will need: its output, the next unit's pixels, and how many bytes each.

    Planes of a few pages or less are nothing that the hardware foresees. Asked for while products
    are computed, both are there in time: 64 images of 32 channels and 16x16 pixels take a third
    less (with two threads a quarter less). Only whole images are one piece of memory.
    """
    plan = fields(record, Record)
    more = fields(record + _RECORD, Tiles)
    output = plan.output + first * plan.output_image
    pixels = plan.images + (first + images) * plan.image_stride
    is_whole = plan.row_blocks * plan.column_blocks * plan.groups * more.turns == 1
    size = images * max(plan.output_image, plan.image_stride)
    if not is_whole or blocks < plan.filter_blocks or size > _MOST_SOON:
        size = 0
    return output, pixels, size


@block
def _part_of(record, image, row):
    """Return the number of an image, which of its turns is meant, and its rows in a unit."""
    plan = fields(record, Record)
    turns = fields(record + _RECORD, Tiles).turns
    image, turn = divmod(image, turns)
    height = -(-(plan.out_height - turn) // turns)
    return image, turn, max(0, min(plan.rows, height - row))


@block
def _tiles_of(record, columns, m):
    """Return how many tiles so many columns are in; those that take turns follow each other."""
    step = fields(record + _RECORD, Tiles).step
    whole, left = divmod(columns, m * step)
    return whole * step + min(left, step)


@cache
def _reading(
    number: Any, short: Short, register: int, how: tuple[int, int, int], splits: int
) -> Any:
    m, r = short
    item = np.dtype(number).itemsize
    squares = 2 if splits else 1
    together = squares * register
    pixel = together * item
    fill, turn = filling(number, register, *how[:2]), turning(number, register, squares, splits)
    transform = reading(number, together, m, r, splits, how[2])

    @block
    def read(record, memory, place):
        """Transform a unit's block of one image, chunk by chunk of channels; return its tiles.

        A place is an image, a group, the first row and column of the output, the tiles that were
        before, and which one of the unit's images it is.
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        image, group, row, column, before, number_of_image = place
        image, its_turn, rows = _part_of(record, image, row)
        down = -(-rows // m)
        source = plan.images + image * plan.image_stride
        source += group * plan.channels * plan.channel_stride
        across = _tiles_of(record, min(plan.columns, plan.out_width - column), m)
        turned, values = memory + more.turned, memory + more.values
        values += before * more.values_tile
        row += its_turn * more.turn_rows
        has_tiny = load_number(np.int64, plan.packed) != 0
        for first in range(0, plan.channels, plan.chunk):
            channels = min(plan.chunk, plan.channels - first)
            fill(record, source + first * plan.channel_stride, memory, channels, row, column)
            for channel in range(0, channels, together):
                has_tiny |= turn(
                    memory + channel * plan.channel_gap,
                    plan.channel_gap,
                    min(together, channels - channel),
                    (down * m + r - 1) * plan.pitch,
                    turned,
                )
                target = values + (first + channel) * item
                if splits:
                    target = values + (first + channel) // together * more.values_step
                for y in range(down):
                    transform(
                        turned + y * m * plan.pitch * pixel,
                        plan.pitch * pixel,
                        memory + more.halfway,
                        more.halfway_row,
                        target + y * across * more.values_tile,
                        more.values_tile,
                        more.values_plane,
                        across,
                        more.step,
                    )
        store_number(np.int64(splits and has_tiny), memory + more.has_tiny + number_of_image * 8)
        return down * across

    return read


@cache
def _writing(number: Any, short: Short, lanes: int, planar: bool, register: int, apart: int) -> Any:
    m, r = short
    item = np.dtype(number).itemsize
    pixel = register * item
    untransform = writing(number, register, m, r, apart)
    finish = finishing(number, register, int(planar))

    @block
    def write(record, memory, place, sums, number_of_block):
        """Store one image's output in a unit, for one block of filters; return its tiles."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        image, group, row, column, _, number_of_image = place
        image, its_turn, rows = _part_of(record, image, row)
        columns = min(plan.columns, plan.out_width - column)
        across = _tiles_of(record, columns, m)
        output_row = more.turns * plan.output_row
        output = plan.output + image * plan.output_image + its_turn * plan.output_row
        output += row * output_row + column * plan.output_column
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        has_tiny = load_number(np.int64, memory + more.has_tiny + number_of_image * 8) != 0
        for lane in range(0, lanes, register):
            k = number_of_block * lanes + lane
            k_of_all = group * plan.filters + k
            if k >= plan.filters:
                continue
            for y in range(0, rows, m):
                is_right = untransform(
                    sums + ((y // m) * across * lanes + lane) * item,
                    lanes * item,
                    more.sums_plane,
                    memory + more.halfway,
                    memory + more.outputs,
                    more.outputs_row,
                    across,
                    more.step,
                    has_tiny,
                )
                if not is_right:
                    store_number(np.int64(1), more.spoiled + image * 8)
                pieces, pixels = min(m, rows - y), columns
                if more.joined:
                    pieces, pixels = 1, pieces * pixels
                for i in range(pieces):
                    finish(
                        memory + more.outputs + i * more.outputs_row,
                        pixel,
                        output + k_of_all * plan.output_filter + (y + i) * output_row,
                        plan.filters - k,
                        pixels,
                        plan.output_filter,
                        plan.output_column,
                        plan.bias + k_of_all * item,
                        plan.residual,
                        slope,
                        ceiling,
                    )
        return -(-rows // m) * across

    return write


class Weighing(NamedTuple):
    """What the program that transforms weights is told, in bytes but for the numbers of things."""

    packing: int = 0
    """Of a `Packing`, by which a block's weights are put in order first."""
    target: int = 0
    scratch: int = 0
    scratch_bytes: int = 0
    """Of one thread: a block's weights in order, and then rows that are transformed halfway."""
    channels: int = 0
    rows: int = 0
    """Channels with those that are zeros."""
    packed_block: int = 0
    """From one block of filters to the next, as the others."""
    target_block: int = 0
    target_plane: int = 0


TARGET, WEIGHING_SCRATCH = map(Weighing._fields.index, ("target", "scratch"))


@cache
def weighing_program(
    number: Any, short: Short, lanes: int, register: int, in_order: bool
) -> Program:
    """Return the program that transforms weights, a block of filters a unit.

    In order they lie in the scratch, so that they are read from the second cache.
    """
    transform_weights = weighing(number, lanes, *short)
    pack_block = packing(number, register, in_order)

    def weigh(record, unit, thread):
        """Transform the weights of one block of filters."""
        plan = fields(record, Weighing)
        memory = plan.scratch + thread * plan.scratch_bytes
        pack_block(plan.packing, unit, memory - unit * plan.packed_block)
        has_tiny = transform_weights(
            memory,
            plan.channels,
            plan.rows,
            memory + plan.packed_block,
            plan.target + HEAD + unit * plan.target_block,
            plan.target_plane,
        )
        if has_tiny:
            store_number(np.int64(1), plan.target)

    return Program(
        weigh, variant=f"weigh-{number.__name__}-{short[0]}-{short[1]}-{lanes}-{register}"
    )
