"""Checks `out`, the array that a caller wants filled."""

from typing import Any

import numpy as np

from convpool.arithmetic import Shape
from convpool.errors import ArgumentError, DtypeError
from convpool.functional.arrays import Array, check_ndarray, check_shape

_OVERLAP_WORK = 10_000
"""Candidates for a shared address that are tried: enough for slices of one array, done in 1 ms."""


def check_out(
    out: object, shape: Shape, dtype: np.dtype[Any], apart: tuple[Array | None, ...]
) -> None:
    """Refuse what can't be filled with a result of a shape and an element type.

    Args:
        out: what the caller gave.
        shape: the result's.
        dtype: the result's, in this machine's byte order.
        apart: arrays that are read while `out` is written.

    Raises:
        ArgumentTypeError: it isn't a NumPy array.
        DtypeError: its elements are of another type or byte order.
        ArgumentError: it has another shape, is read-only, isn't aligned, or shares memory.
    """
    array = check_ndarray("out", out)
    if array.dtype != dtype:
        raise DtypeError("out", array.dtype.str, f"the result's, {dtype.str} ({dtype.name})")
    check_shape("out", array, shape)
    for flag in ("writeable", "aligned"):
        if not getattr(array.flags, flag):
            raise ArgumentError(f"out.flags.{flag}", False, "True")
    for other in apart:
        if other is not None and np.may_share_memory(array, other) and _overlap(array, other):
            raise ArgumentError("memory of out", "shared with an input", "its own")


def is_in_order(images: Array) -> bool:
    """Tell whether the memory of (N, C, H, W) runs in this order or as N, H, W, C."""
    return images.flags.c_contiguous or images.transpose(0, 2, 3, 1).flags.c_contiguous


def _overlap(one: Array, other: Array) -> bool:
    try:
        return np.shares_memory(one, other, max_work=_OVERLAP_WORK)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
