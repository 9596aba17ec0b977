"""The program: as many channels as a vector has lanes, side by side, by tiles of some positions.

Planes are turned to pixels with their channels first, and the sums back at the end: so all lanes
are useful however narrow the planes, all loads are whole lines, and products with the padding are
left out. Where an image's channels are neighbours already, they are copied: its pixels are often a
power of two from each other, so that few sets of the first cache would have to hold all of them.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.abreast import LOWER, UPPER, add_taps, half
from convpool.kernels.convolution.depthwise.abreast.turning import finishing, turning
from convpool.kernels.convolution.forward import CEILING, SLOPE
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_number, store_all
from convpool.kernels.streaming import ask
from convpool.kernels.sums import zeros
from convpool.kernels.windows import packed


class Tiles(NamedTuple):
    """How rows of positions are cut: into a first tile, some that meet no padding, a last one."""

    positions: int
    """Of a tile."""
    taps: int
    """Of a row, as the stride."""
    stride: int
    first: tuple[int, int]
    """Of the pixels that a tile meets, the first one that there is, and the end of those."""
    last: tuple[int, int]
    several: bool
    """Whether there are more tiles than one in a row."""
    many: bool
    """Whether there are more than two."""
    paired: bool
    """Whether two rows are summed at a time: one alone has too few sums to keep the CPU busy."""
    descending: bool
    """Whether the first tap meets the last pixel, along both axes; of stride 1."""


class Abreast(NamedTuple):
    """What the program is told beside a convolution's record, after which it lies."""

    blocks: int = 0
    """Of channels."""
    rows: int = 0
    """Of the output, in a unit."""
    height: int = 0
    """Of the input."""
    taps_y: int = 0
    lowest_y: int = 0
    """The input's row that the first position meets first."""
    band: int = 0
    """Rows of the output whose sums are held at a time."""
    tiles: int = 0
    """Of a row."""
    panel_bytes: int = 0
    asks: int = 0
    """1 if it asks for what comes next, of the input and the output, else 0."""


