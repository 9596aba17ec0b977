"""The fast engine: kernels in Python, compiled by Numba, written with explicit LLVM vectors.

This file says which requests the kernels take, without importing Numba: it is imported by the first
operation that a kernel carries out.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from convpool.request import Request
from convpool.spec import ConvolutionSpec, ConvTranspose2dSpec, MaxPool2dSpec

WIDEST_WINDOW, LONGEST_STEP = 7, 4
"""Columns under a window, and from one window to the next: each pair is compiled by itself."""

FLOATS = ("float16", "float32", "float64")
MOST_TAPS, MOST_PHASES, MOST_PADDING = 1 << 14, 256, 1 << 14
"""Of a convolution: beyond them tables would be larger than arrays."""
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
    if request.operation not in _KERNELS:
        return f"no kernel for {request.operation}"
    return _KERNELS[request.operation][0](request)


def prepare(request: Request) -> Callable[..., Any]:
    """Return the function of the arrays that carries out a request which wasn't refused."""
    # Imported now, since Numba takes a while.
    module = import_module(f"convpool.kernels.{_KERNELS[request.operation][1]}")
    operator: Callable[..., Any] = module.prepare(request)
    return operator


def _pooling(request: Request) -> str | None:
    spec = request.spec
    if not isinstance(spec, MaxPool2dSpec) or request.dtype not in DTYPES:
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


def _convolution(request: Request) -> str | None:
    spec = request.spec
    if not isinstance(spec, ConvolutionSpec) or request.dtype not in FLOATS:
        return f"no kernel for {request.dtype}"
    if spec.kernel_size[0] * spec.kernel_size[1] > MOST_TAPS:
        return f"{spec.kernel_size[0]}x{spec.kernel_size[1]} taps exceed {MOST_TAPS}"
    if isinstance(spec, ConvTranspose2dSpec) and spec.stride[0] * spec.stride[1] > MOST_PHASES:
        return f"{spec.stride[0]}x{spec.stride[1]} phases exceed {MOST_PHASES}"
    pixels = request.image_shape[1] * request.image_shape[2]
    if pixels > LARGEST_PLANE:
        return f"planes of {pixels} pixels exceed {LARGEST_PLANE}"
    if max(max(sides) for sides in spec.pads) > MOST_PADDING:
        return f"padding {spec.pads} exceeds {MOST_PADDING}"
    return None


_KERNELS: dict[str, tuple[Callable[[Request], str | None], str]] = {
    "conv2d": (_convolution, "convolution"),
    "conv_transpose2d": (_convolution, "convolution"),
    "max_pool2d": (_pooling, "max_pooling"),
    "max_pool2d_with_indices": (_pooling, "max_pooling"),
}
"""Of each operation: why not, and the module that carries it out."""
