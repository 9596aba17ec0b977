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
_LINE = 64
_RECORD = 8 * len(Record._fields)


@cache
def multiplying(number: Any, lanes: int, count: int, points: int) -> Any:
    """Return the function that multiplies all planes with some blocks of filters.

    It sums for `count` tiles by `lanes` filters in registers.
    """
    item = np.dtype(number).itemsize
    vector = lanes * item

    @block
    def multiply(record, memory, tiles, weights, blocks, soon):
        """Leave the sums of all tiles, `count` at a time, in memory; some beyond the last too.

        Segment by segment, so that a plane's values of one are in the first cache for all blocks of
        filters, and the weights asked for are those of the next turn: what is farther ahead comes
        too early. On 7x7 pixels and 512 channels that saves 3 to 7 % of the whole.

        The arguments:
            record, memory: address of a convolution's record, and the thread's scratch.
            tiles: how many there are.
            weights: address of the first block's weights.
            blocks: how many blocks of filters there are.
            soon: two addresses, and how many bytes will be needed there.
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        parts = -(-plan.channels // SEGMENT)
        step = vector // -(-tiles // count)
        output, pixels, size = soon
        share = -(-size // (points * blocks * parts * -(-tiles // count) * _LINE)) * _LINE
        for turn in range(points * parts * blocks):
            piece, i = divmod(turn, blocks)
            point, part = divmod(piece, parts)
            begin = plan.channels * part // parts
            end = plan.channels * (part + 1) // parts
            here = weights + point * more.weights_plane + i * more.weights_block
            ahead = here + more.weights_block + begin * vector
            if i + 1 == blocks:
                ahead = weights + point * more.weights_plane + end * vector
                if part + 1 == parts:
                    ahead = weights + (point + 1) * more.weights_plane
            values = memory + more.values + point * more.values_plane
            sums = memory + more.sums + i * more.sums_block + point * more.sums_plane
            for t in range(0, tiles, count):
                place = values + t * more.values_tile
                places = rows_at(place, more.values_tile, tiles - t - 1, count)
                for line in range(0, share, _LINE):
                    prefetch(output + line)
                    prefetch(pixels + line)
                output += share
                pixels += share
                total = zeros(number, lanes, count)
                for channel in range(begin, end):
                    prefetch(ahead)
                    ahead += step
                    filters = load(number, here + channel * vector, lanes)
                    total = multiply_add_rows(total, filters, places, channel * item)
                target = sums + t * vector
                if part > 0:
                    total = add_stored(total, target, vector)
                store_all(total, target, vector)

    return multiply
