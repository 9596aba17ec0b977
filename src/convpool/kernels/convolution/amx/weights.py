"""Weights as pieces, in the order of the steps: for each, the tiles of 32 filters.

Before them lies a number for each block of filters: 1 if any of its weights is tiny.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.amx import PIECES, ROWS, TILE
from convpool.kernels.jit import Program, block
from convpool.kernels.pieces import gather, gather_rows, is_tiny, least, no_number, store_halves
from convpool.kernels.rows import fields, load, prefetch, store_number, transpose

FILTERS = 2 * ROWS
"""Filters of a block."""
STEP = 2 * ROWS
"""Products of a step."""
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
    """Steps, from the first on, whose products lie in a filter's weights one after the other."""
    ahead: int = 0
    """Steps from one that is split to the one whose weights are asked for meanwhile."""
    head: int = 0
    """Bytes before the pieces."""
    rows: int = 0
    """Tables of int32: where each filter of a block begins, and each of the last one; negative if
    there is none."""


@cache
def program(number: Any) -> Program:
    """Return the program that packs a block of filters whose weights lie side by side."""
    split = splitting_weights(number)

    def pack(record, unit, _thread):
        """Pack the filters of one block; the places of what is missing in the last one are left."""
        plan = fields(record, Weights)
        group, number_of_block = divmod(unit, -(-plan.filters // FILTERS))
        first = number_of_block * FILTERS
        source = plan.weight + group * plan.of_group + first * plan.of_filter
        target = plan.packed + plan.head + unit * plan.steps * STEP_BYTES
        checks = plan.packed + 8 * unit
        store_number(np.int64(0), checks)
        for step in range(plan.steps):
            split(record, source, step, plan.filters - first, target, checks)
            target += STEP_BYTES

    return Program(pack, variant=f"amx-weights-{number.__name__}")


@cache
def splitting_weights(number: Any) -> Any:
    """Return the function that splits the weights of a step, of filters that lie side by side."""

    @block
    def split(record, source, step, filters, target, checks):
        """Leave a step's pieces in memory, of a block's filters as far as there are any.

        The arguments:
            record: address of the `Weights`.
            source: address of the block's weights.
            step: the step's number.
            filters: how many there are from the block's first one on.
            target: address of the step's tiles.
            checks: where 1 is stored if a weight is tiny.
        """
        plan = fields(record, Weights)
        trace = no_number(STEP)
        coming = source + (step + plan.ahead) * STEP * 4
        if step + plan.ahead >= plan.steps:
            coming += FILTERS * plan.of_filter - plan.steps * STEP * 4
        place, target = source + step * STEP * 4, target + LARGEST
        is_in_order = step < plan.in_order
        for _ in range(min(FILTERS, filters)):
            prefetch(coming)
            prefetch(coming + 64)
            if is_in_order:
                numbers = load(number, place, STEP)
            else:
                numbers = gather(number, source, plan.products + step * STEP * 4, STEP)
            trace = least(trace, numbers)
            store_halves(numbers, target, -2 * TILE)
            coming += plan.of_filter
            place += plan.of_filter
            source += plan.of_filter
            target += 64
        if is_tiny(trace):
            store_number(np.int64(1), checks)

    return split


@cache
def across(number: Any) -> Program:
    """Return the program for a transposed layer, of which filters lie side by side.

    What lies together is read together, and squares are turned: filter by filter, each number
    would bring a line of its own into the first cache, and of one set of it.
    """

    def pack(record, unit, _thread):
        """Pack the filters of one block; the places of what is missing are 0."""
        plan = fields(record, Weights)
        blocks = -(-plan.filters // FILTERS)
        group, number_of_block = divmod(unit, blocks)
        source = plan.weight + group * plan.of_group + number_of_block * FILTERS * plan.of_filter
        target = plan.packed + plan.head + unit * plan.steps * STEP_BYTES + LARGEST
        table = plan.rows + (number_of_block + 1 == blocks) * FILTERS * 4
        trace = no_number(ROWS)
        for step in range(plan.steps):
            for part in range(STEP // ROWS):
                for half in range(FILTERS // ROWS):
                    products = plan.products + (step * STEP + part * ROWS) * 4
                    square = gather_rows(number, source, products, table + half * ROWS * 4, ROWS)
                    there = target + half * TILE + part * 32
                    for numbers in transpose(square):
                        trace = least(trace, numbers)
                        store_halves(numbers, there, -2 * TILE)
                        there += 64
            target += STEP_BYTES
        store_number(np.int64(is_tiny(trace)), plan.packed + 8 * unit)

    return Program(pack, variant=f"amx-weights-across-{number.__name__}")
