"""The layer whose forward pass is another's gradient by its input, with the same weights.

A convolution's gradient by its input is a transposed convolution, and the other way round: a pixel
and a tap that met in the forward pass meet again. Rows that a stride left over become output
padding; rows that output padding added, which no tap met, are cut from the gradient.
"""

from dataclasses import dataclass

from convpool.arithmetic import stamp_axes, window_axes
from convpool.spec import Conv2dSpec, ConvolutionSpec, ConvTranspose2dSpec
from convpool.spec.arguments import Pair


@dataclass(frozen=True)
class Adjoint:
    """A layer, the plane (H, W) of the gradients that it takes, and of the images that it makes."""

    spec: ConvolutionSpec
    plane: Pair
    """Of the gradient, from whose end what exceeds it is cut."""
    output: Pair
    """With the padding, where that repeats pixels."""


def adjoint(spec: ConvolutionSpec, plane: Pair) -> Adjoint:
    """Return the adjoint of a layer over an input plane (H, W).

    Where padding repeats pixels, the gradient is that by the padded image.

    Example:
        >>> adjoint(Conv2dSpec(3, 8, 3, stride=2, padding=1, bias=False), (6, 7)).spec
        ConvTranspose2d(8, 3, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), \
output_padding=(1, 0), bias=False)
    """
    if isinstance(spec, Conv2dSpec):
        return _of_convolution(spec, plane)
    return _of_transposed(spec, plane)


def _of_convolution(spec: Conv2dSpec, plane: Pair) -> Adjoint:
    axes = window_axes(spec, plane)
    repeats = spec.padding_mode != "zeros"
    extra = [(axis.padded - axis.reach) % axis.stride for axis in axes]
    layer = ConvTranspose2dSpec(
        spec.out_channels,
        spec.in_channels,
        spec.kernel_size,
        spec.stride,
        0 if repeats else spec.pads,
        extra,
        spec.groups,
        False,
        spec.dilation,
    )
    vertical, horizontal = axes
    output = (vertical.padded, horizontal.padded) if repeats else plane
    return Adjoint(layer, (vertical.output, horizontal.output), output)


def _of_transposed(spec: ConvTranspose2dSpec, plane: Pair) -> Adjoint:
    """Padding after the gradient is lessened by the output padding, before pixels are cut."""
    axes = stamp_axes(spec, plane)
    pads = [(axis.before, max(0, axis.after - axis.extra)) for axis in axes]
    cut = [max(0, axis.extra - axis.after) for axis in axes]
    layer = Conv2dSpec(
        spec.out_channels,
        spec.in_channels,
        spec.kernel_size,
        spec.stride,
        pads,
        spec.dilation,
        spec.groups,
        False,
    )
    height, width = (axis.output - pixels for axis, pixels in zip(axes, cut, strict=True))
    return Adjoint(layer, (height, width), plane)
