"""The sums of tiles, held in registers while one loop runs over the products."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convpool.kernels.jit import block
from convpool.kernels.rows import (
    load,
    load_number,
    prefetch,
    rows_at,
    store_all,
    store_compressed,
    store_rows,
)
from convpool.kernels.sums import (
    activate,
    add_expanded,
    add_numbers,
    add_rows,
    add_stored,
    multiply_add,
    multiply_add_rows,
    zeros,
)


class Tile(NamedTuple):
    """What is held in registers, and how a program comes by it: see `Blocking`."""

    across_filters: bool
    lanes: int
    numbers: int
    flattened: bool = False
    packed: bool = False
    flat: bool = False
    """Whether a product is a channel, so that taps lie at one distance from each other."""
    skips: bool = False
    """Whether products of taps that meet zeros alone are left out: see `Record.met`."""


@cache
def across_filters(number: Any, lanes: int, count: int, skips: bool) -> Any:
    """Return the function that sums a row of tiles of `count` pixels by `lanes` filters."""
    item = np.dtype(number).itemsize

    @block
    def sum_rows(
        panel,
        offsets,
        weights,
        products,
        sums,
        rows,
        columns,
        panel_row,
        sums_row,
        step,
        ahead,
        is_first,
        met,
    ):
        """Leave the sums of rows of tiles in memory, on top of those of earlier products.

        The arguments:
            panel: address of the first tap of the first tile.
            offsets: address of the products' offsets in the panel.
            weights: address of the first product's filters; the next one's follow.
            products: their number.
            sums: address of the first tile's sums.
            rows, columns: of positions.
            panel_row, sums_row, step: bytes from row to row of the panel and of the sums, and from
                pixel to pixel of the sums.
            ahead: distance in bytes of the weights that are needed next.
            is_first: whether there are no earlier products.
            met: if some are left out, the first tile's entry in `Record.met`, bytes from row to
                row there, and channels.
        """
        tiles = rows * -(-columns // count)
        # What comes next is asked for bit by bit, so that nothing waits for it.
        ahead += weights
        step_ahead = lanes * item // tiles
        for y in range(rows):
            for x in range(0, columns, count):
                place = panel + y * panel_row + x * item
                tile = zeros(number, lanes, count)
                chosen, left = 0, products
                if skips:
                    entry = met[0] + y * met[1] + x // count * 16
                    chosen = load_number(np.int64, entry)
                    left = met[2] * load_number(np.int64, entry + 8)
                for each in range(left):
                    prefetch(ahead)
                    ahead += step_ahead
                    product = each
                    if skips:
                        product = load_number(np.int64, chosen + each * 8)
                    tap = place + load_number(np.int64, offsets + product * 8)
                    tile = multiply_add(
                        tile, load(number, weights + product * lanes * item, lanes), tap
                    )
                target = sums + y * sums_row + x * step
                if not is_first:
                    tile = add_stored(tile, target, step)
                store_all(tile, target, step)

    return sum_rows


@cache
def across_pixels(number: Any, form: Tile) -> Any:
    """Return the function that sums tiles of pixels by filters into the output.

    If they are flattened, the tiles run on from row to row of the panel; of what lies between the
    rows, bits say that it isn't stored.
    """
    _, lanes, count, flattened, packed, flat, _ = form
    item = np.dtype(number).itemsize
    mask = lanes // 8
    add = add_expanded if flattened else add_rows
    put = store_compressed if flattened else store_rows

    @block
    def sum_rows(
        panel,
        offsets,
        weights,
        filter_row,
        products,
        output,
        rows,
        columns,
        last,
        panel_row,
        output_row,
        plane,
        bias,
        residual,
        slope,
        ceiling,
        is_first,
        is_last,
        chosen,
        coming,
        skip,
    ):
        """Leave the sums of rows of tiles in the output, on top of those of earlier products.

        The arguments:
            panel, offsets, products: as above; `offsets` is the distance of taps if that is one.
            weights: address of the first product of the first filter; the next one's follow.
            filter_row: bytes from filter to filter of the weights, if they aren't packed.
            output: address of the first output of the first filter.
            rows, columns: of positions.
            last: the last of the filters that there are.
            panel_row, output_row, plane: bytes from row to row of the panel and of the output, and
                from filter to filter of the output.
            bias: address of the first filter's bias.
            residual: distance of the residual from the output, 0 if there is none.
            slope, ceiling: of the activation.
            is_first, is_last: whether there are no earlier products, and no later ones.
            chosen: address of the bits of all tiles, then of the distances of their outputs.
            coming: of one channel, addresses of the first and of the last line that are needed
                soon, then bytes to the next channel; if products are channels.
            skip: how many pixels the first tile leaves to the second, if products are channels.
        """
        if flattened:
            columns, rows = (rows - 1) * (panel_row // item) + columns, 1
        tiles = -(-(columns + skip) // lanes)
        bends = slope != 1 or ceiling != np.inf
        for y in range(rows):
            for number_of_tile in range(tiles):
                x = max(0, number_of_tile * lanes - skip)
                place = panel + y * panel_row + x * item
                tile = zeros(number, lanes, count)
                filters = rows_at(weights, filter_row, last, count)
                line = min(coming[0] + number_of_tile * 64, coming[1])
                for product in range(products):
                    if flat:
                        prefetch(line + product * coming[2])
                    distance = (
                        product * offsets if flat else load_number(np.int64, offsets + product * 8)
                    )
                    pixels = load(number, place + distance, lanes)
                    tile = (
                        multiply_add(tile, pixels, weights + product * (count * item))
                        if packed
                        else multiply_add_rows(tile, pixels, filters, product * item)
                    )
                if flattened:
                    where = chosen + tiles * mask + number_of_tile * 8
                    target = output + load_number(np.int64, where)
                    width = chosen + number_of_tile * mask
                else:
                    target = output + y * output_row + x * item
                    width = min(columns, (number_of_tile + 1) * lanes - skip) - x
                if not is_first:
                    tile = add(tile, target, plane, last, width)
                if is_last:
                    tile = add_numbers(tile, bias, 1)
                    if residual:
                        tile = add(tile, target + residual, plane, last, width)
                    if bends:
                        tile = activate(tile, slope, ceiling)
                put(tile, target, plane, last, width)

    return sum_rows
