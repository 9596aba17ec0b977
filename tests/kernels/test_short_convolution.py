"""Short convolutions, exactly: in fractions."""

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convpool.kernels.short_convolution import Matrix, short_convolution

SIZES = [(m, r) for m in range(1, 6) for r in range(1, 6) if m + r <= 7]


def times(matrix: Matrix, vector: Sequence[Fraction]) -> list[Fraction]:
    return [sum((a * b for a, b in zip(row, vector, strict=True)), Fraction()) for row in matrix]


@given(st.sampled_from(SIZES), st.lists(st.fractions(-9, 9), min_size=11, max_size=11))
def test_they_are_convolutions(sizes: tuple[int, int], numbers: list[Fraction]) -> None:
    m, r = sizes
    weights, pixels = numbers[:r], numbers[r:][: m + r - 1]
    pixels += [Fraction(1)] * (m + r - 1 - len(pixels))
    short = short_convolution(m, r)
    products = [
        a * b for a, b in zip(times(short.taps, weights), times(short.input, pixels), strict=True)
    ]
    expected = [sum(weights[tap] * pixels[o + tap] for tap in range(r)) for o in range(m)]
    assert times(short.output, products) == expected


def test_there_are_points_for_six_products_only() -> None:
    with pytest.raises(ValueError, match="5 outputs of 3 taps take 6 points"):
        short_convolution(5, 3)
