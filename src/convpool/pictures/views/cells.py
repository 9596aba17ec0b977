"""Cells with numbers in them: how large they are, and what is drawn on one grid of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from convpool.errors import ArgumentError
from convpool.pictures.drawing import Polygon, Role, Text
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.grid import Grid
from convpool.pictures.views.letters import fitting, width
from convpool.pictures.views.values import Kind, Shades, cell_text

LETTERS = 11.0
"""Size of numbers in cells where there is room."""
_SMALLEST_LETTERS = 7.0
_MARGIN = 4.0  # pixels of a cell's width that a number leaves free
_SIDE, _LARGEST_SIDE, _SMALLEST_SIDE = 24.0, 42.0, 6.0
_LONGEST = 1200.0  # pixels along one side of a picture
_OF_LINES = 1.1  # a capital is 0.8 sizes high, with some room around it
_WITHOUT_SHADE = (Role.PADDING, Role.REFUSED)


def side_for(texts: Iterable[str], across: int, longest: float = _LONGEST) -> float:
    """Return the side of cells that hold some texts, smaller where there are very many.

    Args:
        texts: the numbers as they are written.
        across: how many cells lie side by side, or one above the other if these are more.
        longest: pixels that they may take together.

    Raises:
        ArgumentError: there are more than can be drawn legibly.

    Example:
        >>> side_for(["1", "-12"], 10), side_for(["-1.25"], 10) > 24, side_for(["1"], 100)
        (24.0, True, 12.0)
    """
    limit = int(longest / _SMALLEST_SIDE)
    if across > limit:
        raise ArgumentError(
            "number of cells side by side",
            across,
            f"at most {limit} to be told apart; draw a part of the input (--crop 16x16, "
            "crop=(16, 16)) or fewer channels",
        )
    widest = max((width(text, LETTERS) for text in texts), default=0.0)
    wanted = min(max(_SIDE, float(round(widest + _MARGIN))), _LARGEST_SIDE)
    return min(wanted, longest // max(across, 1))


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one grid, all numbers of one kind.

    Args:
        canvas: where they are drawn.
        grid: where they lie.
        kind: whose scale colours them.
        shades: the scales; None for the colours of the roles alone.
        room: how wide a number may be, in pixels.
        lines: from one row to the next, in pixels, where that is less than the room.
    """

    canvas: Canvas
    grid: Grid
    kind: Kind
    shades: Shades | None
    room: float
    lines: float = _SIDE

    def put(
        self, place: tuple[int, int], role: Role, value: float, shown: range, depth: Depth
    ) -> None:
        """Draw a cell and write its number, if it is wide enough for that."""
        shade = self._shade(role, value)
        self.canvas.add(depth, Polygon(self.grid.cell(*place), role, shown, shade))
        if role is not Role.REFUSED:
            self.number(place, role, value, shown, shade)

    def empty(
        self, place: tuple[int, int], role: Role, shown: range, depth: Depth = Depth.CELLS
    ) -> None:
        """Draw a cell that has no number yet."""
        self.canvas.add(depth, Polygon(self.grid.cell(*place), role, shown, filled=False))

    def light(
        self,
        place: tuple[int, int],
        value: float,
        shown: range,
        role: Role = Role.WINDOW,
        depth: Depth = Depth.LIT,
    ) -> None:
        """Mark a cell that is read or written; its number stays."""
        self.canvas.add(
            depth, Polygon(self.grid.cell(*place), role, shown, self._shade(role, value))
        )

    def outline(self, rows: range, columns: range, role: Role, shown: range) -> None:
        """Draw a frame around cells."""
        points = self.grid.outline(rows, columns)
        depth = Depth.TARGETS if role is Role.TARGET else Depth.OUTLINES
        self.canvas.add(depth, Polygon(points, role, shown, filled=False))

    def frame(self, rows: range, columns: range, role: Role, shown: range) -> None:
        """Draw a frame around cells, behind them."""
        points = self.grid.outline(rows, columns)
        self.canvas.add(Depth.CELLS, Polygon(points, role, shown, filled=False))

    def outline_cell(self, place: tuple[int, int], role: Role, shown: range) -> None:
        """Draw a frame around one cell."""
        row, column = place
        self.outline(range(row, row + 1), range(column, column + 1), role, shown)

    def hatch(self, rows: range, columns: range, shown: range) -> None:
        """Mark cells that nothing reads."""
        points = self.grid.outline(rows, columns)
        self.canvas.add(Depth.HATCH, Polygon(points, Role.UNVISITED, shown))

    def choose(self, place: tuple[int, int], shown: range) -> None:
        """Mark the cell that wins: outlined, with a triangle in its corner beside the colour."""
        corner = self.grid.corner
        row, column = place
        points = (corner(row, column), corner(row, column + 0.42), corner(row + 0.42, column))
        self.canvas.add(
            Depth.MARKS, Polygon(self.grid.cell(*place), Role.CHOSEN, shown, None, False)
        )
        self.canvas.add(Depth.MARKS, Polygon(points, Role.CHOSEN, shown))

    def number(
        self,
        place: tuple[int, int],
        role: Role,
        value: float,
        shown: range,
        shade: float | None = None,
    ) -> None:
        """Write a number in the middle of a cell."""
        text = cell_text(value)
        largest = min(LETTERS, self.lines * _OF_LINES)
        size = fitting(text, self.room - _MARGIN, largest, _SMALLEST_LETTERS)
        if size is not None and size >= _SMALLEST_LETTERS:
            at = self.grid.centre(*place)
            self.canvas.add(Depth.LETTERS, Text(at, text, size, role, shown, on_shade=shade))

    def _shade(self, role: Role, value: float) -> float | None:
        if self.shades is None or role in _WITHOUT_SHADE:
            return None
        return self.shades.of(self.kind, value)
