"""The kernel: block by block of the output, chunk by chunk of channels, tile by tile."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import NamedTuple

import numpy as np
from numba import get_thread_id, njit, prange

from convpool.kernels.convolution.blocking import SEGMENT
from convpool.kernels.convolution.finish import finish
from convpool.kernels.convolution.panel import fill
from convpool.kernels.convolution.tiles import tiles_across_filters, tiles_across_pixels
from convpool.kernels.jit import Kernel
from convpool.kernels.simd import address


class Plan(NamedTuple):
    """The numbers of a layer on one shape of image, as the kernel takes them."""

    groups: int
    channels: int
    filters: int
    """Of a group."""
    chunk: int
    rows: int
    columns: int
    """Positions of a phase in a block."""
    row_blocks: int
    column_blocks: int
    filter_blocks: int
    held: int
    """Blocks of filters whose sums are held at a time."""
    products: int
    """Of all phases and channels."""
    stride_y: int
    stride_x: int
    step_y: int
    step_x: int
    lowest_x: int
    width: int
    """Of the input."""
    repeats: int
    """Whether padding repeats pixels."""
    slots_y: int
    slots_x: int
    panel_rows: int
    pitch: int
    """Numbers from row to row of a panel."""
    channel_gap: int
    """Bytes from channel to channel of a panel."""
    panel_bytes: int
    sums_pitch: int
    """Numbers, or vectors of filters, from row to row of the sums."""
    plane: int
    """Bytes from filter to filter of the sums, if they lie in planes."""
    sums_bytes: int
    """Bytes from one block of filters to the next."""
    scratch: int
    """Bytes of panel and sums together."""
    out_height: int
    out_width: int
    joined: int
    """Whether the rows of a block lie in the sums and in the output without a gap."""


@njit(inline="always")
def sum_block(images, packed, source, scratch, block, tables, strides, plan, across_filters, lanes, count, how, register, wide):  # noqa: PLR0917
    """Leave the sums of a block in the scratch memory."""
    group, first_filter, end_filter, row, column = block
    offsets, phases, maps = tables
    item = images.itemsize
    width = lanes if across_filters else count
    for first in range(0, plan.channels, plan.chunk):
        channels = min(plan.chunk, plan.channels - first)
        part = source + first * strides[0]
        fill(images, part, scratch, channels, (row, column), maps, strides, plan, how, register, wide)
        for number in range(first_filter, end_filter):
            done = (group * plan.filter_blocks + number) * plan.products
            done += first * (plan.products // plan.channels)
            filters = address(packed) + done * width * item
            sums = scratch + plan.panel_bytes + (number - first_filter) * plan.sums_bytes
            for phase in range(len(phases)):
                first_y, count_y, first_x, count_x, taps, start = phases[phase]
                extent = min(plan.rows, count_y - row), min(plan.columns, count_x - column)
                products = channels * taps
                parts = max(1, -(-products // SEGMENT))
                for number_of_part in range(parts):
                    begin = products * number_of_part // parts
                    end = products * (number_of_part + 1) // parts
                    span = start + begin, start + end, first + number_of_part
                    here = filters + begin * width * item
                    if across_filters:
                        at = first_y, first_x
                        tiles_across_filters(
                            images, offsets, span, scratch, here, sums, at, extent, plan, lanes, count
                        )
                    else:
                        tiles_across_pixels(
                            images, offsets, span, scratch, here, sums, extent, plan, lanes, count
                        )
                filters += products * width * item


@njit(inline="always")
def finish_block(arrays, bias, scratch, first_output, block, steps, ending, plan, across_filters, lanes, count, planar, register, turned, vectors):  # noqa: PLR0917
    """Store the sums of a block as output."""
    group, first_filter, end_filter, row, column = block
    item = bias.itemsize
    width = lanes if across_filters else count
    by_filters = vectors if planar else register
    by_pixels = register if planar else vectors
    if across_filters:
        of_filter, of_pixel, step = item, lanes * item, lanes * item
    else:
        of_filter, of_pixel, step = plan.plane, item, plan.plane
    rows = min(plan.rows * plan.step_y, plan.out_height - row * plan.step_y)
    columns = min(plan.columns * plan.step_x, plan.out_width - column * plan.step_x)
    if plan.joined:
        rows, columns = 1, rows * columns
    for number in range(first_filter, end_filter):
        sums = scratch + plan.panel_bytes + (number - first_filter) * plan.sums_bytes
        here = min(width, plan.filters - number * width)
        for k in range(0, here, by_filters):
            filter = group * plan.filters + number * width + k
            for y in range(rows):
                line = sums + k * of_filter + y * plan.sums_pitch * of_pixel
                place = first_output + filter * steps[0]
                place += (row * plan.step_y + y) * steps[1] + column * plan.step_x * steps[2]
                for x in range(0, columns, by_pixels):
                    finish(
                        arrays,
                        line + x * of_pixel,
                        place + x * steps[2],
                        address(bias) + filter * item,
                        (here - k, columns - x),
                        (step, steps[0] if planar else steps[2]),
                        ending,
                        vectors,
                        register,
                        turned,
                        planar,
                    )


@cache
def kernel(across_filters: int, lanes: int, count: int, how: int, planar: int, register: int) -> Kernel:
    """Return the kernel for a tile, a way to read the input and an order of the output."""
    wide = max(1, how) * register
    turned = int(across_filters == planar)
    # Vectors run along pixels or filters; where they are turned, a square of both is needed.
    vectors = register if turned or not planar else 1

    def convolve(images, packed, bias, output, residual, scratch, offsets, phases, maps, batch, strides, steps, ending, plan):  # noqa: PLR0917
        held = -(-plan.filter_blocks // plan.held)
        for number in prange(batch * plan.groups * held * plan.row_blocks * plan.column_blocks):
            # Numba counts without a sign, and makes a float of that and a signed number.
            rest, column = divmod(np.intp(number), plan.column_blocks)
            rest, row = divmod(rest, plan.row_blocks)
            rest, first = divmod(rest, held)
            image, group = divmod(rest, plan.groups)
            first *= plan.held
            end = min(first + plan.held, plan.filter_blocks)
            block = group, first, end, row * plan.rows, column * plan.columns
            memory = address(scratch) + get_thread_id() * plan.scratch
            source = address(images) + image * strides[0]
            source += group * plan.channels * strides[1]
            sum_block(
                images, packed, source, memory, block, (offsets, phases, maps), strides[1:], plan, across_filters, lanes, count, how, register, wide
            )
            finish_block(
                (output, residual), bias, memory, image * steps[0], block, steps[1:], ending, plan, across_filters, lanes, count, planar, register, turned, vectors
            )

    return Kernel(convolve, variant="forward")
