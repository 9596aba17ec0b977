from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convpool.errors import ArgumentError, ArgumentTypeError, DtypeError
from convpool.pictures import ColourScale, Tiling, tile_maps
from convpool.pictures.tiles import DEEP_BLUE_GREY

UNIT = ColourScale(0, 1)


def is_gap(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray((pixels == DEEP_BLUE_GREY).all(axis=-1))


def test_one_grey_map_is_enlarged_value_by_value() -> None:
    values = np.linspace(0, 1, 12).reshape(1, 1, 3, 4)
    tiling = tile_maps(values, UNIT, shortest=6)
    assert tiling.factor == 2
    expected = np.rint(values[0, 0] * 255).repeat(2, 0).repeat(2, 1)
    assert (tiling.pixels == expected[..., np.newaxis]).all()


def test_three_maps_are_red_green_and_blue() -> None:
    values = np.random.default_rng(0).random((1, 3, 5, 7))
    tiling = tile_maps(values, UNIT, shortest=1)
    assert (tiling.pixels == np.rint(np.moveaxis(values[0], 0, 2) * 255)).all()
    assert (tiling.shown_maps, tiling.maps) == (1, 1)


def test_eight_maps_fill_two_rows_of_four_with_gaps_between() -> None:
    values = np.linspace(0, 1, 8).reshape(1, 8, 1, 1) * np.ones((1, 1, 32, 32))
    tiling = tile_maps(values, UNIT, shortest=32)
    assert tiling.pixels.shape == (32 + 2 + 32, 4 * 32 + 3 * 2, 3)
    assert tiling.pixels[10, 10::34, 0].tolist() == [0, 36, 73, 109]
    assert tiling.pixels[50, 10::34, 0].tolist() == [146, 182, 219, 255]
    assert is_gap(tiling.pixels[32:34]).all()
    assert is_gap(tiling.pixels).sum() == 2 * 134 + 64 * 3 * 2


def test_samples_stand_row_by_row_and_cells_left_over_are_empty() -> None:
    values = np.arange(1, 6).reshape(5, 1, 1, 1) * np.ones((1, 1, 40, 40)) / 5
    tiling = tile_maps(values, UNIT, shortest=40, columns=3)
    assert tiling.pixels.shape == (40 + 4 + 40, 3 * 40 + 2 * 4, 3)
    assert tiling.pixels[0, ::44, 0].tolist() == [51, 102, 153]
    assert tiling.pixels[60, :88:44, 0].tolist() == [204, 255]
    assert is_gap(tiling.pixels[44:, 88:]).all()


def test_the_gaps_can_have_another_colour() -> None:
    tiling = tile_maps(np.ones((2, 1, 4, 4)), gap_colour=(1, 2, 3))
    assert (tiling.pixels == (1, 2, 3)).all(axis=-1).any()
    assert not is_gap(tiling.pixels).any()


def test_layers_with_as_many_maps_have_the_same_grid_whatever_their_size() -> None:
    def first_rows_maps(side: int) -> int:
        values = np.ones((1, 12, side, side))
        values[:, 4:] = 0  # in a grid of 4 columns, the first row and nothing else is white
        pixels = tile_maps(values, UNIT).pixels
        white_rows = (pixels == 255).all(axis=2).any(axis=1)
        white_columns = (pixels == 255).all(axis=2).any(axis=0)
        return bool(white_rows[-1]) + 2 * bool(white_columns[-1])

    assert {first_rows_maps(side) for side in (1, 2, 5, 11, 32, 100)} == {2}


@pytest.mark.parametrize(
    ("shape", "caption", "factor"),
    [
        ((1, 1, 1, 1), "", 48),
        ((64, 3, 32, 32), "", 2),
        ((64, 8, 32, 32), "", 2),
        ((1, 512, 1, 1), "", 48),
        ((1, 64, 224, 224), "", 1),
        ((2, 64, 224, 224), "first 1 of 2 samples", 1),
        ((1, 512, 300, 300), "first 36 of 512 maps", 1),
        ((3, 512, 300, 300), "first 1 of 3 samples, first 36 of 512 maps", 1),
        ((1, 1, 2048, 3), "", 1),
        ((1, 3, 2049, 1000), "1 pixel in 2 each way", 1),
        ((2, 8, 5, 5000), "1 pixel in 3 each way", 1),
    ],
)
def test_what_does_not_fit_is_left_out_and_said(
    shape: tuple[int, ...], caption: str, factor: int
) -> None:
    tiling = tile_maps(np.zeros(shape, np.float32))
    assert tiling.caption == caption
    assert tiling.factor <= factor
    assert max(tiling.pixels.shape) <= 2048


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 20), st.integers(1, 40), st.integers(1, 40)),
    st.integers(1, 60),
    st.integers(1, 120),
    st.none() | st.integers(1, 12),
)
def test_every_picture_is_within_its_bound_and_shows_what_it_says(
    shape: tuple[int, int, int, int], shortest: int, bound: int, columns: int | None
) -> None:
    tiling = tile_maps(np.ones(shape), UNIT, shortest=shortest, bound=bound, columns=columns)
    height, width, _ = tiling.pixels.shape
    assert max(height, width) <= bound
    assert tiling.pixels.dtype == np.uint8
    assert 1 <= tiling.shown_samples <= tiling.samples == shape[0]
    assert 1 <= tiling.shown_maps <= tiling.maps
    values = -(-shape[2] // tiling.every) * -(-shape[3] // tiling.every) * tiling.factor**2
    white = int((tiling.pixels == 255).all(axis=-1).sum())
    assert white == tiling.shown_samples * tiling.shown_maps * values
    assert white + int(is_gap(tiling.pixels).sum()) == height * width
    if tiling.factor > 1:
        assert tiling.caption == ""


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.int32, np.uint8, np.bool_]
)
def test_every_real_dtype_is_shown(dtype: type[np.generic]) -> None:
    tiling = tile_maps(np.array([[[[0, 1]]]]).astype(dtype), shortest=1)
    assert tiling.pixels[0, :, 0].tolist() == [0, 255]