@cache
def program(number: Any, lanes: int, tiles: Tiles, planar_input: bool, planar: bool) -> Program:
    """Return the program for rows of a kernel, and for orders of the input and the output."""
    item = np.dtype(number).itemsize
    pixel, taps = lanes * item, tiles.taps
    turn, finish = turning(number, lanes, planar_input), finishing(number, lanes, planar)
    add_row, at_once = _adding_rows(number, lanes, tiles), 1 + tiles.paired
    more, descending = 8 * len(Record._fields), tiles.descending
    ask_for_next = _asking(number, lanes)

    def convolve(record, unit, thread):
        """Make some channels of one image."""
        plan, cut = fields(record, Record), fields(record + more, Abreast)
        slabs = -(-plan.out_height // cut.rows)
        image, rest = divmod(unit, cut.blocks * slabs)
        if planar_input:
            part, slab = divmod(rest, slabs)
        else:
            slab, part = divmod(rest, cut.blocks)
        first, begin = part * lanes, slab * cut.rows
        end = min(begin + cut.rows, plan.out_height)
        channels = min(lanes, plan.groups - first)
        source = plan.images + image * plan.image_stride + first * plan.channel_stride
        target = plan.output + image * plan.output_image + first * plan.output_filter
        panel = plan.scratch + thread * plan.scratch_bytes
        panel += -panel % 64
        sums, weights = panel + cut.panel_bytes, plan.packed + part * cut.taps_y * taps * pixel
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        origin = max(0, min(cut.height, begin * plan.stride_y + cut.lowest_y))
        turned = origin * plan.width
        panel -= turned * pixel
        for row in range(begin, end, cut.band):
            rows = min(cut.band, end - row)
            reached = (row + rows - 1) * plan.stride_y + cut.lowest_y + cut.taps_y
            wanted = plan.width * max(origin, min(cut.height, reached))
            turn(
                source + turned * plan.column_stride,
                panel + turned * pixel,
                wanted - turned,
                channels,
                plan.channel_stride,
                plan.column_stride,
            )
            turned = wanted
            if cut.asks:
                ask_for_next(record, source, target, channels, row + rows, rows, wanted)
            for y in range(row, row + rows, at_once):
                top = y * plan.stride_y + cut.lowest_y
                below = plan.stride_y if y + 1 < row + rows else 0
                here, by_row = (
                    panel + (top * plan.width + plan.lowest_x) * pixel,
                    plan.width * pixel,
                )
                made, apart = sums + (y - row) * plan.out_width * pixel, plan.out_width * pixel
                if descending:  # upside down
                    below *= at_once - 1
                    here += (below + cut.taps_y - 1) * by_row
                    top, by_row = cut.height - top - below - cut.taps_y, -by_row
                    made, apart = made + below * apart, -apart
                add_row(
                    here,
                    by_row,
                    weights,
                    cut.taps_y,
                    top,
                    cut.height,
                    below,
                    made,
                    apart,
                    plan.out_width,
                    cut.tiles,
                )
            finish(
                sums,
                target + row * plan.output_row,
                rows * plan.out_width,
                channels,
                plan.output_filter,
                plan.output_column,
                plan.bias + first * item,
                plan.residual,
                slope,
                ceiling,
            )

    numbers = *tiles[:3], *tiles.first, *tiles.last, *tiles[5:], planar_input, planar
    name = "-".join(str(int(one)) for one in (lanes, *numbers))
    return Program(convolve, variant=f"abreast-{number.__name__}-{name}")


@cache
def _asking(number: Any, lanes: int) -> Any:
    item = np.dtype(number).itemsize

    @block
    def ask_for_next(record, source, target, channels, row, rows, pixels):
        """Ask for as many rows as were made before `row`, of planes; or of the next channels'."""
        plan = fields(record, Record)
        read, written, first = pixels * item, row * plan.output_row, 0
        if row == plan.out_height:
            read, written, first = 0, 0, lanes
        for channel in range(first, first + channels):
            there = source + channel * plan.channel_stride + read
            ask(there, rows * plan.stride_y * plan.width * item)
            ask(target + channel * plan.output_filter + written, rows * plan.output_row)

    return ask_for_next


@cache
def _adding_rows(number: Any, lanes: int, tiles: Tiles) -> Any:
    """Return the function that makes the sums of a row of positions, or of two."""
    pixel = lanes * np.dtype(number).itemsize
    count, stride, several, many = tiles.positions, tiles.stride, tiles.several, tiles.many
    adding = _adding_pair if tiles.paired else _adding_tile
    add_first = adding(number, lanes, tiles, tiles.first)
    add_middle = adding(number, lanes, tiles, (0, (count - 1) * stride + tiles.taps))
    add_last = adding(number, lanes, tiles, tiles.last)

    @block
    def add_row(
        pixels, by_row, weights, taps, top, height, below, sums, apart, positions, number_of
    ):
        """Make a row of `positions` sums.

        The arguments:
            pixels: address of the pixel that the first position meets first, there or not.
            by_row: bytes from row to row of them.
            weights: address of the first row of weights.
            taps: rows of weights.
            top: number of the row that the positions meet first.
            height: rows of pixels that there are.
            below: rows from there to what the next positions meet first; 0 if there are none.
            sums: address of the first one.
            apart: bytes from there to those of the next positions.
            number_of: tiles of the row.
        """
        add_first(pixels, by_row, weights, taps, top, height, below, sums, apart)
        if many:
            for tile in range(1, number_of - 1):
                here, there = pixels + tile * count * stride * pixel, sums + tile * count * pixel
                add_middle(here, by_row, weights, taps, top, height, below, there, apart)
        if several:  # the last one may begin before the one before ends
            column = positions - count
            here, there = pixels + column * stride * pixel, sums + column * pixel
            add_last(here, by_row, weights, taps, top, height, below, there, apart)

    return add_row


@cache
def _adding_tile(number: Any, lanes: int, tiles: Tiles, met: tuple[int, int]) -> Any:
    pixel = lanes * np.dtype(number).itemsize
    count, by_weights = tiles.positions, tiles.taps * pixel
    shape = packed(tiles.taps, tiles.stride, *met, count, tiles.descending)

    @block
    def add_tile(pixels, by_row, weights, taps, top, height, _below, target, _apart):
        """Make the sums of neighbouring positions of a row."""
        sums = zeros(number, lanes, count)
        for row in range(max(0, -top), min(taps, height - top)):
            here, there = pixels + row * by_row, weights + row * by_weights
            sums = add_taps(sums, here, there, there, shape, UPPER)
        store_all(sums, target, pixel)

    return add_tile


@cache
def _adding_pair(number: Any, lanes: int, tiles: Tiles, met: tuple[int, int]) -> Any:
    pixel = lanes * np.dtype(number).itemsize
    count, by_weights = tiles.positions, tiles.taps * pixel
    shape, both, two = (
        packed(tiles.taps, tiles.stride, *met, count, tiles.descending),
        UPPER + LOWER,
        2 * count,
    )

    @block
    def add_pair(pixels, by_row, weights, taps, top, height, below, target, apart):
        """Make the sums of neighbouring positions of a row, and of those of the next one."""
        begin, end = max(0, -top), min(taps, height - top)
        lower, lowest = end, end
        if below:
            lower, lowest = max(below, -top), min(below + taps, height - top)
        other = weights - below * by_weights
        sums = zeros(number, lanes, two)
        for row in range(begin, min(end, lower)):
            here, there = pixels + row * by_row, row * by_weights
            sums = add_taps(sums, here, weights + there, other + there, shape, UPPER)
        for row in range(lower, min(end, lowest)):
            here, there = pixels + row * by_row, row * by_weights
            sums = add_taps(sums, here, weights + there, other + there, shape, both)
        for row in range(max(end, lower), lowest):
            here, there = pixels + row * by_row, row * by_weights
            sums = add_taps(sums, here, weights + there, other + there, shape, LOWER)
        store_all(half(sums, 0), target, pixel)
        if below:
            store_all(half(sums, 1), target + apart, pixel)

    return add_pair
