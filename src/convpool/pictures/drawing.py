"""What a picture consists of, whatever draws it: shapes with a role, each shown during some frames.

A view turns frames into one `Drawing`; a renderer turns a drawing into a file. Colours are not in
it: a shape has a role, or a shade, and a theme says how these look. Coordinates are pixels at scale
1, x to the right and y down, from the top left corner.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

Point = tuple[float, float]


class Role(Enum):
    """What a shape stands for; the theme gives it colour, dash and hatch, never colour alone."""

    INPUT = "input"
    WEIGHT = "weight"
    OUTPUT = "output"
    PADDING = "padding"
    """A cell outside the input, or a zero between its cells: dashed."""
    WINDOW = "window"
    """An outline around what is read."""
    TARGET = "target"
    """An outline around what is written."""
    CHOSEN = "chosen"
    """The cell that wins a maximum."""
    UNVISITED = "unvisited"
    """Cells that no window reads: hatched."""
    REFUSED = "refused"
    """A window or a geometry that doesn't fit."""
    LINK = "link"
    """A line that joins cells that belong together."""
    PLAIN = "plain"
    """Letters and rules."""
    FAINT = "faint"
    """Letters and rules of less weight."""


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed shape; a cell is one of four corners.

    Args:
        points: its corners, in order.
        role: what it stands for.
        shown: the frames in which it is there.
        shade: where its value lies on the diverging scale, -1 to 1 with 0 for zero; then it is
            filled with that colour instead of the role's. None for the role's.
        filled: whether it is filled at all, or an outline.
    """

    points: tuple[Point, ...]
    role: Role
    shown: range
    shade: float | None = None
    filled: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """Straight pieces from point to point.

    Args:
        points: where it goes.
        role: what it stands for.
        shown: the frames in which it is there.
        arrow: whether its end has a head.
    """

    points: tuple[Point, ...]
    role: Role
    shown: range
    arrow: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """One line of letters.

    Args:
        place: the point its middle, start or end lies at, vertically its middle.
        text: the letters.
        size: of the font, in pixels: a digit is 0.7 of it high and about 0.6 wide.
        role: what it stands for.
        shown: the frames in which it is there.
        anchor: "middle", "start" or "end": which part of it lies at `place`.
        on_shade: the shade of the cell beneath, so that a theme can choose a legible colour.
        bold: whether it stands out.
    """

    place: Point
    text: str
    size: float
    role: Role
    shown: range
    anchor: str = "middle"
    on_shade: float | None = None
    bold: bool = False


Shape = Polygon | Line | Text


@dataclass(frozen=True)
class Drawing:
    """A film of shapes.

    Args:
        width: of the picture, in pixels at scale 1.
        height: likewise.
        shapes: what is drawn, later shapes over earlier ones.
        captions: for each frame what happens in it, in words: the text for those who can't see it.
        title: of the whole.
        cell: the side of one cell, in pixels at scale 1: a terminal's unit.

    Example:
        >>> blink = Polygon(((0, 0), (8, 0), (8, 8), (0, 8)), Role.WINDOW, range(1, 2))
        >>> film = Drawing(8, 8, (blink,), ("off", "on"), "blink", 8)
        >>> film.count, list(film.frame(0)), list(film.frame(1)) == [blink]
        (2, [], True)
    """

    width: float
    height: float
    shapes: tuple[Shape, ...]
    captions: tuple[str, ...]
    title: str
    cell: float

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.captions)

    def frame(self, number: int) -> Iterator[Shape]:
        """Yield the shapes of a frame, from back to front."""
        return (shape for shape in self.shapes if number in shape.shown)
