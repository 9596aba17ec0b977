"""Weights as pieces, in the order of the steps: for each, the tiles of 32 filters."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.amx import (
    PIECES,
    ROWS,
    TILE,
    gather,
    is_tiny,
    least,
    no_number,
    store_halves,
)
from convpool.kernels.jit import Program
from convpool.kernels.rows import fields, load, store_number

FILTERS = 2 * ROWS
"""Filters of a block."""
STEP = 2 * ROWS
"""Products of a step."""
HEAD = 64
"""Bytes before the pieces: a number, 1 if a weight is tiny."""
STEP_BYTES = 2 * PIECES * TILE
"""Bytes of the pieces of a block's weights for one step."""
LARGEST = (PIECES - 1) * 2 * TILE
"""Where in a step the first pieces lie, after the smaller ones."""


class Weights(NamedTuple):
    """What the program is told; strides are in bytes."""

    weight: int = 0
    """Addresses."""
    packed: int = 0
    products: int = 0
    """Table of int32: where in a filter's weights each product's is; negative if there is none."""
    steps: int = 0
    filters: int = 0
    """Of a group."""
    of_group: int = 0
    of_filter: int = 0
    in_order: int = 0
    """Whether the products lie in a filter's weights one after the other."""


@cache
def program(number: Any) -> Program:
    """Return the program that packs a block of filters."""

    def pack(record, unit, _thread):
        """Pack the filters of one block; the places of what is missing in the last one are left."""
        plan = fields(record, Weights)
        group, number_of_block = divmod(unit, -(-plan.filters // FILTERS))
        first = number_of_block * FILTERS
        source = plan.weight + group * plan.of_group + first * plan.of_filter
        target = plan.packed + HEAD + unit * plan.steps * STEP_BYTES + LARGEST
        trace = no_number(STEP)
        for row in range(min(FILTERS, plan.filters - first)):
            for step in range(plan.steps):
                if plan.in_order:
                    numbers = load(number, source + step * STEP * 4, STEP)
                else:
                    numbers = gather(number, source, plan.products + step * STEP * 4, STEP)
                trace = least(trace, numbers)
                store_halves(numbers, target + step * STEP_BYTES + row * 64, -2 * TILE)
            source += plan.of_filter
        if is_tiny(trace):
            store_number(np.int64(1), plan.packed)

    return Program(pack, variant=f"amx-weights-{number.__name__}")
