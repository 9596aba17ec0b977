"""From planes to pixels with their channels side by side, and back with bias and activation."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.abreast import add_each, load_turned, store_turned
from convpool.kernels.jit import block
from convpool.kernels.rows import load_all, load_rows, store_all, store_rows
from convpool.kernels.sliding import add_to_all
from convpool.kernels.sums import activate, add_rows

_READ, _WRITTEN = 16, 32
"""Bytes of a plane's row that are turned at a time. In whole vectors, and written in quarters, it
takes 10 % longer."""


@cache
def turning(number: Any, lanes: int, planar: bool) -> Any:
    """Return the function that copies pixels to where their channels are neighbours."""
    item = np.dtype(number).itemsize
    pixel, square = lanes * item, _READ // item

    @block
    def turn_planes(source, target, pixels, channels, of_channel, _of_pixel):
        """Copy pixels of `channels` planes that are `of_channel` bytes from each other."""
        for i in range(0, pixels, square):
            place, left = source + i * item, pixels - i
            if left >= square and channels == lanes:
                vectors = load_turned(number, place, of_channel, 0, 0, lanes, square, 1)
            else:
                last = channels - 1
                vectors = load_turned(number, place, of_channel, last, left, lanes, square, 0)
            store_all(vectors, target + i * pixel, pixel)

    @block
    def copy_pixels(source, target, pixels, channels, _of_channel, of_pixel):
        """Copy pixels whose channels are neighbours."""
        for i in range(pixels):
            vectors = load_rows(number, source + i * of_pixel, 0, 0, channels, lanes, 1)
            store_all(vectors, target + i * pixel, 0)

    return turn_planes if planar else copy_pixels


@cache
def finishing(number: Any, lanes: int, planar: bool) -> Any:
    """Return the function that stores the sums of pixels, with bias, residual and activation.

    The residual is given by its distance from the output, 0 if there is none; the activation by a
    slope and a ceiling.
    """
    item = np.dtype(number).itemsize
    pixel, square = lanes * item, min(lanes, _WRITTEN // item)

    @block
    def store_planes(
        sums, target, pixels, channels, of_channel, _of_pixel, bias, residual, slope, ceiling
    ):
        """Store them to `channels` planes that are `of_channel` bytes from each other."""
        bends = slope != 1 or ceiling != np.inf
        added, last = load_all(number, bias, 0, lanes, 1), channels - 1
        for i in range(0, pixels, square):
            vectors = add_to_all(load_all(number, sums + i * pixel, pixel, lanes, square), added)
            place, left = target + i * item, pixels - i
            if residual:
                there = place + residual
                others = load_turned(number, there, of_channel, last, left, lanes, square, 0)
                vectors = add_each(vectors, others)
            if bends:
                vectors = activate(vectors, slope, ceiling)
            if left >= square and channels == lanes:
                store_turned(vectors, place, of_channel, 0, 0, 1)
            else:
                store_turned(vectors, place, of_channel, last, left, 0)

    @block
    def store_pixels(
        sums, target, pixels, channels, _of_channel, of_pixel, bias, residual, slope, ceiling
    ):
        """Store them to pixels that are `of_pixel` bytes from each other."""
        bends = slope != 1 or ceiling != np.inf
        added = load_all(number, bias, 0, lanes, 1)
        for i in range(pixels):
            vectors = add_to_all(load_all(number, sums + i * pixel, 0, lanes, 1), added)
            place = target + i * of_pixel
            if residual:
                vectors = add_rows(vectors, place + residual, 0, 0, channels)
            if bends:
                vectors = activate(vectors, slope, ceiling)
            store_rows(vectors, place, 0, 0, channels)

    return store_planes if planar else store_pixels
