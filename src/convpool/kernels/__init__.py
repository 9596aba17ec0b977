"""The fast engine: kernels in Python, compiled by Numba, written with explicit LLVM vectors.

This file says which requests the kernels take, without importing Numba: it is imported by the first
operation that a kernel carries out.
"""

from collections.abc import Callable
from typing import Any

from convpool.request import Request
from convpool.spec import MaxPool2dSpec

WIDEST_WINDOW, LONGEST_STEP = 13, 4
"""Columns under a window, and from one window to the next: each pair is compiled by itself."""

OPERATIONS = ("max_pool2d", "max_pool2d_with_indices")
DTYPES = (
    *("float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "bool"),
)
LARGEST_PLANE = 2**31 - 2**10
"""Pixels of a plane: lanes count them in 32 bits."""


def refusal(request: Request) -> str | None:
    """Return why no kernel takes the request, or None if one does.

    Example:
        >>> refusal(Request("max_pool2d", MaxPool2dSpec(3, dilation=2), (3, 32, 32), "float32"))
        'dilation (2, 2) is not 1'
    """
    spec = request.spec
    if request.operation not in OPERATIONS or not isinstance(spec, MaxPool2dSpec):
        return f"no kernel for {request.operation}"
    if request.dtype not in DTYPES:
        return f"no kernel for {request.dtype}"
    if spec.dilation != (1, 1):
        return f"dilation {spec.dilation} is not 1"
    taps, step = spec.kernel_size[1], spec.stride[1]
    if taps > WIDEST_WINDOW or step > LONGEST_STEP:
        return f"{taps} columns every {step} exceed {WIDEST_WINDOW} every {LONGEST_STEP}"
    pixels = request.image_shape[1] * request.image_shape[2]
    if pixels > LARGEST_PLANE:
        return f"planes of {pixels} pixels exceed {LARGEST_PLANE}"
    return None


def prepare(request: Request) -> Callable[..., Any]:
    """Return the function of the arrays that carries out a request which wasn't refused."""
    from convpool.kernels import max_pooling  # noqa: PLC0415 (Numba takes a while to import)

    return max_pooling.prepare(request)
