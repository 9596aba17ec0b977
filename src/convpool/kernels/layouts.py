"""The arrays around a kernel: images in one of two memory layouts, and where results go."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory

Array = NDArray[Any]

WORTH_THREADS = 1 << 15
"""Numbers of input from which pooling uses threads; two break even at half of that."""


def laid_out(images: Array, element: np.dtype[Any]) -> tuple[Array, bool]:
    """Return images (N, C, H, W) as kernels read them, and whether that is channels-last.

    Both layouts are read as they are, as numbers of an element type of the same size; anything else
    is copied once.
    """
    last = False
    if not _is_plain(images):
        images = np.require(images, images.dtype.newbyteorder("="), ["A"])
    if not images.flags.c_contiguous:
        last = memory.is_channels_last(images)
        images = images if last else np.ascontiguousarray(images)
    return (images if images.dtype == element else images.view(element)), last


def _is_plain(array: Array) -> bool:
    return array.flags.aligned and array.dtype.isnative


def destination(
    shape: tuple[int, ...], dtype: np.dtype[Any], out: Array | None, *, channels_last: bool
) -> Array:
    """Return the array that a kernel writes: `out` if it is one of the layout, else a new one."""
    if out is not None and _is_plain(out):
        order = out.transpose(0, 2, 3, 1) if channels_last else out
        if order.flags.c_contiguous:
            return out
    return memory.empty(shape, dtype, channels_last=channels_last)


def delivered(result: Array, out: Array | None) -> Array:
    """Return `out` with the result in it, or the result if there is no `out`."""
    if out is None or out is result:
        return result
    out[...] = result
    return out


def by_plane(images: Array) -> Array:
    """Return images (N, C, H, W) as (N*C, H*W), also where there is no image."""
    batch, channels, height, width = images.shape
    return images.reshape(batch * channels, height * width)


def by_image(images: Array) -> Array:
    """Return images (N, H, W, C) as (N, H*W, C), also where there is no image."""
    batch, height, width, channels = images.shape
    return images.reshape(batch, height * width, channels)
