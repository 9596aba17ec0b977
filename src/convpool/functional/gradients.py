"""The gradients of the operators, for those who train without an autograd.

The convolutions' follow `torch.nn.grad` in names and order of arguments, the poolings' PyTorch's
backward operators. Arguments after the arrays are those of the forward call. A convolution's
gradient by its bias is the sum of `grad_output` over batch, rows and columns.
"""

from collections.abc import Sequence
from typing import Any

from numpy import ndarray

from convpool.arithmetic import Shape, output_shape
from convpool.dispatch import plan
from convpool.functional.arrays import (
    COMPARED,
    SUMMED,
    Array,
    as_batch,
    check_array,
    check_indices,
    check_like,
    check_sequence,
    check_shape,
    name_of,
    ready,
)
from convpool.functional.calls import kept
from convpool.functional.layers import conv2d_spec, conv_transpose2d_spec
from convpool.kinds import functions_for
from convpool.spec import AvgPool2dSpec, ConvolutionSpec, MaxPool2dSpec, MaxUnpool2dSpec
from convpool.spec.arguments import IntOrPair, PaddingLike, whole


def conv2d_input(
    input_size: Sequence[int],
    weight: Array,
    grad_output: Array,
    stride: IntOrPair = 1,
    padding: PaddingLike | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
) -> Array:
    """Return the gradient of `conv2d` by its input, of shape `input_size`.

    Args:
        input_size: (N, C_in, H, W) or (C_in, H, W) of the forward input.
        weight: filters (C_out, C_in / groups, k_h, k_w).
        grad_output: gradient by the output, of the output's shape and the weight's dtype.
        stride: as in the forward call, like the arguments after it.
        padding: as in the forward call.
        dilation: as in the forward call.
        groups: as in the forward call.
        padding_mode: as in the forward call.

    Raises:
        ArgumentError, ArgumentTypeError, DtypeError: as for `conv2d`.

    Example:
        >>> import numpy as np
        >>> conv2d_input((1, 1, 3), np.array([[[[1.0, 2.0]]]]), np.ones((1, 1, 2)))
        array([[[1., 3., 2.]]])
    """
    if type(weight) is not ndarray and (other := functions_for(weight)) is not None:
        handed_on: Array = other.conv2d_input(
            input_size,
            weight,
            grad_output,
            stride,
            padding,
            dilation,
            groups,
            padding_mode=padding_mode,
        )
        return handed_on
    check_array("weight", weight, SUMMED)
    spec = _conv2d(weight.shape, stride, padding, dilation, groups, padding_mode)
    return _by_input("conv2d_input", spec, _shape("input_size", input_size), weight, grad_output)


def conv2d_weight(
    input: Array,
    weight_size: Sequence[int],
    grad_output: Array,
    stride: IntOrPair = 1,
    padding: PaddingLike | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
) -> Array:
    """Return the gradient of `conv2d` by its weights, of shape `weight_size`.

    Arguments and errors are those of `conv2d_input`, with the forward input given and the shape of
    the weights.

    Example:
        >>> import numpy as np
        >>> conv2d_weight(np.array([[[1.0, 2.0, 3.0]]]), (1, 1, 1, 2), np.ones((1, 1, 2)))
        array([[[[3., 5.]]]])
    """
    if type(input) is not ndarray and (other := functions_for(input)) is not None:
        handed_on: Array = other.conv2d_weight(
            input,
            weight_size,
            grad_output,
            stride,
            padding,
            dilation,
            groups,
            padding_mode=padding_mode,
        )
        return handed_on
    size = _shape("weight_size", weight_size)
    check_array("input", input, SUMMED)
    spec = _conv2d(size, stride, padding, dilation, groups, padding_mode)
    return _by_weight("conv2d_weight", spec, input, grad_output)


