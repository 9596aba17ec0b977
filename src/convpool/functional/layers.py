"""Builds the layer that a call of a function describes, from its arguments and its arrays."""

from convpool.arithmetic import Shape
from convpool.errors import ArgumentError
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec
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
