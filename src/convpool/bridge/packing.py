"""A layer's weights as the kernels take them, kept from call to call until they change."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convpool.bridge.tensors import FLOATS, Array, array_of, arrays_of, on_images
from convpool.functional.binding import BoundConvolution
from convpool.request import NO_ACTIVATION
from convpool.spec import Activation, ConvolutionSpec

_SAMPLES = 16


class Packing:
    """The weights of one module, packed.

    They are packed anew when PyTorch says that they changed, by their place or version. What it
    isn't told of, such as edits of `weight.data`, is noticed by some of the weights (0.1 us), so
    whatever changes them as a whole.
    """

    __slots__ = ("_bias", "_bound", "_layer", "_sample", "_seen", "_weight")

    def __init__(self) -> None:
        self._weight: tuple[int, int] = (0, 0)
        """Place and version."""
        self._bias: tuple[int, int] | None = None
        self._layer: tuple[Any, ...] = ()
        self._bound: BoundConvolution | None = None
        self._sample: Array = _NONE
        self._seen = b""

    def convolve(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        spec: Callable[..., ConvolutionSpec],
        layer: tuple[Any, ...],
        activation: Activation = NO_ACTIVATION,
    ) -> Tensor | None:
        """Return the convolution, or None if the tensors don't go to the kernels at once.

        Args:
            input: images (N, C, H, W) or (C, H, W).
            weight: the module's.
            bias: the module's, or None.
            spec: makes a layer of the weights' shape and the `layer`.
            layer: the module's numbers.
            activation: what follows; always the same one.
        """
        array = array_of(FLOATS, input)
        if array is None or (weight.requires_grad and torch.is_grad_enabled()):
            return None
        bound = self._bound
        try:
            if (
                bound is None
                or self._weight != (weight.data_ptr(), weight._version)
                or self._bias != (None if bias is None else (bias.data_ptr(), bias._version))
                or self._layer != layer
                or self._seen != self._sample.tobytes()
            ):
                bound = self._pack(weight, bias, spec, layer, activation)
        except RuntimeError:  # an inference tensor has no version
            return None
        if bound is None or array.ndim not in (3, 4):
            return None
        return on_images(bound, array)

    def _pack(
        self,
        weight: Tensor,
        bias: Tensor | None,
        spec: Callable[..., ConvolutionSpec],
        layer: tuple[Any, ...],
        activation: Activation,
    ) -> BoundConvolution | None:
        arrays = arrays_of(FLOATS, weight, bias)
        if arrays is None:
            return None
        sample = _sample(arrays[0])
        if not np.shares_memory(sample, arrays[0]):
            return None
        built = spec(tuple(weight.shape), *layer, bias is not None)
        self._weight = weight.data_ptr(), weight._version
        self._bias = None if bias is None else (bias.data_ptr(), bias._version)
        self._bound = BoundConvolution(built, arrays[0], arrays[1], activation, copies=False)
        self._layer = layer
        self._sample, self._seen = sample, sample.tobytes()
        return self._bound


_NONE: Array = np.empty(0)


def _sample(array: Array) -> Array:
    """Return a view of some of an array's numbers, from first to last."""
    flat = array.ravel(order="K")
    return flat[:: max(1, flat.size // _SAMPLES)]
