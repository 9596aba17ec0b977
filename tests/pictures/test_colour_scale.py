import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convpool.errors import ArgumentError, DtypeError
from convpool.pictures import ColourScale


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([0.0, 0.5, 1.0], 0, 1),
        ([0.2, 0.3], 0, 1),
        ([0.0, 0.0], 0, 1),
        ([], 0, 1),
        ([math.nan, math.inf, -math.inf], 0, 1),
        ([0.0, 255.0], 0, 255),
        ([7.0, 7.0], 0, 7),
        ([-0.5, 0.25], -0.5, 0.5),
        ([-1.0, 4.0], -4, 4),
        ([-3.0, -3.0], -3, 3),
        ([math.nan, -2.0, math.inf], -2, 2),
    ],
)
def test_the_scale_follows_the_finite_values(values: list[float], low: float, high: float) -> None:
    assert ColourScale.of(np.array(values)) == ColourScale(low, high)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8])
def test_every_real_dtype_has_a_scale(dtype: type[np.generic]) -> None:
    maps = np.array([[0, 2], [3, 4]]).astype(dtype)
    scale = ColourScale.of(maps)
    assert scale == ColourScale(0, 4)
    assert scale.to_bytes(maps).tolist() == [[0, 128], [191, 255]]


def test_booleans_are_black_and_white() -> None:
    maps = np.array([False, True])
    assert ColourScale.of(maps).to_bytes(maps).tolist() == [0, 255]


def test_pixels_on_their_own_scale_come_back_exactly() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    as_floats = pixels.astype(np.float32) / 255
    assert (ColourScale(0, 1).to_bytes(as_floats) == pixels).all()
    assert (ColourScale(0, 255).to_bytes(pixels) == pixels).all()


def test_values_beyond_the_scale_are_clipped_and_nan_is_black() -> None:
    values = np.array([-math.inf, -5.0, 5.0, math.inf, math.nan], np.float32)
    assert ColourScale(-1, 1).to_bytes(values).tolist() == [0, 0, 255, 255, 0]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=6))
def test_any_numbers_have_a_scale_that_keeps_their_order(values: list[float]) -> None:
    maps = np.array(values, np.float64)
    scale = ColourScale.of(maps)
    shown = scale.to_bytes(maps)
    assert shown.shape == maps.shape
    order = np.argsort(maps[~np.isnan(maps)])
    assert (np.diff(shown[~np.isnan(maps)][order].astype(int)) >= 0).all()
    if scale.low < 0:
        assert scale.to_bytes(np.zeros(1)).tolist() == [128]


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (1.0, 1.0, "high is 1.0, but must be above low, which is 1.0"),
        (0.0, -1.0, "high is -1.0, but must be above low, which is 0.0"),
        (math.nan, 1.0, "low is nan, but must be a finite number"),
        (0.0, math.inf, "high is inf, but must be a finite number"),
    ],
)
def test_a_scale_needs_two_bounds_in_order(low: float, high: float, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        ColourScale(low, high)
    assert str(caught.value) == message


def test_complex_numbers_have_no_scale() -> None:
    with pytest.raises(DtypeError, match="maps has dtype complex128, but must have real numbers"):
        ColourScale.of(np.zeros(3, np.complex128))
