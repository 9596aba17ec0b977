"""max_pool2d, avg_pool2d and max_unpool2d on arrays."""

from collections.abc import Sequence
from typing import Literal, overload

from numpy import ndarray

from convpool.functional.apply import pool, unpool
from convpool.functional.arrays import Array
from convpool.functional.layers import avg_pool2d_calls, max_pool2d_calls, max_unpool2d_calls
from convpool.kinds import functions_for
from convpool.spec.arguments import IntOrPair, PaddingLike


@overload
def max_pool2d(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: PaddingLike = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    out: Array | None = None,
) -> Array: ...
@overload
def max_pool2d(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: PaddingLike = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Array, Array]: ...
def max_pool2d(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: PaddingLike = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    out: Array | None = None,
) -> Array | tuple[Array, Array]:
    """Take the largest value under each window, as `torch.nn.functional.max_pool2d` does.

    Padding counts as minus infinity. The first of equal values wins; NaN wins over everything, and
    of several NaN the last one's index is kept.

    Args:
        input: images (N, C, H, W), or one image (C, H, W); any float, integer or bool dtype.
        kernel_size: rows and columns of a window, a number or (height, width).
        stride: pixels between windows; the kernel size if None.
        padding: pixels around the input, at most half the window's reach; a number, a pair or the
            four sides ((top, bottom), (left, right)).
        dilation: pixels between the taps of a window.
        ceil_mode: round the output size up, so that a last, incomplete window counts.
        return_indices: also return each maximum's flat index in its H x W plane.
        out: an array to be filled and returned, as for `conv2d`; not with `return_indices`.

    Returns:
        The maxima (N, C, OH, OW), or (C, OH, OW) for one image, of the input's dtype; with
        `return_indices` the pair of them and of the indices, int64, of the same shape.

    Raises:
        ArgumentError: a value, shape or combination cannot work (ValueError and RuntimeError).
        ArgumentTypeError: an argument is of the wrong kind (TypeError).
        DtypeError: the array's dtype doesn't fit (TypeError and NotImplementedError).

    Example:
        >>> import numpy as np
        >>> image = np.array([[[1, 5, 2], [4, 3, 0], [7, 8, 6]]])
        >>> max_pool2d(image, 2, ceil_mode=True, return_indices=True)
        (array([[[5, 2],
                [8, 6]]]), array([[[1, 2],
                [7, 8]]]))
    """
    if type(input) is not ndarray and (other := functions_for(input)) is not None:
        handed_on: Array | tuple[Array, Array] = other.max_pool2d(
            input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, out=out
        )
        return handed_on
    calls = max_pool2d_calls(kernel_size, stride, padding, dilation, return_indices, ceil_mode)
    result: Array | tuple[Array, Array] = pool(calls, input, out)
    return result


def avg_pool2d(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: PaddingLike = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Array | None = None,
) -> Array:
    """Take the mean under each window, as `torch.nn.functional.avg_pool2d` does.

    Args:
        input: images (N, C, H, W), or one image (C, H, W); dtypes as for `conv2d`; integers round
            towards zero.
        kernel_size: rows and columns of a window, a number or (height, width).
        stride: pixels between windows; the kernel size if None.
        padding: zeros around the input, at most half the kernel; a number, a pair or the four
            sides.
        ceil_mode: round the output size up, so that a last, incomplete window counts.
        count_include_pad: count padding pixels in the mean.
        divisor_override: divide the sums by this number instead, any but 0.
        out: an array to be filled and returned, as for `conv2d`.

    Returns:
        The means (N, C, OH, OW), or (C, OH, OW) for one image, of the input's dtype.

    Raises:
        ArgumentError, ArgumentTypeError, DtypeError: as for `max_pool2d`.

    Example:
        >>> import numpy as np
        >>> avg_pool2d(np.array([[[1.0, 2.0], [3.0, 6.0]]]), 2)
        array([[[3.]]])
    """
    if type(input) is not ndarray and (other := functions_for(input)) is not None:
        handed_on: Array = other.avg_pool2d(
            input,
            kernel_size,
            stride,
            padding,
            ceil_mode,
            count_include_pad,
            divisor_override,
            out=out,
        )
        return handed_on
    calls = avg_pool2d_calls(
        kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    result: Array = pool(calls, input, out)
    return result


def max_unpool2d(
    input: Array,
    indices: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: PaddingLike = 0,
    output_size: Sequence[int] | None = None,
    *,
    out: Array | None = None,
) -> Array:
    """Put each value where `max_pool2d` found it, as `torch.nn.functional.max_unpool2d` does.

    Args:
        input: maxima (N, C, H, W), or (C, H, W) for one image; any float, integer or bool dtype.
        indices: int64 of the same shape, from `max_pool2d(…, return_indices=True)`.
        kernel_size: the pooling's.
        stride: the pooling's; the kernel size if None.
        padding: the pooling's.
        output_size: (OH, OW), with or without N and C before it, where the default
            (H - 1)s - p_lo - p_hi + k isn't the size that was pooled; less than a stride from it.
        out: an array to be filled and returned, as for `conv2d`.

    Returns:
        (N, C, OH, OW), or (C, OH, OW) for one image: the values at their indices, zeros elsewhere.
        Where several values name one cell, the last one stays.

    Raises:
        ArgumentError, ArgumentTypeError, DtypeError: as for `max_pool2d`; an index that lies
            outside the output plane is an ArgumentError.

    Example:
        >>> import numpy as np
        >>> values, indices = max_pool2d(np.array([[[1, 5], [4, 3]]]), 2, return_indices=True)
        >>> max_unpool2d(values, indices, 2)
        array([[[0, 5],
                [0, 0]]])
    """
    if type(input) is not ndarray and (other := functions_for(input)) is not None:
        handed_on: Array = other.max_unpool2d(
            input, indices, kernel_size, stride, padding, output_size, out=out
        )
        return handed_on
    calls = max_unpool2d_calls(kernel_size, stride, padding)
    return unpool(calls, input, indices, output_size, out)
