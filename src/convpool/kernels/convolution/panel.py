"""Copies a chunk of a block's input, padding and all, to where its taps are neighbours.

A panel holds, channel by channel, a grid for each pair of a vertical and a horizontal residue of
the stride: place (q, i) of a grid is the input at row first + residue + stride * q, and its column
likewise. So the positions of one tap lie side by side whatever the stride, and padding is ordinary
numbers.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from numba import njit

from convpool.kernels.simd import (
    every,
    load_number,
    load_row,
    store,
    store_all,
    store_number,
    zeros,
)

BY_NUMBER, BY_VECTOR, BY_EVERY_SECOND = range(3)
"""How a row is copied. The second and third take vectors, of which each or every second lane."""


@njit(inline="always")
def fill(images, image, panel, channels, origin, maps, strides, plan, how, lanes, wide):
    """Fill a panel with `channels` channels of an image, from its first one's address on.

    `origin` is the block's first row and column, as positions of a phase; `maps` hold the source
    row and column of each padded position, -1 for a zero, and the residues; `strides` are those of
    channels, rows and columns in bytes.
    """
    source_rows, source_columns, residues = maps
    item = images.itemsize
    for channel in range(channels):
        # In the order of memory: a row's last vector may go beyond it, into what is written next.
        target = panel + channel * plan.channel_gap
        for slot_y in range(plan.slots_y):
            for slot_x in range(plan.slots_x):
                column = origin[1] * plan.stride_x + residues[plan.slots_y + slot_x]
                for q in range(plan.panel_rows):
                    place = (origin[0] + q) * plan.stride_y + residues[slot_y]
                    row = source_rows[place] if place < len(source_rows) else -1
                    source = image + channel * strides[0] + row * strides[1]
                    if row < 0:
                        for i in range(0, plan.pitch, lanes):
                            store_all(zeros(images, lanes, 1), target + i * item, 0)
                    elif how == BY_NUMBER:
                        copy_numbers(
                            images, source, target, column, source_columns, strides[2], plan
                        )
                    else:
                        copy_vectors(images, source, target, column, plan, how, lanes, wide)
                        if plan.repeats:
                            repeat_pixels(images, source, target, column, source_columns, plan)
                    target += plan.pitch * item


@njit(inline="always")
def copy_numbers(images, source, target, first, source_columns, stride, plan):
    """Copy a row of a grid number by number, from wherever the map says."""
    for i in range(plan.pitch):
        place = first + i * plan.stride_x
        column = source_columns[place] if place < len(source_columns) else -1
        number = images.dtype.type(0)
        if column >= 0:
            number = load_number(images, source + column * stride)
        store_number(number, target + i * images.itemsize)


@njit(inline="always")
def copy_vectors(images, source, target, first, plan, step, lanes, wide):
    """Copy a row of a grid whose pixels are neighbours in memory; what is outside becomes 0."""
    item = images.itemsize
    for i in range(0, plan.pitch, lanes):
        column = first + plan.lowest_x + i * step
        pixels = load_row(images, source + column * item, column, plan.width, wide, 0)
        store(every(pixels, step, lanes), target + i * item)


@njit(inline="always")
def repeat_pixels(images, source, target, first, source_columns, plan):
    """Put on the padding of a row the pixels that it repeats."""
    item = images.itemsize
    for i in range(plan.pitch):
        place = first + i * plan.stride_x
        column = place + plan.lowest_x
        if place < len(source_columns) and (column < 0 or column >= plan.width):
            number = load_number(images, source + source_columns[place] * item)
            store_number(number, target + i * item)
