"""PNG: one frame is a still picture, several are an animated one (APNG, in the third edition).

Each frame after the first holds only what changes, laid over what is there. Specification:
https://www.w3.org/TR/png-3/
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from convpool.pictures.drawing import Drawing
from convpool.pictures.png import png_bytes
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.reel import Change, changes, size, still

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEEP, _OVER = 0, 1  # what is there stays; the frame is laid over it
_COMPRESSION = 4


def png(drawing: Drawing, look: Look) -> bytes:
    """Return the bytes of a PNG file, animated where the drawing has several frames.

    Example:
        >>> from convpool.pictures.drawing import Polygon, Role
        >>> square = ((2, 2), (6, 2), (6, 6), (2, 6))
        >>> blink = Polygon(square, Role.CHOSEN, range(1, 2))
        >>> film = Drawing(8, 8, (blink,), ("off", "on"), "blink", 8)
        >>> b"acTL" in png(film, Look())
        True
    """
    if drawing.count == 1:
        return png_bytes(np.asarray(still(drawing, look)))
    return b"".join((_SIGNATURE, *_chunks(drawing, look)))


def _chunks(drawing: Drawing, look: Look) -> Iterator[bytes]:
    colour_and_alpha = struct.pack(">5B", 8, 6, 0, 0, 0)
    yield _chunk(b"IHDR", struct.pack(">2I", *size(drawing, look)) + colour_and_alpha)
    yield _chunk(b"acTL", struct.pack(">2I", drawing.count, 0))
    order = 0
    for number, change in enumerate(changes(drawing, look)):
        yield _chunk(b"fcTL", struct.pack(">I", order) + _control(change, look.seconds))
        order += 1
        if number == 0:
            yield _chunk(b"IDAT", _compressed(change))
        else:
            yield _chunk(b"fdAT", struct.pack(">I", order) + _compressed(change))
            order += 1
    yield _chunk(b"IEND", b"")


def _control(change: Change, seconds: float) -> bytes:
    height, width, _ = change.pixels.shape
    place = struct.pack(">4I", width, height, change.left, change.top)
    return place + struct.pack(">2H2B", round(seconds * 1000), 1000, _KEEP, _OVER)


def _compressed(change: Change) -> bytes:
    """The rows, each as its differences to the row above (filter 2), which suits flat colours."""
    rows = change.pixels.reshape(len(change.pixels), -1)
    above = np.vstack((np.zeros_like(rows[:1]), rows[:-1]))
    filtered = np.hstack((np.full((len(rows), 1), 2, np.uint8), rows - above))
    return zlib.compress(filtered.tobytes(), _COMPRESSION)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
