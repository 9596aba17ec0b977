"""Weights in the order in which the kernels read them.

For each group and block of filters: chunk by chunk of channels, phase by phase, the products
(channel by channel, tap by tap), each with the numbers of all filters of the block side by side.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache

import numpy as np
from numba import njit, prange

from convpool.kernels.jit import Kernel
from convpool.kernels.simd import address, load_number, load_rows, store_number, store_rows, transpose


@njit(inline="always")
def pack_numbers(weight, target, source, channels, taps, steps, filters, width):
    """Pack a phase of a chunk number by number; what is beyond the filters is 0."""
    of_filter, of_channel = steps
    item = weight.itemsize
    for channel in range(channels):
        for tap in taps:
            place = source + (channel * of_channel + tap) * item
            for k in range(width):
                number = weight.dtype.type(0)
                if k < filters:
                    number = load_number(weight, place + k * of_filter * item)
                store_number(number, target)
                target += item


@njit(inline="always")
def pack_squares(weight, target, source, products, of_filter, filters, width, lanes):
    """Pack products that follow each other in the weights: transpose them, square by square."""
    item = weight.itemsize
    for k in range(0, width, lanes):
        for product in range(0, products, lanes):
            rows = load_rows(
                weight,
                source + (k * of_filter + product) * item,
                of_filter * item,
                filters - k,
                products - product,
                lanes,
                lanes,
            )
            place = target + (product * width + k) * item
            store_rows(transpose(rows), place, width * item, products - product, width - k)


@cache
def kernel(lanes: int) -> Kernel:
    """Return the kernel that packs, with registers of `lanes` numbers."""

    def pack(weight, packed, taps, phases, groups, filters, channels, chunk, width, steps):
        blocks = -(-filters // width)
        item = weight.itemsize
        all_taps = len(taps)
        for number in prange(groups * blocks):
            unit = np.intp(number)
            group, block = divmod(unit, blocks)
            target = address(packed) + unit * channels * all_taps * width * item
            start = address(weight) + (group * steps[0] + block * width * steps[1]) * item
            here = min(width, filters - block * width)
            for first in range(0, channels, chunk):
                count = min(chunk, channels - first)
                source = start + first * steps[2] * item
                if len(phases) == 1 and steps[2] == all_taps:
                    pack_squares(
                        weight, target, source, count * all_taps, steps[1], here, width, lanes
                    )
                    target += count * all_taps * width * item
                else:
                    for phase in range(len(phases)):
                        begin, end = phases[phase, 0], phases[phase, 1]
                        pack_numbers(
                            weight, target, source, count, taps[begin:end], steps[1:], here, width
                        )
                        target += count * (end - begin) * width * item

    return Kernel(pack, variant="pack")
