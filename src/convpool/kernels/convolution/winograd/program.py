"""The program: a block of tiles is transformed, multiplied with the filters, transformed back."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.convolution.finish import finishing
from convpool.kernels.convolution.forward import CEILING, SLOPE, place_of
from convpool.kernels.convolution.panel import Reading, filling
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.winograd.products import multiplying
from convpool.kernels.convolution.winograd.record import Tiles
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


@cache
def program(
    number: Any,
    short: Short,
    tile: tuple[int, int],
    planar: bool,
    register: int,
    reading: Reading,
) -> Program:
    """Return the program of a short convolution for a tile of registers."""
    m, r = short
    read = _reading(number, short, register, reading)
    write = _writing(number, short, tile[0], planar, register)
    multiply = multiplying(number, *tile)
    points = (m + r - 1) ** 2

    def convolve(record, unit, thread):
        """Make one block of tiles, for the unit's blocks of filters."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        _, group, _, first, end, row, column = place_of(record, unit)
        memory = plan.scratch + thread * plan.scratch_bytes
        read(record, unit, memory)
        down = -(-min(plan.rows, plan.out_height - row) // m)
        across = -(-min(plan.columns, plan.out_width - column) // m)
        for number_of_block in range(first, end):
            weights = plan.packed
            weights += (group * plan.filter_blocks + number_of_block) * more.weights_block
            for point in range(points):
                multiply(
                    memory + more.values + point * more.values_plane,
                    more.values_tile,
                    down * across,
                    plan.channels,
                    weights + point * more.weights_plane,
                    weights + (point + 1) * more.weights_plane,
                    memory + more.sums + point * more.sums_plane,
                )
            write(record, unit, memory, number_of_block)

    variant = "-".join(map(str, (number.__name__, m, r, *tile, int(planar), *reading)))
    return Program(convolve, variant=f"winograd-{variant}")


@cache
def _reading(number: Any, short: Short, register: int, how: Reading) -> Any:
    m, r = short
    item = np.dtype(number).itemsize
    pixel = register * item
    fill = filling(number, register, *how)
    turn, transform = turning(number, register), reading(number, register, m, r)

    @block
    def read(record, unit, memory):
        """Transform a unit's block of the input, chunk by chunk of channels."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        image, group, _, _, _, row, column = place_of(record, unit)
        source = plan.images + image * plan.image_stride
        source += group * plan.channels * plan.channel_stride
        down = -(-min(plan.rows, plan.out_height - row) // m)
        across = -(-min(plan.columns, plan.out_width - column) // m)
        turned, values = memory + more.turned, memory + more.values
        for first in range(0, plan.channels, plan.chunk):
            channels = min(plan.chunk, plan.channels - first)
            fill(record, source + first * plan.channel_stride, memory, channels, row, column)
            for channel in range(0, channels, register):
                turn(
                    memory + channel * plan.channel_gap,
                    plan.channel_gap,
                    min(register, channels - channel),
                    (down * m + r - 1) * plan.pitch,
                    turned,
                )
                for y in range(down):
                    transform(
                        turned + y * m * plan.pitch * pixel,
                        plan.pitch * pixel,
                        memory + more.halfway,
                        more.halfway_row,
                        values + y * across * more.values_tile + (first + channel) * item,
                        more.values_tile,
                        more.values_plane,
                        across,
                    )

    return read


@cache
def _writing(number: Any, short: Short, lanes: int, planar: bool, register: int) -> Any:
    m, r = short
    item = np.dtype(number).itemsize
    pixel = register * item
    untransform = writing(number, register, m, r)
    finish = finishing(number, register, int(planar))

    @block
    def write(record, unit, memory, number_of_block):
        """Store a unit's block of the output, for one block of filters."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        image, group, _, _, _, row, column = place_of(record, unit)
        rows = min(plan.rows, plan.out_height - row)
        columns = min(plan.columns, plan.out_width - column)
        across = -(-columns // m)
        output = plan.output + image * plan.output_image
        output += row * plan.output_row + column * plan.output_column
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        for lane in range(0, lanes, register):
            k = number_of_block * lanes + lane
            k_of_all = group * plan.filters + k
            if k >= plan.filters:
                continue
            for y in range(0, rows, m):
                is_finite = untransform(
                    memory + more.sums + ((y // m) * across * lanes + lane) * item,
                    lanes * item,
                    more.sums_plane,
                    memory + more.halfway,
                    memory + more.outputs,
                    more.outputs_row,
                    across,
                )
                if not is_finite:
                    store_number(np.int64(1), more.spoiled + image * 8)
                pieces, pixels = min(m, rows - y), columns
                if more.joined:
                    pieces, pixels = 1, pieces * pixels
                for i in range(pieces):
                    finish(
                        memory + more.outputs + i * more.outputs_row,
                        pixel,
                        output + k_of_all * plan.output_filter + (y + i) * plan.output_row,
                        plan.filters - k,
                        pixels,
                        plan.output_filter,
                        plan.output_column,
                        plan.bias + k_of_all * item,
                        plan.residual,
                        slope,
                        ceiling,
                    )

    return write


class Weighing(NamedTuple):
    """What the program that transforms weights is told, in bytes but for the numbers of things."""

    packed: int = 0
    target: int = 0
    scratch: int = 0
    scratch_bytes: int = 0
    """Of one thread."""
    channels: int = 0
    packed_block: int = 0
    """From one block of filters to the next, as the others."""
    target_block: int = 0
    target_plane: int = 0


@cache
def weighing_program(number: Any, short: Short, lanes: int) -> Program:
    """Return the program that transforms packed weights, a block of filters a unit."""
    transform_weights = weighing(number, lanes, *short)

    def weigh(record, unit, thread):
        """Transform the weights of one block of filters."""
        plan = fields(record, Weighing)
        transform_weights(
            plan.packed + unit * plan.packed_block,
            plan.channels,
            plan.scratch + thread * plan.scratch_bytes,
            plan.target + unit * plan.target_block,
            plan.target_plane,
        )

    return Program(weigh, variant=f"weigh-{number.__name__}-{short[0]}-{short[1]}-{lanes}")
