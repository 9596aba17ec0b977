"""The table of the operators that PyTorch is told of: their arguments, arithmetic and shapes.

A layer's numbers come in one normal form: pairs (height, width), padding as the four sides (top,
bottom, left, right). After them, a convolution and its gradients have the precision, or None for
that of the context in which they run. The arithmetic is that of the NumPy functions, the shapes are
`arithmetic`'s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from convpool import functional
from convpool.arithmetic import axes_of, output_shape, unpooled_plane
from convpool.functional.adjoints import by_bias
from convpool.functional.layers import conv2d_spec, conv_transpose2d_spec
from convpool.precisions import under
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvolutionSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from convpool.spec.arguments import Pair, Sides

Sizes = Callable[..., Sequence[Sequence[int]]]

_CONVOLUTION = (
    "int[] stride, int[] padding, int[] dilation, int groups, str padding_mode, str? precision"
)
_TRANSPOSED = (
    "int[] stride, int[] padding, int[] output_padding, int groups, int[] dilation, str? precision"
)
_MAXIMUM = "int[] kernel_size, int[] stride, int[] padding, int[] dilation, bool ceil_mode"
_MEAN = (
    "int[] kernel_size, int[] stride, int[] padding, bool ceil_mode, bool count_include_pad, "
    "int? divisor_override"
)
_UNPOOLING = "int[] kernel_size, int[] stride, int[] padding"


@dataclass(frozen=True)
class Operator:
    """An operator of tensors: its arguments, what it computes on arrays, and the shapes."""

    arguments: str
    compute: Callable[..., Any]
    """Takes arrays where the operator takes tensors, and tuples where it takes lists."""
    sizes: Sizes
    """The results' shapes, from the operator's own arguments."""
    images: tuple[int, ...]
    """Positions of those arguments that hold images (N, C, H, W); the results do, too. None, where
    the result is a sum over the images."""
    size: int | None = None
    """Position of the argument that is the shape of images."""


def four(sides: Sides) -> tuple[int, int, int, int]:
    """Return padding as operators take it.

    Example:
        >>> four(((1, 2), (3, 4)))
        (1, 2, 3, 4)
    """
    return (*sides[0], *sides[1])


def sides(padding: Sequence[int]) -> Sides | Pair:
    """Return padding as specs take it: a pair where it can be, since that is found faster."""
    top, bottom, left, right = padding
    return (top, left) if top == bottom and left == right else ((top, bottom), (left, right))


def numbers(spec: LayerSpec) -> tuple[Any, ...]:
    """Return a layer's numbers as operators take them.

    Example:
        >>> numbers(MaxUnpool2dSpec(2, padding=1))
        ((2, 2), (2, 2), (1, 1, 1, 1))
    """
    if isinstance(spec, Conv2dSpec):
        rest = spec.dilation, spec.groups, spec.padding_mode
        return (spec.stride, four(spec.pads), *rest)
    if isinstance(spec, ConvTranspose2dSpec):
        return spec.stride, four(spec.pads), spec.output_padding, spec.groups, spec.dilation
    window = spec.kernel_size, spec.stride, four(spec.pads)
    if isinstance(spec, MaxPool2dSpec):
        return (*window, spec.dilation, spec.ceil_mode)
    if isinstance(spec, AvgPool2dSpec):
        return (*window, spec.ceil_mode, spec.count_include_pad, spec.divisor_override)
    return window


def sizes_of(spec: LayerSpec, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape that a layer makes of another, of which some numbers may be symbols."""
    if all(type(size) is int for size in shape):
        return output_shape(spec, shape)
    vertical, horizontal = axes_of(spec, (shape[-2], shape[-1]))
    channels = spec.out_channels if isinstance(spec, ConvolutionSpec) else shape[-3]
    return (*shape[:-3], channels, vertical.output, horizontal.output)


def _convolution_sizes(input: Tensor, weight: Tensor, _bias: object, *layer: Any) -> Any:
    stride, padding, dilation, groups, mode, _precision = layer
    spec = conv2d_spec(tuple(weight.shape), stride, sides(padding), dilation, groups, mode)
    return [sizes_of(spec, input.shape)]


def _transposed_sizes(input: Tensor, weight: Tensor, _bias: object, *layer: Any) -> Any:
    stride, padding, extra, groups, dilation, _precision = layer
    shape = tuple(weight.shape)
    spec = conv_transpose2d_spec(shape, stride, sides(padding), extra, groups, dilation)
    return [sizes_of(spec, input.shape)]


def _maximum_sizes(input: Tensor, *layer: Any) -> Any:
    kernel, stride, padding, dilation, ceil_mode = layer
    spec = MaxPool2dSpec(kernel, stride, sides(padding), dilation, ceil_mode=ceil_mode)
    return [sizes_of(spec, input.shape)]


