"""A convolution's gradient by its bias: sums over images, rows and columns.

Each channel of each image is summed by itself, then over the images, all in float64: so the bits
don't depend on the number of threads, and the result is rounded once.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,misc"

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from convpool.kernels.jit import Kernel
from convpool.kernels.layouts import WORTH_THREADS, by_image, by_plane, laid_out
from convpool.request import Request

Array = NDArray[Any]

_LANES = 32
"""Sums of a plane that run side by side, in vectors that LLVM makes of them."""


def prepare(request: Request) -> Callable[..., Array]:
    """Return the function of a gradient (N, K, OH, OW) that returns the sums (K,)."""
    dtype = np.dtype(request.dtype)
    number = np.dtype("float32") if dtype == "float16" else dtype

    def run(gradient: Array, *, out: Array | None = None) -> Array:
        gradient, last = laid_out(gradient.astype(number, copy=False), number)
        sums = np.empty(gradient.shape[:2])
        threads = gradient.size >= WORTH_THREADS
        if last:
            _over_channels()(by_image(gradient.transpose(0, 2, 3, 1)), sums, threads=threads)
        else:
            _over_planes()(by_plane(gradient), sums.reshape(-1), threads=threads)
        if out is None and number == dtype:
            result = np.empty(sums.shape[1], dtype)
            _over_images().serial(sums, result)  # NumPy takes 3 us for the sum and the cast
            return result
        totals: Array = sums.sum(axis=0)
        with np.errstate(over="ignore"):  # what is too large for a half is infinite
            if out is None:
                return totals.astype(dtype)
            out[...] = totals
        return out

    return run


@cache
def _over_planes() -> Kernel:
    """Return the kernel for planes (P, H*W) and their sums (P,)."""

    def add(planes, sums):
        count, pixels = planes.shape
        whole = pixels // _LANES * _LANES
        for plane in prange(count):
            lanes = np.zeros(_LANES)
            for first in range(0, whole, _LANES):
                for lane in range(_LANES):
                    lanes[lane] += planes[plane, first + lane]
            for pixel in range(whole, pixels):
                lanes[pixel - whole] += planes[plane, pixel]
            total = 0.0
            for lane in range(_LANES):
                total += lanes[lane]
            sums[plane] = total

    return Kernel(add, variant="bias-planes")


@cache
def _over_images() -> Kernel:
    """Return the kernel for the sums of images (N, C) and what they come to (C,)."""

    def add(sums, result):
        images, channels = sums.shape
        for channel in range(channels):
            total = 0.0
            for image in range(images):
                total += sums[image, channel]
            result[channel] = total

    return Kernel(add, variant="bias-images")


@cache
def _over_channels() -> Kernel:
    """Return the kernel for images (N, H*W, C) and their sums (N, C)."""

    def add(images, sums):
        count, pixels, channels = images.shape
        for image in prange(count):
            sums[image] = 0
            for pixel in range(pixels):
                for channel in range(channels):
                    sums[image, channel] += images[image, pixel, channel]

    return Kernel(add, variant="bias-channels")
