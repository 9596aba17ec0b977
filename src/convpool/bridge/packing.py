"""A layer's weights as the kernels take them, kept from call to call until they change."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from convpool.bridge.tensors import FLOATS, Array, array_of, arrays_of, on_arrays, on_images
from convpool.functional.binding import BoundConvolution
from convpool.precisions import under
from convpool.request import NO_ACTIVATION
from convpool.spec import Activation, ConvolutionSpec

_SAMPLES = 16


class _Kept(NamedTuple):
    """Packed weights, and what they were packed from."""

    weight: tuple[int, int]
    """Place and version."""
    bias: tuple[int, int] | None
    layer: tuple[Any, ...]
    sample: Array
    """A view of some of the weights, and what it held."""
    seen: bytes
    bound: BoundConvolution | None


_NOTHING = _Kept((0, 0), None, (), np.empty(0), b"", None)


class Packing:
    """The weights of one module, packed.

    They are packed anew when PyTorch says that they changed, by their place or version. What it
    isn't told of, such as edits of `weight.data`, is noticed by some of the weights (0.1 us), so
    whatever changes them as a whole. So it is with tensors that were made under
    `torch.inference_mode`, which have no version.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept = _NOTHING

    def convolve(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        spec: Callable[..., ConvolutionSpec],
        layer: tuple[Any, ...],
        activation: Activation = NO_ACTIVATION,
        residual: Tensor | None = None,
        *,
        precision: str | None = None,
    ) -> Tensor | None:
        """Return the convolution, or None if the tensors don't go to the kernels at once.

        Args:
            input: images (N, C, H, W) or (C, H, W).
            weight: the module's.
            bias: the module's, or None.
            spec: makes a layer of the weights' shape and the `layer`.
            layer: the module's numbers.
            activation: what follows; always the same one.
            residual: what is added before the activation, of the result's shape.
            precision: the module's, or None.
        """
        array = array_of(FLOATS, input)
        if array is None or (weight.requires_grad and torch.is_grad_enabled()):
            return None
        added = None if residual is None else array_of(FLOATS, residual)
        if residual is not None and added is None:
            return None
        bound = self.bound(weight, bias, layer)
        if bound is None:
            try:
                bound = self._pack(weight, bias, spec, layer, activation).bound
            except RuntimeError:  # the layer can't work
                return None
        if bound is None or array.ndim not in (3, 4):
            return None
        run = bound if precision is None else partial(under, precision, bound)
        made: Tensor
        made = on_images(run, array) if added is None else on_arrays(run, (array,), residual=added)
        return made

    def bound(
        self, weight: Tensor, bias: Tensor | None, layer: tuple[Any, ...]
    ) -> BoundConvolution | None:
        """Return the layer with its packed weights, or None if they aren't, or have changed since.

        The arguments are as for `convolve`.
        """
        kept = self._kept
        if (
            kept.weight != _state(weight)
            or kept.bias != (None if bias is None else _state(bias))
            or kept.layer != layer
            or kept.seen != kept.sample.tobytes()
        ):
            return None
        return kept.bound

    def _pack(
        self,
        weight: Tensor,
        bias: Tensor | None,
        spec: Callable[..., ConvolutionSpec],
        layer: tuple[Any, ...],
        activation: Activation,
    ) -> "_Kept":
        arrays, _ = arrays_of(FLOATS, weight, bias)
        if arrays is None:
            return _NOTHING
        sample = _sample(arrays[0])
        if not np.shares_memory(sample, arrays[0]):
            return _NOTHING
        built = spec(tuple(weight.shape), *layer, bias is not None)
        # One assignment, so that another thread finds what belongs together.
        self._kept = _Kept(
            _state(weight),
            None if bias is None else _state(bias),
            layer,
            sample,
            sample.tobytes(),
            BoundConvolution(built, arrays[0], arrays[1], activation, copies=False),
        )
        return self._kept


def _state(tensor: Tensor) -> tuple[int, int]:
    """Return a tensor's place and version."""
    try:
        return tensor.data_ptr(), tensor._version
    except RuntimeError:  # made in inference mode
        return tensor.data_ptr(), -1


def _sample(array: Array) -> Array:
    """Return a view of some of an array's numbers, from first to last."""
    flat = array.ravel(order="K")
    return flat[:: max(1, flat.size // _SAMPLES)]
