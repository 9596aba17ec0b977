"""A layer as a sparse matrix: each output is a row of weights times the flattened input.

The input lies above the matrix and the output beside it, so that each weight stands beneath the
cell that it multiplies, and in the row of the cell that it goes into. The matrix of a transposed
layer is the transpose of its convolution's.
"""

from collections import defaultdict
from dataclasses import dataclass

from convpool.pictures.drawing import Drawing, Line, Point, Role
from convpool.pictures.frames import Film, Frame
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.cells import LETTERS, Cells, side_for
from convpool.pictures.views.grid import Grid
from convpool.pictures.views.label import LABEL, put_label
from convpool.pictures.views.letters import width
from convpool.pictures.views.page import page
from convpool.pictures.views.part import Spans
from convpool.pictures.views.values import Kind, Shades, texts
from convpool.spec import ConvTranspose2dSpec

_GAP = 10.0
_LONGEST = 960.0
"""Pixels that a matrix may be wide or high."""


def matrix(film: Film) -> Drawing:
    """Draw the matrix of a convolution, a transposed one or an average pooling.

    Raises:
        ArgumentError: there are more cells than can be drawn legibly.
    """
    shades = Shades.within(film)
    return page(film, matrix_part(film, shades), shades, WORDS)


WORDS = {Role.WINDOW: "row of the output written now"}


def matrix_part(film: Film, shades: Shades) -> "MatrixPart":
    """Return the matrix with the input above and the output beside it."""
    arrays = (film.input, film.output, *(() if film.weight is None else (film.weight,)))
    side = side_for(texts(arrays), max(film.input.size, film.output.size), _LONGEST)
    return MatrixPart(film, shades, side)


@dataclass(frozen=True)
class MatrixPart:
    """A matrix with a row for each output cell and a column for each input cell.

    Args:
        film: whose layer it stands for.
        shades: the scales of values.
        side: of its cells, in pixels.
    """

    film: Film
    shades: Shades
    side: float

    @property
    def width(self) -> float:
        """In pixels."""
        return (self.film.input.size + 1) * self.side + _GAP + 24

    @property
    def height(self) -> float:
        """In pixels."""
        return 2 * LABEL + (self.film.output.size + 1) * self.side + _GAP

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Light the row of a frame and the cells that it meets; its weights stay for good."""
        shown, always = range(number, number + 1), range(len(self.film.frames))
        above, middle, beside = self._grids(canvas, at)
        row = self._row(frame)
        weights: dict[int, float] = defaultdict(float)
        values: dict[int, float] = {}
        current = None
        for index, term in enumerate(frame.terms):
            if term.source is not None and term.weight is not None:
                column = self._column(term.source)
                weights[column] += term.weight
                values[column] = term.value
                current = column if index == frame.step else current
        for column, weight in weights.items():
            middle.put((row, column), Role.WEIGHT, weight, always, Depth.CELLS)
            middle.light((row, column), weight, shown)
            above.light((0, column), values[column], shown)
        middle.outline(range(row, row + 1), middle.grid.columns, Role.WINDOW, shown)
        beside.outline_cell((row, 0), Role.TARGET, shown)
        if current is not None:
            middle.outline_cell((row, current), Role.TARGET, shown)
            above.outline_cell((0, current), Role.TARGET, shown)

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw the input, the empty matrix and the output as it comes."""
        above, middle, beside = self._grids(canvas, at)
        always = spans.always
        put_label(canvas, at, "input, row by row", self.width, always)
        under, room = (at[0], middle.grid.origin[1] - LABEL), beside.grid.origin[0] - at[0] - 4
        put_label(canvas, under, self._name(room), room, always)
        put_label(canvas, (beside.grid.origin[0], under[1]), "output", self.side + 24, always)
        for column, value in enumerate(self.film.input.ravel().tolist()):
            above.put((0, column), Role.INPUT, value, always, Depth.CELLS)
        self._rule(canvas, middle, always)
        for row, value in enumerate(self.film.output.ravel().tolist()):
            beside.empty((row, 0), Role.OUTPUT, always)
            channel, rest = divmod(row, self.film.output[0].size)
            since = spans.since((channel, *divmod(rest, self.film.output.shape[2])))
            if since is not None:
                known = range(since, always.stop)
                beside.put((row, 0), Role.OUTPUT, value, known, Depth.WRITTEN)

    def _name(self, room: float) -> str:
        """The longest name of the matrix for which there is room."""
        size = f"{self.film.output.size}×{self.film.input.size}"
        turned = isinstance(self.film.spec, ConvTranspose2dSpec)
        names = (
            (f"transposed matrix {size}", f"transposed {size}") if turned else (f"matrix {size}",)
        )
        return next((name for name in names if width(name, LETTERS) <= room), size)

    def _rule(self, canvas: Canvas, cells: Cells, always: range) -> None:
        """Outline the matrix, with lines between the rows of the image on either side."""
        grid = cells.grid
        cells.frame(grid.rows, grid.columns, Role.FAINT, always)
        for column in grid.columns[:: self.film.input.shape[2]][1:]:
            ends = (grid.corner(0, column), grid.corner(len(grid.rows), column))
            canvas.add(Depth.CELLS, Line(ends, Role.FAINT, always))
        for row in grid.rows[:: self.film.output.shape[2]][1:]:
            ends = (grid.corner(row, 0), grid.corner(row, len(grid.columns)))
            canvas.add(Depth.CELLS, Line(ends, Role.FAINT, always))

    def _row(self, frame: Frame) -> int:
        channel, row, column = frame.target
        _, height, width = self.film.output.shape
        return (channel * int(height) + row) * int(width) + column

    def _column(self, source: tuple[int, int, int]) -> int:
        channel, row, column = source
        _, height, width = self.film.input.shape
        return (channel * int(height) + row) * int(width) + column

    def _grids(self, canvas: Canvas, at: Point) -> tuple[Cells, Cells, Cells]:
        """The input's row, the matrix and the output's column."""
        rows, columns = range(self.film.output.size), range(self.film.input.size)
        x, y = at[0], at[1] + LABEL
        lower, right = y + self.side + LABEL + _GAP, x + len(columns) * self.side + _GAP
        above = Grid.upright(range(1), columns, left=x, top=y, side=self.side)
        middle = Grid.upright(rows, columns, left=x, top=lower, side=self.side)
        beside = Grid.upright(rows, range(1), left=right, top=lower, side=self.side)
        return (
            Cells(canvas, above, Kind.INPUT, self.shades, self.side),
            Cells(canvas, middle, Kind.WEIGHT, self.shades, self.side),
            Cells(canvas, beside, Kind.OUTPUT, self.shades, self.side),
        )
