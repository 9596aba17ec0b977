"""Average pooling's gradient by its input: each window's cells share its gradient evenly.

Rows of input that lie under the same rows of windows get the same numbers. So rows of windows are
divided and added up once for all of these, and then shared out across: over planes and for narrow
windows in vectors, else window after window. One window over a plane fills it with one number.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,misc"

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numba import prange
from numpy.typing import NDArray

from convpool.arithmetic import Window, window_axes
from convpool.kernels.average_pooling import divisors_of
from convpool.kernels.jit import Kernel, block
from convpool.kernels.layouts import (
    WORTH_THREADS,
    by_plane,
    delivered,
    destination,
    laid_out,
)
from convpool.kernels.simd import address
from convpool.kernels.spreading import share_row
from convpool.kernels.whole_planes import covers
from convpool.kernels.windows import packed
from convpool.request import Request

if TYPE_CHECKING:
    from convpool.spec import AvgPool2dSpec

Array = NDArray[Any]

WIDEST_WINDOW, WIDEST_STEP = 5, 4
"""Columns under a window, and from one to the next: each pair is compiled by itself, for planes."""

_REGISTER = 64  # bytes of sums that are spread at a time: one register of AVX-512


def prepare(request: Request) -> Callable[..., Array]:
    """Return the function of plane and gradient (N, C, OH, OW) that returns (N, C, H, W)."""
    spec = cast("AvgPool2dSpec", request.spec)
    _, height, width = request.image_shape
    axes = window_axes(spec, (height, width))
    dtype = np.dtype(request.dtype)
    number = np.dtype("float32") if dtype == "float16" else dtype
    divisors = divisors_of(spec, axes)
    fixed = divisors.rows, divisors.columns
    over_rows, under = _covering(axes[0]), _covered(axes[1])
    columns, in_vectors, is_whole = axes[1], None, covers(axes)
    if columns.kernel <= WIDEST_WINDOW and columns.stride <= WIDEST_STEP:
        in_vectors = _share_in_vectors(columns.kernel, columns.stride, number.itemsize)

    def run(plane: tuple[int, int], gradient: Array, *, out: Array | None = None) -> Array:
        gradient, last = laid_out(gradient.astype(number, copy=False), number)
        shape = (*gradient.shape[:2], *plane)
        # Halves are added in float32, and rounded into `out` or a new array.
        result = destination(shape, number, out if number == dtype else None, channels_last=last)
        batch, channels = gradient.shape[:2]
        if last:
            images, width = gradient.transpose(0, 2, 3, 1), channels
            into = result.transpose(0, 2, 3, 1).reshape(batch, plane[0], -1)
            source = images.reshape(batch, images.shape[1], -1)
        else:
            width = 1
            source = by_plane(gradient).reshape(batch * channels, *gradient.shape[2:])
            into = by_plane(result).reshape(batch * channels, *plane)
        threads = result.size >= WORTH_THREADS
        if is_whole and not last:
            cells = into.reshape(len(into), plane[0] * plane[1])
            _share_whole()(source.reshape(-1), cells, *fixed, threads=threads)
        elif in_vectors is not None and not last:
            in_vectors(source, into, over_rows, columns.before, *fixed, width, threads=threads)
        else:
            _share()(source, into, over_rows, under, *fixed, width, threads=threads)
        if number != dtype:
            with np.errstate(over="ignore"):  # what is too large for a half is infinite
                return delivered(result.astype(dtype), out)
        return delivered(result, out)

    return run


def _covering(axis: Window) -> Array:
    """Return from and to which window each position of an axis lies under, (size, 2), int64."""
    start = np.arange(axis.size, dtype=np.int64) + axis.before
    first = np.maximum(0, -((axis.kernel - 1 - start) // axis.stride))
    end = np.minimum(axis.output, start // axis.stride + 1)
    return np.stack([first, np.maximum(first, end)], axis=1)


def _covered(axis: Window) -> Array:
    """Return from and to which position of an axis each window lies, (windows, 2), int64."""
    start = np.arange(axis.output, dtype=np.int64) * axis.stride - axis.before
    return np.stack([np.maximum(start, 0), np.minimum(start + axis.kernel, axis.size)], axis=1)


@block
def _add_divided(gradient, sums, row_divisor, column_divisors):
    """Add a row of windows' gradients, divided, to sums (OW*C,)."""
    windows = len(column_divisors)
    channels = len(sums) // windows
    if channels == 1:
        for window in range(windows):
            divisor = sums.dtype.type(row_divisor * column_divisors[window])
            sums[window] += gradient[window] / divisor
        return
    for window in range(windows):
        divisor = sums.dtype.type(row_divisor * column_divisors[window])
        for place in range(window * channels, (window + 1) * channels):
            sums[place] += gradient[place] / divisor


