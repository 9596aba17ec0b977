"""PyTorch's own operators with the arguments of ours, for tensors that no kernel takes.

Those are tensors on other devices, and element types such as bfloat16 and, for sums, the integers.
What PyTorch's operators don't do is put together from others.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from convpool.bridge.operators import four
from convpool.errors import ArgumentError
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvolutionSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from convpool.spec.arguments import Pair

_MODES = {"zeros": "constant"}


def convolution(
    spec: ConvolutionSpec, input: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    """Return PyTorch's convolution, or transposed one."""
    of = _conv2d if isinstance(spec, Conv2dSpec) else _conv_transpose2d
    return of(spec, input, weight, bias)  # type: ignore[arg-type]


def _conv2d(spec: Conv2dSpec, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return PyTorch's convolution, of a padded copy where it can't pad like that itself."""
    (top, bottom), (left, right) = spec.pads
    images, padding = input, (top, left)
    if spec.padding_mode != "zeros" or padding != (bottom, right):
        mode = _MODES.get(spec.padding_mode, spec.padding_mode)
        images = functional.pad(input, (left, right, top, bottom), mode)
        padding = (0, 0)
    return torch.conv2d(images, weight, bias, spec.stride, padding, spec.dilation, spec.groups)


def _conv_transpose2d(
    spec: ConvTranspose2dSpec, input: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    """Return PyTorch's transposed convolution, cropped where the sides differ."""
    (top, bottom), (left, right) = spec.pads
    alike = (top, left) == (bottom, right)
    padding = (top, left) if alike else (0, 0)
    output = functional.conv_transpose2d(
        input,
        weight,
        bias,
        spec.stride,
        padding,
        spec.output_padding,
        spec.groups,
        spec.dilation,
    )
    if alike:
        return output
    height, width = output.shape[-2:]
    return output[..., top : height - bottom, left : width - right]


def max_pool2d(spec: MaxPool2dSpec, input: Tensor) -> Any:
    """Return PyTorch's maxima, with indices if the layer returns them."""
    padding = _padding(spec, input)
    return functional.max_pool2d(  # type: ignore[call-overload]
        input,
        spec.kernel_size,
        spec.stride,
        padding,
        spec.dilation,
        spec.ceil_mode,
        spec.return_indices,
    )


def avg_pool2d(spec: AvgPool2dSpec, input: Tensor) -> Tensor:
    """Return PyTorch's means."""
    return functional.avg_pool2d(
        input,
        spec.kernel_size,
        spec.stride,
        _padding(spec, input),
        spec.ceil_mode,
        spec.count_include_pad,
        spec.divisor_override,
    )


def max_unpool2d(
    spec: MaxUnpool2dSpec, input: Tensor, indices: Tensor, output_size: Sequence[int] | None
) -> Tensor:
    """Return PyTorch's unpooling."""
    size = None if output_size is None else list(output_size)
    padding = _padding(spec, input)
    return functional.max_unpool2d(input, indices, spec.kernel_size, spec.stride, padding, size)


def _padding(spec: LayerSpec, input: Tensor) -> Pair:
    (top, bottom), (left, right) = spec.pads
    if (top, left) != (bottom, right):
        raise ArgumentError(
            "padding",
            four(spec.pads),
            f"alike on both sides of an axis for {input.dtype} on {input.device.type}, "
            "which goes to PyTorch's own operator",
        )
    return top, left
