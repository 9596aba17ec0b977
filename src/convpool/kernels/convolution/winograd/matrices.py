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
    store_sums,
)
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.winograd.record import Tiles
from convpool.kernels.jit import block
from convpool.kernels.pieces import store_pairs
from convpool.kernels.rows import fields, load, prefetch

STEP = 2 * PAIRS
"""Channels of a step."""
LANES = 32
"""Filters of a block."""
STEP_OF_TILE, STEP_OF_WEIGHTS = PIECES * 2 * STEP, PIECES * 2 * TILE
"""Bytes of a step's pieces, for one tile and for a block of filters."""
_RECORD = 8 * len(Record._fields)
_ROW = 4 * LANES  # bytes of the weights, or of the sums, of a block of filters
_HALF = LANES // 2
_LINE = 64
_TURNS = 4  # in which the next weights are split, while those of one step are multiplied


@cache
def multiplying(number: Any, points: int) -> Any:
    """Return the function that multiplies all planes with some blocks of filters."""
    split = _splitting(number)

    @block
    def multiply(record, memory, tiles, weights, blocks, soon):
        """Leave the sums of all tiles in memory.

        Plane by plane, so that its values are in the nearer caches for all blocks of filters. The
        weights are split where they are needed, while those before are multiplied: that takes two
        thirds of the memory, and of the time to read them from the third cache. All is one
        function: nested ones are compiled again in each that calls them.

        The arguments:
            record, memory: address of a convolution's record, and the thread's scratch.
            tiles: how many there are.
            weights: address of the first block's weights.
            blocks: how many blocks of filters there are.
            soon: two addresses, and how many bytes will be needed there.
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        steps = -(-plan.channels // STEP)
        half, tile = more.rows, more.values_tile
        pieces, others = memory + more.pieces, memory + more.pieces + more.pieces_size
        output, pixels, size = soon
        rounds = points * blocks * -(-tiles // (2 * half))
        share = -(-size // (rounds * _LINE)) * _LINE
        configure(more.shapes)
        split(weights, 0, PAIRS * steps, pieces)
        for number_of_plane in range(points * blocks):
            point, i = divmod(number_of_plane, blocks)
            ahead = weights + point * more.weights_plane + (i + 1) * more.weights_block
            if i + 1 == blocks:
                ahead = weights + (point + 1) * more.weights_plane
            # The next weights' pairs of channels, dealt out to all turns.
            done, left = 0, PAIRS * steps if number_of_plane + 1 < points * blocks else 0
            share = -(-left // (-(-tiles // (2 * half)) * steps * _TURNS))
            for t in range(0, tiles, 2 * half):
                first = memory + more.values + point * more.values_plane + t * tile
                second = first + half * tile
                for line in range(0, share, _LINE):
                    prefetch(output + line)
                    prefetch(pixels + line)
                output += share
                pixels += share
                clear_sums()
                for step in range(steps):
                    place, held = step * more.values_step, pieces + step * STEP_OF_WEIGHTS
                    add_product(first + place, second + place, tile, held, 0)
                    done = split(ahead, done, min(done + share, left), others)
                    add_product(first + place, second + place, tile, held, 1)
                    done = split(ahead, done, min(done + share, left), others)
                    add_product(first + place, second + place, tile, held, 2)
                    done = split(ahead, done, min(done + share, left), others)
                    add_product(first + place, second + place, tile, held, 3)
                    done = split(ahead, done, min(done + share, left), others)
                    add_product(first + place, second + place, tile, held, 4)
                for step in range(steps):
                    place, held = step * more.values_step, pieces + step * STEP_OF_WEIGHTS
                    add_product(first + place, second + place, tile, held, 5)
                sums = memory + more.sums + i * more.sums_block + point * more.sums_plane
                store_sums(sums + t * _ROW, sums + (t + half) * _ROW)
            pieces, others = others, pieces
        release()

    return multiply


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
