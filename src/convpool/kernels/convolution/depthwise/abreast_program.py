"""The program: as many channels as a vector has lanes, side by side, by tiles of some positions.

Planes are turned to pixels with their channels first, and the sums back at the end: so all lanes
are useful however narrow the planes, all loads are whole lines, and products with the padding are
left out. An image whose channels lie side by side is copied: its pixels are as far from each other
as powers of two often are.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.abreast import add_taps
from convpool.kernels.convolution.finish import finishing
from convpool.kernels.convolution.forward import CEILING, SLOPE
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import Program, block
from convpool.kernels.rows import fields, load_number, load_rows, store_all, transpose
from convpool.kernels.sums import zeros
from convpool.kernels.windows import packed


class Tiles(NamedTuple):
    """How a row of positions is cut: the first tile, those in the middle, the last."""

    count: int
    """Positions of a tile."""
    taps: int
    stride: int
    first: tuple[int, int]
    """Of the pixels that a tile meets, the first one that there is, and the end of those."""
    last: tuple[int, int]
    are_several: bool
    are_many: bool
    """More than two."""


class Abreast(NamedTuple):
    """What the program is told beside a convolution's record, after which it lies."""

    blocks: int = 0
    """Of channels, of an image."""
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


@cache
def program(number: Any, lanes: int, tiles: Tiles, planar_input: bool, planar: bool) -> Program:
    """Return the program for rows of a kernel, and for orders of the input and the output."""
    item = np.dtype(number).itemsize
    pixel = lanes * item
    turn, finish = _turning(number, lanes, planar_input), finishing(number, lanes, int(planar))
    add_row = _adding_row(number, lanes, tiles)
    more = 8 * len(Record._fields)
    taps = tiles.taps

    def convolve(record, unit, thread):
        """Make some channels of one image."""
        plan, cut = fields(record, Record), fields(record + more, Abreast)
        image, part = divmod(unit, cut.blocks)
        first = part * lanes
        channels = min(lanes, plan.groups - first)
        source = plan.images + image * plan.image_stride + first * plan.channel_stride
        target = plan.output + image * plan.output_image + first * plan.output_filter
        panel = plan.scratch + thread * plan.scratch_bytes
        panel += -panel % 64
        sums = panel + cut.panel_bytes
        weights = plan.packed + part * cut.taps_y * taps * pixel
        slope = number(load_number(np.float64, record + SLOPE))
        ceiling = number(load_number(np.float64, record + CEILING))
        turned = 0
        for row in range(0, plan.out_height, cut.band):
            rows = min(cut.band, plan.out_height - row)
            reached = (row + rows - 1) * plan.stride_y + cut.lowest_y + cut.taps_y
            if row + rows == plan.out_height:
                reached = cut.height
            pixels = plan.width * min(cut.height, reached)
            apart = plan.channel_stride if planar_input else plan.column_stride
            while turned < pixels:
                place = turned * (item if planar_input else plan.column_stride)
                here = plan.width * cut.height - turned
                turn(source + place, panel + turned * pixel, apart, channels, here)
                turned += lanes
            for y in range(row, row + rows):
                top = y * plan.stride_y + cut.lowest_y
                begin, end = max(0, -top), min(cut.taps_y, cut.height - top)
                add_row(
                    panel + ((top + begin) * plan.width + plan.lowest_x) * pixel,
                    plan.width * pixel,
                    weights + begin * taps * pixel,
                    end - begin,
                    sums + (y - row) * plan.out_width * pixel,
                    plan.out_width,
                    cut.tiles,
                )
            finish(
                sums,
                pixel,
                target + row * plan.output_row,
                channels,
                rows * plan.out_width,
                plan.output_filter,
                plan.output_column,
                plan.bias + first * item,
                plan.residual,
                slope,
                ceiling,
            )

    parts = (number.__name__, lanes, *tiles[:3], *tiles.first, *tiles.last, *tiles[5:])
    name = "-".join(str(int(part) if part in (True, False) else part) for part in parts)
    return Program(convolve, variant=f"abreast-{name}-{int(planar_input)}-{int(planar)}")


@cache
def _adding_row(number: Any, lanes: int, tiles: Tiles) -> Any:
    """Return the function that makes the sums of a row of positions."""
    pixel = lanes * np.dtype(number).itemsize
    count, stride, taps = tiles.count, tiles.stride, tiles.taps
    several, many = tiles.are_several, tiles.are_many
    add_first = _adding_tile(number, lanes, tiles, tiles.first)
    add_middle = _adding_tile(number, lanes, tiles, (0, (count - 1) * stride + taps))
    add_last = _adding_tile(number, lanes, tiles, tiles.last)

    @block
    def add_row(pixels, by_row, weights, rows, sums, positions, number_of_tiles):
        """Make `positions` sums, from the address of the pixel that the first one meets first."""
        add_first(pixels, by_row, weights, rows, sums)
        if many:
            for tile in range(1, number_of_tiles - 1):
                column = tile * count
                here = pixels + column * stride * pixel
                add_middle(here, by_row, weights, rows, sums + column * pixel)
        if several:  # the last one may begin before the one before ends
            column = positions - count
            here = pixels + column * stride * pixel
            add_last(here, by_row, weights, rows, sums + column * pixel)

    return add_row


@cache
def _adding_tile(number: Any, lanes: int, tiles: Tiles, met: tuple[int, int]) -> Any:
    pixel = lanes * np.dtype(number).itemsize
    count, taps = tiles.count, tiles.taps
    shape = packed(taps, tiles.stride, *met)

    @block
    def add_tile(pixels, by_row, weights, rows, target):
        """Make the sums of neighbouring positions."""
        sums = zeros(number, lanes, count)
        for row in range(rows):
            sums = add_taps(sums, pixels + row * by_row, weights + row * taps * pixel, shape)
        store_all(sums, target, pixel)

    return add_tile


@cache
def _turning(number: Any, lanes: int, planar: bool) -> Any:
    """Return the function that copies `lanes` pixels to where their channels are neighbours."""
    pixel = lanes * np.dtype(number).itemsize

    @block
    def turn(source, target, apart, channels, left):
        """Copy, of channels or pixels that are `apart` from each other, as many as are `left`."""
        if planar:
            square = transpose(load_rows(number, source, apart, channels - 1, left, lanes, lanes))
        else:
            last = min(left, lanes) - 1
            square = load_rows(number, source, apart, last, channels, lanes, lanes)
        store_all(square, target, pixel)

    return turn
