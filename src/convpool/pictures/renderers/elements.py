"""Shapes as SVG has them: the elements and classes that the SVG file and the HTML page share."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from convpool.pictures.drawing import Drawing, Line, Point, Polygon, Shape, Text
from convpool.pictures.renderers.marks import arrow_head, hatching, periods
from convpool.pictures.themes import Ink, Theme, step

_TO_BASELINE = 0.36  # of the font's size: from the middle of the digits down to their feet


@dataclass(frozen=True, slots=True)
class Path:
    """A path element: `d` is its data, `length` what its dashes count as its length, or None."""

    classes: str
    d: str
    length: float | None = None


@dataclass(frozen=True, slots=True)
class Letters:
    """A text element: `x` and `y` lie at the feet of its letters."""

    classes: str
    x: float
    y: float
    size: float
    text: str


Element = Path | Letters


@dataclass(frozen=True)
class Group:
    """Elements that come and go together: `shown` are their frames."""

    shown: range
    elements: tuple[Element, ...]


def groups(drawing: Drawing, theme: Theme) -> list[Group]:
    """Return the elements of all frames, from back to front; neighbours shown together are one.

    Example:
        >>> from convpool.pictures.drawing import Role
        >>> from convpool.pictures.themes import THEMES
        >>> blink = Line(((2, 2), (6, 2)), Role.FAINT, range(1, 2))
        >>> groups(Drawing(8, 8, (blink,), ("off", "on"), "blink", 8), THEMES["light"])
        [Group(shown=range(1, 2), elements=(Path(classes='faint o', d='M2 2L6 2', length=None),))]
    """
    found: list[tuple[range, list[Shape]]] = []
    for shape in drawing.shapes:
        shown = range(max(0, shape.shown.start), min(drawing.count, shape.shown.stop))
        if not shown:
            continue
        if not found or found[-1][0] != shown:
            found.append((shown, []))
        found[-1][1].append(shape)
    return [Group(shown, tuple(_elements(shapes, theme))) for shown, shapes in found]


def number(value: float) -> str:
    """Return a coordinate as text, to a hundredth of a pixel.

    Example:
        >>> number(12.0), number(0.504), number(-0.001)
        ('12', '.5', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    text = text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
    return "0" if text in {"-0", ""} else text


def _elements(shapes: Iterable[Shape], theme: Theme) -> Iterator[Element]:
    for shape in shapes:
        if isinstance(shape, Text):
            yield _letters(shape)
        elif isinstance(shape, Line):
            yield from _line(shape, theme.ink(shape))
        else:
            yield from _polygon(shape, theme.ink(shape))


def _letters(text: Text) -> Letters:
    classes = [text.role.value]
    if text.on_shade is not None:
        classes.append(f"s{step(text.on_shade)}")
    classes += ["b"] if text.bold else []
    classes += {"start": ["st"], "end": ["en"]}.get(text.anchor, [])
    x, y = text.place
    return Letters(" ".join(classes), x, y + _TO_BASELINE * text.size, text.size, text.text)


def _polygon(polygon: Polygon, ink: Ink) -> Iterator[Path]:
    classes = polygon.role.value
    if not polygon.filled:
        classes += " o"
    elif polygon.shade is not None:
        classes += f" s{step(polygon.shade)}"
    path = _closed(polygon.points)
    if ink.casing:
        yield Path(f"{polygon.role.value} c", path)
    yield Path(classes, path, _length((*polygon.points, polygon.points[0]), ink))
    if ink.hatch:
        lines = hatching(polygon.points, ink.hatch)
        yield Path(f"{polygon.role.value} h", "".join(map(_open, lines)))


def _line(line: Line, ink: Ink) -> Iterator[Path]:
    path = _open(line.points)
    if ink.casing:
        yield Path(f"{line.role.value} c", path)
    yield Path(f"{line.role.value} o", path, _length(line.points, ink))
    if line.arrow:
        yield Path(f"{line.role.value} a", _closed(arrow_head(line.points, ink.width)))


def _length(points: Sequence[Point], ink: Ink) -> float | None:
    """What dashes take as the length of the line, so that they fit its sides."""
    if not ink.dash:
        return None
    sides = (math.dist(start, end) for start, end in pairwise(points))
    return sum(periods(side, ink.dash) for side in sides) * sum(ink.dash)


def _closed(points: Sequence[Point]) -> str:
    (left, top), *_ = points
    if len(points) == 4 and _upright(points):
        width, height = points[2][0] - left, points[2][1] - top
        return f"M{number(left)} {number(top)}h{number(width)}v{number(height)}h{number(-width)}z"
    return _open(points) + "z"


def _upright(points: Sequence[Point]) -> bool:
    (left, top), (right, second), (third, bottom), (fourth, last) = points
    return (left, top, right) == (fourth, second, third) and bottom == last


def _open(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
