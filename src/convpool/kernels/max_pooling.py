"""Max pooling: a block of columns at a time, straight down a plane.

Under a block of output columns lies a strip of input, some tens of columns wide, that is held as
one vector a row. For each output row the strip's rows under the window are maxed into one vector;
every s-th lane of it, shifted by 0 to k - 1, is then maxed across. Rows above and below the image
are left out, columns beside it are lanes of the lowest number.

Larger-than drops NaN; keeping it takes 11 to 27 percent longer (3x3 at stride 2 over 64 planes of
112x112, and at stride 1 over 256 planes of 28x28, one thread, AVX-512). So one comparison a row,
which costs nothing there, tells whether there was any, and if so all is done again and kept.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numba import prange
from numpy.typing import NDArray

from convpool.arithmetic import window_axes
from convpool.kernels.jit import Kernel
from convpool.kernels.simd import (
    any_nan,
    choose,
    first_largest_of_windows,
    flat_indices,
    larger,
    largest_of_windows,
    load_row,
    splat,
    store_row,
)
from convpool.request import Request

if TYPE_CHECKING:
    from convpool.spec import MaxPool2dSpec

Array = NDArray[Any]

_BLOCK = 64  # bytes of output a block: one register of AVX-512
_STRIP = 128  # bytes of input a strip, where more than one register of columns is under a block
_WORTH_THREADS = 1 << 15  # numbers of input; two threads break even at half of that


def prepare(request: Request) -> Callable[[Array], Any]:
    """Return the function of images (N, C, H, W) requested: maxima, or those with indices."""
    channels, height, width = request.image_shape
    rows, columns = window_axes(cast("MaxPool2dSpec", request.spec), (height, width))
    window = (rows.kernel, rows.stride, rows.before, columns.before)
    is_bool = request.dtype == "bool"
    element = np.dtype("uint8" if is_bool else request.dtype)
    lowest = -np.inf if element.kind == "f" else int(np.iinfo(element).min)
    lanes = _BLOCK // element.itemsize
    strip = lanes if columns.padded <= lanes else _STRIP // element.itemsize
    with_indices = request.operation == "max_pool2d_with_indices"
    dropping, keeping = (
        _kernel(
            columns.kernel,
            columns.stride,
            lanes,
            strip,
            lowest,
            with_indices=with_indices,
            keep_nan=keep,
        )
        for keep in (False, element.kind == "f")
    )

    def run(input: Array) -> Any:
        images = input.view(element) if is_bool else input
        if not (images.flags.c_contiguous and images.flags.aligned and images.dtype.isnative):
            images = np.require(images, element, ["C", "A"])
        batch = len(images)
        shape = (batch, channels, rows.output, columns.output)
        output = np.empty(shape, element)
        indices = np.empty(shape if with_indices else (0, 0, 0, 0), np.int64)
        planes = images.reshape(batch * channels, height, width)
        pooled = output.reshape(batch * channels, *shape[2:])
        threads = planes.size >= _WORTH_THREADS
        if dropping(planes, pooled, indices, window, threads=threads):
            keeping(planes, pooled, indices, window, threads=threads)
        if is_bool:
            output = output.view(np.bool_)
        return (output, indices) if with_indices else output

    return run


@cache
def _kernel(
    taps: int,
    step: int,
    lanes: int,
    strip: int,
    lowest: float,
    *,
    with_indices: bool,
    keep_nan: bool,
) -> Kernel:
    """Return the kernel for windows `taps` wide that move by `step` columns.

    It returns whether it met a NaN that it may have dropped. Where indices are wanted, the row of
    the maximum so far goes down the strip with it; the column is known by the tap. Where not, LLVM
    finds the rows unused and leaves them out.
    """
    block = min(lanes, (strip - taps) // step + 1)
    keep = int(keep_nan)

    def pool(planes, output, indices, window):  # type: ignore[no-untyped-def]  # compiled
        reach, stride, top, left = window
        count, height, width = planes.shape
        _, out_height, out_width = output.shape
        item = planes.itemsize
        line = width * item
        found_nan = 0
        for plane in prange(count):
            source = planes.ctypes.data + plane * height * line
            pixels = plane * out_height * out_width
            found = 0
            for column in range(0, out_width, block):
                first = column * step - left
                strip_start = source + first * item
                stored = min(block, out_width - column)
                for row in range(out_height):
                    start = max(row * stride - top, 0)
                    end = min(row * stride - top + reach, height)
                    best = load_row(planes, strip_start + start * line, first, width, strip, lowest)
                    rows = splat(start, best)
                    found |= any_nan(best, best)
                    for y in range(start + 1, end):
                        values = load_row(
                            planes, strip_start + y * line, first, width, strip, lowest
                        )
                        found |= any_nan(values, best)
                        wins = larger(values, best, keep)
                        best = choose(wins, values, best)
                        rows = choose(wins, splat(y, best), rows)
                    pixel = pixels + row * out_width + column
                    if with_indices:
                        largest, at_row, at_tap = first_largest_of_windows(
                            best, rows, taps, step, lanes, keep
                        )
                        flat = flat_indices(at_row, at_tap, width, first, step)
                        store_row(flat, indices.ctypes.data + pixel * 8, stored)
                    else:
                        largest = largest_of_windows(best, taps, step, lanes, keep)
                    store_row(largest, output.ctypes.data + pixel * item, stored)
            found_nan += found
        return found_nan > 0

    kind = "indices" if with_indices else "values"
    return Kernel(pool, variant=f"{kind}-{'keep' if keep_nan else 'drop'}")
