"""The output: cells come as they are computed and stay, and beneath them what they add up to."""

from collections.abc import Iterator
from dataclasses import dataclass

from convpool.pictures.drawing import Point, Role, Text
from convpool.pictures.frames import Film, Frame
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.cells import Cells
from convpool.pictures.views.grid import Grid
from convpool.pictures.views.label import LABEL, numbered, put_label
from convpool.pictures.views.letters import LINE, elided
from convpool.pictures.views.part import Spans
from convpool.pictures.views.values import Kind, Shades, cell_text
from convpool.spec import AvgPool2dSpec, ConvolutionSpec

_SIZE = 12.0
_NARROWEST = 84.0  # pixels that the sum beneath takes


@dataclass(frozen=True)
class OutputPart:
    """The plane that is written, one channel at a time.

    Args:
        film: whose output it is.
        shades: the scales of values.
        side: of its cells, in pixels.
    """

    film: Film
    shades: Shades
    side: float

    @property
    def width(self) -> float:
        """In pixels."""
        return max(_NARROWEST, self.film.output.shape[2] * self.side)

    @property
    def height(self) -> float:
        """In pixels."""
        return LABEL + self.film.output.shape[1] * self.side + 8 + 2 * _SIZE * LINE

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Outline the cell that is written, and say what it holds so far."""
        if not self.film.output.size:
            return
        shown, cells = range(number, number + 1), self._cells(canvas, at)
        _, row, column = frame.target
        cells.outline(range(row, row + 1), range(column, column + 1), Role.TARGET, shown)
        y = at[1] + LABEL + len(cells.grid.rows) * self.side + 8
        for line, text in enumerate(totals(self.film, frame)):
            middle = (at[0], y + (line + 0.5) * _SIZE * LINE)
            text = elided(text, _SIZE, self.width)
            canvas.add(Depth.LETTERS, Text(middle, text, _SIZE, Role.PLAIN, shown, "start"))

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw the empty cells, and each number from its frame on."""
        cells = self._cells(canvas, at)
        for channel, shown in spans.channels.items():
            name = numbered("output", channel, self.film.output.shape[0])
            put_label(canvas, at, name, self.width, shown)
            put_output(cells, spans, channel, shown)

    def _cells(self, canvas: Canvas, at: Point) -> Cells:
        _, height, width = self.film.output.shape
        top = at[1] + LABEL
        grid = Grid.upright(range(height), range(width), left=at[0], top=top, side=self.side)
        return Cells(canvas, grid, Kind.OUTPUT, self.shades, self.side)


def put_output(cells: Cells, spans: Spans, channel: int, shown: range) -> None:
    """Draw one channel's output cells: empty ones, and each with its number from its frame on."""
    film = spans.film
    for row in cells.grid.rows:
        for column in cells.grid.columns:
            cells.empty((row, column), Role.OUTPUT, shown)
            since = spans.since((channel, row, column))
            if since is not None:
                value = film.output.item(channel, row, column)
                known = range(max(since, shown.start), shown.stop)
                cells.put((row, column), Role.OUTPUT, value, known, Depth.WRITTEN)


def totals(film: Film, frame: Frame) -> Iterator[str]:
    """Yield in a line or two what the terms so far come to.

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
            yield f"+ bias {cell_text(frame.bias)} = {cell_text(frame.result)}"
    elif isinstance(film.spec, AvgPool2dSpec):
        yield f"mean {cell_text(running)}"
    elif frame.terms:
        yield f"largest {cell_text(running)}"
        if frame.flat_index is not None and last:
            yield f"index {frame.flat_index}"
