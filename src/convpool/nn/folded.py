"""Convolutions that have taken in what followed them in a model; `fold` makes them."""

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling
from torch.nn import Parameter

from convpool.bridge import conv_transpose2d
from convpool.errors import ArgumentError
from convpool.functional.layers import conv2d_spec, conv_transpose2d_spec
from convpool.nn.modules import Conv2d, ConvTranspose2d, Packed, drop_kept
from convpool.request import NO_ACTIVATION
from convpool.spec import Activation, ConvolutionSpec


class Folded(Packed):
    """What the folded convolutions have in common."""

    activation: Activation = NO_ACTIVATION

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"{super().extra_repr()}, {self.activation}"

    def _by_kept(
        self,
        input: Tensor,
        spec: Callable[..., ConvolutionSpec],
        layer: tuple[Any, ...],
        residual: Tensor | None,
    ) -> Tensor | None:
        """Return the result by packed weights, or None if they mustn't be kept now."""
        weight = None if is_dynamo_compiling() else self._parameters.get("weight")
        packing = None if weight is None else self._kept()
        if weight is None or packing is None:
            return None
        bias, last, mode = self._parameters.get("bias"), self.activation, self.precision
        try:
            return packing.convolve(
                input, weight, bias, spec, layer, last, residual, precision=mode
            )
        except ArgumentError:  # the residual is to stretch, though it wasn't on the sample
            return None

    def _finished(self, output: Tensor, residual: Tensor | None) -> Tensor:
        """Return activation(output + residual) by PyTorch's operators."""
        slope, ceiling = self.activation.slope, self.activation.ceiling
        if residual is not None:
            output = output + residual
        if slope == 0.0:  # leaky_relu makes NaN of minus infinity then
            output = torch.relu(output)
        elif slope != 1.0:
            output = torch.nn.functional.leaky_relu(output, slope)
        return output if ceiling == math.inf else output.clamp(max=ceiling)


class FoldedConv2d(Folded, Conv2d):
    """A convolution with the sum and the activation that follow it."""

    def forward(self, input: Tensor, residual: Tensor | None = None) -> Tensor:
        """Return activation(convolution + residual)."""
        layer = self.stride, self.padding, self.dilation, self.groups, self.padding_mode
        output = self._by_kept(input, conv2d_spec, layer, residual)
        if output is not None:
            return output
        output = self._conv_forward(input, self.weight, self.bias)
        return self._finished(output, residual)


class FoldedConvTranspose2d(Folded, ConvTranspose2d):
    """A transposed convolution with the sum and the activation that follow it."""

    def forward(
        self,
        input: Tensor,
        output_size: Sequence[int] | None = None,
        residual: Tensor | None = None,
    ) -> Tensor:
        """Return activation(transposed convolution + residual)."""
        layer = self._layer(input, output_size)
        output = self._by_kept(input, conv_transpose2d_spec, layer, residual)
        if output is not None:
            return output
        weight, bias = self.weight, self.bias
        output = conv_transpose2d(input, weight, bias, *layer, precision=self.precision)
        return self._finished(output, residual)


def take_norm(layer: Conv2d | ConvTranspose2d, norm: torch.nn.BatchNorm2d) -> None:
    """Change a layer's weight and bias so that the norm, in evaluation, is in them.

    Args:
        layer: the convolution before the norm.
        norm: in evaluation, of the layer's output channels.

    Raises:
        ArgumentError: it has no running statistics.

    Example:
        >>> layer, norm = Conv2d(3, 8, 1, bias=False), torch.nn.BatchNorm2d(8, eps=0.0).eval()
        >>> take_norm(layer, norm)
        >>> layer.bias is None
        False
    """
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ArgumentError("norm.running_mean", None, "known: track_running_stats=True")
    with torch.no_grad():
        scale = torch.rsqrt(variance.double() + norm.eps)
        scale = scale if norm.weight is None else scale * norm.weight
        bias = scale * (-mean if layer.bias is None else layer.bias - mean)
        bias = bias if norm.bias is None else bias + norm.bias
        if isinstance(layer, Conv2d):  # (C_out, C_in / groups, k_h, k_w)
            factors = scale.reshape(-1, 1, 1, 1)
        else:  # (C_in, C_out / groups, k_h, k_w)
            inputs = layer.in_channels // layer.groups
            factors = scale.reshape(layer.groups, -1, 1, 1).repeat_interleave(inputs, dim=0)
        weight, learns = layer.weight, layer.weight.requires_grad
        layer.weight = Parameter((weight * factors).to(weight.dtype), learns)
        layer.bias = Parameter(bias.to(weight.dtype), learns)


def take_activation(layer: Conv2d | ConvTranspose2d, activation: Activation) -> None:
    """Make of a layer one that takes a residual and ends with the activation."""
    drop_kept(layer)  # of calls that end without it
    layer.__class__ = _FOLDED[type(layer)]  # as `accelerate` does: all that hangs on it stays
    cast("Folded", layer).activation = activation


_FOLDED: dict[type, type] = {Conv2d: FoldedConv2d, ConvTranspose2d: FoldedConvTranspose2d}