def conv_transpose2d_input(
    input_size: Sequence[int],
    weight: Array,
    grad_output: Array,
    stride: IntOrPair = 1,
    padding: PaddingLike = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
) -> Array:
    """Return the gradient of `conv_transpose2d` by its input, of shape `input_size`.

    Arguments and errors are those of `conv2d_input`, with `conv_transpose2d`'s order.

    Example:
        >>> import numpy as np
        >>> conv_transpose2d_input((1, 1, 2), np.array([[[[1.0, 2.0]]]]), np.ones((1, 1, 3)))
        array([[[3., 3.]]])
    """
    if type(weight) is not ndarray and (other := functions_for(weight)) is not None:
        handed_on: Array = other.conv_transpose2d_input(
            input_size, weight, grad_output, stride, padding, output_padding, groups, dilation
        )
        return handed_on
    check_array("weight", weight, SUMMED)
    spec = _conv_transpose2d(weight.shape, stride, padding, output_padding, groups, dilation)
    return _by_input(
        "conv_transpose2d_input", spec, _shape("input_size", input_size), weight, grad_output
    )


def conv_transpose2d_weight(
    input: Array,
    weight_size: Sequence[int],
    grad_output: Array,
    stride: IntOrPair = 1,
    padding: PaddingLike = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
) -> Array:
    """Return the gradient of `conv_transpose2d` by its weights, of shape `weight_size`.

    Arguments and errors are those of `conv2d_weight`, with `conv_transpose2d`'s order.

    Example:
        >>> import numpy as np
        >>> conv_transpose2d_weight(np.array([[[1.0, 2.0]]]), (1, 1, 1, 2), np.ones((1, 1, 3)))
        array([[[[3., 3.]]]])
    """
    if type(input) is not ndarray and (other := functions_for(input)) is not None:
        handed_on: Array = other.conv_transpose2d_weight(
            input, weight_size, grad_output, stride, padding, output_padding, groups, dilation
        )
        return handed_on
    size = _shape("weight_size", weight_size)
    check_array("input", input, SUMMED)
    spec = _conv_transpose2d(size, stride, padding, output_padding, groups, dilation)
    return _by_weight("conv_transpose2d_weight", spec, input, grad_output)


def max_pool2d_backward(
    grad_output: Array,
    indices: Array,
    input_size: Sequence[int],
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: PaddingLike = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
) -> Array:
    """Return the gradient of `max_pool2d` by its input: each maximum's cell gets it all.

    Args:
        grad_output: gradient by the output, of the output's shape.
        indices: those that the forward call returned.
        input_size: (N, C, H, W) or (C, H, W) of the forward input.
        kernel_size: as in the forward call, like the arguments after it.
        stride: as in the forward call.
        padding: as in the forward call.
        dilation: as in the forward call.
        ceil_mode: as in the forward call.

    Raises:
        ArgumentError, ArgumentTypeError, DtypeError: as for `max_unpool2d`.

    Example:
        >>> import numpy as np
        >>> max_pool2d_backward(np.array([[[2.0]]]), np.array([[[3]]]), (1, 2, 2), 2)
        array([[[0., 0.],
                [0., 2.]]])
    """
    if type(grad_output) is not ndarray and (other := functions_for(grad_output)) is not None:
        handed_on: Array = other.max_pool2d_backward(
            grad_output, indices, input_size, kernel_size, stride, padding, dilation, ceil_mode
        )
        return handed_on
    layer = kernel_size, stride, padding, dilation, False, ceil_mode
    spec, shape, pooled = _max_pooled(input_size, *layer)
    check_array("grad_output", grad_output, COMPARED[:-1])
    check_shape("grad_output", grad_output, pooled)
    check_indices(indices, pooled)
    gradient = ready(as_batch("grad_output", grad_output))
    run = plan("max_pool2d_backward", spec, shape[-3:], name_of(grad_output.dtype)).run
    result: Array = run(shape[-2:], gradient, ready(as_batch("indices", indices)))
    return result.reshape(shape)


