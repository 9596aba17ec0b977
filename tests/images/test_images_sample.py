"""The test cards: the same everywhere, all different, and telling about filters."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from convpool.images import sample_cards
from convpool.images.sample import CARDS


def card(name: str) -> NDArray[np.float64]:
    cards = sample_cards()
    return np.asarray(cards.pixels[cards.names.index(name)], np.float64)


def test_the_cards_never_change() -> None:
    # The same with NumPy 1.26 and 2.4, with and without AVX2 and AVX-512: no value comes within
    # 1e-6 of the rounding boundary, so another CPU's last bits do not matter.
    digest = hashlib.sha256(sample_cards().pixels.tobytes()).hexdigest()
    assert digest == "268e6af394c66bec29cee2597ac7feb52ef60cf5a6e67f48b06f626648ccfdfe"


def test_no_value_is_near_the_rounding_boundary() -> None:
    values = np.stack([draw() for draw in CARDS.values()]) * 255 + 0.4871
    assert np.abs(values - np.round(values)).min() > 1e-9


def test_there_are_64_different_cards_with_different_names() -> None:
    cards = sample_cards()
    assert cards.pixels.shape == (64, 3, 64, 64)
    assert cards.pixels.dtype == np.uint8
    assert len(set(cards.names)) == 64
    assert len({picture.tobytes() for picture in cards.pixels}) == 64


def test_every_colour_is_within_range() -> None:
    for name, draw in CARDS.items():
        picture = draw()
        assert picture.shape == (3, 64, 64), name
        assert picture.min() >= -1e-12, name
        assert picture.max() <= 1 + 1e-12, name


def test_the_impulse_is_one_white_pixel() -> None:
    assert (card("impulse") == 255).sum(axis=(1, 2)).tolist() == [1, 1, 1]
    assert card("impulse").sum() == 3 * 255


def test_a_gratings_angle_is_the_direction_of_its_bars() -> None:
    for angle in (0, 30, 60, 90, 120, 150):
        down, across = np.gradient(card(f"grating-{angle}deg").sum(axis=0))
        # The structure tensor's main axis is at a right angle to the bars; y grows downwards.
        xx, yy, xy = (across**2).sum(), (down**2).sum(), -(across * down).sum()
        normal = np.rad2deg(0.5 * np.arctan2(2 * xy, xx - yy))
        assert abs((normal - 90 - angle + 90) % 180 - 90) < 2


def test_a_checkerboards_number_is_the_side_of_its_squares() -> None:
    for side in (4, 8, 16):
        board = card(f"checkerboard-{side}")
        squares = board.reshape(3, 64 // side, side, 64 // side, side)
        assert (squares == squares[:, :, :1, :, :1]).all()
        assert (board[:, :, :-side] != board[:, :, side:]).any(axis=0).all()


def test_letters_keep_clear_of_the_border() -> None:
    for name in sample_cards().names:
        if name.startswith("letter-"):
            picture = card(name)
            frame = np.concatenate(
                [picture[:, :6].reshape(3, -1), picture[:, -6:].reshape(3, -1)], 1
            )
            assert (frame == frame[:, :1]).all(), name
