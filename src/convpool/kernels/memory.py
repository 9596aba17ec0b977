"""Where outputs get their memory."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]


def empty(shape: tuple[int, ...], dtype: DTypeLike, *, channels_last: bool = False) -> Array:
    """Return an uninitialised array of shape (N, C, H, W), whose memory runs in that order.

    With `channels_last` the memory runs as N, H, W, C, and the shape stays.
    """
    if not channels_last:
        return np.empty(shape, dtype)
    batch, channels, height, width = shape
    return np.empty((batch, height, width, channels), dtype).transpose(0, 3, 1, 2)


def is_channels_last(images: Array) -> bool:
    """Tell whether the memory of images (N, C, H, W) runs as N, H, W, C, and not in their order."""
    return not images.flags.c_contiguous and images.transpose(0, 2, 3, 1).flags.c_contiguous
