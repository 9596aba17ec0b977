"""How roles and values look: the one place that knows colours.

The roles have the hues of Okabe and Ito (2008), which people with any colour vision tell apart, and
each differs in more than its hue: padding is dashed, a window has a thick outline, cells that
nothing reads are hatched. Values run from blue over the background's neutral to orange. All letters
stand out from what they lie on by a contrast of at least 4.5 (WCAG 2, success criterion 1.4.3).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from convpool.errors import ArgumentError
from convpool.pictures.drawing import Line, Role, Shape, Text

Colour = tuple[int, int, int]  # red, green and blue, 0..255

STEPS = 33
"""Colours on the scale of values: odd, so that zero has its own."""

_WIDEST_AROUND_FILL = 2.0


@dataclass(frozen=True, slots=True)
class Ink:
    """How the shapes of a role look.

    Args:
        stroke: the colour of outlines and lines.
        fill: the colour within, None for none.
        letters: the colour of text.
        width: of lines and outlines, in pixels at scale 1.
        dash: the lengths of strokes and gaps, () for an unbroken line.
        hatch: the distance between the lines of its hatching, 0 for none.
        casing: how far the background shows on both sides of its lines, which sets them off from
            whatever shade they cross.
    """

    stroke: Colour
    fill: Colour | None
    letters: Colour
    width: float = 1.0
    dash: tuple[float, ...] = ()
    hatch: float = 0.0
    casing: float = 0.0

    @property
    def filled_width(self) -> float:
        """The width of the line around a filled shape: less, since its fill shows it too."""
        return min(self.width, _WIDEST_AROUND_FILL)

    @property
    def hatching(self) -> Colour:
        """The colour of hatching: fainter than the outline, so that letters on it can be read."""
        return blend(self.stroke, self.fill, 0.5) if self.fill else self.stroke


@dataclass(frozen=True)
class Theme:
    """The looks of all roles and values.

    Args:
        name: by which users choose it.
        background: of the whole picture.
        inks: one for each role.
        shades: the colours of the lowest value, of zero, and of the highest.
        letters_on_shades: a dark and a light colour; that of more contrast is taken.

    Example:
        >>> THEMES["light"].shade(0.0)
        (255, 255, 255)
    """

    name: str
    background: Colour
    inks: Mapping[Role, Ink]
    shades: tuple[Colour, Colour, Colour]
    letters_on_shades: tuple[Colour, Colour]

    def ink(self, shape: Shape) -> Ink:
        """Return how a shape looks, its shade and what it lies on considered."""
        ink = self.inks[shape.role]
        if isinstance(shape, Text):
            return ink if shape.on_shade is None else replace(ink, letters=self.on(shape.on_shade))
        if isinstance(shape, Line):
            return replace(ink, fill=None, hatch=0.0)
        if not shape.filled:
            return replace(ink, fill=None, hatch=0.0)
        ink = replace(ink, width=ink.filled_width, casing=0.0)
        return ink if shape.shade is None else replace(ink, fill=self.shade(shape.shade), hatch=0.0)

    def shade(self, value: float) -> Colour:
        """Return the colour of a value on the scale, -1 to 1."""
        return self.scale[step(value)]

    def on(self, value: float) -> Colour:
        """Return the colour of letters on the shade of a value."""
        return self.letters_on_scale[step(value)]

    @cached_property
    def scale(self) -> tuple[Colour, ...]:
        """The `STEPS` colours of values, lowest to highest."""
        low, zero, high = self.shades
        middle = STEPS // 2
        below = tuple(blend(low, zero, number / middle) for number in range(middle))
        above = tuple(blend(zero, high, number / middle) for number in range(middle + 1))
        return below + above

    @cached_property
    def letters_on_scale(self) -> tuple[Colour, ...]:
        """The colour of letters on each colour of the scale."""
        return tuple(
            max(self.letters_on_shades, key=lambda letters: contrast(letters, colour))
            for colour in self.scale
        )


def step(value: float) -> int:
    """Return the place of a value -1..1 among the `STEPS` colours of the scale.

    Values beyond take the ends, NaN the middle.

    Example:
        >>> step(-1.0), step(0.0), step(float("inf")), step(float("nan"))
        (0, 16, 32, 16)
    """
    if math.isnan(value):
        return STEPS // 2
    return round((max(-1.0, min(1.0, value)) + 1) / 2 * (STEPS - 1))


def blend(first: Colour, second: Colour, part: float) -> Colour:
    """Return the colour on the way from the first to the second.

    Example:
        >>> blend((0, 0, 0), (200, 100, 0), 0.5)
        (100, 50, 0)
    """
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(first, second, strict=True))
    return red, green, blue


def contrast(first: Colour, second: Colour) -> float:
    """Return the contrast of two colours, 1 (none) to 21, as WCAG 2 defines it.

    Example:
        >>> contrast((0, 0, 0), (255, 255, 255))
        21.0
    """
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def theme_named(name: str) -> Theme:
    """Return the theme of a name.

    Raises:
        ArgumentError: where there is none of that name.

    Example:
        >>> theme_named("dark").background
        (17, 21, 28)
    """
    if name not in THEMES:
        raise ArgumentError("theme", name, "one of " + ", ".join(THEMES))
    return THEMES[name]


def hexadecimal(colour: Colour) -> str:
    """Return the colour as stylesheets have it.

    Example:
        >>> hexadecimal((255, 0, 128)), hexadecimal((255, 255, 255))
        ('#ff0080', '#fff')
    """
    text = "".join(f"{part:02x}" for part in colour)
    return f"#{text[::2]}" if text[::2] == text[1::2] else f"#{text}"


def _luminance(colour: Colour) -> float:
    parts = (part / 255 for part in colour)
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _colour(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


def _ink(
    stroke: str,
    fill: str | None,
    letters: str,
    width: float = 1.0,
    dash: tuple[float, ...] = (),
    hatch: float = 0.0,
    casing: float = 0.0,
) -> Ink:
    within = None if fill is None else _colour(fill)
    return Ink(_colour(stroke), within, _colour(letters), width, dash, hatch, casing)


_DASHED, _DASH_DOTTED = (3.0, 3.0), (7.0, 3.0, 2.0, 3.0)

_LIGHT = Theme(
    name="light",
    background=_colour("ffffff"),
    inks={
        Role.INPUT: _ink("4a9fd0", "d8edfa", "0a3f63"),
        Role.WEIGHT: _ink("bb6a98", "f7e3ee", "6d1f4c"),
        Role.OUTPUT: _ink("2aa982", "d3f0e6", "0b4a38"),
        Role.PADDING: _ink("9aa3ae", "f7f8f9", "59626e", dash=_DASHED),
        Role.WINDOW: _ink("d55e00", "ffdcb8", "8a3c00", 3.0, casing=1.5),
        Role.TARGET: _ink("00694e", "9fe0cb", "00513c", 3.0, casing=1.5),
        Role.CHOSEN: _ink("6b5f00", "f5e94f", "4d4400", 2.5, casing=1.5),
        Role.UNVISITED: _ink("8a929d", "eceef1", "4f5763", hatch=6.0),
        Role.REFUSED: _ink("b3261e", "fbe4e2", "8f1a13", 2.0, _DASH_DOTTED, 9.0),
        Role.LINK: _ink("d55e00", None, "8a3c00", 1.5, casing=1.0),
        Role.PLAIN: _ink("333b47", None, "1c212b"),
        Role.FAINT: _ink("c3c9d1", None, "5c6571"),
    },
    shades=(_colour("1f77b8"), _colour("ffffff"), _colour("e69f00")),
    letters_on_shades=(_colour("000000"), _colour("ffffff")),
)

_DARK = Theme(
    name="dark",
    background=_colour("11151c"),
    inks={
        Role.INPUT: _ink("3f8fc4", "153a56", "cfe9fb"),
        Role.WEIGHT: _ink("b5709b", "4a2340", "fadcef"),
        Role.OUTPUT: _ink("2f9e7c", "0f4437", "c4f3e2"),
        Role.PADDING: _ink("6c7684", "171c25", "aab3c0", dash=_DASHED),
        Role.WINDOW: _ink("ff9a3d", "6b3a0c", "ffcf9e", 3.0, casing=1.5),
        Role.TARGET: _ink("4fe0b4", "14695a", "a8f5de", 3.0, casing=1.5),
        Role.CHOSEN: _ink("f0e442", "5d5600", "fff7a1", 2.5, casing=1.5),
        Role.UNVISITED: _ink("76808e", "1e242e", "b4bcc8", hatch=6.0),
        Role.REFUSED: _ink("ff7a70", "4a1714", "ffc2bd", 2.0, _DASH_DOTTED, 9.0),
        Role.LINK: _ink("ff9a3d", None, "ffcf9e", 1.5, casing=1.0),
        Role.PLAIN: _ink("c5ccd6", None, "edf0f4"),
        Role.FAINT: _ink("3c4552", None, "a3acb9"),
    },
    shades=(_colour("4aa3ee"), _colour("1b212b"), _colour("f0b030")),
    letters_on_shades=(_colour("000000"), _colour("ffffff")),
)

THEMES: Mapping[str, Theme] = {theme.name: theme for theme in (_LIGHT, _DARK)}
"""The themes by name."""
