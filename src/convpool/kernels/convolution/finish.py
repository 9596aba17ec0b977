"""From a block's sums to the output: bias, residual, activation, and the order of the output."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any

import numpy as np

from convpool.kernels.jit import block
from convpool.kernels.rows import load_all, store_rows, transpose
from convpool.kernels.sums import activate, add_numbers, add_rows


@cache
def finishing(number: Any, lanes: int, planar: int) -> Any:
    """Return the function that finishes squares of sums across filters.

    If the output is planar, its vectors run along pixels and the squares are turned; else they run
    along filters, as the sums do.
    """

    @block
    def finish(
        sums, step, output, filters, pixels, by_filter, by_pixel, bias, residual, slope, ceiling
    ):
        """Store the sums of `lanes` filters at most and a row of pixels.

        The arguments:
            sums: address of the first sum.
            step: bytes from pixel to pixel of the sums.
            output: address of the first output.
            filters, pixels: how many lie within the output.
            by_filter, by_pixel: bytes from filter to filter and from pixel to pixel of the output.
            bias: address of the first filter's bias.
            residual: distance of the residual from the output, 0 if there is none.
            slope, ceiling: of the activation.
        """
        stride = by_filter if planar else by_pixel
        bends = slope != 1 or ceiling != np.inf
        for x in range(0, pixels, lanes):
            vectors = load_all(number, sums + x * step, step, lanes, lanes)
            vectors = add_numbers(vectors, bias, 0)
            if planar:
                vectors = transpose(vectors)
            here = pixels - x
            rows, width = (filters, here) if planar else (here, filters)
            last = min(rows, lanes) - 1
            target = output + x * by_pixel
            if residual:
                vectors = add_rows(vectors, target + residual, stride, last, width)
            if bends:
                vectors = activate(vectors, slope, ceiling)
            store_rows(vectors, target, stride, last, width)

    return finish
