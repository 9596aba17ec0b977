"""Layers as values: frozen, normalised, checked once, hashable, printed as PyTorch prints them.

Standard library only. Every other part of the package works from these values and never from raw
arguments, so an argument is checked in one place.
"""

from convpool.spec.activation import Activation
from convpool.spec.convolution import PADDING_MODES, PADDING_WORDS, Conv2dSpec, ConvTranspose2dSpec
from convpool.spec.pooling import AvgPool2dSpec, MaxPool2dSpec, MaxUnpool2dSpec

ConvolutionSpec = Conv2dSpec | ConvTranspose2dSpec
WindowSpec = Conv2dSpec | MaxPool2dSpec | AvgPool2dSpec
"""Layers whose output pixel looks at a window of the input."""
StampSpec = ConvTranspose2dSpec | MaxUnpool2dSpec
"""Layers whose input pixel stamps a window of the output."""
LayerSpec = WindowSpec | StampSpec

LAYERS: dict[str, type[LayerSpec]] = {
    spec.name: spec
    for spec in (Conv2dSpec, ConvTranspose2dSpec, MaxPool2dSpec, AvgPool2dSpec, MaxUnpool2dSpec)
}
"""The specification of each layer by PyTorch's name."""

__all__ = [
    "LAYERS",
    "PADDING_MODES",
    "PADDING_WORDS",
    "Activation",
    "AvgPool2dSpec",
    "Conv2dSpec",
    "ConvTranspose2dSpec",
    "ConvolutionSpec",
    "LayerSpec",
    "MaxPool2dSpec",
    "MaxUnpool2dSpec",
    "StampSpec",
    "WindowSpec",
]
