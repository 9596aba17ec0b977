"""The programs: each tap's products with a plane of gradients, and their sums."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_all, store_all, transpose
from convpool.kernels.simd import store_row
from convpool.kernels.sliding import correlate, existing_rows, total
from convpool.kernels.streaming import ask
from convpool.kernels.sums import add_stored, zeros
from convpool.kernels.windows import packed

Window = tuple[int, int, int, int]
"""Taps down, stride, taps across, stride."""


class Record(NamedTuple):
    """What the programs are told: addresses, strides in bytes, numbers.

    The first ones are those of a call's arrays, in this order: see `operator`.
    """

    images: int = 0
    """Addresses of the first elements."""
    gradient: int = 0
    sums: int = 0
    result: int = 0
    image_stride: int = 0
    """Of the images."""
    channel_stride: int = 0
    row_stride: int = 0
    gradient_image: int = 0
    """Strides of the gradient."""
    gradient_channel: int = 0
    gradient_row: int = 0
    zeros: int = 0
    """Address of a row of zeros."""
    batch: int = 0
    channels: int = 0
    chunk: int = 0
    """Channels of a unit."""
    parts: int = 0
    """Shares of the images, each with sums of its own."""
    sums_part: int = 0
    """Bytes from one to the next."""
    height: int = 0
    """Of the images."""
    width: int = 0
    rows: int = 0
    """Of the gradient."""
    columns: int = 0
    lowest_y: int = 0
    """The image's row that the first gradient meets first."""
    lowest_x: int = 0
    band_rows: int = 0
    """Gradients that are summed in one go."""
    band_columns: int = 0


@cache
def _summing(number: Any, window: Window, count: int, register: int) -> Any:
    """Return the function that adds up a band of a plane."""
    down, stride_y, across, stride_x = window
    item = np.dtype(number).itemsize
    vector, taps, told = register * item, down * across, packed(*window)
    met = (count - 1) * stride_y + down

    @block
    def sum_band(record, image, gradient, sums, first_row, end_row, first, end, fresh):
        """Leave the sums of a band's products in memory, on top of those of earlier ones.

        The arguments:
            image, gradient: addresses of the planes.
            sums: address of the first tap's.
            first_row, end_row, first, end: rows, a multiple of `count`, and columns of gradients.
            fresh: whether there are no earlier ones.
        """
        plan = fields(record, Record)
        tile = zeros(number, register, taps)
        for row in range(first_row, end_row, count):
            top = row * stride_y + plan.lowest_y
            rows = existing_rows(image, plan.row_stride, top, plan.height, plan.zeros, met)
            here = gradient + row * plan.gradient_row
            # What the next planes have in the same rows is asked for meanwhile.
            ask(here + plan.gradient_channel, count * plan.gradient_row)
            coming = image + row * stride_y * plan.row_stride
            ask(coming + plan.channel_stride, count * stride_y * plan.row_stride)
            for column in range(first, end, register):
                tile = correlate(
                    tile,
                    here + column * item,
                    plan.gradient_row,
                    rows,
                    column * stride_x + plan.lowest_x,
                    (plan.columns - column, plan.width),
                    told,
                    count,
                )
        if not fresh:
            tile = add_stored(tile, sums, vector)
        store_all(tile, sums, vector)

    return sum_band


@cache
def sum_program(number: Any, window: Window, count: int, register: int) -> Program:
    """Return the program that sums a share of the images, for some channels."""
    vector = register * np.dtype(number).itemsize
    taps = window[0] * window[2]
    sum_most, sum_rest = (_summing(number, window, rows, register) for rows in (count, 1))

    def differentiate(record, unit, _thread):
        """Sum one part's planes of the channels that the unit holds."""
        plan = fields(record, Record)
        part, piece = divmod(unit, -(-plan.channels // plan.chunk))
        first = piece * plan.chunk
        end = min(plan.channels, first + plan.chunk)
        first_image = plan.batch * part // plan.parts
        for number_of_image in range(first_image, plan.batch * (part + 1) // plan.parts):
            for channel in range(first, end):
                image = plan.images + number_of_image * plan.image_stride
                image += channel * plan.channel_stride
                gradient = plan.gradient + number_of_image * plan.gradient_image
                gradient += channel * plan.gradient_channel
                sums = plan.sums + part * plan.sums_part + channel * taps * vector
                fresh = number_of_image == first_image
                for row in range(0, plan.rows, plan.band_rows):
                    last = min(plan.rows, row + plan.band_rows)
                    whole = last - (last - row) % count
                    for left in range(0, plan.columns, plan.band_columns):
                        right = min(plan.columns, left + plan.band_columns)
                        if row < whole:
                            sum_most(record, image, gradient, sums, row, whole, left, right, fresh)
                            fresh = False
                        if whole < last:
                            sum_rest(record, image, gradient, sums, whole, last, left, right, fresh)
                            fresh = False

    parts = (number.__name__, *window, count)
    return Program(differentiate, variant="depthwise-weights-" + "-".join(map(str, parts)))


@cache
def finish_program(number: Any, taps: int, register: int) -> Program:
    """Return the program that adds the parts' sums, and each one's lanes."""
    item = np.dtype(number).itemsize
    vector = register * item

    def finish(record, unit, _thread):
        """Write as many weights as a register holds."""
        plan = fields(record, Record)
        first = unit * register
        sums = plan.sums + first * vector
        square = load_all(number, sums, vector, register, register)
        for part in range(1, plan.parts):
            square = add_stored(square, sums + part * plan.sums_part, vector)
        weights = total(transpose(square))
        left = plan.channels * taps - first
        store_row(weights, plan.result + first * item, left, number)

    return Program(finish, variant=f"depthwise-weights-finish-{number.__name__}-{taps}")
