"""The program: some planes, each by tiles of rows of vectors of pixels."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.convolution.forward import CEILING, SLOPE
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import Program
from convpool.kernels.rows import fields, load_number, store_rows
from convpool.kernels.sliding import add_to_all, existing_rows, extent_of, phases_of, slide, splats
from convpool.kernels.streaming import ask, stream_bytes
from convpool.kernels.sums import activate, add_rows
from convpool.kernels.windows import packed


class Axis(NamedTuple):
    """How taps and positions of an axis meet: all but the stride as `phases_of` takes it."""

    taps: int
    step: int
    rest: int
    stride: int
    """From position to position, in the input."""
    descending: int


class Planes(NamedTuple):
    """What the program is told beside a convolution's record, after which it lies."""

    zeros: int = 0
    """Address of a row of zeros."""
    unit_planes: int = 0
    units: int = 0
    """Of an image."""
    height: int = 0
    """Of the input."""
    lowest_y: int = 0
    """The input's row that the first position meets first."""
    asks: int = 0
    """1 if it asks for what the next plane has in the same rows, else 0."""
    streamed: int = 0
    """Whether planes are made in scratch memory, and then stored past the caches."""


@cache
def program(
    number: Any, axes: tuple[Axis, Axis], count: int, register: int, strict: bool
) -> Program:
    """Return the program for a kernel's axes, by tiles of `count` rows of positions.

    The sums of a strict one are float64.
    """
    item = np.dtype(number).itemsize
    (down, step_y, rest_y, stride_y, descending), (across, step_x, _, stride_x, _) = axes
    vertical, horizontal = packed(*axes[0]), packed(*axes[1])
    taps, neighbours = down * across, phases_of(down, step_y, rest_y, descending)
    met = (count - 1) * stride_y + extent_of(neighbours) + 1
    exact = int(strict)
    lanes, wide, lines = register, register * step_x, count * step_y
    more = 8 * len(Record._fields)

    def convolve(record, unit, thread):
        """Make some planes of one image."""
        plan, planes = fields(record, Record), fields(record + more, Planes)
        image, part = divmod(unit, planes.units)
        first = part * planes.unit_planes
        end = min(first + planes.unit_planes, plan.groups)
        start = plan.output + image * plan.output_image + first * plan.output_filter
        plane = plan.out_height * plan.out_width * item
        into, step, by_row = start, plan.output_filter, plan.output_row
        if planes.streamed:
            into, step = plan.scratch + thread * plan.scratch_bytes, plane
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        bends = slope != 1 or ceiling != np.inf
        for channel in range(first, end):
            source = plan.images + image * plan.image_stride + channel * plan.channel_stride
            weights = splats(number, plan.packed + channel * taps * item, lanes, taps)
            bias = splats(number, plan.bias + channel * item, wide, 1)
            for row in range(0, plan.rows, count):
                top = row * stride_y + planes.lowest_y
                rows = existing_rows(source, plan.row_stride, top, planes.height, planes.zeros, met)
                last = min(lines, plan.out_height - row * step_y) - 1
                target = into + (channel - first) * step + row * step_y * by_row
                # What the next planes have in the same rows is asked for meanwhile.
                below = source + plan.channel_stride + row * stride_y * plan.row_stride
                ask(below, planes.asks * count * stride_y * plan.row_stride)
                if not planes.streamed:
                    ask(target + step, planes.asks * lines * by_row)
                for column in range(0, plan.columns, lanes):
                    meets = column * stride_x + plan.lowest_x
                    tile = slide(
                        rows, meets, plan.width, weights, vertical, horizontal, count, exact
                    )
                    tile = add_to_all(tile, bias)
                    here = target + column * step_x * item
                    left = plan.out_width - column * step_x
                    if plan.residual:
                        residual = start + here - into + plan.residual
                        tile = add_rows(tile, residual, by_row, last, left)
                    if bends:
                        tile = activate(tile, slope, ceiling)
                    store_rows(tile, here, by_row, last, left)
        if planes.streamed:
            stream_bytes(into, start, (end - first) * plane)

    parts = (number.__name__, *axes[0], *axes[1], count, exact)
    return Program(convolve, variant="depthwise-" + "-".join(map(str, parts)))
