"""Weights as digits, block by block of 32 filters: their scales, then the tiles of each step.

Before them lies a number for each block: 1 if any of its filters has a size that isn't trusted.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import ROWS, TILE
from convpool.kernels.convolution.amx.weights import FILTERS, STEP_BYTES, Weights
from convpool.kernels.digits import (
    first_lane,
    is_wild,
    larger_size,
    largest_lane,
    no_size,
    scales,
    store_row_of_digits,
)
from convpool.kernels.jit import Program
from convpool.kernels.rows import fields, store_number
from convpool.kernels.simd import SUM, load_row
from convpool.kernels.sums import zeros

STEP = 64
"""Products of a step."""
SCALES = 4 * FILTERS
"""Bytes of a block's scales."""
_LANES = 16
_UNIT = 65536.0  # of sums of the products of the highest digits


@cache
def program(number: Any) -> Program:
    """Return the program that packs a block of filters."""

    def pack(record, unit, _thread):
        """Pack the filters of one block; scales of those that are missing in the last one are 0."""
        plan = fields(record, Weights)
        group, number_of_block = divmod(unit, -(-plan.filters // FILTERS))
        first = number_of_block * FILTERS
        source = plan.weight + group * plan.of_group + first * plan.of_filter
        target = plan.packed + plan.head + unit * (SCALES + plan.steps * STEP_BYTES)
        channels = plan.of_filter // 4
        wild = False
        for k in range(FILTERS):
            if first + k >= plan.filters:
                store_number(number(0), target + 4 * k)
                continue
            sizes = no_size(zeros(number, _LANES, 1)[0])
            for x in range(0, channels, _LANES):
                here = source + 4 * x
                sizes = larger_size(sizes, load_row(number, here, x, channels, _LANES, SUM))
            wild |= is_wild(sizes)
            scale, factor = scales(largest_lane(sizes))
            store_number(number(first_lane(scale) * number(_UNIT)), target + 4 * k)
            there = target + SCALES + k // ROWS * TILE + k % ROWS * 64
            for x in range(0, plan.steps * STEP, STEP):
                one = load_row(number, source + 4 * x, x, channels, _LANES, SUM)
                i = x + _LANES
                two = load_row(number, source + 4 * i, i, channels, _LANES, SUM)
                i = x + 2 * _LANES
                three = load_row(number, source + 4 * i, i, channels, _LANES, SUM)
                i = x + 3 * _LANES
                four = load_row(number, source + 4 * i, i, channels, _LANES, SUM)
                store_row_of_digits(one, two, three, four, factor, there, 2 * TILE)
                there += STEP_BYTES
            source += plan.of_filter
        store_number(np.int64(wild), plan.packed + 8 * unit)

    return Program(pack, variant=f"digits-weights-{number.__name__}")
