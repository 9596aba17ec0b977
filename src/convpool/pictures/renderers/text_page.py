"""A frame of upright cells as characters: fills, box-drawing lines, and the numbers themselves."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from convpool.pictures.drawing import Line, Point, Polygon, Shape, Text
from convpool.pictures.renderers.box_drawing import HEAVY, LIGHT, Weights, outline, sign
from convpool.pictures.themes import Colour, Ink, Theme, blend

_WIDE = 2.0  # pixels from which a line is heavy
_SMALL = 0.75  # of a cell
UPPER_HALF = "▀"

Box = tuple[int, int, int, int]  # first and last columns and rows: left, top, right, bottom


@dataclass(slots=True)
class Character:
    """One place of a page."""

    fill: Colour
    colour: Colour
    text: str = " "
    bold: bool = False
    weights: Weights = (0, 0, 0, 0)
    dashed: bool = False

    def letter(self, text: str, colour: Colour, bold: bool) -> None:
        """Put a letter here, over whatever is here."""
        if self.text == UPPER_HALF:
            self.fill = blend(self.colour, self.fill, 0.5)
        self.text, self.colour, self.bold, self.weights = text, colour, bold, (0, 0, 0, 0)

    @property
    def sign(self) -> str:
        """What is printed."""
        if any(self.weights):
            return sign(self.weights, dashed=self.dashed)
        return self.text


@dataclass(frozen=True)
class TextPage:
    """Characters by row and column, and what is drawn on them.

    Args:
        theme: of its colours.
        columns: across.
        rows: down.
        place: gives column and row, not yet rounded, of a point of the drawing.
        cell: the side of a cell; what is much smaller becomes a single sign.
    """

    theme: Theme
    columns: int
    rows: int
    place: Callable[[Point], Point]
    cell: float
    characters: list[list[Character]] = field(init=False)
    _boxes: dict[Point, Box] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        paper = self.theme.background
        blank = [[Character(paper, paper) for _ in range(self.columns)] for _ in range(self.rows)]
        object.__setattr__(self, "characters", blank)

    def draw(self, shape: Shape) -> None:
        """Draw a shape; a slanted line is left out."""
        if isinstance(shape, Text):
            self.write(shape)
        elif isinstance(shape, Polygon):
            if _side(shape) < _SMALL * self.cell:
                self._swatch(shape, self.theme.ink(shape))
            else:
                self._polygon(shape, self.theme.ink(shape))
        else:
            self._line(shape, self.theme.ink(shape))

    def write(self, text: Text) -> None:
        """Write over what is there; what lies outside the page is left out."""
        column, row = map(_nearest, self.place(text.place))
        colour = self.theme.ink(text).letters
        before = {"start": 0, "middle": len(text.text) // 2, "end": len(text.text) - 1}
        start = column - before[text.anchor]
        if text.anchor == "middle" and _key(text.place) in self._boxes:
            left, top, right, bottom = self._boxes[_key(text.place)]
            start, row = (left + right + 1 - len(text.text)) // 2, (top + bottom) // 2
        elif any(self._has_line(start + offset, row) for offset in range(len(text.text))):
            row -= 1  # a heading that would be rounded into the border beneath it
        for offset, letter in enumerate(text.text):
            at = self._at(start + offset, row)
            if at is not None:
                at.letter(letter, colour, text.bold)

    def _has_line(self, column: int, row: int) -> bool:
        at = self._at(column, row)
        return at is not None and any(at.weights)

    def _swatch(self, polygon: Polygon, ink: Ink) -> None:
        """Draw one sign, where the shape has its middle."""
        column, row = self.place(_middle(polygon))
        at = self._at(_nearest(column), _nearest(row))
        if at is not None:
            colour = ink.stroke if polygon.shade is None or ink.fill is None else ink.fill
            at.letter(_swatch(polygon, ink), colour, bold=False)

    def _polygon(self, polygon: Polygon, ink: Ink) -> None:
        box = self._box(polygon.points)
        self._boxes[_key(_middle(polygon))] = box
        if ink.fill is not None:
            left, top, right, bottom = box
            for row in range(top + 1, bottom):
                for column in range(left + 1, right):
                    at = self._at(column, row)
                    if at is not None:
                        at.letter("╱" if ink.hatch else " ", ink.hatching, bold=False)
                        at.fill = ink.fill
        self._outline(box, ink)

    def _line(self, line: Line, ink: Ink) -> None:
        for start, end in zip(line.points, line.points[1:], strict=False):
            if start[0] == end[0] or start[1] == end[1]:
                self._outline(self._box((start, end)), ink)

    def _outline(self, box: Box, ink: Ink) -> None:
        weight = HEAVY if ink.width >= _WIDE else LIGHT
        for column, row, weights in outline(*box):
            at = self._at(column, row)
            if at is None:
                continue
            was_dashed = at.dashed or not any(at.weights)
            at.dashed = bool(ink.dash) and was_dashed and weight == LIGHT
            up, right, down, left = (
                max(old, new * weight) for old, new in zip(at.weights, weights, strict=True)
            )
            at.weights, at.colour, at.bold = (up, right, down, left), ink.stroke, False

    def _box(self, points: Sequence[Point]) -> Box:
        columns, rows = zip(*map(self.place, points), strict=True)
        return (
            _nearest(min(columns)),
            _nearest(min(rows)),
            _nearest(max(columns)),
            _nearest(max(rows)),
        )

    def _at(self, column: int, row: int) -> Character | None:
        if 0 <= row < self.rows and 0 <= column < self.columns:
            return self.characters[row][column]
        return None


def upright(shapes: Sequence[Shape]) -> bool:
    """Whether all polygons are rectangles with level sides, which characters can draw."""
    return all(
        len({x for x, _ in shape.points}) <= 2 and len({y for _, y in shape.points}) <= 2
        for shape in shapes
        if isinstance(shape, Polygon)
    )


def _swatch(polygon: Polygon, ink: Ink) -> str:
    """A sign that tells the role without its colour."""
    if len(polygon.points) == 3:
        return "◤"
    if ink.hatch:
        return "▨"
    if ink.dash:
        return "◌"
    return "■" if polygon.filled else "▣" if ink.width >= _WIDE else "□"


def _side(polygon: Polygon) -> float:
    """The longer side of the box around it."""
    across, down = zip(*polygon.points, strict=True)
    return float(max(max(across) - min(across), max(down) - min(down)))


def _middle(polygon: Polygon) -> Point:
    across, down = zip(*polygon.points, strict=True)
    return (min(across) + max(across)) / 2, (min(down) + max(down)) / 2


def _key(point: Point) -> Point:
    """A point by which the letters of a cell find it, whatever was rounded on the way."""
    return round(point[0], 1), round(point[1], 1)


def _nearest(number: float) -> int:
    return math.floor(number + 0.5)
