"""The output: cells come as they are computed and stay, and beneath them what they add up to."""

from collections.abc import Iterator
from dataclasses import dataclass

from convpool.arithmetic import Stamp, stamp_axes
from convpool.pictures.drawing import Point, Role, Text
from convpool.pictures.frames import Film, Frame, Term
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.cells import Cells
from convpool.pictures.views.grid import Grid
from convpool.pictures.views.label import LABEL, numbered, put_label
from convpool.pictures.views.letters import LINE, elided
from convpool.pictures.views.part import Spans
from convpool.pictures.views.values import Kind, Shades, cell_text
from convpool.spec import AvgPool2dSpec, ConvolutionSpec, MaxPool2dSpec, StampSpec

_SIZE = 12.0
_NARROWEST = 96.0  # pixels that the sum beneath takes


@dataclass(frozen=True)
class OutputPart:
    """The plane that is written, one channel at a time.

    Args:
        film: whose output it is.
        shades: the scales of values.
        side: of its cells, in pixels.
        drop: how far below the upper edge the sum stands, in pixels, if there is room for it.
        stamped: whether it shows where the cells that are read put their stamps, with what is
            cut off around it.
    """

    film: Film
    shades: Shades
    side: float
    drop: float = 0.0
    stamped: bool = False

    @property
    def width(self) -> float:
        """In pixels."""
        return max(_NARROWEST, len(self._lines[1]) * self.side)

    @property
    def height(self) -> float:
        """In pixels."""
        lines = 3 if self.film.bias is not None else 2 if self.film.indices is not None else 1
        return self._below + lines * _SIZE * LINE

    @property
    def _lines(self) -> tuple[range, range]:
        return output_lines(self.film, stamped=self.stamped)

    @property
    def _below(self) -> float:
        return max(self.drop, LABEL + len(self._lines[0]) * self.side + 8)

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Outline the cell that is written, and say what it holds so far."""
        if not self.film.fits:
            return
        shown, cells = range(number, number + 1), self._cells(canvas, at)
        _, row, column = frame.target
        cells.outline_cell((row, column), Role.TARGET, shown)
        if self.stamped:
            for term in frame.terms if frame.step is None else frame.terms[frame.step :][:1]:
                cells.outline(*stamp(self.film, term), Role.WINDOW, shown)
        y = at[1] + self._below
        for line, text in enumerate(totals(self.film, frame)):
            middle = (at[0], y + (line + 0.5) * _SIZE * LINE)
            line_text = elided(text, _SIZE, self.width)
            canvas.add(Depth.LETTERS, Text(middle, line_text, _SIZE, Role.PLAIN, shown, "start"))

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw the empty cells, and each number from its frame on."""
        cells = self._cells(canvas, at)
        for channel, shown in spans.channels.items():
            name = numbered("output", channel, self.film.output.shape[0])
            put_label(canvas, at, name, self.width, shown)
            put_output(cells, spans, channel, shown)

    def _cells(self, canvas: Canvas, at: Point) -> Cells:
        rows, columns = self._lines
        grid = Grid.upright(rows, columns, left=at[0], top=at[1] + LABEL, side=self.side)
        return Cells(canvas, grid, Kind.OUTPUT, self.shades, self.side)


def put_output(
    cells: Cells, spans: Spans, channel: int, shown: range, depth: Depth = Depth.CELLS
) -> None:
    """Draw one channel's output cells: empty ones, and each with its number from its frame on."""
    film = spans.film
    _, height, width = film.output.shape
    for row in cells.grid.rows:
        for column in cells.grid.columns:
            if not (0 <= row < height and 0 <= column < width):
                cells.empty((row, column), Role.PADDING, shown)
                continue
            cells.empty((row, column), Role.OUTPUT, shown, depth)
            since = spans.since((channel, row, column))
            if since is not None:
                value = film.output.item(channel, row, column)
                known = range(max(since, shown.start), shown.stop)
                cells.put((row, column), Role.OUTPUT, value, known, max(depth, Depth.OUTPUT))


def output_lines(film: Film, *, stamped: bool) -> tuple[range, range]:
    """Return the output's rows and columns, with those that stamps reach beyond it if asked for."""
    _, height, width = film.output.shape
    if not stamped:
        return range(height), range(width)
    rows, columns = (
        range(axis.position(0, 0), max(axis.position(axis.size - 1, axis.kernel - 1) + 1, size))
        for axis, size in zip(_axes(film), (height, width), strict=True)
    )
    return rows, columns


def stamp(film: Film, term: Term) -> tuple[range, range]:
    """Return the rows and columns of the output that an input cell's kernel covers."""
    rows, columns = (
        range(axis.position(place, 0), axis.position(place, axis.kernel - 1) + 1)
        for axis, place in zip(_axes(film), term.cell[1:], strict=True)
    )
    return rows, columns


def _axes(film: Film) -> tuple[Stamp, Stamp]:
    assert isinstance(film.spec, StampSpec)  # noqa: S101 - asked for such layers only
    return stamp_axes(film.spec, (film.input.shape[1], film.input.shape[2]))


def totals(film: Film, frame: Frame) -> Iterator[str]:
    """Yield in up to three lines what the terms so far come to.

    Example:
        >>> from convpool.pictures.frames import film
        >>> pooled = film("MaxPool2d(2)", [[1, 2], [3, 4]])
        >>> list(totals(pooled, pooled.frames[0]))
        ['largest 4', 'index 3']
    """
    last = frame.step is None or frame.step == len(frame.terms) - 1
    running = 0.0
    if frame.terms:
        running = frame.terms[-1 if frame.step is None else frame.step].running
    if isinstance(film.spec, ConvolutionSpec):
        yield f"sum {cell_text(running)}"
        if frame.bias is not None and last:
            yield f"+ bias {cell_text(frame.bias)}"
            yield f"= {cell_text(frame.result)}"
    elif isinstance(film.spec, AvgPool2dSpec):
        yield f"mean {cell_text(running)}"
    elif isinstance(film.spec, MaxPool2dSpec):
        yield f"largest {cell_text(running)}"
        if frame.flat_index is not None and last:
            yield f"index {frame.flat_index}"
