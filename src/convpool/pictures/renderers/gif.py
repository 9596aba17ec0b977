"""GIF, one palette for all frames and each frame only what changes.

Specification: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image

from convpool.pictures.drawing import Drawing
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.palette import TRANSPARENT, Palette
from convpool.pictures.renderers.reel import changes, size

_FULL_TABLE = 0b1111_0111  # a palette of 256 colours of 8 bits for all frames
_FOR_EVER = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"


def gif(drawing: Drawing, look: Look) -> bytes:
    """Return the bytes of a GIF file that plays for ever.

    Example:
        >>> from convpool.pictures.drawing import Polygon, Role
        >>> square = ((2, 2), (6, 2), (6, 6), (2, 6))
        >>> blink = Polygon(square, Role.CHOSEN, range(1, 2))
        >>> film = Drawing(8, 8, (blink,), ("off", "on"), "blink", 8)
        >>> gif(film, Look())[:6]
        b'GIF89a'
    """
    return b"".join(_blocks(drawing, look))


def _blocks(drawing: Drawing, look: Look) -> Iterator[bytes]:
    palette = Palette(look.theme)
    yield b"GIF89a" + struct.pack("<2H3B", *size(drawing, look), _FULL_TABLE, 0, 0)
    yield bytes(palette)
    yield _FOR_EVER
    for change in changes(drawing, look):
        yield from _frame(palette.indices(change.pixels), (change.left, change.top), look.seconds)
    yield b"\x3b"


def _frame(indices: NDArray[np.uint8], place: tuple[int, int], seconds: float) -> list[bytes]:
    """A frame laid over what is there; Pillow packs it."""
    image = Image.fromarray(indices)
    milliseconds = max(20, round(seconds * 100) * 10)  # browsers take less than 20 for 100
    return GifImagePlugin.getdata(
        image, place, duration=milliseconds, transparency=TRANSPARENT, disposal=1
    )
