"""From sums of products of digits to the output, 16 filters and 16 positions at a time."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import ROWS, TILE
from convpool.kernels.convolution.amx.outputs import MADE
from convpool.kernels.convolution.amx.record import Pieces
from convpool.kernels.convolution.forward import CEILING, SLOPE, place_of
from convpool.kernels.convolution.record import Record
from convpool.kernels.digits import joined_sums
from convpool.kernels.jit import block
from convpool.kernels.rows import (
    fields,
    load_number,
    store_all,
    store_compressed,
    store_number,
)
from convpool.kernels.sums import activate, add_expanded, add_numbers, add_stored

_RECORD = 8 * len(Record._fields)
_ROW = 128  # bytes of a filter's sums


@cache
def finishing(number: Any) -> Any:
    """Return the function that finishes 16 filters and 16 positions."""

    @block
    def finish(record, unit, memory, waiting, quarter):
        """Make outputs of the sums of all orders, and store them.

        The arguments:
            record, unit, memory: the program's, and the thread's scratch.
            waiting: number of the first 16 of 32 positions, or -1 for none; of the block of
                filters; and the address of its scales.
            quarter: of the sums of 32 filters and 32 positions.
        """
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        pair, number_of_block, scales = waiting
        tile, half = pair + quarter // 2, quarter % 2
        k = (2 * number_of_block + half) * ROWS
        image, group, _, _, _, _, column = place_of(record, unit)
        there = min(plan.columns, plan.out_width - column) - tile * ROWS
        if pair < 0 or k >= plan.filters or there <= 0:
            return
        columns = memory + more.scales + tile * ROWS * 4
        sums = memory + more.made + half * 2 * TILE + quarter // 2 * 64
        vectors = joined_sums(sums, _ROW, MADE, columns, scales + half * ROWS * 4, ROWS)
        k_of_all = group * plan.filters + k
        target = plan.output + image * plan.output_image + k_of_all * plan.output_filter
        target += (tile * ROWS + column) * 4
        vectors = add_numbers(vectors, plan.bias + k_of_all * 4, 1)
        last = min(ROWS, plan.filters - k) - 1
        residual, step = target + plan.residual, plan.output_filter
        is_whole = there >= ROWS and last == ROWS - 1
        chosen = memory + more.chosen
        if not is_whole:
            store_number(np.int64((1 << min(there, ROWS)) - 1), chosen)
        if plan.residual and is_whole:
            vectors = add_stored(vectors, residual, step)
        elif plan.residual:
            vectors = add_expanded(vectors, residual, step, last, chosen)
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        if slope != 1 or ceiling != np.inf:
            vectors = activate(vectors, slope, ceiling)
        if is_whole:
            store_all(vectors, target, step)
        else:
            store_compressed(vectors, target, step, last, chosen)

    return finish
