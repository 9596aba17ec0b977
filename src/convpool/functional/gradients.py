"""The gradients of the operators, for those who train without an autograd.

The convolutions' follow `torch.nn.grad` in names and order of arguments, the poolings' PyTorch's
backward operators. Arguments after the arrays are those of the forward call. A convolution's
gradient by its bias is the sum of `grad_output` over batch, rows and columns.
"""

from collections.abc import Sequence

from numpy import ndarray

from convpool.functional.adjoints import by_input, by_weight, of_maxima, of_means, of_unpooled
from convpool.functional.arrays import Array, check_ndarray, shape_of
from convpool.functional.calls import exact
from convpool.functional.layers import (
    avg_pool2d_calls,
    conv2d_calls,
    conv_transpose2d_calls,
    max_pool2d_calls,
)
from convpool.kinds import functions_for
from convpool.spec.arguments import IntOrPair, PaddingLike


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
    shape = shape_of("weight", weight)
    calls = conv2d_calls(shape, stride, padding, dilation, groups, padding_mode)
    return by_input(calls, exact("input_size", input_size), weight, grad_output)


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
    size = exact("weight_size", weight_size)
    calls = conv2d_calls(size, stride, padding, dilation, groups, padding_mode)
    return by_weight(calls, check_ndarray("input", input), grad_output)


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
    shape = shape_of("weight", weight)
    calls = conv_transpose2d_calls(shape, stride, padding, output_padding, groups, dilation)
    return by_input(calls, exact("input_size", input_size), weight, grad_output)


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
    size = exact("weight_size", weight_size)
    calls = conv_transpose2d_calls(size, stride, padding, output_padding, groups, dilation)
    return by_weight(calls, check_ndarray("input", input), grad_output)


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
    calls = max_pool2d_calls(kernel_size, stride, padding, dilation, False, ceil_mode)
    return of_maxima(calls, grad_output, indices, exact("input_size", input_size))


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
    calls = avg_pool2d_calls(
        kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    return of_means(calls, grad_output, exact("input_size", input_size))


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
    return of_unpooled(grad_output, indices)
