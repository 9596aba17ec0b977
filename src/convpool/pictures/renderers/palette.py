"""The 255 colours of a theme's GIFs: its own, and the blends that smoothed edges need."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.pictures.themes import Colour, Theme, blend

TRANSPARENT = 255
_BITS = 6  # of each of red, green and blue, by which the nearest colour is looked up
_UNKNOWN = -1


class Palette:
    """One palette for all frames, the same for all drawings of a theme.

    Args:
        theme: whose colours come first; what place is left goes to blends, commonest first.
    """

    def __init__(self, theme: Theme) -> None:
        wanted = dict.fromkeys((*_plain(theme), *_blends(theme)))
        self.colours: tuple[Colour, ...] = tuple(wanted)[:TRANSPARENT]
        self._nearest = np.full(1 << 3 * _BITS, _UNKNOWN, np.int16)
        for index, colour in reversed(list(enumerate(self.colours))):
            self._nearest[_places(np.array(colour))] = index  # the first has the say

    def __bytes__(self) -> bytes:
        """256 times red, green, blue."""
        flat = bytes(part for colour in self.colours for part in colour)
        return flat.ljust(256 * 3, b"\0")

    def indices(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the nearest colour's place for each pixel, (H, W, 4) to (H, W)."""
        found = np.full(pixels.shape[:2], TRANSPARENT, np.uint8)
        there = pixels[:, :, 3] > 0
        places = _places(pixels[there])
        near = self._nearest[places]
        if (near == _UNKNOWN).any():
            self._learn(np.unique(places[near == _UNKNOWN]))
            near = self._nearest[places]
        found[there] = near
        return found

    def _learn(self, places: NDArray[np.intp]) -> None:
        """Find the nearest colour for some places of the table: a drawing needs few of them."""
        shifts = np.array((2 * _BITS, _BITS, 0))
        parts = (places[:, None] >> shifts & (1 << _BITS) - 1) << (8 - _BITS)
        distances = parts[:, None, :] - np.array(self.colours)
        self._nearest[places] = (distances * distances).sum(axis=2).argmin(axis=1)


def _places(pixels: NDArray[Any]) -> NDArray[np.intp]:
    """Where the table has the colours of pixels (..., 3 or more)."""
    red, green, blue = (pixels[..., part].astype(np.intp) >> (8 - _BITS) for part in range(3))
    places: NDArray[np.intp] = (red << 2 * _BITS) + (green << _BITS) + blue
    return places


def _plain(theme: Theme) -> list[Colour]:
    """What a theme fills, draws and writes with."""
    inks = theme.inks.values()
    colours = [theme.background, *theme.scale, *theme.letters_on_shades]
    colours += [ink.fill for ink in inks if ink.fill is not None]
    colours += [ink.stroke for ink in inks] + [ink.hatching for ink in inks if ink.hatch]
    return colours + [ink.letters for ink in inks]


def _blends(theme: Theme) -> Iterator[Colour]:
    """What lies between letters or lines and what is beneath: halves first, then quarters."""
    inks, paper = theme.inks.values(), theme.background
    on_shades = list(zip(theme.letters_on_scale, theme.scale, strict=True))
    for part in (0.5, 0.25, 0.75):
        for ink in inks:
            yield blend(ink.letters, paper, part)
            yield blend(ink.letters, ink.fill or paper, part)
            yield blend(ink.stroke, paper, part)
        for letters, shade in on_shades[::2]:
            yield blend(letters, shade, part)
