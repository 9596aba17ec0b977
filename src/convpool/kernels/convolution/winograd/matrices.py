"""The products of transformed pixels and weights on AMX, where they are products of matrices."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

from convpool.kernels.amx import (
    PAIRS,
    PIECES,
    TILE,
    add_product,
    clear_sums,
    configure,
    release,
    store_pairs,
    store_sums,
)
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.winograd.record import Tiles
from convpool.kernels.jit import block
from convpool.kernels.rows import fields, load

STEP = 2 * PAIRS
"""Channels of a step."""
LANES = 32
"""Filters of a block."""
STEP_OF_TILE, STEP_OF_WEIGHTS = PIECES * 2 * STEP, PIECES * 2 * TILE
"""Bytes of a step's pieces, for one tile and for a block of filters."""
_RECORD = 8 * len(Record._fields)
_ROW = 4 * LANES  # bytes of the weights, or of the sums, of a block of filters
_HALF = LANES // 2
_TURNS = 4  # in which the next weights are split, while those of one step are multiplied


@cache
def multiplying(number: Any, points: int) -> Any:
    """Return the function that multiplies all planes with some blocks of filters."""
    split = _splitting(number)
    multiply_plane = _multiplying_plane(number)

    @block
    def multiply(record, memory, tiles, weights, blocks):
        """Leave the sums of all tiles in memory.

        Plane by plane, so that its values are in the nearer caches for all blocks of filters. The
        weights are split where they are needed: so they take less memory, and as long to read as
        they must (8 bytes a cycle from the third cache, a third of the time with 512 channels).

        The arguments:
            record, memory: address of a convolution's record, and the thread's scratch.
            tiles: how many there are.
            weights: address of the first block's weights.
            blocks: how many blocks of filters there are.
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        steps = -(-plan.channels // STEP)
        pairs = -(-tiles // (2 * more.rows))
        pieces, others = memory + more.pieces, memory + more.pieces + more.pieces_size
        configure(more.shapes)
        split(weights, 0, PAIRS * steps, pieces)
        for point in range(points):
            for i in range(blocks):
                ahead = weights + point * more.weights_plane + (i + 1) * more.weights_block
                if i + 1 == blocks:
                    ahead = weights + (point + 1) * more.weights_plane
                if i + 1 == blocks and point + 1 == points:
                    ahead = 0
                values = memory + more.values + point * more.values_plane
                sums = memory + more.sums + i * more.sums_block + point * more.sums_plane
                tile = more.values_tile
                multiply_plane(values, tile, more.rows, pairs, steps, pieces, sums, ahead, others)
                pieces, others = others, pieces
        release()

    return multiply


@cache
def _multiplying_plane(number: Any) -> Any:
    split = _splitting(number)

    @block
    def multiply_plane(values, tile, rows, pairs, steps, pieces, sums, ahead, others):
        """Multiply two times `rows` tiles at a time, and meanwhile split the next weights.

        The arguments:
            values: address of the first tile.
            tile: bytes from tile to tile.
            rows, pairs, steps: how many there are.
            pieces: address of the weights' pieces.
            sums: address of the first tile's sums.
            ahead: address of the next weights; 0 if there are none.
            others: address of their pieces.
        """
        # The next weights' pairs of channels, dealt out to all turns.
        left = PAIRS * steps if ahead else 0
        share = -(-left // (pairs * steps * _TURNS))
        done = 0
        for pair in range(pairs):
            first = values + 2 * pair * rows * tile
            second = first + rows * tile
            clear_sums()
            for step in range(steps):
                place, weights = step * STEP_OF_TILE, pieces + step * STEP_OF_WEIGHTS
                add_product(first + place, second + place, tile, weights, 0)
                done = split(ahead, done, min(done + share, left), others)
                add_product(first + place, second + place, tile, weights, 1)
                done = split(ahead, done, min(done + share, left), others)
                add_product(first + place, second + place, tile, weights, 2)
                done = split(ahead, done, min(done + share, left), others)
                add_product(first + place, second + place, tile, weights, 3)
                done = split(ahead, done, min(done + share, left), others)
                add_product(first + place, second + place, tile, weights, 4)
            for step in range(steps):
                place, weights = step * STEP_OF_TILE, pieces + step * STEP_OF_WEIGHTS
                add_product(first + place, second + place, tile, weights, 5)
            target = sums + 2 * pair * rows * _ROW
            store_sums(target, target + rows * _ROW)

    return multiply_plane


@cache
def _splitting(number: Any) -> Any:
    @block
    def split(weights, first, end, pieces):
        """Split the weights of pairs of channels; return the first one that isn't split."""
        for pair in range(first, end):
            step, place = divmod(pair, PAIRS)
            source = weights + 2 * pair * _ROW
            target = pieces + step * STEP_OF_WEIGHTS + place * 64
            for half in range(2):
                one = load(number, source + half * 64, _HALF)
                other = load(number, source + half * 64 + _ROW, _HALF)
                store_pairs(one, other, target + half * TILE, 2 * TILE)
        return end

    return split
