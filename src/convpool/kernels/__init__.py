"""The fast engine: kernels in Python, compiled by Numba, written with explicit LLVM vectors.

This file says which requests the kernels take, without importing Numba: it is imported by the first
operation that a kernel carries out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from convpool.kernels.adjoint import adjoint
from convpool.request import Request
from convpool.spec import ConvolutionSpec, ConvTranspose2dSpec

FLOATS = ("float16", "float32", "float64")
COMPARED = (
    *(*FLOATS, "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "bool"),
)
LARGEST_PLANE = 2**31 - 2**10
"""Pixels of a plane: lanes count them in 32 bits."""
MOST_TAPS, MOST_PHASES, MOST_PADDING = 1 << 14, 256, 1 << 14
"""Of a convolution: beyond them its tables would be larger than its arrays."""
MOST_PIXELS = 1 << 18
"""Pixels under the filters of a block of at most 288 rows and columns, of a gradient by weights: a
panel holds 48 channels of them, 50 MB."""


def _refuses(dtypes: tuple[str, ...]) -> Callable[[Request], str | None]:
    """Return the rule of an operation that takes these element types."""

    def refusal(request: Request) -> str | None:
        if request.dtype not in dtypes:
            return f"no kernel for {request.dtype}"
        spec, (height, width) = request.spec, request.image_shape[1:]
        if max(*spec.stride, *spec.dilation) > LARGEST_PLANE:
            return f"stride {spec.stride} or dilation {spec.dilation} exceeds {LARGEST_PLANE}"
        (top, bottom), (left, right) = spec.pads
        pixels = (top + height + bottom) * (left + width + right)
        if pixels > LARGEST_PLANE:
            return f"planes of {pixels} pixels exceed {LARGEST_PLANE}"
        return None

    return refusal


def _refuses_convolution(request: Request) -> str | None:
    """Return why a convolution, or a transposed one, isn't taken."""
    spec = request.spec
    if not isinstance(spec, ConvolutionSpec) or request.dtype not in FLOATS:
        return f"no kernel for {request.dtype}"
    if spec.kernel_size[0] * spec.kernel_size[1] > MOST_TAPS:
        return f"{spec.kernel_size[0]}x{spec.kernel_size[1]} taps exceed {MOST_TAPS}"
    if isinstance(spec, ConvTranspose2dSpec) and spec.stride[0] * spec.stride[1] > MOST_PHASES:
        return f"{spec.stride[0]}x{spec.stride[1]} phases exceed {MOST_PHASES}"
    if max(*spec.stride, *spec.dilation) > LARGEST_PLANE:
        return f"stride {spec.stride} or dilation {spec.dilation} exceeds {LARGEST_PLANE}"
    if max(max(sides) for sides in spec.pads) > MOST_PADDING:
        return f"padding {spec.pads} exceeds {MOST_PADDING}"
    pixels = request.image_shape[1] * request.image_shape[2]
    if pixels > LARGEST_PLANE:
        return f"planes of {pixels} pixels exceed {LARGEST_PLANE}"
    return None


def _refuses_by_input(request: Request) -> str | None:
    """Return why a gradient by the input isn't taken: it is made as the adjoint layer."""
    return _refuses_convolution(request) or _refuses_adjoint(request)


def _refuses_by_weight(request: Request) -> str | None:
    """Return why a gradient by the weights isn't taken: it is made as that of a convolution."""
    reason = _refuses_convolution(request)
    if reason is None and isinstance(request.spec, ConvTranspose2dSpec):
        reason = _refuses_adjoint(request)
    if reason is not None:
        return reason
    spec = cast("ConvolutionSpec", request.spec)
    rows, columns = (
        spread * (taps - 1) + 1
        for taps, spread in zip(spec.kernel_size, spec.dilation, strict=True)
    )
    if (rows + 288) * (columns + 288) > MOST_PIXELS:
        return f"taps span {rows}x{columns} pixels, which exceeds a panel"
    return None


def _refuses_adjoint(request: Request) -> str | None:
    _, height, width = request.image_shape
    other = adjoint(cast("ConvolutionSpec", request.spec), (height, width))
    if min(other.plane) < 1:
        return "no tap meets the output"
    images = other.spec.in_channels, *other.plane
    return _refuses_convolution(Request(request.operation, other.spec, images, request.dtype))


@dataclass(frozen=True)
class Operation:
    """Which requests for an operation are refused, and the module whose `prepare` takes others."""

    refusal: Callable[[Request], str | None]
    module: str


OPERATIONS = {
    "conv2d": Operation(_refuses_convolution, "convolution"),
    "conv_transpose2d": Operation(_refuses_convolution, "convolution"),
    "max_pool2d": Operation(_refuses(COMPARED), "max_pooling"),
    "max_pool2d_with_indices": Operation(_refuses(COMPARED), "max_pooling"),
    "avg_pool2d": Operation(_refuses(FLOATS), "average_pooling"),
    "max_unpool2d": Operation(_refuses(COMPARED), "unpooling"),
    "conv2d_input": Operation(_refuses_by_input, "input_gradient"),
    "conv_transpose2d_input": Operation(_refuses_by_input, "input_gradient"),
    "conv2d_weight": Operation(_refuses_by_weight, "weight_gradient"),
    "conv_transpose2d_weight": Operation(_refuses_by_weight, "weight_gradient"),
    "convolution_bias": Operation(_refuses(FLOATS), "bias_gradient"),
    "max_pool2d_backward": Operation(_refuses(FLOATS), "max_pooling_backward"),
    "avg_pool2d_backward": Operation(_refuses(FLOATS), "average_pooling_backward"),
    "max_unpool2d_backward": Operation(_refuses(COMPARED), "unpooling_backward"),
}


def refusal(request: Request) -> str | None:
    """Return why no kernel takes the request, or None if one does.

    Example:
        >>> from convpool.spec import AvgPool2dSpec
        >>> refusal(Request("avg_pool2d", AvgPool2dSpec(3), (3, 32, 32), "int64"))
        'no kernel for int64'
    """
    operation = OPERATIONS.get(request.operation)
    if operation is None:
        return f"no kernel for {request.operation}"
    return operation.refusal(request)


def prepare(request: Request) -> Callable[..., Any]:
    """Return the function of the arrays that carries out a request which wasn't refused.

    Its keyword `out` is an array of the output's shape and element type, to be written and
    returned; max pooling with indices has none.
    """
    # Numba takes a while to import.
    module = import_module(f"convpool.kernels.{OPERATIONS[request.operation].module}")
    run: Callable[..., Any] = module.prepare(request)
    return run
