"""The 255 colours of a theme's GIFs: its own, and the blends that smoothed edges need."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from convpool.pictures.themes import Colour, Theme, blend

TRANSPARENT = 255
_BITS = 5  # of each of red, green and blue, by which the nearest colour is looked up


class Palette:
    """One palette for all frames, the same for all drawings of a theme.

    Args:
        theme: whose colours come first; what place is left goes to blends, commonest first.
    """

    def __init__(self, theme: Theme) -> None:
        wanted = dict.fromkeys((*_plain(theme), *_blends(theme)))
        self.colours: tuple[Colour, ...] = tuple(wanted)[:TRANSPARENT]
        self._nearest = _table(np.array(self.colours, np.int32))

    def __bytes__(self) -> bytes:
        """256 times red, green, blue."""
        flat = bytes(part for colour in self.colours for part in colour)
        return flat.ljust(256 * 3, b"\0")

    def indices(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the nearest colour's place for each pixel, (H, W, 4) to (H, W)."""
        places = pixels[:, :, :3].astype(np.intp) >> (8 - _BITS)
        places = (places[:, :, 0] << 2 * _BITS) + (places[:, :, 1] << _BITS) + places[:, :, 2]
        found: NDArray[np.uint8] = self._nearest[places]
        found[pixels[:, :, 3] == 0] = TRANSPARENT
        return found


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


def _table(colours: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The nearest of the colours for each colour of `_BITS` bits a part; a plain one is its own."""
    levels = np.arange(1 << _BITS, dtype=np.int32) * (1 << 8 - _BITS) + (1 << 7 - _BITS)
    all_colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    squares = (colours * colours).sum(axis=1)
    products = all_colours.astype(np.float32) @ colours.T.astype(np.float32)
    nearest: NDArray[np.uint8] = (squares - 2 * products).argmin(axis=1).astype(np.uint8)
    places = colours >> (8 - _BITS)
    own = (places[:, 0] << 2 * _BITS) + (places[:, 1] << _BITS) + places[:, 2]
    nearest[own[::-1]] = np.arange(len(colours), dtype=np.uint8)[::-1]  # the first has the say
    return nearest