@block
def _add_across(sums, output, under):
    """Add each window's sums (OW*C,) to the columns of a row (W*C,) that it lies on."""
    windows = len(under)
    channels = len(sums) // windows
    for window in range(windows):
        first, end = under[window]
        if channels == 1:
            total = sums[window]
            for column in range(first, end):
                output[column] += total
        else:
            for column in range(first, end):
                there, here = column * channels, window * channels
                for channel in range(channels):
                    output[there + channel] += sums[here + channel]


@cache
def _share_whole() -> Kernel:
    """Return the kernel for one window over each plane: gradients (P,), an output (P, H*W).

    Row after row it takes 20 times as long, for 16 images of 2,048 planes of 7x7.
    """

    def share(gradient, output, row_divisors, column_divisors):
        count, cells = output.shape
        divisor = gradient.dtype.type(row_divisors[0] * column_divisors[0])
        for plane in prange(count):
            shared = gradient[plane] / divisor
            for cell in range(cells):
                output[plane, cell] = shared

    return Kernel(share, variant="share-whole")


@cache
def _share_in_vectors(taps: int, step: int, item: int) -> Kernel:
    """Return the kernel for planes of windows with so many columns, so many from one to the next.

    Its arguments are those of `_share`, but for the columns' padding in place of `_covered`.
    """
    lanes, before, window = _REGISTER // item, taps // step, packed(taps, step)

    def share(gradient, output, over_rows, left, row_divisors, column_divisors, _channels):
        count, height, width = output.shape
        windows = len(column_divisors)
        blocks = -(-(width + left) // (step * lanes))
        for plane in prange(count):
            # What windows there aren't would add to the first and last columns.
            padded = np.zeros(before + max(windows, blocks * lanes), gradient.dtype)
            down = padded[before : before + windows]
            for row in range(height):
                top, bottom = over_rows[row]
                if row and over_rows[row - 1, 0] == top and over_rows[row - 1, 1] == bottom:
                    output[plane, row] = output[plane, row - 1]
                    continue
                down[:] = 0
                for window_row in range(top, bottom):
                    divided = gradient[plane, window_row]
                    _add_divided(divided, down, row_divisors[window_row], column_divisors)
                # Numba counts without a sign, and makes a float of that and a signed number.
                target = address(output) + (np.intp(plane) * height + row) * width * item
                for first in range(0, blocks * lanes, lanes):
                    across = first * step - left, width
                    sums = address(down) + first * item
                    share_row(padded, target, sums, across, window, lanes)

    return Kernel(share, variant=f"share-{taps}-{step}-{item}")


@cache
def _share() -> Kernel:
    """Return the kernel for gradients (P, OH, OW*C) and an output (P, H, W*C).

    Its other arguments: `_covering` of the rows, `_covered` of the columns, what each row's and
    each column's sums were divided by, and C: 1 for planes, and the channels in channels-last
    memory.
    """

    def share(gradient, output, over_rows, under, row_divisors, column_divisors, channels):
        count, height, _ = output.shape
        windows = len(column_divisors)
        for plane in prange(count):
            down = np.empty(windows * channels, gradient.dtype)
            for row in range(height):
                top, bottom = over_rows[row]
                if row and over_rows[row - 1, 0] == top and over_rows[row - 1, 1] == bottom:
                    output[plane, row] = output[plane, row - 1]
                    continue
                down[:] = 0
                for window_row in range(top, bottom):
                    divided = gradient[plane, window_row]
                    _add_divided(divided, down, row_divisors[window_row], column_divisors)
                output[plane, row] = 0
                _add_across(down, output[plane, row], under)

    return Kernel(share, variant="share")
