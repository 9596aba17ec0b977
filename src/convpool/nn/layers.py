"""PyTorch's modules as values: the layer that a module is, for what reads layers."""

from typing import Any

import torch
from torch.nn import Module

from convpool.functional.layers import conv2d_spec, conv_transpose2d_spec
from convpool.spec import AvgPool2dSpec, LayerSpec, MaxPool2dSpec, MaxUnpool2dSpec


def layer_of(module: Module) -> LayerSpec | None:
    """Return the layer that a module is, or None if it is none of the five kinds.

    Raises:
        ArgumentError: the module has arguments that can never work.

    Example:
        >>> layer_of(torch.nn.MaxPool2d(3, ceil_mode=True)).kernel_size
        (3, 3)
        >>> layer_of(torch.nn.ReLU()) is None
        True
    """
    it: Any = module  # the types of PyTorch's attributes are wider than what they hold
    if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
        shape, biased = tuple(it.weight.shape), it.bias is not None
        if isinstance(module, torch.nn.Conv2d):
            sides = it.stride, it.padding, it.dilation, it.groups, it.padding_mode
            return conv2d_spec(shape, *sides, biased)
        turned = it.stride, it.padding, it.output_padding, it.groups, it.dilation
        return conv_transpose2d_spec(shape, *turned, biased)
    if isinstance(module, torch.nn.MaxPool2d):
        window = it.kernel_size, it.stride, it.padding, it.dilation
        return MaxPool2dSpec(*window, it.return_indices, it.ceil_mode)
    if isinstance(module, torch.nn.AvgPool2d):
        mean = it.ceil_mode, it.count_include_pad, it.divisor_override
        return AvgPool2dSpec(it.kernel_size, it.stride, it.padding, *mean)
    if isinstance(module, torch.nn.MaxUnpool2d):
        return MaxUnpool2dSpec(it.kernel_size, it.stride, it.padding)
    return None
