"""Checks the arrays that come in, and turns one image into a batch of one and back."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import Shape
from convpool.errors import ArgumentError, ArgumentTypeError, DtypeError

Array = NDArray[Any]

SUMMED = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8")
"""Element types of the operators that add up: PyTorch's (it takes the small integers in some
settings only)."""
COMPARED = (*SUMMED, "uint16", "uint32", "uint64", "bool")
"""Element types of the operators that compare and copy: PyTorch's and beyond them the rest."""


@lru_cache(maxsize=256)
def name_of(dtype: np.dtype[Any]) -> str:
    """Return the name of an element type, which NumPy puts together anew each time (1.5 us)."""
    return dtype.name


def check_array(argument: str, value: object, dtypes: tuple[str, ...]) -> Array:
    """Return the value if it is a NumPy array of one of the element types.

    Raises:
        ArgumentTypeError: it isn't a NumPy array.
        DtypeError: its elements are of another type.
    """
    array = check_ndarray(argument, value)
    if name_of(array.dtype) not in dtypes:
        raise DtypeError(argument, array.dtype, f"one of {', '.join(dtypes)}")
    return array


def check_ndarray(argument: str, value: object) -> Array:
    """Return the value if it is a NumPy array, and one without a mask, which would be ignored.

    Raises:
        ArgumentTypeError: it isn't.
    """
    if not isinstance(value, np.ndarray):
        raise ArgumentTypeError(argument, value, "a NumPy array")
    if isinstance(value, np.ma.MaskedArray):
        raise ArgumentTypeError(argument, value, "a NumPy array without a mask")
    return value


def ready(array: Array) -> Array:
    """Return the numbers as operators take them: a plain array, aligned, in native byte order."""
    if type(array) is np.ndarray and array.dtype.isnative and array.flags.aligned:
        return array
    return np.require(np.asarray(array), array.dtype.newbyteorder("="), ["ALIGNED"])


def shape_of(argument: str, value: object) -> Shape:
    """Return the shape of a NumPy array."""
    return value.shape if type(value) is np.ndarray else check_ndarray(argument, value).shape


def check_sequence(argument: str, size: object) -> Sequence[object]:
    """Return a size if it is a tuple or a list, whatever it holds."""
    if not isinstance(size, (tuple, list)):
        raise ArgumentTypeError(argument, size, "a tuple or list of whole numbers")
    return size


def check_like(
    argument: str, value: object, dtype: np.dtype[Any], shape: Shape | None = None
) -> Array:
    """Return the value if it is an array of the input's element type, and of the shape if given."""
    array = check_ndarray(argument, value)
    if name_of(array.dtype) != name_of(dtype):  # the byte order may differ
        raise DtypeError(argument, array.dtype, f"the input's, {dtype}")
    return array if shape is None else check_shape(argument, array, shape)


def check_shape(argument: str, array: Array, shape: Shape) -> Array:
    """Return the array if it has the shape."""
    if array.shape != shape:
        raise ArgumentError(f"shape of {argument}", array.shape, str(shape))
    return array


def as_batch(argument: str, image: Array) -> Array:
    """Return images (N, C, H, W) for (N, C, H, W) or for one image (C, H, W)."""
    if image.ndim not in (3, 4):
        raise ArgumentError(
            f"shape of {argument}", image.shape, "(N, C, H, W), or (C, H, W) for one image"
        )
    return image[None] if image.ndim == 3 else image


def check_indices(indices: object, shape: Shape) -> Array:
    """Return the indices if they are int64 and of the shape of what they belong to."""
    array = check_ndarray("indices", indices)
    if name_of(array.dtype) != "int64":
        raise DtypeError("indices", array.dtype, "int64")
    return check_shape("indices", array, shape)
