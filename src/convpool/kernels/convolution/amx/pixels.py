"""The pixels of a block as pieces: pairs of rows of products, 16 pairs of each piece together."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import PAIRS, PIECES
from convpool.kernels.convolution.amx.record import Pieces
from convpool.kernels.jit import block
from convpool.kernels.pieces import is_tiny, least, no_number, store_pairs
from convpool.kernels.rows import fields, load, load_number
from convpool.kernels.simd import SUM, load_row


@cache
def splitting(number: Any, lanes: int) -> Any:
    """Return the function that splits the numbers of a panel, or of an image."""
    item = np.dtype(number).itemsize

    @block
    def split(record, source, gap, channels, width, target):
        """Split a chunk of channels, and put zeros where rows of products are missing.

        The arguments:
            record: address of the `Pieces`.
            source: address of the first channel.
            gap: bytes from channel to channel, if the channels are the rows of products.
            channels: how many of them there are.
            width: numbers in a row that there are; the others, up to the width of all rows, are 0.
            target: address of the pieces.

        Returns whether a number is tiny.
        """
        trace = no_number(lanes)
        more = fields(record, Pieces)
        rows = more.rows if more.sources else -(-channels // (2 * PAIRS)) * 2 * PAIRS
        for pair in range(rows // 2):
            first = second = source + 2 * pair * gap
            second += gap
            first_width = width if 2 * pair < channels else 0
            second_width = width if 2 * pair + 1 < channels else 0
            if more.sources:
                there = load_number(np.int64, more.sources + 16 * pair)
                first, first_width = source + there, width if there >= 0 else 0
                there = load_number(np.int64, more.sources + 16 * pair + 8)
                second, second_width = source + there, width if there >= 0 else 0
            steps, place = divmod(pair, PAIRS)
            there = target + (steps * PIECES * PAIRS + place) * more.pair_row
            whole = width // lanes * lanes if first_width == second_width == width else 0
            for x in range(0, whole, lanes):
                i = x * item
                one, other = load(number, first + i, lanes), load(number, second + i, lanes)
                trace = least(least(trace, one), other)
                store_pairs(one, other, there + i, PAIRS * more.pair_row)
            for x in range(whole, more.width, lanes):
                i = x * item
                one = load_row(number, first + i, x, first_width, lanes, SUM)
                other = load_row(number, second + i, x, second_width, lanes, SUM)
                trace = least(least(trace, one), other)
                store_pairs(one, other, there + i, PAIRS * more.pair_row)
        return is_tiny(trace)

    return split
