"""A layer, given as a value, on arrays: what every function of this package comes down to."""

from collections.abc import Sequence
from typing import Any

from convpool.arithmetic import check_capacity, output_shape, unpooled_plane
from convpool.dispatch import plan
from convpool.errors import ArgumentTypeError
from convpool.functional.arrays import (
    COMPARED,
    SUMMED,
    Array,
    as_batch,
    check_array,
    check_cells,
    check_indices,
    check_like,
    check_sequence,
)
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
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
        bias: (C_out,), for the convolutions that have one.
        indices: for MaxUnpool2d.
        output_size: for MaxUnpool2d, (H, W).

    Returns:
        The output, and for MaxPool2d(return_indices=True) the pair (values, indices).

    Raises:
        ArgumentError, ArgumentTypeError, DtypeError: as the layer's own function.

    Example:
        >>> import numpy as np
        >>> apply(MaxPool2dSpec(2), np.array([[[1, 2], [4, 3]]]))
        array([[[4]]])
    """
    if isinstance(layer, ConvolutionSpec):
        if weight is None:
            raise ArgumentTypeError("weight", weight, f"an array of shape {layer.weight_shape}")
        return convolve(layer, input, weight, bias)
    if isinstance(layer, MaxPool2dSpec):
        return max_pool(layer, input)
    if isinstance(layer, AvgPool2dSpec):
        return avg_pool(layer, input)
    if not isinstance(layer, MaxUnpool2dSpec):
        raise ArgumentTypeError("layer", layer, "a layer such as parse_layer('MaxPool2d(2)')")
    if indices is None:
        raise ArgumentTypeError("indices", indices, "those that max pooling returned")
    return unpool(layer, input, indices, output_size)


def convolve(
    layer: Conv2dSpec | ConvTranspose2dSpec, input: Array, weight: Array, bias: Array | None
) -> Array:
    """Convolve images, or stamp them; a bias takes part if it is given."""
    check_array("input", input, SUMMED)
    check_like("weight", weight, input, layer.weight_shape)
    output_shape(layer, input.shape)
    if bias is not None:
        check_like("bias", bias, input, (layer.out_channels,))
    operation = "conv2d" if isinstance(layer, Conv2dSpec) else "conv_transpose2d"
    output: Array = _run(operation, layer, input, weight, bias)
    return output


def max_pool(layer: MaxPool2dSpec, input: Array) -> Any:
    """Return the maxima, or with `return_indices` the pair of them and their flat indices."""
    check_array("input", input, COMPARED)
    output_shape(layer, input.shape)
    return _run("max_pool2d_with_indices" if layer.return_indices else "max_pool2d", layer, input)


def avg_pool(layer: AvgPool2dSpec, input: Array) -> Array:
    """Return the means."""
    check_array("input", input, SUMMED)
    output_shape(layer, input.shape)
    output: Array = _run("avg_pool2d", layer, input)
    return output


def unpool(
    layer: MaxUnpool2dSpec, input: Array, indices: Array, output_size: Sequence[int] | None
) -> Array:
    """Return zeros with each value at its index."""
    check_array("input", input, COMPARED)
    images = as_batch("input", input)
    if output_size is None:
        output_shape(layer, input.shape)
    else:
        check_sequence("output_size", output_size)
    plane = unpooled_plane(layer, (images.shape[2], images.shape[3]), output_size)
    check_capacity("output_size", (*images.shape[:2], *plane))
    check_cells(check_indices(indices, input.shape), plane)
    output: Array = _run("max_unpool2d", layer, input, as_batch("indices", indices), plane)
    return output


def _run(operation: str, layer: LayerSpec, input: Array, *rest: Any) -> Any:
    """Plan and run for images or for one image; what comes back has the rank of the input."""
    images = as_batch("input", input)
    run = plan(operation, layer, images.shape[1:], input.dtype.name).run
    result = run(layer, images, *rest)
    if input.ndim == 4:
        return result
    return tuple(array[0] for array in result) if isinstance(result, tuple) else result[0]
