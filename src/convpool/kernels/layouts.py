"""The arrays around a kernel: images in one of two memory layouts, and where results go."""

from collections.abc import Callable
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


def written(
    write: Callable[[Array], None],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    out: Array | None,
    *,
    channels_last: bool,
) -> Array:
    """Return an array that `write` has written, `out` if it is given.

    `write` gets an array of the layout asked for; if `out` is of another one, what was written is
    copied into it.
    """
    if out is None:
        result = memory.empty(shape, dtype, channels_last=channels_last)
        write(result)
        return result
    order = out.transpose(0, 2, 3, 1) if channels_last else out
    if _is_plain(out) and order.flags.c_contiguous:
        write(out)
    else:
        out[...] = written(write, shape, dtype, None, channels_last=channels_last)
    return out
