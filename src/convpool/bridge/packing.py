"""A layer's weights as the kernels take them, kept from call to call until they change."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convpool.bridge.tensors import FLOATS, Array, arrays_of, on_arrays
from convpool.functional.binding import BoundConvolution
from convpool.request import NO_ACTIVATION
from convpool.spec import Activation, ConvolutionSpec

_SAMPLES = 16


class Packing:
    """The weights of one module, packed.

    They are packed anew when PyTorch says that they changed, by their place or version. What it
    isn't told of, such as edits of `weight.data`, is noticed by some of the numbers (0.2 us), so
    whatever changes the weights as a whole.
    """

    __slots__ = ("_bound", "_identity", "_layer", "_samples", "_seen")

    def __init__(self) -> None:
        self._identity: tuple[int, ...] = ()
        self._layer: tuple[Any, ...] = ()
        self._bound: BoundConvolution | None = None
        self._samples: tuple[Array, ...] = ()
        self._seen: list[bytes] = []

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
        arrays = arrays_of(FLOATS, input)
        if arrays is None or (torch.is_grad_enabled() and weight.requires_grad):
            return None
        bound = self._bound
        if (
            bound is None
            or self._identity != _identity(weight, bias)
            or self._layer != layer
            or self._seen != [sample.tobytes() for sample in self._samples]
        ):
            bound = self._pack(weight, bias, spec, layer, activation)
        if bound is None:
            return None
        result: Tensor = on_arrays(bound, arrays)
        return result

    def _pack(
        self,
        weight: Tensor,
        bias: Tensor | None,
        spec: Callable[..., ConvolutionSpec],
        layer: tuple[Any, ...],
        activation: Activation,
    ) -> BoundConvolution | None:
        arrays = arrays_of(FLOATS, weight, bias)
        if arrays is None or weight.is_inference() or (bias is not None and bias.is_inference()):
            return None
        samples = [_sample(array) for array in arrays if array is not None]
        if not all(map(np.shares_memory, samples, arrays)):
            return None
        built = spec(tuple(weight.shape), *layer, bias is not None)
        self._bound = BoundConvolution(built, arrays[0], arrays[1], activation, copies=False)
        self._identity, self._layer = _identity(weight, bias), layer
        self._samples = tuple(samples)
        self._seen = [sample.tobytes() for sample in samples]
        return self._bound


def _identity(weight: Tensor, bias: Tensor | None) -> tuple[int, ...]:
    if bias is None:
        return weight.data_ptr(), weight._version
    return weight.data_ptr(), weight._version, bias.data_ptr(), bias._version


def _sample(array: Array) -> Array:
    """Return a view of some of an array's numbers, from first to last."""
    flat = array.ravel(order="K")
    return flat[:: max(1, flat.size // _SAMPLES)]
