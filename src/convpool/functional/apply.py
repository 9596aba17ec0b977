"""A layer, given as a value, on arrays: what every function of this package comes down to."""

from collections.abc import Sequence
from typing import Any, cast

from numpy import ndarray

from convpool.arithmetic import (
    check_capacity,
    output_shape,
    unpooled_plane,
    with_output_size,
)
from convpool.dispatch import plan
from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.functional.arrays import (
    COMPARED,
    SUMMED,
    Array,
    as_batch,
    check_array,
    check_indices,
    check_sequence,
    ready,
)
from convpool.functional.calls import Call, Calls, calls_of
from convpool.request import check_cells
from convpool.spec import (
    AvgPool2dSpec,
    ConvolutionSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)


def apply(
    layer: LayerSpec,
    input: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    *,
    indices: Array | None = None,
    output_size: Sequence[int] | None = None,
) -> Any:
    """Apply a layer to images, with the arrays that it takes.

    Args:
        layer: a layer as a value, such as `parse_layer("MaxPool2d(2)")`.
        input: images (N, C, H, W), or one image (C, H, W).
        weight: of `layer.weight_shape`, for the convolutions.
        bias: (C_out,), for the convolutions that have one (`bias=True`, the default); zeros if
            left out.
        indices: for MaxUnpool2d, those that max pooling returned.
        output_size: for ConvTranspose2d and MaxUnpool2d, (H, W) with or without N and C before it.

    Returns:
        The output, and for MaxPool2d(return_indices=True) the pair (values, indices).

    Raises:
        ArgumentError, ArgumentTypeError, DtypeError: as the layer's own function; also for an
            array that is missing, or that the layer doesn't take.

    Example:
        >>> import numpy as np
        >>> apply(MaxPool2dSpec(2), np.array([[[1, 2], [4, 3]]]))
        array([[[4]]])
    """
    if not isinstance(layer, LayerSpec):
        raise ArgumentTypeError("layer", layer, "a layer such as parse_layer('MaxPool2d(2)')")
    arrays = {"weight": weight, "bias": bias, "indices": indices, "output_size": output_size}
    for argument, value in arrays.items():
        if value is not None and not _takes(layer, argument):
            raise ArgumentError(argument, value, f"left out for {layer}")
    if isinstance(layer, ConvolutionSpec):
        if weight is None:
            raise ArgumentTypeError("weight", weight, f"an array of shape {layer.weight_shape}")
        if isinstance(layer, ConvTranspose2dSpec) and output_size is not None:
            height, width = as_batch("input", check_array("input", input, SUMMED)).shape[2:]
            check_sequence("output_size", output_size)
            layer = with_output_size(layer, (height, width), output_size)
        return convolve(calls_of(layer), input, weight, bias)
    if isinstance(layer, MaxPool2dSpec | AvgPool2dSpec):
        return pool(calls_of(layer), input)
    if indices is None:
        raise ArgumentTypeError("indices", indices, "those that max pooling returned")
    return unpool(calls_of(layer), input, indices, output_size)


def _takes(layer: LayerSpec, argument: str) -> bool:
    if argument == "weight":
        return isinstance(layer, ConvolutionSpec)
    if argument == "bias":
        return isinstance(layer, ConvolutionSpec) and layer.bias
    if argument == "indices":
        return isinstance(layer, MaxUnpool2dSpec)
    return isinstance(layer, ConvTranspose2dSpec | MaxUnpool2dSpec)


def convolve(
    calls: Calls,
    input: Array,
    weight: Array,
    bias: Array | None,
    out: Array | None = None,
    *,
    often: bool = False,
) -> Array:
    """Convolve images, or stamp them; a bias takes part if it is given.

    `often` says that the weights meet a large batch, as in training, and are packed accordingly.
    """
    key: Any = None
    if calls.offers and out is None and type(input) is type(weight) is ndarray:
        key = input.shape, input.strides, input.dtype
        key += weight.shape, weight.strides, weight.dtype
        if bias is not None:
            key = (*key, bias.shape, bias.strides, bias.dtype) if type(bias) is ndarray else None
        prompt = calls.prompts.get(key)
        if prompt is not None:
            made: Array | None = prompt(input, weight, 0 if bias is None else bias)
            if made is not None:
                return made
    call = calls.of(input)
    fitting = call.fit("weight", weight, calls.weight_shape)
    added = None if bias is None else call.fit("bias", bias, calls.bias_shape)
    if key is not None and calls.asks_for(key):
        calls.remember(key, call.prompt(call.output_shape, input, weight, bias))
    operator: Any = call.operator
    output: Array
    if out is None and not often and not call.is_single:  # 0.4 us less than the long way
        output = operator(ready(input), fitting, added)
        return output
    images, apart = call.batch(ready(input)), (input, weight, bias)
    if often:
        packed = operator.pack(fitting, added, once=True)
        output = call.carry_out(operator.run, (images, packed), out, apart)
    else:
        output = call.carry_out(operator, (images, fitting, added), out, apart)
    return output


def pool(calls: Calls, input: Array, out: Array | None = None) -> Any:
    """Return the maxima or means, or for `return_indices` the pair of maxima and flat indices."""
    key = None
    if out is None and type(input) is ndarray:
        key = input.shape, input.strides, input.dtype
        prompt = calls.prompts.get(key)
        if prompt is not None and (made := prompt(input)) is not None:
            return made
    call = calls.of(input)
    if key is not None and calls.asks_for(key):
        calls.remember(key, call.prompt(call.output_shape, input))
    if out is None and not call.is_single:  # 0.4 us less than the long way
        return call.operator(ready(input))
    if out is not None and isinstance(calls.layer, MaxPool2dSpec) and calls.layer.return_indices:
        raise ArgumentTypeError("out", out, "left out with return_indices=True")
    return call.carry_out(call.operator, (call.batch(ready(input)),), out, (input,))


def unpool(
    calls: Calls,
    input: Array,
    indices: Array,
    output_size: Sequence[int] | None,
    out: Array | None = None,
) -> Array:
    """Return zeros with each value at its index."""
    layer = cast("MaxUnpool2dSpec", calls.layer)
    check_array("input", input, COMPARED)
    images = as_batch("input", input)
    if output_size is None:
        output_shape(layer, input.shape)
    else:
        check_sequence("output_size", output_size)
    plane = unpooled_plane(layer, (images.shape[2], images.shape[3]), output_size)
    check_capacity("output_size", (*images.shape[:2], *plane))
    check_cells(check_indices(indices, input.shape), plane)
    chosen = plan("max_unpool2d", layer, images.shape[1:], input.dtype.name)
    call = Call(chosen.run, (*input.shape[:-2], *plane), input.dtype.newbyteorder("="))
    arrays = (ready(images), ready(as_batch("indices", indices)), plane)
    output: Array = call.carry_out(call.operator, arrays, out, (input, indices))
    return output
