"""How much room letters take: estimated, since a viewer may have any font.

The estimate is that of wide sans-serif fonts (DejaVu Sans), so that with narrower ones there is a
little room to spare. Lines are broken and shortened here, by one rule for all views.
"""

import re
from functools import lru_cache

LINE = 1.4
"""From one line to the next, in sizes of the font."""
_ELLIPSIS = "…"
_WIDTHS = {
    **dict.fromkeys(" .,:;'|!ijl[]", 0.34),
    **dict.fromkeys('()-frtI/"', 0.42),
    "*": 0.5,
    **dict.fromkeys("mwMW@%…—→", 0.98),
    **dict.fromkeys("+=<>×−≤≥∞·", 0.84),
}
_CAPITAL, _OTHER, _BOLD = 0.76, 0.64, 1.1
_BREAKS = re.compile(r"\s+(?![^()]*\)[,)])")


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return about how many pixels wide a line is in a font of some size.

    Example:
        >>> width("-12", 10) < width("-12", 10, bold=True) < width("-1.2e9", 10)
        True
    """
    return _units(text) * size * (_BOLD if bold else 1.0)


@lru_cache(maxsize=4096)
def _units(text: str) -> float:
    """Return the width in sizes of the font; most texts of a film are few and short."""
    return sum(_WIDTHS.get(sign, _CAPITAL if sign.isupper() else _OTHER) for sign in text)


def fitting(text: str, room: float, size: float, smallest: float) -> float | None:
    """Return the size, at most `size`, at which a line fits a room; None if below `smallest`.

    Example:
        >>> fitting("12", 20, 11, 7), fitting("1234567", 20, 11, 7)
        (11, None)
    """
    wanted = width(text, size)
    if wanted <= room:
        return size
    smaller = size * room / wanted
    return smaller if smaller >= smallest else None


def elided(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """Return the line, cut with an ellipsis where it is wider than `room`.

    Example:
        >>> elided("a name too long for its place", 10, 70)
        'a name too…'
    """
    if width(text, size, bold=bold) <= room:
        return text
    kept = len(text)
    while kept and width(text[:kept] + _ELLIPSIS, size, bold=bold) > room:
        kept -= 1
    return text[:kept].rstrip(" ,") + _ELLIPSIS


def wrapped(
    text: str, size: float, room: float, lines: int, *, bold: bool = False
) -> tuple[str, ...]:
    """Break the text at spaces into at most `lines` lines; the last one is elided.

    It doesn't break within a pair such as (3, 3) among a layer's arguments.

    Example:
        >>> wrapped("Conv2d(3, 8, kernel_size=(3, 3))", 10, 130, 2)
        ('Conv2d(3, 8,', 'kernel_size=(3, 3))')
    """
    words = _BREAKS.split(text.strip())
    space = width(" ", size, bold=bold)
    broken: list[str] = []
    line, taken = words[0], width(words[0], size, bold=bold)
    for number, word in enumerate(words[1:], start=1):
        more = space + width(word, size, bold=bold)
        if taken + more <= room:
            line, taken = f"{line} {word}", taken + more
        elif len(broken) == lines - 1:
            line = " ".join([line, *words[number:]])
            break
        else:
            broken.append(elided(line, size, room, bold=bold))
            line, taken = word, more - space
    return (*broken, elided(line, size, room, bold=bold))
