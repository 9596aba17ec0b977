"""The products of transformed pixels and weights on AMX, where they are products of matrices.

Weights come as float32, a third fewer bytes than their pieces, since large layers wait for them. A
few steps' pieces at a time are in the nearer caches: those that are multiplied, and those that are
split meanwhile. What comes after these the CPU foresees: to ask for it takes a hundredth longer.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

from convpool.kernels.amx import (
    PAIRS,
    PIECES,
    ROWS,
    TILE,
    add_product,
    add_product_across,
    clear_sums,
    configure,
    load_sums,
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
# Steps of a segment: for up to 64 tiles those whose pieces stay in the first cache (up to 14 % are
# saved against 8), and for more tiles 8, since their sums are stored and loaded in each (5 %).
_SEGMENT, _LONG_SEGMENT, _SOME = 2, 8, 2
_TWO = 2  # blocks of filters at a time, for few tiles
RING = 2 * _LONG_SEGMENT * STEP_OF_WEIGHTS
"""Bytes of the weights' pieces: of a segment, and of the next one."""
_RECORD = 8 * len(Record._fields)
_ROW = 4 * LANES  # bytes of the weights, or of the sums, of a block of filters
_HALF = LANES // 2
_LINE = 64
_TURNS = 5  # in which the next weights are split, while those of one step are multiplied


@cache
def multiplying(number: Any, points: int) -> Any:
    """Return the function that multiplies all planes with some blocks of filters."""
    multiply_few, multiply_many = _few(number, points), _many(number, points)

    @block
    def multiply(record, memory, tiles, weights, blocks, soon):
        """Leave the sums of all tiles in memory.

        Plane by plane, so that its values are in the nearer caches for all blocks of filters.

        The arguments:
            record, memory: address of a convolution's record, and the thread's scratch.
            tiles: how many there are.
            weights: address of the first block's weights.
            blocks: how many blocks of filters there are.
            soon: two addresses, and how many bytes will be needed there.
        """
        if tiles <= ROWS and blocks % _TWO == 0:
            multiply_few(record, memory, weights, blocks, soon)
        else:
            multiply_many(record, memory, tiles, weights, blocks, soon)
        release()

    return multiply


