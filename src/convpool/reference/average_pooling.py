"""Average pooling and its gradient: the definition, in NumPy."""

from typing import Any

import numpy as np

from convpool.arithmetic import Window, window_axes
from convpool.reference.precision import Array, ieee, rounded
from convpool.reference.taps import meetings
from convpool.spec import AvgPool2dSpec


@ieee
def avg_pool2d(spec: AvgPool2dSpec, input: Array) -> Array:
    """Return the sum under each window, divided as the spec says; integers round towards zero."""
    axes = window_axes(spec, (input.shape[2], input.shape[3]))
    shape = (*input.shape[:2], axes[0].output, axes[1].output)
    total = np.zeros(shape, _wide(input.dtype))
    for tap in meetings(axes):
        total[tap.small] += input[tap.big]
    return rounded(_divided(total, _divisors(spec, axes)), input.dtype)


@ieee
def avg_pool2d_backward(spec: AvgPool2dSpec, plane: tuple[int, int], gradient: Array) -> Array:
    """Return the gradient by the input, whose plane (H, W) is given: each window shares evenly."""
    axes = window_axes(spec, plane)
    share = _divided(gradient.astype(_wide(gradient.dtype)), _divisors(spec, axes))
    result = np.zeros((*gradient.shape[:2], *plane), share.dtype)
    for tap in meetings(axes):
        result[tap.big] += share[tap.small]
    return rounded(result, gradient.dtype)


def _divisors(spec: AvgPool2dSpec, axes: tuple[Window, Window]) -> Array:
    """Return what each window's sum is divided by, (OH, OW)."""
    if spec.divisor_override is not None:
        return np.full((axes[0].output, axes[1].output), spec.divisor_override)
    rows, columns = (
        [axis.cells(window, with_padding=spec.count_include_pad) for window in range(axis.output)]
        for axis in axes
    )
    return np.multiply.outer(rows, columns)


def _divided(total: Array, divisors: Array) -> Array:
    if total.dtype.kind == "f":
        return np.asarray(total / divisors)
    quotient = total // divisors  # rounds down
    inexact = quotient * divisors != total
    return np.asarray(quotient + (inexact & ((total < 0) != (divisors < 0))))


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of the sums; that of bytes exceeds a byte, though their mean doesn't."""
    return np.dtype(np.float64 if dtype.kind == "f" else np.int64)