def avg_pool2d_backward(
    grad_output: Array,
    input_size: Sequence[int],
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: PaddingLike = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Return the gradient of `avg_pool2d` by its input: each window's cells share it evenly.

    Args:
        grad_output: gradient by the output, of the output's shape.
        input_size: (N, C, H, W) or (C, H, W) of the forward input.
        kernel_size: as in the forward call, like the arguments after it.
        stride: as in the forward call.
        padding: as in the forward call.
        ceil_mode: as in the forward call.
        count_include_pad: as in the forward call.
        divisor_override: as in the forward call.

    Raises:
        ArgumentError, ArgumentTypeError, DtypeError: as for `avg_pool2d`.

    Example:
        >>> import numpy as np
        >>> avg_pool2d_backward(np.array([[[2.0]]]), (1, 1, 2), (1, 2))
        array([[[1., 1.]]])
    """
    if type(grad_output) is not ndarray and (other := functions_for(grad_output)) is not None:
        handed_on: Array = other.avg_pool2d_backward(
            grad_output,
            input_size,
            kernel_size,
            stride,
            padding,
            ceil_mode,
            count_include_pad,
            divisor_override,
        )
        return handed_on
    layer = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    spec, shape, pooled = _avg_pooled(input_size, *layer)
    check_array("grad_output", grad_output, SUMMED)
    check_shape("grad_output", grad_output, pooled)
    run = plan("avg_pool2d_backward", spec, shape[-3:], name_of(grad_output.dtype)).run
    result: Array = run(shape[-2:], ready(as_batch("grad_output", grad_output)))
    return result.reshape(shape)


def max_unpool2d_backward(grad_output: Array, indices: Array) -> Array:
    """Return the gradient of `max_unpool2d` by its input: that of the cell each index names.

    Args:
        grad_output: gradient by the output, (N, C, OH, OW) or (C, OH, OW).
        indices: those of the forward call.

    Raises:
        ArgumentError, ArgumentTypeError, DtypeError: as for `max_unpool2d`.

    Example:
        >>> import numpy as np
        >>> max_unpool2d_backward(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[[2]]]))
        array([[[3.]]])
    """
    if type(grad_output) is not ndarray and (other := functions_for(grad_output)) is not None:
        handed_on: Array = other.max_unpool2d_backward(grad_output, indices)
        return handed_on
    check_array("grad_output", grad_output, COMPARED)
    gradient = as_batch("grad_output", grad_output)
    check_array("indices", indices, ("int64",))
    check_indices(indices, (*grad_output.shape[:-2], *indices.shape[-2:]))
    # The gather asks nothing of the layer but its existence: the indices say it all.
    spec = MaxUnpool2dSpec(1)
    pooled = as_batch("indices", indices)
    run = plan("max_unpool2d_backward", spec, pooled.shape[1:], name_of(grad_output.dtype)).run
    result: Array = run(ready(gradient), ready(pooled))
    return result.reshape(indices.shape)


def _by_input(
    operation: str, spec: ConvolutionSpec, shape: Shape, weight: Array, grad_output: Array
) -> Array:
    check_like("grad_output", grad_output, weight.dtype, output_shape(spec, shape, "input_size"))
    run = plan(operation, spec, shape[-3:], name_of(weight.dtype)).run
    result: Array = run(shape[-2:], ready(as_batch("grad_output", grad_output)), ready(weight))
    return result.reshape(shape)


def _by_weight(operation: str, spec: ConvolutionSpec, input: Array, grad_output: Array) -> Array:
    check_like("grad_output", grad_output, input.dtype, output_shape(spec, input.shape))
    run = plan(operation, spec, input.shape[-3:], name_of(input.dtype)).run
    result: Array = run(
        ready(as_batch("input", input)), ready(as_batch("grad_output", grad_output))
    )
    return result


def _shape(argument: str, size: Sequence[int]) -> Shape:
    return tuple(whole(argument, number, minimum=0) for number in check_sequence(argument, size))


_conv2d, _conv_transpose2d = kept(conv2d_spec), kept(conv_transpose2d_spec)


@kept
def _max_pooled(input_size: Sequence[int], *layer: Any) -> tuple[MaxPool2dSpec, Shape, Shape]:
    """Return the layer, the size of its input, and that of its output."""
    spec = MaxPool2dSpec(*layer)
    shape = _shape("input_size", input_size)
    return spec, shape, output_shape(spec, shape, "input_size")


@kept
def _avg_pooled(input_size: Sequence[int], *layer: Any) -> tuple[AvgPool2dSpec, Shape, Shape]:
    """Return the layer, the size of its input, and that of its output."""
    spec = AvgPool2dSpec(*layer)
    shape = _shape("input_size", input_size)
    return spec, shape, output_shape(spec, shape, "input_size")