@cache
def _many(number: Any, points: int) -> Any:
    split = _splitting(number)

    @block
    def multiply_many(record, memory, tiles, weights, blocks, soon):
        """Multiply 32 tiles with a block of filters, segment after segment of steps."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        half, tile = more.rows, more.values_tile
        steps, pairs = -(-plan.channels // STEP), -(-tiles // (2 * half))
        pieces, others = memory + more.pieces, memory + more.pieces + RING // 2
        output, pixels, size = soon
        segment = _SEGMENT if pairs <= _SOME else _LONG_SEGMENT
        turns = points * blocks * -(-steps // segment)
        size = -(-size // (turns * pairs * _LINE)) * _LINE
        at = 0, 0, 0
        ends = points, blocks, steps
        configure(more.shapes)
        split(weights, (0, PAIRS * min(segment, steps)), pieces)
        for turn in range(turns):
            point, i, begin = at
            end = min(begin + segment, steps)
            following = _next(at, ends, (1, segment))
            source = _weights(record, weights, following)
            # Of the next weights, those of some pairs of channels in each turn.
            left = PAIRS * min(segment, steps - following[2]) if turn + 1 < turns else 0
            done, share = 0, -(-left // (pairs * (end - begin) * _TURNS))
            sums = memory + more.sums + i * more.sums_block + point * more.sums_plane
            for t in range(0, tiles, 2 * half):
                first = memory + more.values + point * more.values_plane + t * tile
                second = first + half * tile
                output, pixels = _ask(output, size), _ask(pixels, size)
                if begin == 0:
                    clear_sums()
                elif pairs > 1:
                    load_sums(sums + t * _ROW, sums + (t + half) * _ROW)
                for step in range(begin, end):
                    one, other = first + step * more.values_step, second + step * more.values_step
                    held = pieces + (step - begin) * STEP_OF_WEIGHTS
                    add_product(one, other, tile, held, 0)
                    done = split(source, (done, min(done + share, left)), others)
                    add_product(one, other, tile, held, 1)
                    done = split(source, (done, min(done + share, left)), others)
                    add_product(one, other, tile, held, 2)
                    done = split(source, (done, min(done + share, left)), others)
                    add_product(one, other, tile, held, 3)
                    done = split(source, (done, min(done + share, left)), others)
                    add_product(one, other, tile, held, 4)
                    done = split(source, (done, min(done + share, left)), others)
                    add_product(one, other, tile, held, 5)
                if pairs > 1 or end == steps:
                    store_sums(sums + t * _ROW, sums + (t + half) * _ROW)
            at = following
            pieces, others = others, pieces

    return multiply_many


@cache
def _few(number: Any, points: int) -> Any:
    split = _splitting(number)

    @block
    def multiply_few(record, memory, weights, blocks, soon):
        """Multiply up to 16 tiles with two blocks of filters, step after step.

        Against 8 tiles twice, with one block, a tenth of all is saved (7x7 pixels, 512 channels).
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Tiles)
        steps, tile = -(-plan.channels // STEP), more.values_tile
        pieces, others = memory + more.pieces, memory + more.pieces + RING // 2
        output, pixels, size = soon
        turns = points * (blocks // _TWO) * steps
        size = -(-size // (turns * _LINE)) * _LINE
        at = 0, 0, 0
        ends = points, blocks, steps
        configure(more.shapes + 64)
        split(weights, (0, PAIRS), pieces)
        split(weights + more.weights_block, (0, PAIRS), pieces + STEP_OF_WEIGHTS)
        for _ in range(turns):
            point, i, step = at
            following = _next(at, ends, (_TWO, 1))
            source = _weights(record, weights, following)
            more_source = source + more.weights_block
            held, more_held = pieces, pieces + STEP_OF_WEIGHTS
            room, more_room = others, others + STEP_OF_WEIGHTS
            first = memory + more.values + point * more.values_plane + step * more.values_step
            output, pixels = _ask(output, size), _ask(pixels, size)
            if step == 0:
                clear_sums()
            add_product_across(first, tile, held, more_held, 0)
            split(source, (0, 5), room)
            add_product_across(first, tile, held, more_held, 1)
            split(source, (5, 10), room)
            add_product_across(first, tile, held, more_held, 2)
            split(source, (10, PAIRS), room)
            add_product_across(first, tile, held, more_held, 3)
            split(more_source, (0, 5), more_room)
            add_product_across(first, tile, held, more_held, 4)
            split(more_source, (5, 10), more_room)
            add_product_across(first, tile, held, more_held, 5)
            split(more_source, (10, PAIRS), more_room)
            if step + 1 == steps:
                sums = memory + more.sums + i * more.sums_block + point * more.sums_plane
                store_sums(sums, sums + more.sums_block)
            at = following
            pieces, others = others, pieces

    return multiply_few


@block
def _next(place, ends, taken):
    """Return the point, block of filters and step after some; after the last ones the first.

    `ends` says how many there are of each, `taken` how many blocks and steps are taken at a time.
    """
    point, i, step = place
    step += taken[1]
    if step >= ends[2]:
        i, step = i + taken[0], 0
    if i >= ends[1]:
        point, i = point + 1, 0
    if point >= ends[0]:
        point = 0
    return point, i, step


@block
def _weights(record, weights, place):
    """Return the address of the weights of a point, block of filters and step."""
    more = fields(record + _RECORD, Tiles)
    point, i, step = place
    return weights + point * more.weights_plane + i * more.weights_block + step * STEP * _ROW


@block
def _ask(address, size):
    """Ask for some lines; return where they end."""
    for line in range(0, size, _LINE):
        prefetch(address + line)
    return address + size


@cache
def _splitting(number: Any) -> Any:
    @block
    def split(weights, pairs, pieces):
        """Split the weights of some pairs of channels; return where they end."""
        first, end = pairs
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
