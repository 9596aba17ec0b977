"""From pixels to values at points, for weights likewise, and from sums back to pixels.

All transforms go down the columns first, into memory, and then along the rows: the numbers of a
tile are more than there are registers.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.combining import INPUT, OUTPUT, TAPS, add_no_times, any_nan, combine
from convpool.kernels.jit import block
from convpool.kernels.pieces import any_lost_of, is_tiny, least_of, no_number, store_split
from convpool.kernels.rows import (
    load_all,
    load_rows,
    store_all,
    transpose,
)
from convpool.kernels.sums import zeros


@cache
def turning(number: Any, lanes: int, squares: int, traces: int) -> Any:
    """Return the function that puts `squares` times `lanes` channels side by side.

    If it traces, it tells whether a number is tiny.
    """
    item = np.dtype(number).itemsize
    pixel = squares * lanes * item

    @block
    def turn(panel, gap, channels, pixels, turned):
        """Turn `channels` channels of a panel; pixels beyond may be written.

        Where channels are missing, the last one is repeated.
        """
        trace = no_number(lanes)
        for first in range(0, squares * lanes, lanes):
            there = min(first, channels - 1)
            for x in range(0, pixels, lanes):
                place = panel + there * gap + x * item
                square = load_rows(number, place, gap, channels - there - 1, lanes, lanes, lanes)
                if traces:
                    trace = least_of(trace, square)
                store_all(transpose(square), turned + x * pixel + first * item, pixel)
        return is_tiny(trace)

    return turn


@cache
def reading(number: Any, lanes: int, m: int, r: int, splits: int, apart: int) -> Any:
    """Return the function that transforms a row of tiles of m x m outputs of r x r taps.

    If it splits, it stores the pieces of what it makes. If a tile's pixels are apart, `distance`
    says how far; else they are neighbours. In between lie those of the next tiles.
    """
    pixel = lanes * np.dtype(number).itemsize
    points = m + r - 1

    @block
    def transform(turned, turned_row, halfway, halfway_row, values, tile, plane, tiles, distance):
        """Transform `tiles` tiles that follow each other, for the channels of one vector."""
        step = distance if apart else 1
        last = (tiles - 1) // step * step * m + (tiles - 1) % step
        for x in range(last + (points - 1) * step + 1):
            column = load_all(number, turned + x * pixel, turned_row, lanes, points)
            store_all(combine(column, m, r, INPUT), halfway + x * pixel, halfway_row)
        for i in range(points):  # few planes at a time: stores know the pages of some 16 only
            for first in range(0, tiles, step):
                for t in range(first, min(first + step, tiles)):
                    place = halfway + i * halfway_row + (first * m + t - first) * pixel
                    row = load_all(number, place, step * pixel, lanes, points)
                    target = values + t * tile + i * points * plane
                    if splits:
                        store_split(combine(row, m, r, INPUT), target, plane)
                    else:
                        store_all(combine(row, m, r, INPUT), target, plane)

    return transform


@cache
def writing(number: Any, lanes: int, m: int, r: int, apart: int) -> Any:
    """Return the function that makes pixels of the sums of a row of tiles, apart or not."""
    pixel = lanes * np.dtype(number).itemsize
    points = m + r - 1

    @block
    def untransform(sums, tile, plane, halfway, outputs, outputs_row, tiles, distance, has_tiny):
        """Make the `m` rows of outputs of `tiles` tiles, for the filters of one vector.

        From the last tile to the first: what it has beyond the end of a row is overwritten, if the
        next row begins there. Returns whether all that was made is finite, and with tiny numbers
        large enough to show that no products were lost.
        """
        is_lost = False
        trace = zeros(number, lanes, 1)[0]
        step = distance if apart else 1
        for t in range(tiles - 1, -1, -1):
            target = outputs + (t // step * step * m + t % step) * pixel
            for j in range(points):
                place = sums + t * tile + j * plane
                column = load_all(number, place, points * plane, lanes, points)
                store_all(combine(column, m, r, OUTPUT), halfway + j * pixel, points * pixel)
            for i in range(m):
                row = load_all(number, halfway + i * points * pixel, pixel, lanes, points)
                made = combine(row, m, r, OUTPUT)
                trace = add_no_times(trace, made)
                if has_tiny and any_lost_of(made):
                    is_lost = True
                store_all(made, target + i * outputs_row, step * pixel)
        return not (is_lost or any_nan(trace))

    return untransform


@cache
def weighing(number: Any, lanes: int, m: int, r: int) -> Any:
    """Return the function that transforms the weights of a block of `lanes` filters."""
    vector = lanes * np.dtype(number).itemsize
    points = m + r - 1

    @block
    def transform_weights(packed, channels, rows, halfway, target, plane):
        """Transform taps in order, channel by channel, into planes of all channels.

        After them come zeros, up to `rows` channels. Returns whether a tap is tiny.
        """
        trace = no_number(lanes)
        for channel in range(channels):
            source = packed + channel * r * r * vector
            for x in range(r):
                column = load_all(number, source + x * vector, r * vector, lanes, r)
                trace = least_of(trace, column)
                column = combine(column, m, r, TAPS)
                store_all(column, halfway + x * vector, r * vector)
            for i in range(points):
                place = halfway + i * r * vector
                row = combine(load_all(number, place, vector, lanes, r), m, r, TAPS)
                store_all(row, target + i * points * plane + channel * vector, plane)
        for channel in range(channels, rows):
            for point in range(points * points):
                store_all(zeros(number, lanes, 1), target + point * plane + channel * vector, 0)
        return is_tiny(trace)

    return transform_weights
