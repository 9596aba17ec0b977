"""Text on pictures, in the one font that Pillow brings along: a bare machine has no other.

That font lacks a few signs that shapes and layers need. The multiplication sign is drawn as two
strokes; the others are spelled in signs that it has.
"""

import math
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from convpool.pictures.scale import Colour

_SPELLED = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "—": "-",
        "→": "->",
        "≤": "<=",
        "≥": ">=",
        "∞": "inf",
        "⌊": "floor(",
        "⌋": ")",
    }
)
_HALF_A_DIGIT = 0.36  # of the font's size
_TIMES = "×"
_ELLIPSIS = "…"
_KEPT = frozenset("×…©«»°±·‘’“”™")
_BREAKS = re.compile(r"\s+(?![^()]*\)[,)])")


@dataclass(frozen=True)
class Lettering:
    """Text of one size and colour.

    Args:
        size: the font's size in pixels.
        colour: red, green and blue, 0..255.
        bold: drawn with thicker strokes; the font has no bold letters of its own.

    Example:
        >>> Lettering(14, (0, 0, 0)).elided("a name too long for its place", 80)[:8]
        'a name t'
    """

    size: int
    colour: Colour
    bold: bool = False
    _font: ImageFont.FreeTypeFont = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_font", _font(self.size))

    @property
    def line_height(self) -> int:
        """Pixels from one line to the next.

        Example:
            >>> Lettering(20, (0, 0, 0)).line_height
            27
        """
        return round(self.size * 1.35)

    def width(self, text: str) -> float:
        """Return the width of one line in pixels.

        Example:
            >>> Lettering(20, (0, 0, 0)).width("pool") > Lettering(10, (0, 0, 0)).width("8 × 8")
            True
        """
        text = _printable(text)
        times = text.count(_TIMES)
        return self._font.getlength(text.replace(_TIMES, "")) + times * self._times_advance

    def write(self, draw: ImageDraw.ImageDraw, left: float, top: float, text: str) -> None:
        """Write one line with its upper left corner at (left, top).

        Example:
            >>> from PIL import Image
            >>> image = Image.new("RGB", (60, 20), "white")
            >>> Lettering(14, (0, 0, 0)).write(ImageDraw.Draw(image), 2, 2, "8 × 8")
            >>> image.getextrema()[0][0] < 100  # something dark is there
            True
        """
        for number, piece in enumerate(_printable(text).split(_TIMES)):
            if number:
                self._draw_times(draw, left, top)
                left += self._times_advance
            # Whole pixels: Pillow sets a fraction left of 0 otherwise than one right of it.
            place = math.floor(left + 0.5), math.floor(top + 0.5)
            draw.text(place, piece, fill=self.colour, font=self._font, stroke_width=self._extra)
            left += self._font.getlength(piece)

    def write_about(
        self, draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, anchor: str
    ) -> None:
        """Write one line whose digits have their middle at the height of a place.

        Args:
            draw: what to write on.
            place: x and y of a point.
            text: the line.
            anchor: "start", "middle" or "end": which part of the line lies at the point.

        Example:
            >>> from PIL import Image
            >>> image = Image.new("RGB", (40, 20))
            >>> white = Lettering(14, (255, 255, 255))
            >>> white.write_about(ImageDraw.Draw(image), (20, 10), "8", "middle")
            >>> image.getbbox()
            (16, 5, 24, 15)
        """
        ascent, _ = self._font.getmetrics()
        left = place[0] - self.width(text) * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        self.write(draw, left, place[1] - ascent + self.size * _HALF_A_DIGIT, text)

    def elided(self, text: str, width: float) -> str:
        """Return the line, cut with an ellipsis where it is wider than `width` pixels.

        Example:
            >>> Lettering(14, (0, 0, 0)).elided("short", 80)
            'short'
        """
        text = _printable(text)
        if self.width(text) <= width:
            return text
        fitting = bisect_right(
            range(1, len(text)), width, key=lambda length: self.width(text[:length] + _ELLIPSIS)
        )
        return text[:fitting].rstrip(" ,") + _ELLIPSIS

    def wrapped(self, text: str, width: float, lines: int) -> list[str]:
        """Break the text into at most `lines` lines of at most `width` pixels.

        It breaks at spaces, but not within a pair such as (3, 3) among a layer's arguments. The
        last line holds all that is left, elided.

        Example:
            >>> Lettering(14, (0, 0, 0)).wrapped("Conv2d(3, 8, kernel_size=(3, 3))", 150, 2)
            ['Conv2d(3, 8,', 'kernel_size=(3, 3))']
        """
        broken: list[str] = []
        words = _BREAKS.split(_printable(text).strip())
        while any(words) and len(broken) < lines - 1:
            taken = 1
            while taken < len(words) and self.width(" ".join(words[: taken + 1])) <= width:
                taken += 1
            broken.append(self.elided(" ".join(words[:taken]), width))
            words = words[taken:]
        if any(words):
            broken.append(self.elided(" ".join(words), width))
        return broken

    @property
    def _extra(self) -> int:
        """What bold letters gain on each side: with whole pixels only large ones gain at all."""
        return self.size // 28 if self.bold else 0

    @property
    def _times_advance(self) -> float:
        return self.size * 0.55

    def _draw_times(self, draw: ImageDraw.ImageDraw, left: float, top: float) -> None:
        """Two strokes about the middle of the digits."""
        ascent, _ = self._font.getmetrics()
        x, y = left + self._times_advance / 2, top + ascent - self.size * 0.34
        strokes = _times(self.size, max(1, round(self.size / 12)) + 2 * self._extra)
        half = strokes.width // 2
        place = math.floor(x + 0.5) - half, math.floor(y + 0.5) - half
        draw.bitmap(place, strokes, fill=self.colour)


@cache
def _times(size: int, stroke: int) -> Image.Image:
    """The multiplication sign by itself: Pillow draws slanted lines left of 0 otherwise."""
    reach = size * 0.19
    half = math.ceil(reach) + stroke
    image = Image.new("1", (2 * half + 1, 2 * half + 1))
    for up in (-reach, reach):
        ends = half - reach, half - up, half + reach, half + up
        ImageDraw.Draw(image).line(ends, fill=1, width=stroke)
    return image


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # noqa: S101 - a size asks for this kind
    return font


def _printable(text: str) -> str:
    """The text in signs that the font has: accents fall off, control characters become spaces."""
    letters = []
    for sign in text.translate(_SPELLED):
        if sign.isascii() or sign in _KEPT:
            letters.append(sign if sign.isprintable() else " ")
        else:
            base = unicodedata.normalize("NFKD", sign)[0]
            letters.append(base if base.isascii() and base.isprintable() else "?")
    return "".join(letters)
