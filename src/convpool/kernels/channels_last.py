"""Pooling of images in channels-last memory: vectors over channels, any windows.

For each output row and block of channels, each column of input is reduced over the rows under the
windows once, and carried to the next window where they overlap; so for the usual 3x3 windows.
"""

from dataclasses import dataclass
from functools import cache

from numba import prange

from convpool.kernels.jit import Kernel
from convpool.kernels.simd import adds, choose, combine, larger, load_row, neutral, splat, store_row
from convpool.kernels.strips import name_of
from convpool.kernels.windows import divide_all, widen


@dataclass(frozen=True)
class Channels:
    """What a kernel is compiled for.

    `lanes` channels at a time; `shared` columns under a window, at most 2, are carried to the next.
    """

    lanes: int
    shared: int
    operation: int


def lanes_for(channels: int, itemsize: int) -> int:
    """Return how many channels are taken at a time: one register of AVX-512, or two."""
    return (64 if channels * itemsize <= 64 else 128) // itemsize


@cache
def values_kernel(channels: Channels) -> Kernel:
    """Return the kernel for the maxima or means.

    Its arguments: images (N, H, W, C), output (N, OH, OW, C), what each output row's sums and each
    output column's are divided by, float64; the taps of each output row's windows that are on the
    image (OH, 2), from and to; and of both axes (taps, stride, padding before, dilation).
    """
    lanes, shared, operation = channels.lanes, channels.shared, channels.operation
    is_sum = adds(operation)

    def pool(images, output, row_divisors, column_divisors, row_taps, down, across):  # type: ignore[no-untyped-def]
        _, stride, top, spread = down
        taps, step, left, apart = across
        count, height, width, depth = images.shape
        _, out_height, out_width, _ = output.shape
        item = images.itemsize
        pixel, out_pixel = depth * item, depth * output.itemsize
        for line in prange(count * out_height):
            image, row = line // out_height, line % out_height
            begin, end = row_taps[row, 0], row_taps[row, 1]
            source = images.ctypes.data + (image * height + row * stride - top) * width * pixel
            target = output.ctypes.data + line * out_width * out_pixel
            for channel in range(0, depth, lanes):
                stored = min(lanes, depth - channel)
                older = newer = neutral(images, lanes, operation)
                for place in range(-shared, out_width):
                    # The columns before the first window's new ones are only carried.
                    is_output = place >= 0
                    best = neutral(images, lanes, operation)
                    if shared == 1:
                        best = newer
                    if shared == 2:
                        best = combine(newer, older, operation)
                    for t in range(shared if is_output else 0, taps if is_output else 1):
                        x = place * step - left + t * apart
                        if not is_output:
                            x = place + shared - left
                        values = neutral(images, lanes, operation)
                        if 0 <= x < width:
                            for tap in range(begin, end):
                                address = source + (tap * spread * width + x) * pixel
                                address += channel * item
                                loaded = load_row(images, address, 0, stored, lanes, operation)
                                values = combine(loaded, values, operation)
                        best = combine(values, best, operation)
                        older, newer = newer, values
                    if is_output:
                        if is_sum:
                            best = divide_all(best, row_divisors[row] * column_divisors[place])
                        store_row(best, target + place * out_pixel + channel * item, stored, images)

    return Kernel(pool, variant=f"values-{name_of(operation)}")


@cache
def indices_kernel(channels: Channels) -> Kernel:
    """Return the kernel for the maxima and their indices, int64.

    Its arguments: images (N, H, W, C), output and indices (N, OH, OW, C), the taps of each output
    row's windows that are on the image and the first cell (OH, 3), those of the columns (OW, 3),
    and the axes as there.
    """
    lanes, operation = channels.lanes, channels.operation

    def pool(images, output, indices, row_taps, column_taps, down, across):  # type: ignore[no-untyped-def]
        _, stride, top, spread = down
        _, step, left, apart = across
        count, height, width, depth = images.shape
        _, out_height, out_width, _ = output.shape
        item = images.itemsize
        pixel = depth * item
        for line in prange(count * out_height):
            image, row = line // out_height, line % out_height
            source = images.ctypes.data + image * height * width * pixel
            for column in range(out_width):
                first = row_taps[row, 2] * width + column_taps[column, 2]
                place = (line * out_width + column) * depth
                for channel in range(0, depth, lanes):
                    stored = min(lanes, depth - channel)
                    best = neutral(images, lanes, operation)
                    best_at = splat(first, best)
                    for t in range(row_taps[row, 0], row_taps[row, 1]):
                        start = (row * stride - top + t * spread) * width
                        for tap in range(column_taps[column, 0], column_taps[column, 1]):
                            at = start + column * step - left + tap * apart
                            address = source + at * pixel + channel * item
                            values = load_row(images, address, 0, stored, lanes, operation)
                            wins = larger(values, best, operation)
                            best = choose(wins, values, best)
                            best_at = choose(wins, splat(at, best), best_at)
                    place_of_block = place + channel
                    store_row(best, output.ctypes.data + place_of_block * item, stored, images)
                    address = indices.ctypes.data + place_of_block * 8
                    store_row(widen(best_at), address, stored, indices)

    return Kernel(pool, variant=f"indices-{name_of(operation)}")
