"""The pixels of a block as pieces: pairs of rows of products, 16 pairs of each piece together."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import PAIRS, PIECES, store_pairs
from convpool.kernels.convolution.amx.record import Pieces
from convpool.kernels.jit import block
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
        """
        more = fields(record, Pieces)
        rows = more.rows if more.sources else -(-channels // (2 * PAIRS)) * 2 * PAIRS
        for pair in range(rows // 2):
            first = second = source + 2 * pair * gap
            second += gap
            first_width = width if 2 * pair < channels else 0
            second_width = width if 2 * pair + 1 < channels else 0
            if more.sources:
                place = load_number(np.int64, more.sources + 16 * pair)
                other = load_number(np.int64, more.sources + 16 * pair + 8)
                first, second = source + place, source + other
                first_width = width if place >= 0 else 0
                second_width = width if other >= 0 else 0
            steps, place = divmod(pair, PAIRS)
            there = target + (steps * PIECES * PAIRS + place) * more.pair_row
            whole = width // lanes * lanes if first_width == second_width == width else 0
            for x in range(0, whole, lanes):
                i = x * item
                store_pairs(
                    load(number, first + i, lanes),
                    load(number, second + i, lanes),
                    there + i,
                    PAIRS * more.pair_row,
                )
            for x in range(whole, more.width, lanes):
                i = x * item
                store_pairs(
                    load_row(number, first + i, x, first_width, lanes, SUM),
                    load_row(number, second + i, x, second_width, lanes, SUM),
                    there + i,
                    PAIRS * more.pair_row,
                )

    return split