def test_one_scale_for_several_steps_makes_them_comparable() -> None:
    first, later = np.full((1, 1, 2, 2), 4.0), np.full((1, 1, 2, 2), 1.0)
    scale = ColourScale.of(first)
    assert tile_maps(first, scale).pixels.max() == 255
    assert tile_maps(later, scale).pixels.max() == 64


def test_the_maps_are_left_as_they_were() -> None:
    maps = np.random.default_rng(0).standard_normal((2, 4, 5, 6))
    before = maps.copy()
    tile_maps(maps)
    assert (maps == before).all()


@pytest.mark.parametrize(
    "shape", [(0, 3, 4, 4), (1, 0, 4, 4), (1, 1, 4, 0), (4, 4), (1, 1, 1, 4, 4)]
)
def test_maps_without_four_filled_axes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError) as caught:
        tile_maps(np.zeros(shape))
    assert str(caught.value) == (
        f"the shape of maps is {shape}, but must be (N, C, H, W), each at least 1"
    )


@pytest.mark.parametrize("argument", ["columns", "shortest", "bound"])
def test_numbers_below_one_are_refused(argument: str) -> None:
    wrong: dict[str, Any] = {argument: 0}
    with pytest.raises(ArgumentError, match=f"{argument} is 0"):
        tile_maps(np.zeros((1, 1, 1, 1)), **wrong)


def test_other_kinds_are_refused() -> None:
    nested: Any = [[[[0.0]]]]
    with pytest.raises(ArgumentTypeError, match="NumPy array"):
        tile_maps(nested)
    with pytest.raises(DtypeError, match="complex64"):
        tile_maps(np.zeros((1, 1, 1, 1), np.complex64))


def test_the_caption_is_empty_only_where_nothing_is_left_out() -> None:
    pixels = np.zeros((1, 1, 3), np.uint8)
    whole = Tiling(pixels, shown_samples=2, samples=2, shown_maps=4, maps=4, factor=1, every=1)
    part = Tiling(pixels, shown_samples=2, samples=3, shown_maps=4, maps=5, factor=1, every=6)
    assert whole.caption == ""
    assert part.caption == "first 2 of 3 samples, first 4 of 5 maps, 1 pixel in 6 each way"
