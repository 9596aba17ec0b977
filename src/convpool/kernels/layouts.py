"""The arrays around a kernel: images in one of two memory layouts, and where results go."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory

Array = NDArray[Any]

WORTH_THREADS = 1 << 15
"""Numbers of input from which pooling uses threads; two break even at half of that."""


def laid_out(images: Array) -> tuple[Array, bool]:
    """Return images (N, C, H, W) as kernels read them, and whether that is channels-last.

    Both layouts are read as they are; anything else is copied once.
    """
    flags = images.flags
    if flags.aligned and images.dtype.isnative:
        if flags.c_contiguous:
            return images, False
        if memory.is_channels_last(images):
            return images, True
    native = images.dtype.newbyteorder("=")
    return np.require(images, native, ["C", "A"]), False


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
    fits, is_last = laid_out(out)
    if fits is out and (is_last == channels_last or 1 in (shape[1], shape[2] * shape[3])):
        write(out)
    else:
        out[...] = written(write, shape, dtype, None, channels_last=channels_last)
    return out
