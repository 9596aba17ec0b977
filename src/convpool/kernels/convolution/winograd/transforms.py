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
from convpool.kernels.rows import (
    load_all,
    load_rows,
    store_all,
    transpose,
)
from convpool.kernels.sums import zeros


@cache
def turning(number: Any, lanes: int) -> Any:
    """Return the function that puts channels side by side."""
    item = np.dtype(number).itemsize
    pixel = lanes * item

    @block
    def turn(panel, gap, channels, pixels, turned):
        """Turn `channels` channels of a panel, `lanes` at most; pixels beyond may be written."""
        for x in range(0, pixels, lanes):
            place = panel + x * item
            square = load_rows(number, place, gap, channels - 1, lanes, lanes, lanes)
            store_all(transpose(square), turned + x * pixel, pixel)

    return turn


@cache
def reading(number: Any, lanes: int, m: int, r: int) -> Any:
    """Return the function that transforms a row of tiles of m x m outputs of r x r taps."""
    pixel = lanes * np.dtype(number).itemsize
    points = m + r - 1

    @block
    def transform(turned, turned_row, halfway, halfway_row, values, tile, plane, tiles):
        """Transform `tiles` tiles that follow each other, for the channels of one vector."""
        for x in range(tiles * m + r - 1):
            column = load_all(number, turned + x * pixel, turned_row, lanes, points)
            store_all(combine(column, m, r, INPUT), halfway + x * pixel, halfway_row)
        for i in range(points):  # few planes at a time: stores know the pages of some 16 only
            for t in range(tiles):
                place = halfway + i * halfway_row + t * m * pixel
                row = load_all(number, place, pixel, lanes, points)
                target = values + t * tile + i * points * plane
                store_all(combine(row, m, r, INPUT), target, plane)

    return transform


@cache
def writing(number: Any, lanes: int, m: int, r: int) -> Any:
    """Return the function that makes pixels of the sums of a row of tiles."""
    pixel = lanes * np.dtype(number).itemsize
    points = m + r - 1

    @block
    def untransform(sums, tile, plane, halfway, outputs, outputs_row, tiles):
        """Make the `m` rows of outputs of `tiles` tiles, for the filters of one vector.

        From the last tile to the first: what it has beyond the end of a row is overwritten, if the
        next row begins there. Returns whether all that was made is finite.
        """
        trace = zeros(number, lanes, 1)[0]
        for t in range(tiles - 1, -1, -1):
            for j in range(points):
                place = sums + t * tile + j * plane
                column = load_all(number, place, points * plane, lanes, points)
                store_all(combine(column, m, r, OUTPUT), halfway + j * pixel, points * pixel)
            for i in range(m):
                row = load_all(number, halfway + i * points * pixel, pixel, lanes, points)
                made = combine(row, m, r, OUTPUT)
                trace = add_no_times(trace, made)
                store_all(made, outputs + i * outputs_row + t * m * pixel, pixel)
        return not any_nan(trace)

    return untransform


@cache
def weighing(number: Any, lanes: int, m: int, r: int) -> Any:
    """Return the function that transforms the weights of a block of `lanes` filters."""
    vector = lanes * np.dtype(number).itemsize
    points = m + r - 1

    @block
    def transform_weights(packed, channels, halfway, target, plane):
        """Transform taps in order, channel by channel, into planes of all channels."""
        for channel in range(channels):
            source = packed + channel * r * r * vector
            for x in range(r):
                column = load_all(number, source + x * vector, r * vector, lanes, r)
                column = combine(column, m, r, TAPS)
                store_all(column, halfway + x * vector, r * vector)
            for i in range(points):
                place = halfway + i * r * vector
                row = combine(load_all(number, place, vector, lanes, r), m, r, TAPS)
                store_all(row, target + i * points * plane + channel * vector, plane)

    return transform_weights
