"""Builds the layer that a call of a function describes, and keeps it, with what its calls found.

The functions on arrays and on tensors look up the same ones, and forward and backward calls too.
"""

from convpool.arithmetic import Shape
from convpool.errors import ArgumentError
from convpool.functional.calls import remembered
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from convpool.spec.arguments import IntOrPair, PaddingLike, whole


def conv2d_spec(
    weight_shape: Shape,
    stride: IntOrPair,
    padding: PaddingLike | str,
    dilation: IntOrPair,
    groups: int,
    padding_mode: str,
    bias: bool = False,
) -> Conv2dSpec:
    """Return the convolution with weights of shape (C_out, C_in / groups, k_h, k_w)."""
    groups = whole("groups", groups, minimum=1)
    _check_weight(weight_shape, "(C_out, C_in / groups, k_h, k_w)")
    out_channels, per_group, *kernel = weight_shape
    return Conv2dSpec(
        per_group * groups,
        out_channels,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        bias,
        padding_mode,
    )


def conv_transpose2d_spec(
    weight_shape: Shape,
    stride: IntOrPair,
    padding: PaddingLike,
    output_padding: IntOrPair,
    groups: int,
    dilation: IntOrPair,
    bias: bool = False,
) -> ConvTranspose2dSpec:
    """Return the transposed convolution with weights (C_in, C_out / groups, k_h, k_w)."""
    groups = whole("groups", groups, minimum=1)
    _check_weight(weight_shape, "(C_in, C_out / groups, k_h, k_w)")
    in_channels, per_group, *kernel = weight_shape
    return ConvTranspose2dSpec(
        in_channels,
        per_group * groups,
        kernel,
        stride,
        padding,
        output_padding,
        groups,
        bias,
        dilation,
    )


def _check_weight(shape: Shape, expected: str) -> None:
    if len(shape) != 4 or min(shape) < 1:
        raise ArgumentError("shape of weight", shape, f"{expected}, each at least 1")


conv2d_calls = remembered(conv2d_spec, from_exact=True)
conv_transpose2d_calls = remembered(conv_transpose2d_spec, from_exact=True)
max_pool2d_calls = remembered(MaxPool2dSpec)
avg_pool2d_calls = remembered(AvgPool2dSpec)
max_unpool2d_calls = remembered(MaxUnpool2dSpec)
