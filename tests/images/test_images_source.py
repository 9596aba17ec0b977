"""Batches: sizes, limits, the last smaller one, and the conversion to floats."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.images import ArraySource
from convpool.images.source import unit_floats


def source_of(length: int) -> ArraySource:
    pixels = np.arange(length * 4, dtype=np.uint16).reshape(length, 1, 2, 2)
    return ArraySource("made up", pixels, tuple(f"image {index}" for index in range(length)))


@given(st.integers(1, 40), st.integers(1, 50), st.none() | st.integers(1, 50))
def test_batches_are_the_first_images_in_order(length: int, size: int, limit: int | None) -> None:
    source = source_of(length)
    batches = list(source.batches(size, limit))
    expected = length if limit is None else min(length, limit)
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert 1 <= len(batches[-1]) <= size
    together = np.concatenate([batch.images for batch in batches])
    assert together.dtype == np.float32
    assert np.array_equal(together, unit_floats(source.pixels[:expected]))
    assert tuple(name for batch in batches for name in batch.names) == source.names[:expected]


def test_a_batch_belongs_to_the_caller() -> None:
    source = source_of(3)
    next(source.batches(3)).images[:] = 7
    assert next(source.batches(3)).images.max() < 1


def test_numpy_integers_are_whole_numbers() -> None:
    size: Any = np.int64(2)
    assert [len(batch) for batch in source_of(3).batches(size)] == [2, 1]


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize("argument", ["batch_size", "limit"])
def test_a_number_below_one_is_refused_at_once(argument: str, value: int) -> None:
    with pytest.raises(ArgumentError) as caught:
        source_of(3).batches(**{"batch_size": 2, argument: value})
    assert str(caught.value) == f"{argument} is {value}, but must be a whole number of at least 1"


@pytest.mark.parametrize("value", [1.0, "8", True, np.True_, [3]])
@pytest.mark.parametrize("argument", ["batch_size", "limit"])
def test_what_is_no_whole_number_is_refused(argument: str, value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=rf"^{argument} is .*a whole number of at least 1$"):
        source_of(3).batches(**{"batch_size": 2, argument: value})


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([0, 1, 255], np.uint8), [0, 1 / 255, 1]),
        (np.array([0, 257, 65535], np.uint16), [0, 1 / 255, 1]),
        (np.array([0, 257, 65535], ">u2"), [0, 1 / 255, 1]),
        (np.array([False, True]), [0, 1]),
        (np.array([0, 0.25, 1], np.float64), [0, 0.25, 1]),
        (np.array([0, 0.25, 1], np.float16), [0, 0.25, 1]),
    ],
)
def test_white_is_one(pixels: Any, expected: list[float]) -> None:
    unit = unit_floats(pixels)
    assert unit.dtype == np.float32
    assert unit.tolist() == np.array(expected, np.float32).tolist()


def test_floats_are_c_ordered_whatever_the_pixels_are() -> None:
    for dtype in (np.uint8, np.float32):
        pixels = np.moveaxis(np.zeros((2, 5, 6, 3), dtype), 3, 1)
        assert unit_floats(pixels).flags.c_contiguous
