"""The 64 test cards: pictures of 64x64 pixels, made by formulas, that show what a filter does.

Gratings have one orientation each, rings have all, an impulse answers with the filter itself, an
edge with its profile, letters with what a reader knows; gradients leave an edge filter silent.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from convpool.images import fields
from convpool.images.array import ArraySource
from convpool.images.fields import SIDE, THETA, Field, R, X, Y, inside, ramp, wave
from convpool.images.glyphs import LETTERS, letter

Colour = NDArray[np.float64]
"""Shape (3, 1, 1) for one colour, (3, 64, 64) for a picture."""


def sample_cards() -> ArraySource:
    """Return the 64 test cards, uint8 of shape (64, 3, 64, 64), the same on every machine.

    Example:
        >>> cards = sample_cards()
        >>> len(cards), cards.image_shape, cards.names[0]
        (64, (3, 64, 64), 'grating-0deg')
    """
    # Symmetric formulas put many values on k + 1/2 exactly, where the last bit of a cosine, which
    # differs between CPUs, would decide the rounding; so the boundary lies a little beside it.
    pixels = np.floor(np.stack([draw() for draw in CARDS.values()]) * 255 + 0.4871)
    return ArraySource("sample", pixels.astype(np.uint8), tuple(CARDS))


def _colour(code: str) -> Colour:
    return np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)]).reshape(3, 1, 1)


NAVY, INK, SLATE = _colour("14213d"), _colour("1b1b2f"), _colour("3d405b")
CREAM, WHITE, SAND = _colour("faf3e0"), _colour("ffffff"), _colour("f2cc8f")
CORAL, RED, ORANGE = _colour("ff6b5e"), _colour("c1121f"), _colour("f3722c")
SUN, ROSE, PLUM = _colour("ffc145"), _colour("e56b9f"), _colour("5b2a86")
TEAL, MINT, LEAF = _colour("12877b"), _colour("a8e6cf"), _colour("3a7d44")
SKY, BLUE, BLACK = _colour("8ecae6"), _colour("1d5fa8"), _colour("000000")


def _blend(field: Field, low: Colour, high: Colour) -> Colour:
    """Return `low` where the field is 0, `high` where it is 1, and what lies between."""
    return low + field * (high - low)


def _grating(angle: float, low: Colour, high: Colour) -> Colour:
    return _blend(fields.grating(angle, 9), low, high)


def _plaid() -> Colour:
    upright, level = inside(np.abs(np.mod(X, 21) - 10) - 3), inside(np.abs(np.mod(Y, 21) - 10) - 3)
    thin = np.maximum(
        inside(np.abs(np.mod(X, 21) - 18) - 1), inside(np.abs(np.mod(Y, 21) - 18) - 1)
    )
    cloth = _blend(0.55 * level, _blend(0.55 * upright, RED, NAVY), NAVY)
    return _blend(0.8 * thin, cloth, SUN)


def _bricks() -> Colour:
    mortar, shade = fields.bricks(16, 8)
    return _blend(mortar, _blend(shade, _colour("a23b2a"), _colour("d9704f")), CREAM)


def _honeycomb() -> Colour:
    wall, across = fields.honeycomb(14)
    return _blend(wall, _blend(across, ORANGE, SUN), _colour("6b3e0a"))


def _hue(angle: Field) -> Colour:
    """Return a colour circle; angles in periods, red at 0."""
    return np.stack([wave(angle - third / 3) for third in range(3)])


def _hue_wheel() -> Colour:
    disc = _blend(np.clip(R / 27, 0, 1), WHITE, _hue(THETA / (2 * np.pi)))
    return _blend(inside(R - 28), INK, disc)


def _ball() -> Colour:
    radius, cast = 20.0, np.hypot((X - 8) / 1.5, (Y - 22) * 1.9)
    floor = _blend(0.6 * np.exp(-((cast / 14) ** 2)), _blend(ramp(-90), SKY, CREAM), NAVY)
    height = np.sqrt(np.clip(1 - (R / radius) ** 2, 0, 1))
    light = np.clip((-X * 0.5 - Y * 0.6) / radius + height * 0.62, 0, 1)
    ball = _blend(light**24, _blend(light, _colour("4a0d16"), CORAL), WHITE)
    return _blend(inside(R - radius), floor, ball)


def _marble() -> Colour:
    veins = wave(fields.along(30) / 26 + 1.6 * fields.clouds(3))
    return _blend(veins**3, _colour("e9ecef"), _colour("2f5d62"))


def _mountains() -> Colour:
    scene = _blend(ramp(-90) ** 0.8, PLUM, _colour("ffb4a2"))
    scene = _blend(inside(np.hypot(X - 12, Y + 4) - 9), scene, SUN)
    ridges = ((4, 0.9, "8d5a97"), (13, 2.6, "4f3b78"), (22, 4.4, "1f1f45"))
    for base, phase, code in ridges:
        crest = 5 * np.sin(X / 9 + phase) + 3 * np.sin(X / 4.1 + 2 * phase)
        scene = _blend(inside(base + crest - Y), scene, _colour(code))
    return scene


def _points() -> Colour:
    across, down = (np.abs(np.mod(axis + 4.5, 9) - 4.5) < 1 for axis in (X, Y))
    dots = (across & down).astype(np.float64)
    return _blend(dots, INK, _hue(X / SIDE))


def _letter(name: str, low: Colour, high: Colour) -> Colour:
    return _blend(letter(name, 46, 8.5), low, high)


def _shape(distance: Field, low: Colour, high: Colour) -> Colour:
    return _blend(inside(distance), low, high)


_LETTER_COLOURS = (
    (CREAM, RED), (NAVY, SUN), (TEAL, CREAM), (SAND, PLUM), (CORAL, WHITE), (SKY, NAVY),
    (PLUM, ROSE), (WHITE, LEAF), (SUN, BLUE), (INK, MINT), (ROSE, CREAM), (MINT, TEAL),
    (SLATE, SAND), (BLUE, WHITE), (CREAM, ORANGE), (LEAF, SUN),
)  # fmt: skip

CARDS: dict[str, Callable[[], Colour]] = {
    "grating-0deg": lambda: _grating(0, NAVY, SUN),
    "grating-30deg": lambda: _grating(30, PLUM, ROSE),
    "grating-60deg": lambda: _grating(60, RED, CREAM),
    "grating-90deg": lambda: _grating(90, TEAL, CREAM),
    "grating-120deg": lambda: _grating(120, BLUE, SKY),
    "grating-150deg": lambda: _grating(150, LEAF, SUN),
    "chirp": lambda: _blend(fields.chirp(), INK, WHITE),
    "plaid": _plaid,
    "rings": lambda: _blend(wave(R / 9), CORAL, CREAM),
    "target": lambda: _shape(fields.triangle_wave(R, 13), WHITE, RED),
    "zone-plate": lambda: _blend(fields.zone_plate(), BLACK, WHITE),
    "spiral": lambda: _blend(fields.spiral(2, 12), NAVY, MINT),
    "sunburst-8": lambda: _blend(fields.sunburst(8), ORANGE, SUN),
    "sunburst-24": lambda: _blend(fields.sunburst(24), CREAM, INK),
    "ripples": lambda: _blend(fields.ripples(8), _colour("0b3c5d"), _colour("d7f3ff")),
    "moire": lambda: _blend(fields.moire(5), PLUM, SAND),
    "checkerboard-4": lambda: _blend(fields.checkerboard(4), BLUE, CREAM),
    "checkerboard-8": lambda: _blend(fields.checkerboard(8), INK, WHITE),
    "checkerboard-16": lambda: _blend(fields.checkerboard(16), CORAL, SKY),
    "diamonds": lambda: _blend(fields.checkerboard(11, 45), TEAL, SUN),
    "bricks": _bricks,
    "halftone": lambda: _blend(fields.halftone(8), CREAM, BLUE),
    "honeycomb": _honeycomb,
    "scales": lambda: _blend(fields.scales(12), TEAL, CREAM),
    "disc": lambda: _shape(R - 20, CREAM, RED),
    "hoop": lambda: _shape(np.abs(R - 19) - 5, NAVY, SKY),
    "square": lambda: _shape(fields.polygon(4, 28, 45), SUN, BLUE),
    "triangle": lambda: _shape(fields.polygon(3, 27), MINT, LEAF),
    "hexagon": lambda: _shape(fields.polygon(6, 25), PLUM, SAND),
    "star": lambda: _shape(fields.star(5, 27, 11), NAVY, SUN),
    "heart": lambda: _shape(fields.heart(14), CREAM, ROSE),
    "crescent": lambda: _shape(fields.crescent(24), SLATE, CREAM),
    **{
        f"letter-{name}": partial(_letter, name, *pair)
        for name, pair in zip(LETTERS, _LETTER_COLOURS, strict=True)
    },
    "edge-vertical": lambda: _shape(-X, CREAM, INK),
    "edge-horizontal": lambda: _shape(-Y, SUN, PLUM),
    "edge-diagonal": lambda: _shape(fields.along(-30), BLUE, SKY),
    "corner": lambda: _shape(np.maximum(X, -Y), WHITE, TEAL),
    "lines": lambda: _shape(
        np.minimum.reduce([np.abs(fields.along(90 + a)) - 0.5 for a in (0, 45, 90, 135)]), INK, MINT
    ),
    "impulse": lambda: _blend(((X == 0.5) & (Y == 0.5)) * 1.0, BLACK, WHITE),
    "points": _points,
    "steps": lambda: _blend(np.floor((X + SIDE / 2) / 8) / 7, BLACK, WHITE),
    "gradient": lambda: _blend(ramp(0), NAVY, CORAL),
    "glow": lambda: _blend(np.exp(-((R / 18) ** 2)), PLUM, SUN),
    "hue-wheel": _hue_wheel,
    "ball": _ball,
    "noise": lambda: np.stack([fields.noise(SIDE, seed) for seed in range(3)]),
    "clouds": lambda: _blend(fields.clouds(1), BLUE, WHITE),
    "marble": _marble,
    "mountains": _mountains,
}
