"""Weights in the order in which the kernels read them.

Group by group, chunk by chunk of channels, block by block of filters, phase by phase: the products
(channel by channel, tap by tap), each with the numbers of all filters of the block side by side.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.jit import Program, block
from convpool.kernels.rows import (
    fields,
    load_all,
    load_number,
    load_rows,
    store_all,
    store_number,
    store_rows,
    transpose,
)


class Packing(NamedTuple):
    """What the program is told; strides are in bytes."""

    weight: int = 0
    """Addresses."""
    packed: int = 0
    order: int = 0
    """Table: the taps, phase by phase."""
    phases: int = 0
    """Table, as in `Record`."""
    number_of_phases: int = 0
    filters: int = 0
    """Of a group, as the channels."""
    channels: int = 0
    chunk: int = 0
    taps: int = 0
    width: int = 0
    """Filters of a block."""
    of_group: int = 0
    """From group to group of the weights, and so on."""
    of_filter: int = 0
    of_channel: int = 0


@cache
def program(number: Any, lanes: int, in_order: bool) -> Program:
    """Return the program that packs numbers of a type: see `packing`."""
    pack_block = packing(number, lanes, in_order)

    def pack(record, unit, _thread):
        """Pack one block of filters."""
        pack_block(record, unit, fields(record, Packing).packed)

    return Program(pack, variant=f"pack-{number.__name__}-{int(in_order)}")


@cache
def packing(number: Any, lanes: int, in_order: bool) -> Any:
    """Return the function that packs a block of filters.

    Where a filter's products follow each other in the weights as they are wanted (`in_order`), by
    squares of `lanes`; else number by number.
    """
    item = np.dtype(number).itemsize

    @block
    def pack_numbers(
        target, source, channels, taps, number_of_taps, of_filter, of_channel, filters, width
    ):
        """Pack a phase number by number."""
        for channel in range(channels):
            for tap in range(number_of_taps):
                place = source + channel * of_channel + load_number(np.int64, taps + tap * 8) * item
                for k in range(width):
                    last = min(k, filters - 1)
                    store_number(load_number(number, place + last * of_filter), target)
                    target += item

    @block
    def pack_squares(target, source, products, of_filter, filters, width):
        """Pack products that follow each other in the weights: transpose them, square by square."""
        for k in range(0, width, lanes):
            last = max(0, min(filters - k, lanes) - 1)
            row = source + min(k, filters - 1) * of_filter
            whole = 0
            if last == lanes - 1 and k + lanes <= width:
                whole = products // lanes * lanes
            for product in range(0, whole, lanes):
                rows = load_all(number, row + product * item, of_filter, lanes, lanes)
                store_all(transpose(rows), target + (product * width + k) * item, width * item)
            for product in range(whole, products, lanes):
                here = products - product
                rows = load_rows(number, row + product * item, of_filter, last, here, lanes, lanes)
                place = target + (product * width + k) * item
                store_rows(transpose(rows), place, width * item, min(here, lanes) - 1, width - k)

    @block
    def pack_block(record, unit, packed):
        """Pack one block of filters; where filters are missing, the last one stands in.

        `packed` is the address of the first block of all.
        """
        plan = fields(record, Packing)
        blocks = -(-plan.filters // plan.width)
        group, number_of_block = divmod(unit, blocks)
        source = plan.weight + group * plan.of_group + number_of_block * plan.width * plan.of_filter
        here = min(plan.width, plan.filters - number_of_block * plan.width)
        for first in range(0, plan.channels, plan.chunk):
            count = min(plan.chunk, plan.channels - first)
            done = (group * plan.channels + first) * blocks + count * number_of_block
            target = packed + done * plan.taps * plan.width * item
            start = source + first * plan.of_channel
            if in_order:
                pack_squares(target, start, count * plan.taps, plan.of_filter, here, plan.width)
            else:
                taps = plan.order
                for phase in range(plan.number_of_phases):
                    of_phase = load_number(np.int64, plan.phases + phase * 48 + 32)
                    pack_numbers(
                        target,
                        start,
                        count,
                        taps,
                        of_phase,
                        plan.of_filter,
                        plan.of_channel,
                        here,
                        plan.width,
                    )
                    target += count * of_phase * plan.width * item
                    taps += of_phase * 8

    return pack_block
