"""From a block's sums to the output: bias, residual, activation, and the order of the output."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from numba import njit

from convpool.kernels.simd import (
    activate,
    add_numbers,
    add_rows,
    address,
    load_all,
    store_rows,
    transpose,
)


@njit(inline="always")
def finish(arrays, sums, target, bias, extent, steps, ending, count, lanes, turned, planar):  # noqa: PLR0917
    """Finish `count` vectors of `lanes` sums and store what of them lies within the output.

    Args:
        arrays: the output and the residual.
        sums: address of the first sum.
        target: distance in bytes of the first output from the beginning of the output.
        bias: address of the first filter's bias.
        extent: filters and pixels that lie within the output.
        steps: bytes from vector to vector of the sums, and of the output.
        ending: slope and ceiling of the activation, and whether there is a residual.
        count, lanes, turned: the vectors, and whether they are to be turned.
        planar: whether the output's vectors run along pixels.
    """
    output, residual = arrays
    slope, ceiling, has_residual = ending
    vectors = load_all(output, sums, steps[0], lanes, count)
    if turned:
        vectors = transpose(vectors)
    vectors = add_numbers(vectors, bias, planar)
    if planar:
        rows, width = extent
    else:
        width, rows = extent
    if has_residual:
        vectors = add_rows(vectors, address(residual) + target, steps[1], rows, width)
    vectors = activate(vectors, slope, ceiling)
    store_rows(vectors, address(output) + target, steps[1], rows, width)
