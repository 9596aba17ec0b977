"""Max unpooling and its gradient: the definition, in NumPy."""

import numpy as np

from convpool.reference.precision import Array
from convpool.request import check_cells
from convpool.spec import MaxUnpool2dSpec


def max_unpool2d(
    _spec: MaxUnpool2dSpec, input: Array, indices: Array, plane: tuple[int, int]
) -> Array:
    """Return zeros of the given plane (H, W) with each value at the cell that its index names.

    Where windows overlapped, several values may name one cell: the last one stays.
    """
    batch, channels = input.shape[:2]
    result = np.zeros((batch * channels, plane[0] * plane[1]), input.dtype)
    rows = np.arange(batch * channels)[:, None]
    result[rows, _flat(indices)] = _flat(input)
    return result.reshape(batch, channels, *plane)


def max_unpool2d_backward(_spec: MaxUnpool2dSpec, gradient: Array, indices: Array) -> Array:
    """Return the gradient by the values: that of the cell which each index names.

    An index outside of the plane is an ArgumentError.
    """
    check_cells(indices, (gradient.shape[2], gradient.shape[3]))
    taken = np.take_along_axis(_flat(gradient), _flat(indices), axis=1)
    return taken.reshape(indices.shape)


def _flat(image: Array) -> Array:
    """(N, C, H, W) -> (N*C, H*W), also where there is no image.

    Laid out in this order, since NumPy assigns in the order of memory, and the last one must stay.
    """
    batch, channels, height, width = image.shape
    return np.ascontiguousarray(image.reshape(batch * channels, height * width))
