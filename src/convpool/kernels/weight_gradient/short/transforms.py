"""From pixels and gradients to values at points, and from sums there to taps.

All go down the columns first, into memory, and then along the rows.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.combining import INPUT, OUTPUT_BACK, TAPS_BACK, add_no_times, combine
from convpool.kernels.jit import block
from convpool.kernels.rows import load_all, store_all
from convpool.kernels.sums import add_stored

POINTS = 6
"""In each direction: 4 outputs of 3 taps take as many, and 2 of 5."""


@cache
def of_pixels(number: Any, lanes: int, m: int, r: int) -> Any:
    """Return the function that transforms a row of tiles of 6x6 pixels, m apart."""
    vector = lanes * np.dtype(number).itemsize

    @block
    def transform(pixels, row, pixel, halfway, values, tile, plane, tiles):
        """Transform `tiles` tiles that overlap, for the channels of one vector."""
        for x in range(tiles * m + r - 1):
            column = load_all(number, pixels + x * pixel, row, lanes, POINTS)
            store_all(combine(column, m, r, INPUT), halfway + x * POINTS * vector, vector)
        for t in range(tiles):
            for i in range(POINTS):
                place = halfway + (t * m * POINTS + i) * vector
                numbers = load_all(number, place, POINTS * vector, lanes, POINTS)
                target = values + t * tile + i * POINTS * plane
                store_all(combine(numbers, m, r, INPUT), target, plane)

    return transform


@cache
def of_gradients(number: Any, lanes: int, m: int, r: int) -> Any:
    """Return the function that transforms a row of tiles of m x m gradients."""
    vector = lanes * np.dtype(number).itemsize

    @block
    def transform(gradients, row, pixel, halfway, slopes, tile, plane, tiles):
        """Transform `tiles` tiles beside each other, for the filters of one vector."""
        for t in range(tiles):
            for x in range(m):
                column = load_all(number, gradients + (t * m + x) * pixel, row, lanes, m)
                column = combine(column, m, r, OUTPUT_BACK)
                store_all(column, halfway + x * POINTS * vector, vector)
            for i in range(POINTS):
                numbers = load_all(number, halfway + i * vector, POINTS * vector, lanes, m)
                target = slopes + t * tile + i * POINTS * plane
                store_all(combine(numbers, m, r, OUTPUT_BACK), target, plane)

    return transform


@cache
def of_sums(number: Any, lanes: int, m: int, r: int) -> Any:
    """Return the function that makes the gradients of r x r taps, for the filters of one vector."""
    vector = lanes * np.dtype(number).itemsize

    @block
    def transform(sums, plane, parts, part, halfway, trace):
        """Put the gradients in the first planes of the first part's sums.

        Returns `trace`, which becomes NaN if one of them isn't finite.
        """
        for x in range(POINTS):
            column = load_all(number, sums + x * plane, POINTS * plane, lanes, POINTS)
            for other in range(1, parts):
                column = add_stored(column, sums + other * part + x * plane, POINTS * plane)
            store_all(combine(column, m, r, TAPS_BACK), halfway + x * r * vector, vector)
        for i in range(r):
            row = load_all(number, halfway + i * vector, r * vector, lanes, POINTS)
            made = combine(row, m, r, TAPS_BACK)
            trace = add_no_times(trace, made)
            store_all(made, sums + i * r * plane, plane)
        return trace

    return transform
