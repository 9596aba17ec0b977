"""The pixels of a block as digits: quads of channels, with a scale for each position."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.amx import PAIRS, PIECES
from convpool.kernels.convolution.amx.record import Pieces
from convpool.kernels.convolution.forward import place_of
from convpool.kernels.convolution.record import Record
from convpool.kernels.digits import is_wild, larger_size, no_size, scales, store_quads
from convpool.kernels.jit import block
from convpool.kernels.rows import fields, load, store
from convpool.kernels.simd import SUM, load_row
from convpool.kernels.sums import zeros

_RECORD = 8 * len(Record._fields)
_FOUR = 4


@cache
def reading(number: Any, lanes: int) -> Any:
    """Return the function that turns a unit's positions into digits."""
    measure, split = measuring(number, lanes), splitting(number, lanes)

    @block
    def read(record, unit, memory):
        """Leave scales and digits in memory; return whether a position's size isn't trusted."""
        plan = fields(record, Record)
        more = fields(record + _RECORD, Pieces)
        image, group, _, _, _, _, column = place_of(record, unit)
        source = plan.images + image * plan.image_stride + column * 4
        source += group * plan.channels * plan.channel_stride
        width = min(plan.columns, plan.out_width - column)
        made = memory + more.scales
        factors = made + more.pair_row
        widths = width, more.width
        wild = measure(source, plan.channels, plan.channel_stride, widths, made, factors)
        for quad in range(more.rows // _FOUR):
            steps, place = divmod(quad, PAIRS)
            there = memory + more.pieces + (steps * PIECES * PAIRS + place) * more.pair_row
            left = plan.channels - _FOUR * quad
            begin = source + _FOUR * quad * plan.channel_stride
            split(begin, plan.channel_stride, left, widths, factors, there, PAIRS * more.pair_row)
        return wild

    return read


@cache
def measuring(number: Any, lanes: int) -> Any:
    """Return the function that finds the scales of positions."""

    @block
    def measure(source, channels, stride, widths, made, factors):
        """Leave scales and factors in memory, for each position; those of none are any."""
        wild, nothing = False, no_size(zeros(number, lanes, 1)[0])
        width, whole_width = widths
        for x in range(0, whole_width, lanes):
            store(nothing, factors + 4 * x)
        for channel in range(0, channels, _FOUR):
            one = source + channel * stride
            two = source + min(channel + 1, channels - 1) * stride
            three = source + min(channel + 2, channels - 1) * stride
            four = source + min(channel + 3, channels - 1) * stride
            whole = width // lanes * lanes
            for x in range(0, whole, lanes):
                i = 4 * x
                sizes = load(np.uint32, factors + i, lanes)
                sizes = larger_size(sizes, load(number, one + i, lanes))
                sizes = larger_size(sizes, load(number, two + i, lanes))
                sizes = larger_size(sizes, load(number, three + i, lanes))
                store(larger_size(sizes, load(number, four + i, lanes)), factors + i)
            if whole < width:
                i = 4 * whole
                sizes = load(np.uint32, factors + i, lanes)
                sizes = larger_size(sizes, load_row(number, one + i, whole, width, lanes, SUM))
                sizes = larger_size(sizes, load_row(number, two + i, whole, width, lanes, SUM))
                sizes = larger_size(sizes, load_row(number, three + i, whole, width, lanes, SUM))
                sizes = larger_size(sizes, load_row(number, four + i, whole, width, lanes, SUM))
                store(sizes, factors + i)
        for x in range(0, whole_width, lanes):
            sizes = load(np.uint32, factors + 4 * x, lanes)
            wild |= is_wild(sizes)
            scale, factor = scales(sizes)
            store(scale, made + 4 * x)
            store(factor, factors + 4 * x)
        return wild

    return measure


@cache
def splitting(number: Any, lanes: int) -> Any:
    """Return the function that makes digits of four channels."""

    @block
    def split(source, stride, channels, widths, factors, target, distance):
        """Leave the digits of four channels in memory, or zeros for those that aren't there."""
        width, whole_width = widths
        one, two = source, source + stride
        three, four = two + stride, two + 2 * stride
        whole = width // lanes * lanes if channels >= _FOUR else 0
        for x in range(0, whole, lanes):
            i = 4 * x
            upper = load(number, one + i, lanes), load(number, two + i, lanes)
            lower = load(number, three + i, lanes), load(number, four + i, lanes)
            factor = load(number, factors + i, lanes)
            store_quads(*upper, *lower, factor, target + i, distance)
        second, third = width * (channels > 1), width * (channels > 2)
        first, fourth = width * (channels > 0), width * (channels > 3)
        for x in range(whole, whole_width, lanes):
            i = 4 * x
            a = load_row(number, one + i, x, first, lanes, SUM)
            b = load_row(number, two + i, x, second, lanes, SUM)
            c = load_row(number, three + i, x, third, lanes, SUM)
            d = load_row(number, four + i, x, fourth, lanes, SUM)
            store_quads(a, b, c, d, load(number, factors + i, lanes), target + i, distance)

    return split
