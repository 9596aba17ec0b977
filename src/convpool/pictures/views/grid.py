"""Where the cells of a plane lie: a grid upright, or lying in space, by the same few lines."""

from dataclasses import dataclass
from typing import Self

from convpool.pictures.drawing import Point


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells counted by row and column, from (0, 0) or, with padding, from below.

    Args:
        rows: the rows that are there.
        columns: likewise.
        origin: the first corner of the cell (0, 0), which needn't be there itself.
        across: the way from a cell to the next column's.
        down: the way to the next row's.

    Example:
        >>> grid = Grid.upright(range(-1, 3), range(-1, 3), left=10, top=20, side=8)
        >>> grid.centre(-1, -1), grid.outline(range(1), range(2))
        ((14.0, 24.0), ((18, 28), (34, 28), (34, 36), (18, 36)))
    """

    rows: range
    columns: range
    origin: Point
    across: Point
    down: Point

    @classmethod
    def upright(cls, rows: range, columns: range, *, left: float, top: float, side: float) -> Self:
        """Lay square cells of some side so that the first one's corner is at (left, top)."""
        origin = (left - columns.start * side, top - rows.start * side)
        return cls(rows, columns, origin, (side, 0), (0, side))

    def corner(self, row: float, column: float) -> Point:
        """Return the first corner of a cell; of the next row and column, its opposite one."""
        x = self.origin[0] + column * self.across[0] + row * self.down[0]
        y = self.origin[1] + column * self.across[1] + row * self.down[1]
        return (x, y)

    def centre(self, row: float, column: float) -> Point:
        """Return the middle of a cell."""
        return self.corner(row + 0.5, column + 0.5)

    def outline(self, rows: range, columns: range) -> tuple[Point, ...]:
        """Return the corners of a box of cells."""
        return (
            self.corner(rows.start, columns.start),
            self.corner(rows.start, columns.stop),
            self.corner(rows.stop, columns.stop),
            self.corner(rows.stop, columns.start),
        )

    def cell(self, row: int, column: int) -> tuple[Point, ...]:
        """Return the corners of one cell."""
        return self.outline(range(row, row + 1), range(column, column + 1))
