"""What may follow a convolution: the definition, in NumPy."""

from typing import Any

import numpy as np

from convpool.reference.precision import Array
from convpool.spec import Activation


def activated(array: Array, activation: Activation) -> Array:
    """Return the array with negative numbers times the slope, and none above the ceiling.

    Infinity times zero is no number, so a slope of zero is written out. The array's type stays; for
    integers the slope is 0 or 1.

    Example:
        >>> activated(np.array([-np.inf, -1.0, 3.0, 9.0]), Activation(slope=0.0, ceiling=6.0))
        array([0., 0., 3., 6.])
    """
    slope, ceiling = activation.slope, activation.ceiling
    if slope == 0:
        array = np.where(array < 0, array.dtype.type(0), array)
    elif slope != 1:
        array = np.where(array < 0, array * slope, array)
    if ceiling < _largest(array.dtype):
        array = np.where(array > ceiling, array.dtype.type(ceiling), array)
    return array


def _largest(dtype: np.dtype[Any]) -> float:
    return np.inf if dtype.kind == "f" else int(np.iinfo(dtype).max)
