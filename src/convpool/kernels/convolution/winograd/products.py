"""The products of transformed pixels and weights: for each plane, one of two matrices."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.winograd.record import Tiles
from convpool.kernels.jit import block
from convpool.kernels.rows import (
    fields,
    load,
    prefetch,
    rows_at,
    store_all,
)
from convpool.kernels.sums import add_stored, multiply_add_rows, zeros

SEGMENT = 128
"""Channels that are summed in one go."""
_RECORD = 8 * len(Record._fields)


@cache
def multiplying(number: Any, lanes: int, count: int, points: int) -> Any:
    """Return the function that multiplies all planes with some blocks of filters."""
    multiply_plane = _multiplying_plane(number, lanes, count)

    @block
    def multiply(record, memory, tiles, weights, blocks):
        """Leave the sums of all tiles in memory.

        The arguments:
            record, memory: address of a convolution's record, and the thread's scratch.
            tiles: how many there are.
            weights: address of the first block's weights.
            blocks: how many blocks of filters there are.
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        for point in range(points):
            for i in range(blocks):
                here = weights + i * more.weights_block + point * more.weights_plane
                ahead = here + more.weights_block
                if i + 1 == blocks:
                    ahead = weights + (point + 1) * more.weights_plane
                multiply_plane(
                    memory + more.values + point * more.values_plane,
                    more.values_tile,
                    tiles,
                    plan.channels,
                    here,
                    ahead,
                    memory + more.sums + i * more.sums_block + point * more.sums_plane,
                )

    return multiply


@cache
def _multiplying_plane(number: Any, lanes: int, count: int) -> Any:
    """Return the function that sums for `count` tiles by `lanes` filters in registers."""
    item = np.dtype(number).itemsize
    vector = lanes * item

    @block
    def multiply_plane(values, tile, tiles, channels, weights, ahead, sums):
        """Leave the sums of all tiles, `count` at a time, in memory; some beyond the last too.

        The arguments:
            values: address of the first channel of the first tile.
            tile: bytes from tile to tile of the values.
            tiles, channels: how many there are.
            weights: address of the filters' weights for the first channel; the next one's follow.
            ahead: address of the weights that are needed next, as many.
            sums: address of the first tile's sums; the next one's follow.
        """
        parts = -(-channels // SEGMENT)
        step = vector // -(-tiles // count)
        for part in range(parts):
            begin = channels * part // parts
            end = channels * (part + 1) // parts
            for t in range(0, tiles, count):
                places = rows_at(values + t * tile, tile, tiles - t - 1, count)
                total = zeros(number, lanes, count)
                for channel in range(begin, end):
                    prefetch(ahead)
                    ahead += step
                    filters = load(number, weights + channel * vector, lanes)
                    total = multiply_add_rows(total, filters, places, channel * item)
                target = sums + t * vector
                if part > 0:
                    total = add_stored(total, target, vector)
                store_all(total, target, vector)

    return multiply_plane
