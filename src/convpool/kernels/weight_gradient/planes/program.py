"""The programs: sums of the products of a plane of gradients and what each tap meets."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_places, store_all, transpose
from convpool.kernels.simd import store_row
from convpool.kernels.sliding import correlate, existing_rows, total
from convpool.kernels.streaming import ask
from convpool.kernels.sums import add_places, add_stored, zeros
from convpool.kernels.windows import packed

Window = tuple[int, int, int, int]
"""Taps down, stride, taps across, stride."""
Tile = tuple[int, int, int]
"""Filters, rows of gradients, and gradients of a row."""
Tile = tuple[int, int, int]
"""Filters, rows of gradients, and gradients of a row."""
Tile = tuple[int, int, int]
"""Filters, rows of gradients, and gradients of a row."""
Tile = tuple[int, int, int]
"""Filters, rows of gradients, and gradients of a row."""
Tile = tuple[int, int, int]
"""Filters, rows of gradients, and gradients of a row."""


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
    places: int = 0
    """Address of a table: where the sums of each weight lie."""
    batch: int = 0
    groups: int = 0
    channels: int = 0
    """Of a group."""
    blocks: int = 0
    """Tiles of filters of a group."""
    chunk: int = 0
    """Groups of a unit."""
    weights: int = 0
    """Of all filters."""
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
def _summing(number: Any, window: Window, tile: Tile) -> Any:
    """Return the function that adds up a band of a plane."""
    down, stride_y, across, stride_x = window
    filters, count, lanes = tile
    item = np.dtype(number).itemsize
    vector, sums_of_tile = lanes * item, filters * down * across
    met = (count - 1) * stride_y + down
    told, shape = packed(*window), packed(filters, count)

    @block
    def sum_band(record, image, gradient, asks, sums, rows_of_band, columns, fresh):
        """Leave the sums of a band's products in memory, on top of those of earlier ones.

        The arguments:
            image, gradient: addresses of a plane, and of that of the first filter.
            asks: whether the next image's plane is to be asked for, and the next gradients'.
            sums: address of the first tap's.
            rows_of_band, columns: from and to which, of gradients; rows are a multiple of `count`.
            fresh: whether there are no earlier ones.
        """
        plan = fields(record, Record)
        tile = zeros(number, lanes, sums_of_tile)
        for row in range(rows_of_band[0], rows_of_band[1], count):
            top = row * stride_y + plan.lowest_y
            rows = existing_rows(image, plan.row_stride, top, plan.height, plan.zeros, met)
            here = gradient + row * plan.gradient_row
            # What the next planes have in the same rows is asked for meanwhile.
            if asks[0]:
                coming = image + plan.channel_stride + row * stride_y * plan.row_stride
                ask(coming, count * stride_y * plan.row_stride)
            if asks[1]:
                for coming in range(filters):
                    distance = (filters + coming) * plan.gradient_channel
                    ask(here + distance, count * plan.gradient_row)
            for column in range(columns[0], columns[1], lanes):
                tile = correlate(
                    tile,
                    (here + column * item, plan.gradient_row, plan.gradient_channel),
                    rows,
                    column * stride_x + plan.lowest_x,
                    (plan.columns - column, plan.width),
                    told,
                    shape,
                )
        if not fresh:
            tile = add_stored(tile, sums, vector)
        store_all(tile, sums, vector)

    return sum_band


@cache
def sum_program(number: Any, window: Window, tile: Tile) -> Program:
    """Return the program that sums a share of the images, for some groups."""
    filters, count, lanes = tile
    size = filters * window[0] * window[2] * lanes * np.dtype(number).itemsize
    sum_most = _summing(number, window, tile)
    sum_rest = _summing(number, window, (filters, 1, lanes))

    def differentiate(record, unit, _thread):
        """Sum one part's planes of the groups that the unit holds."""
        plan = fields(record, Record)
        part, piece = divmod(unit, -(-plan.groups // plan.chunk))
        first, end = piece * plan.chunk, min(plan.groups, (piece + 1) * plan.chunk)
        first_image = plan.batch * part // plan.parts
        for number_of_image in range(first_image, plan.batch * (part + 1) // plan.parts):
            images = plan.images + number_of_image * plan.image_stride
            gradients = plan.gradient + number_of_image * plan.gradient_image
            for block_of_filters in range(first * plan.blocks, end * plan.blocks):
                group, in_group = divmod(block_of_filters, plan.blocks)
                gradient = gradients + block_of_filters * filters * plan.gradient_channel
                for channel in range(plan.channels):
                    image = images + (group * plan.channels + channel) * plan.channel_stride
                    asks = in_group == 0, channel == 0
                    sums = plan.sums + part * plan.sums_part
                    sums += (block_of_filters * plan.channels + channel) * size
                    fresh = number_of_image == first_image
                    for row in range(0, plan.rows, plan.band_rows):
                        last = min(plan.rows, row + plan.band_rows)
                        whole = last - (last - row) % count
                        for left in range(0, plan.columns, plan.band_columns):
                            band = left, min(plan.columns, left + plan.band_columns)
                            if row < whole:
                                rows = row, whole
                                sum_most(record, image, gradient, asks, sums, rows, band, fresh)
                                fresh = False
                            if whole < last:
                                rows = whole, last
                                sum_rest(record, image, gradient, asks, sums, rows, band, fresh)
                                fresh = False

    parts = (number.__name__, *window, *tile)
    return Program(differentiate, variant="weights-planes-" + "-".join(map(str, parts)))


@cache
def finish_program(number: Any, lanes: int) -> Program:
    """Return the program that adds the parts' sums, and each one's lanes."""
    item = np.dtype(number).itemsize

    def finish(record, unit, _thread):
        """Write as many weights as a vector holds."""
        plan = fields(record, Record)
        first = unit * lanes
        places = plan.places + first * 8
        square = load_places(number, plan.sums, places, lanes, lanes)
        for part in range(1, plan.parts):
            square = add_places(square, plan.sums + part * plan.sums_part, places)
        weights = total(transpose(square))
        store_row(weights, plan.result + first * item, plan.weights - first, number)

    return Program(finish, variant=f"weights-planes-finish-{number.__name__}-{lanes}")
