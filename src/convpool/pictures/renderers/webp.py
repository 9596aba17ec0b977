"""WebP without loss; of several frames, each after the first holds only what changes.

Specification: https://developers.google.com/speed/webp/docs/riff_container
"""

import io
import struct
from collections.abc import Iterator

from PIL import Image

from convpool.pictures.drawing import Drawing
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.reel import Change, changes, size, still

_EFFORT = 2  # of 0..6: twice as fast as 4 for a few percent more bytes
_ANIMATION_AND_ALPHA = 0b0001_0010
_BLENDED_AND_KEPT = 0


def webp(drawing: Drawing, look: Look) -> bytes:
    """Return the bytes of a WebP file, playing for ever where the drawing has several frames.

    Example:
        >>> from convpool.pictures.drawing import Polygon, Role
        >>> square = ((2, 2), (6, 2), (6, 6), (2, 6))
        >>> blink = Polygon(square, Role.CHOSEN, range(1, 2))
        >>> film = Drawing(8, 8, (blink,), ("off", "on"), "blink", 8)
        >>> webp(film, Look())[8:16]
        b'WEBPVP8X'
    """
    if drawing.count == 1:
        return _encoded(still(drawing, look))
    chunks = b"".join(_chunks(drawing, look))
    return _chunk(b"RIFF", b"WEBP" + chunks)


def _chunks(drawing: Drawing, look: Look) -> Iterator[bytes]:
    width, height = size(drawing, look)
    yield _chunk(b"VP8X", struct.pack("<I", _ANIMATION_AND_ALPHA) + _three(width - 1, height - 1))
    red, green, blue = look.theme.background
    yield _chunk(b"ANIM", struct.pack("<4BH", blue, green, red, 255, 0))
    for change in changes(drawing, look):
        yield _chunk(b"ANMF", _header(change, look.seconds) + _bitstream(change))


def _header(change: Change, seconds: float) -> bytes:
    height, width, _ = change.pixels.shape
    place = _three(change.left // 2, change.top // 2, width - 1, height - 1)
    return place + _three(round(seconds * 1000)) + bytes((_BLENDED_AND_KEPT,))


def _bitstream(change: Change) -> bytes:
    """The VP8L chunk of the change encoded by itself: all that follows RIFF's twelve bytes."""
    return _encoded(Image.fromarray(change.pixels))[12:]


def _encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, quality=50, method=_EFFORT, exact=False)
    return file.getvalue()


def _three(*numbers: int) -> bytes:
    """Numbers of three bytes each."""
    return b"".join(number.to_bytes(3, "little") for number in numbers)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
