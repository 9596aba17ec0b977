"""conv2d and conv_transpose2d on arrays."""

from numpy import ndarray

from convpool.functional.apply import convolve
from convpool.functional.arrays import Array, shape_of
from convpool.functional.layers import conv2d_calls, conv_transpose2d_calls
from convpool.kinds import functions_for
from convpool.precisions import under
from convpool.spec.arguments import IntOrPair, PaddingLike


def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: PaddingLike | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """Apply a 2-D convolution (cross-correlation, as in `torch.nn.functional.conv2d`).

    Beyond PyTorch's function, `padding` takes the four sides ((top, bottom), (left, right)) and
    `padding_mode` the modes of its module: zeros, reflect, replicate, circular.

    Args:
        input: images (N, C_in, H, W), or one image (C_in, H, W); float16, float32, float64, int8,
            int16, int32, int64 or uint8. Integers wrap around as in PyTorch.
        weight: filters (C_out, C_in / groups, k_h, k_w) of the input's dtype.
        bias: (C_out,) of the input's dtype, or None.
        stride: pixels between windows, a number or (vertical, horizontal).
        padding: pixels around the input, or "valid", or (for stride 1) "same".
        dilation: pixels between the taps of a window.
        groups: blocks of channels that don't see each other.
        padding_mode: what padding pixels hold.
        out: an array to be filled and returned instead of a new one: of the result's shape and
            dtype, aligned, apart from the other arrays.
        precision: "fast" or "strict", as in `convpool.precision`; that of the running context if
            None. Of tensors, it is the gradients' too.

    Returns:
        (N, C_out, OH, OW), or (C_out, OH, OW) for one image, of the input's dtype, with
        OH = floor((H + p_top + p_bottom - d(k_h - 1) - 1) / s) + 1 and OW alike.

    Raises:
        ArgumentError: a value, shape or combination cannot work (ValueError and RuntimeError).
        ArgumentTypeError: an argument is of the wrong kind (TypeError).
        DtypeError: an array's dtype doesn't fit (TypeError and NotImplementedError).

    Example:
        >>> import numpy as np
        >>> image = np.arange(9.0).reshape(1, 3, 3)
        >>> conv2d(image, np.ones((1, 1, 2, 2)))
        array([[[ 8., 12.],
                [20., 24.]]])
    """
    if type(input) is not ndarray and (other := functions_for(input)) is not None:
        handed_on: Array = other.conv2d(
            input,
            weight,
            bias,
            stride,
            padding,
            dilation,
            groups,
            padding_mode=padding_mode,
            out=out,
            precision=precision,
        )
        return handed_on
    shape, biased = shape_of("weight", weight), bias is not None
    calls = conv2d_calls(shape, stride, padding, dilation, groups, padding_mode, biased)
    if precision is not None:
        return under(precision, convolve, calls, input, weight, bias, out)
    return convolve(calls, input, weight, bias, out)


def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: PaddingLike = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
    *,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """Apply a 2-D transposed convolution, as `torch.nn.functional.conv_transpose2d` does.

    Args:
        input: images (N, C_in, H, W), or one image (C_in, H, W); dtypes as for `conv2d`.
        weight: kernels (C_in, C_out / groups, k_h, k_w) of the input's dtype.
        bias: (C_out,) of the input's dtype, or None.
        stride: output pixels between the stamps of neighbouring input pixels.
        padding: pixels cropped from the output; a number, a pair or the four sides.
        output_padding: pixels added at the bottom and the right, fewer than stride or dilation.
        groups: blocks of channels that don't see each other.
        dilation: pixels between the taps of a stamp.
        out: an array to be filled and returned, as for `conv2d`.
        precision: "fast", "strict" or None, as for `conv2d`.

    Returns:
        (N, C_out, OH, OW), or (C_out, OH, OW) for one image, of the input's dtype, with
        OH = (H - 1)s - p_top - p_bottom + d(k_h - 1) + output_padding + 1 and OW alike.

    Raises:
        ArgumentError, ArgumentTypeError, DtypeError: as for `conv2d`.

    Example:
        >>> import numpy as np
        >>> conv_transpose2d(np.ones((1, 1, 2)), np.array([[[[1.0, 2.0, 3.0]]]]), stride=(1, 2))
        array([[[1., 2., 4., 2., 3.]]])
    """
    if type(input) is not ndarray and (other := functions_for(input)) is not None:
        handed_on: Array = other.conv_transpose2d(
            input,
            weight,
            bias,
            stride,
            padding,
            output_padding,
            groups,
            dilation,
            out=out,
            precision=precision,
        )
        return handed_on
    shape, biased = shape_of("weight", weight), bias is not None
    calls = conv_transpose2d_calls(shape, stride, padding, output_padding, groups, dilation, biased)
    if precision is not None:
        return under(precision, convolve, calls, input, weight, bias, out)
    return convolve(calls, input, weight, bias, out)
