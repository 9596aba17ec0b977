"""Numbers as people give them on the command line: written out, or in a file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convpool.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convpool.arithmetic import Shape

NUMBERS = "a list of rows such as [[1,2],[3,4]], or a .json or .npy file of one"


def read_numbers(argument: str, text: str) -> "NDArray[Any]":
    """Return the numbers in a JSON text or in a file: int64 where all are whole, else float64."""
    import numpy as np

    path = Path(text)
    if path.suffix in (".npy", ".json") and not path.is_file():
        raise ArgumentError(argument, text, NUMBERS)
    try:
        if path.suffix == ".npy":
            array: NDArray[Any] = np.load(path, allow_pickle=False)
        else:
            content = path.read_text() if path.suffix == ".json" else text
            array = np.array(json.loads(content))
    except (ValueError, EOFError, OSError) as error:
        if path.suffix in (".npy", ".json"):
            raise DataError(f"cannot read numbers from {path}: {error}") from error
        raise ArgumentError(argument, text, NUMBERS) from None
    if array.dtype.kind not in "iuf" or array.size == 0:
        raise ArgumentError(argument, text, NUMBERS)
    return array


def image_in(argument: str, array: "NDArray[Any]") -> "NDArray[Any]":
    """Return (C, H, W) or (N, C, H, W); a plane of numbers is one channel."""
    if array.ndim not in (2, 3, 4):
        raise ArgumentError(f"shape of {argument}", array.shape, "HxW, CxHxW or NxCxHxW")
    return array[None] if array.ndim == 2 else array


def shaped(argument: str, text: str | None, shape: "Shape") -> "NDArray[Any]":
    """Return numbers in the given shape.

    The axes of length 1 may be left out, so that a single kernel is a plain list of rows.
    """
    if text is None:
        raise ArgumentError(argument, None, f"given: numbers of shape {shape}")
    array = read_numbers(argument, text)
    if [size for size in array.shape if size != 1] != [size for size in shape if size != 1]:
        raise ArgumentError(f"shape of {argument}", array.shape, str(shape))
    return array.reshape(shape)
