"""The legend: a swatch and a word for each role that occurs, and the scale of values."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from convpool.pictures.drawing import Point, Polygon, Role, Text
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.letters import width
from convpool.pictures.views.values import Shades, cell_text

WORDS: Mapping[Role, str] = {
    Role.INPUT: "input",
    Role.WEIGHT: "kernel",
    Role.OUTPUT: "output",
    Role.PADDING: "padding",
    Role.WINDOW: "read now",
    Role.TARGET: "written now",
    Role.CHOSEN: "the largest",
    Role.UNVISITED: "never read",
    Role.REFUSED: "doesn't fit",
    Role.LINK: "ceil_mode's window",
}
_OUTLINES = (Role.WINDOW, Role.TARGET, Role.LINK)
_SIZE, _SWATCH, _ROW = 10.5, 12.0, 18.0
_STEPS = 9
"""Colours on the drawn scale of values."""


@dataclass(frozen=True)
class Entry:
    """A word with its swatch, in the flow of the legend."""

    role: Role
    text: str

    @property
    def width(self) -> float:
        """Pixels up to the next entry."""
        return math.ceil(_SWATCH + 6 + width(self.text, _SIZE) + 12)


@dataclass(frozen=True)
class Legend:
    """What colours and outlines mean.

    Args:
        rows: entries, broken into rows.
        scale: what the scale of values says at its right, broken into rows; () without one.
    """

    rows: tuple[tuple[Entry, ...], ...]
    scale: tuple[str, ...]

    @classmethod
    def of(
        cls, roles: frozenset[Role], words: Mapping[Role, str], shades: Shades | None, room: float
    ) -> "Legend":
        """Break entries and scale into rows of at most `room` pixels."""
        entries = [Entry(role, words[role]) for role in Role if role in roles and role in words]
        scale = () if shades is None else tuple(_scale_lines(shades, room))
        return cls(tuple(_rows(entries, room)), scale)

    @property
    def height(self) -> float:
        """Pixels that it takes."""
        return (len(self.rows) + len(self.scale)) * _ROW

    def draw(self, canvas: Canvas, left: float, top: float, shown: range) -> None:
        """Draw it below `top`."""
        for row in self.rows:
            x = left
            for entry in row:
                _swatch(canvas, entry.role, (x, top + (_ROW - _SWATCH) / 2), shown)
                at = (x + _SWATCH + 6, top + _ROW / 2)
                canvas.add(Depth.LETTERS, Text(at, entry.text, _SIZE, Role.PLAIN, shown, "start"))
                x += entry.width
            top += _ROW
        if self.scale:
            _bar(canvas, left, top + (_ROW - _SWATCH) / 2, shown)
        for line in self.scale:
            at = (left + _BAR, top + _ROW / 2)
            canvas.add(Depth.LETTERS, Text(at, line, _SIZE, Role.PLAIN, shown, "start"))
            top += _ROW


_SIGN = 10.0  # pixels that the minus and the plus of the scale take
_BAR = _STEPS * _SWATCH * 0.75 + 2 * _SIGN + 4


def _rows(entries: Sequence[Entry], room: float) -> Iterator[tuple[Entry, ...]]:
    row: list[Entry] = []
    for entry in entries:
        if row and sum(each.width for each in (*row, entry)) > room:
            yield tuple(row)
            row = []
        row.append(entry)
    if row:
        yield tuple(row)


def _scale_lines(shades: Shades, room: float) -> Iterator[str]:
    """What the full colours stand for, kind by kind."""
    kinds: dict[str, list[str]] = {}
    for kind, largest in shades.largest.items():
        kinds.setdefault(cell_text(largest), []).append(kind.value)
    parts = [f"{', '.join(names)} ±{text}" for text, names in kinds.items()]
    line = ""
    for part in parts:
        longer = f"{line}; {part}" if line else part
        if line and width(longer, _SIZE) > room - _BAR:
            yield f"{line};"
            longer = part
        line = longer
    if line:
        yield line


def _swatch(canvas: Canvas, role: Role, at: Point, shown: range) -> None:
    x, y = at[0] + 1, at[1]
    points = ((x, y), (x + _SWATCH, y), (x + _SWATCH, y + _SWATCH), (x, y + _SWATCH))
    canvas.add(Depth.CELLS, Polygon(points, role, shown, filled=role not in _OUTLINES))


def _bar(canvas: Canvas, left: float, top: float, shown: range) -> None:
    side = _SWATCH * 0.75
    middle = top + _SWATCH / 2
    ends = ((left + _SIGN / 2, "−"), (left + 1.5 * _SIGN + _STEPS * side, "+"))
    for x, sign in ends:
        canvas.add(Depth.LETTERS, Text((x, middle), sign, _SIZE, Role.PLAIN, shown))
    for number in range(_STEPS):
        shade = 2 * number / (_STEPS - 1) - 1
        x = left + _SIGN + number * side
        points = ((x, top), (x + side, top), (x + side, top + _SWATCH), (x, top + _SWATCH))
        canvas.add(Depth.CELLS, Polygon(points, Role.FAINT, shown, shade))
