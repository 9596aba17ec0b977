"""Where maxima lay: the indices that pooling finds and unpooling obeys, and the image they name."""

from dataclasses import dataclass

from convpool.pictures.drawing import Point, Role
from convpool.pictures.frames import Film, Frame
from convpool.pictures.frames.frame import Array
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.cells import Cells
from convpool.pictures.views.grid import Grid
from convpool.pictures.views.label import LABEL, numbered, put_label
from convpool.pictures.views.part import Spans
from convpool.pictures.views.values import Kind, Shades
from convpool.spec import MaxPool2dSpec


@dataclass(frozen=True)
class IndexPart:
    """The flat indices of a pooling's output, as they are found, or of an unpooling's input.

    Args:
        film: of the layer.
        indices: (C, H, W).
        side: of the cells, in pixels.
    """

    film: Film
    indices: Array
    side: float

    @property
    def width(self) -> float:
        """In pixels."""
        return float(self.indices.shape[2] * self.side)

    @property
    def height(self) -> float:
        """In pixels."""
        return float(LABEL + self.indices.shape[1] * self.side)

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Mark the index that is found, or obeyed."""
        shown, cells = range(number, number + 1), self._cells(canvas, at)
        if self._found:
            cells.outline_cell(frame.target[1:], Role.TARGET, shown)
            return
        for term in frame.terms:
            cells.light(term.cell[1:], 0.0, shown)

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Write the indices: all of them, or each from its frame on."""
        cells, count = self._cells(canvas, at), self.indices.shape[0]
        role = Role.OUTPUT if self._found else Role.INPUT
        for channel, shown in spans.channels.items():
            put_label(canvas, at, numbered("indices", channel, count), self.width, shown)
            for row, values in enumerate(self.indices[channel].tolist()):
                for column, value in enumerate(values):
                    since = spans.since((channel, row, column)) if self._found else 0
                    cells.empty((row, column), role, shown)
                    if since is not None:
                        known = range(max(since, shown.start), shown.stop)
                        cells.put((row, column), role, value, known, Depth.CELLS)

    @property
    def _found(self) -> bool:
        return isinstance(self.film.spec, MaxPool2dSpec)

    def _cells(self, canvas: Canvas, at: Point) -> Cells:
        _, height, width = self.indices.shape
        top = at[1] + LABEL
        grid = Grid.upright(range(height), range(width), left=at[0], top=top, side=self.side)
        return Cells(canvas, grid, Kind.INPUT, None, self.side)


@dataclass(frozen=True)
class OriginPart:
    """The image whose pooling is undone, its maxima marked.

    Args:
        origin: the pooling.
        shades: the scales of values.
        side: of the cells, in pixels.
    """

    origin: Film
    shades: Shades
    side: float

    @property
    def width(self) -> float:
        """In pixels."""
        return float(self.origin.input.shape[2] * self.side)

    @property
    def height(self) -> float:
        """In pixels."""
        return float(LABEL + self.origin.input.shape[1] * self.side)

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Light the cell that a value came from."""
        cells = self._cells(canvas, at)
        for term in frame.terms:
            cells.light(frame.target[1:], term.value, range(number, number + 1))

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw the image, with its maxima marked."""
        cells, image = self._cells(canvas, at), self.origin.input
        for channel, shown in spans.channels.items():
            name = numbered("before pooling", channel, image.shape[0])
            put_label(canvas, at, name, self.width, shown)
            for row, values in enumerate(image[channel].tolist()):
                for column, value in enumerate(values):
                    cells.put((row, column), Role.INPUT, value, shown, Depth.CELLS)
            if self.origin.indices is not None:
                for index in set(self.origin.indices[channel].ravel().tolist()):
                    cells.choose(divmod(int(index), image.shape[2]), shown)

    def _cells(self, canvas: Canvas, at: Point) -> Cells:
        _, height, width = self.origin.input.shape
        top = at[1] + LABEL
        grid = Grid.upright(range(height), range(width), left=at[0], top=top, side=self.side)
        return Cells(canvas, grid, Kind.INPUT, self.shades, self.side)
