"""In which element type the reference adds up.

Floats are summed in float64 and rounded once at the end, so that a float32 result is the correctly
rounded one but for rare ties, whatever order a BLAS adds in. Integers wrap around in their own
type, as PyTorch's do. Infinities and NaN follow IEEE 754 and raise no warnings, as in PyTorch.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ieee = np.errstate(all="ignore")
"""Decorates the operators that add or divide."""


def accumulator(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the element type in which sums over arrays of `dtype` are kept.

    Example:
        >>> accumulator(np.dtype("float32")), accumulator(np.dtype("int8"))
        (dtype('float64'), dtype('int8'))
    """
    return np.dtype(np.float64) if dtype.kind == "f" else dtype


def widened(array: Array) -> Array:
    """Return a copy in the accumulator's type, row by row, whatever the layout of the array.

    BLAS adds in another order for another layout, so equal numbers would give unequal bits.
    """
    return array.astype(accumulator(array.dtype), order="C")


def rounded(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return the array in its final type; what exceeds a float's range becomes infinite."""
    return array.astype(dtype, copy=False)