def _mean_sizes(input: Tensor, *layer: Any) -> Any:
    kernel, stride, padding, *rest = layer
    return [sizes_of(AvgPool2dSpec(kernel, stride, sides(padding), *rest), input.shape)]


def _unpooled_sizes(input: Tensor, _indices: Tensor, *layer: Any) -> Any:
    kernel, stride, padding, size = layer
    spec = MaxUnpool2dSpec(kernel, stride, sides(padding))
    plane = unpooled_plane(spec, (input.shape[-2], input.shape[-1]), size)
    return [(*input.shape[:-2], *plane)]


def _conv2d(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a convolution as its operator's arguments call it."""

    def call(one: Any, other: Any, third: Any, *layer: Any) -> Any:
        stride, padding, dilation, groups, mode, precision = layer
        rest = stride, sides(padding), dilation, groups
        return under(precision, function, one, other, third, *rest, padding_mode=mode)

    return call


def _conv_transpose2d(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a transposed convolution likewise."""

    def call(one: Any, other: Any, third: Any, *layer: Any) -> Any:
        stride, padding, *rest, precision = layer
        return under(precision, function, one, other, third, stride, sides(padding), *rest)

    return call


def _padded(function: Callable[..., Any], position: int, **named: Any) -> Callable[..., Any]:
    """Return a function that takes the padding at a position as four numbers."""

    def call(*arguments: Any) -> Any:
        before, padding, after = (
            arguments[:position],
            arguments[position],
            arguments[position + 1 :],
        )
        return function(*before, sides(padding), *after, **named)

    return call


OPERATORS = {
    "conv2d": Operator(
        f"Tensor input, Tensor weight, Tensor? bias, {_CONVOLUTION}",
        _conv2d(functional.conv2d),
        _convolution_sizes,
        (0,),
    ),
    "conv2d_input": Operator(
        f"SymInt[] input_size, Tensor weight, Tensor grad_output, {_CONVOLUTION}",
        _conv2d(functional.conv2d_input),
        lambda size, *_rest: [size],
        (2,),
        0,
    ),
    "conv2d_weight": Operator(
        f"Tensor input, SymInt[] weight_size, Tensor grad_output, {_CONVOLUTION}",
        _conv2d(functional.conv2d_weight),
        lambda _input, size, *_rest: [size],
        (),
    ),
    "conv_transpose2d": Operator(
        f"Tensor input, Tensor weight, Tensor? bias, {_TRANSPOSED}",
        _conv_transpose2d(functional.conv_transpose2d),
        _transposed_sizes,
        (0,),
    ),
    "conv_transpose2d_input": Operator(
        f"SymInt[] input_size, Tensor weight, Tensor grad_output, {_TRANSPOSED}",
        _conv_transpose2d(functional.conv_transpose2d_input),
        lambda size, *_rest: [size],
        (2,),
        0,
    ),
    "conv_transpose2d_weight": Operator(
        f"Tensor input, SymInt[] weight_size, Tensor grad_output, {_TRANSPOSED}",
        _conv_transpose2d(functional.conv_transpose2d_weight),
        lambda _input, size, *_rest: [size],
        (),
    ),
    "convolution_bias": Operator(
        "Tensor grad_output", by_bias, lambda gradient: [gradient.shape[-3:-2]], ()
    ),
    "max_pool2d": Operator(
        f"Tensor input, {_MAXIMUM}",
        _padded(functional.max_pool2d, 3),
        _maximum_sizes,
        (0,),
    ),
    "max_pool2d_with_indices": Operator(
        f"Tensor input, {_MAXIMUM}",
        _padded(functional.max_pool2d, 3, return_indices=True),
        lambda *arguments: 2 * _maximum_sizes(*arguments),
        (0,),
    ),
    "max_pool2d_backward": Operator(
        f"Tensor grad_output, Tensor indices, SymInt[] input_size, {_MAXIMUM}",
        _padded(functional.max_pool2d_backward, 5),
        lambda _gradient, _indices, size, *_rest: [size],
        (0, 1),
        2,
    ),
    "avg_pool2d": Operator(
        f"Tensor input, {_MEAN}", _padded(functional.avg_pool2d, 3), _mean_sizes, (0,)
    ),
    "avg_pool2d_backward": Operator(
        f"Tensor grad_output, SymInt[] input_size, {_MEAN}",
        _padded(functional.avg_pool2d_backward, 4),
        lambda _gradient, size, *_rest: [size],
        (0,),
        1,
    ),
    "max_unpool2d": Operator(
        f"Tensor input, Tensor indices, {_UNPOOLING}, SymInt[]? output_size",
        _padded(functional.max_unpool2d, 4),
        _unpooled_sizes,
        (0, 1),
    ),
    "max_unpool2d_backward": Operator(
        "Tensor grad_output, Tensor indices",
        functional.max_unpool2d_backward,
        lambda _gradient, indices: [indices.shape],
        (0, 1),
    ),
}
