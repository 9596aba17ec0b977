"""Where outputs and scratch get their memory.

Small arrays are NumPy's own. From 256 KB they start at a multiple of 64 bytes, a line of the cache
and a register of AVX-512; that takes 2 us, more than it brings a smaller one. From 1 MB they come
from the pool (`pool.py`), which takes 3 us; below, the C library recycles memory just as well.
Scratch memory is taken and given back, so that most calls find some.
"""

import ctypes
import os
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convpool.kernels.pool import POOL

Array = NDArray[Any]

POISON = "CONVPOOL_POISON"
"""Environment variable for tests: if it is set, new arrays are full of NaN, or of 0xA5."""

_POISONED = POISON in os.environ
_BYTE = np.dtype(np.uint8)
_ALIGNED_FROM = 1 << 18
_MOST_SPARE = 8  # pieces of scratch memory that wait: as many callers at a time find one
_POOLED_FROM = 1 << 20
_LARGEST_SPARE = 1 << 23
# Scratch of more pages than the CPU knows at a time lies in huge ones, as the pool has from 4 MB:
# products of transformed tiles are a twentieth to a tenth faster there.
_MANY_PAGES, _HUGE_FROM = 1 << 19, 1 << 22
_LINE = 64
_EMPTY = np.empty(0, np.uint8)
_SPARE: list[NDArray[np.uint8]] = []


def empty(shape: tuple[int, ...], dtype: DTypeLike, *, channels_last: bool = False) -> Array:
    """Return an uninitialised array of shape (N, C, H, W), whose memory runs in that order.

    With `channels_last` the memory runs as N, H, W, C, and the shape stays.
    """
    if channels_last:
        batch, channels, height, width = shape
        return empty((batch, height, width, channels), dtype).transpose(0, 3, 1, 2)
    element = dtype if isinstance(dtype, np.dtype) else np.dtype(dtype)  # 0.05 us less
    nbytes = prod(shape) * element.itemsize
    small = nbytes < _ALIGNED_FROM
    array = np.empty(shape, element) if small else _aligned(shape, element, nbytes)
    return _poisoned(array) if _POISONED else array


def row(size: int, dtype: DTypeLike) -> Array:
    """Return so many uninitialised numbers, from a multiple of 64 bytes on.

    Weights lie in such rows: vectors of them that lie across two lines take a tenth longer to
    multiply.
    """
    element = np.dtype(dtype)
    array = _aligned((size,), element, size * element.itemsize)
    return _poisoned(array) if _POISONED else array


def source_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Callable[[], Array]:
    """Return what `empty` would, as often as it is called; of small arrays in 0.3 us less."""
    if _POISONED or prod(shape) * dtype.itemsize >= _ALIGNED_FROM:
        return partial(empty, shape, dtype)
    return partial(np.empty, shape, dtype)


def scratch(nbytes: int) -> NDArray[np.uint8]:
    """Return that many bytes or more for the time of a call, starting at a multiple of 64 bytes."""
    try:
        array = _SPARE.pop()  # by one step of the interpreter, so no two callers get the same
    except IndexError:
        array = _EMPTY
    if nbytes > _MANY_PAGES:
        nbytes = max(nbytes, _HUGE_FROM)
    if array.nbytes < nbytes:
        array = _aligned((nbytes,), _BYTE, nbytes)
    return _poisoned(array) if _POISONED else array


def give_back(array: NDArray[np.uint8]) -> None:
    """Take scratch memory back, for later calls; what is large goes back to the pool by itself."""
    if len(_SPARE) < _MOST_SPARE and array.nbytes <= _LARGEST_SPARE:
        _SPARE.append(array)


def address_of(array: Array) -> int:
    """Return where an array begins, in 0.4 us less than `ctypes.data` takes."""
    place: int = array.__array_interface__["data"][0]
    return place


def is_channels_last(images: Array) -> bool:
    """Tell whether the memory of images (N, C, H, W) runs as N, H, W, C, and not in their order."""
    return not images.flags.c_contiguous and images.transpose(0, 2, 3, 1).flags.c_contiguous


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any], nbytes: int) -> Array:
    if nbytes >= _POOLED_FROM:
        return POOL.lend(shape, dtype, nbytes)
    memory = np.empty(nbytes + _LINE, _BYTE)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(memory.data)) % _LINE
    return memory[start : start + nbytes].view(dtype).reshape(shape)


def _poisoned(array: Array) -> Array:
    """Fill an array with what no kernel means to leave in it."""
    if array.dtype.kind == "f":
        array.fill(np.nan)
    else:
        array.reshape(-1).view(_BYTE).fill(0xA5)
    return array
