"""ReLU and its gradient, of numbers side by side: pieces are shared out to threads."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.jit import Kernel
from convpool.kernels.layouts import WORTH_THREADS

Array = NDArray[Any]

_PIECE = 1 << 14
"""Numbers of a unit."""


def rectify(images: Array) -> Array:
    """Return the larger of each number and 0; NaN stays. The images are contiguous."""
    output = memory.empty(images.shape, images.dtype)
    numbers = images.reshape(-1), output.reshape(-1)
    _forward()(*numbers, threads=images.size >= WORTH_THREADS)
    return output


def gradient(given: Array, output: Array) -> Array:
    """Return the gradient by what `rectify` was given: that by the output, unless this is 0.

    Both are contiguous, of one shape and type.
    """
    result = memory.empty(output.shape, output.dtype)
    numbers = given.reshape(-1), output.reshape(-1), result.reshape(-1)
    _backward()(*numbers, threads=output.size >= WORTH_THREADS)
    return result


@cache
def _forward() -> Kernel:
    def rectify(images, output):
        size = len(images)
        zero = images.dtype.type(0)
        for piece in prange((size + _PIECE - 1) // _PIECE):
            begin: Any = np.intp(piece) * _PIECE
            for at in range(begin, min(begin + _PIECE, size)):
                output[np.uint64(at)] = max(images[np.uint64(at)], zero)  # NaN stays

    return Kernel(rectify, variant="relu")


@cache
def _backward() -> Kernel:
    def differentiate(given, output, result):
        size = len(given)
        zero = given.dtype.type(0)
        for piece in prange((size + _PIECE - 1) // _PIECE):
            begin: Any = np.intp(piece) * _PIECE
            for at in range(begin, min(begin + _PIECE, size)):
                number = given[np.uint64(at)]
                result[np.uint64(at)] = zero if output[np.uint64(at)] <= zero else number

    return Kernel(differentiate, variant="relu-gradient")
