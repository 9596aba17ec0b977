"""Sums in closed form against the same sums term by term."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convpool.arithmetic import Stamp, Window, effective_macs, output_shape, receptive_field
from convpool.arithmetic.counting import clipped_sum, floor_sum
from convpool.errors import ArgumentError
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec

small = st.integers(1, 30)


@given(st.integers(0, 60), st.integers(0, 40), st.integers(0, 200), small)
def test_floor_sum(count: int, step: int, start: int, divisor: int) -> None:
    expected = sum((start + i * step) // divisor for i in range(count))
    assert floor_sum(count, step, start, divisor) == expected


@given(st.integers(0, 60), small, st.integers(-300, 300), small, st.integers(0, 20))
def test_clipped_sum(count: int, step: int, start: int, divisor: int, limit: int) -> None:
    terms = [(start + i * step) // divisor for i in range(count)]
    expected = sum(max(0, min(limit, term)) for term in terms)
    actual = clipped_sum(count=count, step=step, start=start, divisor=divisor, limit=limit)
    assert actual == expected


@given(small, st.integers(1, 6), st.integers(1, 5), st.integers(0, 9), st.integers(0, 9), small)
def test_products_of_an_axis(
    size: int, kernel: int, stride: int, before: int, after: int, dilation: int
) -> None:
    for kind in (Window, Stamp):
        axis = kind(size, kernel, stride, before, after, dilation)
        if axis.output >= 1:
            assert axis.products == sum(len(axis.inside(tap)) for tap in range(kernel))


def test_enormous_kernels_take_no_time() -> None:
    """One row of 2^40 taps: a term each would take hours."""
    wide = 2**40
    convolution = Conv2dSpec(1, 1, (1, wide), padding=(0, wide))
    assert effective_macs(convolution, (1, 5, 5)) == 5 * 5 * wide
    transposed = ConvTranspose2dSpec(1, 1, (1, wide), stride=(1, wide - 1))
    assert effective_macs(transposed, (1, 5, 5)) == 5 * 5 * wide
    assert receptive_field([transposed]).size == (1, 2)
    assert receptive_field([transposed, transposed]).size[1] >= 2


def test_weights_that_no_array_holds_are_refused() -> None:
    layer = Conv2dSpec(1, 1, (1, 2**62), padding=(0, 2**61))
    with pytest.raises(ArgumentError, match=r"shape of the weights .* is \(1, 1, 1, 46116860184"):
        output_shape(layer, (1, 5, 5))
