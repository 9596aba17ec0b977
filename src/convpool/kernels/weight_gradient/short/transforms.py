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

M, R = 4, 3
"""Outputs and taps of a tile, in each direction."""
POINTS = M + R - 1


@cache
def of_pixels(number: Any, lanes: int) -> Any:
    """Return the function that transforms a row of tiles of 6x6 pixels."""
    vector = lanes * np.dtype(number).itemsize

    @block
    def transform(pixels, row, pixel, halfway, values, tile, plane, tiles):
        """Transform `tiles` tiles that overlap by two pixels, for the channels of one vector."""
        for x in range(tiles * M + R - 1):
            column = load_all(number, pixels + x * pixel, row, lanes, POINTS)
            store_all(combine(column, M, R, INPUT), halfway + x * POINTS * vector, vector)
        for t in range(tiles):
            for i in range(POINTS):
                place = halfway + (t * M * POINTS + i) * vector
                numbers = load_all(number, place, POINTS * vector, lanes, POINTS)
                target = values + t * tile + i * POINTS * plane
                store_all(combine(numbers, M, R, INPUT), target, plane)

    return transform


@cache
def of_gradients(number: Any, lanes: int) -> Any:
    """Return the function that transforms a row of tiles of 4x4 gradients."""
    vector = lanes * np.dtype(number).itemsize

    @block
    def transform(gradients, row, pixel, halfway, slopes, tile, plane, tiles):
        """Transform `tiles` tiles beside each other, for the filters of one vector."""
        for t in range(tiles):
            for x in range(M):
                column = load_all(number, gradients + (t * M + x) * pixel, row, lanes, M)
                column = combine(column, M, R, OUTPUT_BACK)
                store_all(column, halfway + x * POINTS * vector, vector)
            for i in range(POINTS):
                numbers = load_all(number, halfway + i * vector, POINTS * vector, lanes, M)
                target = slopes + t * tile + i * POINTS * plane
                store_all(combine(numbers, M, R, OUTPUT_BACK), target, plane)

    return transform


@cache
def of_sums(number: Any, lanes: int) -> Any:
    """Return the function that makes the gradients of 3x3 taps, for the filters of one vector."""
    vector = lanes * np.dtype(number).itemsize

    @block
    def transform(sums, plane, parts, part, halfway, trace):
        """Put the gradients in the first nine planes of the first part's sums.

        Returns `trace`, which becomes NaN if one of them isn't finite.
        """
        for x in range(POINTS):
            column = load_all(number, sums + x * plane, POINTS * plane, lanes, POINTS)
            for other in range(1, parts):
                column = add_stored(column, sums + other * part + x * plane, POINTS * plane)
            store_all(combine(column, M, R, TAPS_BACK), halfway + x * R * vector, vector)
        for i in range(R):
            row = load_all(number, halfway + i * vector, R * vector, lanes, POINTS)
            made = combine(row, M, R, TAPS_BACK)
            trace = add_no_times(trace, made)
            store_all(made, sums + i * R * plane, plane)
        return trace

    return transform
