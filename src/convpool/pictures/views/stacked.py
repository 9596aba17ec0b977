"""Two planes in space: the input below, the output above, lines from the window to its target."""

from dataclasses import dataclass

from convpool.pictures.drawing import Drawing, Line, Point, Role
from convpool.pictures.frames import Film, Frame
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.cells import Cells, side_for
from convpool.pictures.views.grid import Grid
from convpool.pictures.views.layers import channels_read
from convpool.pictures.views.output import put_output
from convpool.pictures.views.page import page
from convpool.pictures.views.part import GAP, Spans
from convpool.pictures.views.planes import Plane, input_plane, stuffed_plane
from convpool.pictures.views.reading import is_last, put_plane, put_window
from convpool.pictures.views.stuffed import WORDS
from convpool.pictures.views.values import Kind, texts
from convpool.spec import ConvTranspose2dSpec

_ACROSS, _DOWN = (0.96, 0.16), (-0.46, 0.46)
"""From a cell to the next of its row and of its column, in sides: planes seen from above."""
_ENLARGED = 1.35
"""A slanted cell is lower than wide, so that its number needs a larger side."""
_HEIGHT = 40.0
"""Pixels between the planes."""


def stacked(film: Film) -> Drawing:
    """Draw the planes in space; a transposed convolution over its zero-stuffed input.

    Raises:
        ArgumentError: there are more cells than can be drawn legibly.
    """
    twin = isinstance(film.spec, ConvTranspose2dSpec)
    plane = stuffed_plane(film) if twin else input_plane(film)
    slots = len(channels_read(film, 0))
    _, height, width = film.output.shape
    across = max(slots * (len(plane.columns) + len(plane.rows) // 2), width + height // 2)
    side = side_for(texts((film.input, film.output)), across) * _ENLARGED
    part = StackedPart(plane, side, slots)
    return page(film, part, None, WORDS if twin else None)


@dataclass(frozen=True)
class StackedPart:
    """The planes that are read, side by side, and the one that is written, above them.

    Args:
        plane: what is read.
        side: of the cells, in pixels.
        slots: how many channels are read at once.
    """

    plane: Plane
    side: float
    slots: int

    @property
    def width(self) -> float:
        """In pixels."""
        _, height, width = self.plane.film.output.shape
        lower = self._extent(self.plane.rows, self.plane.columns)[0]
        upper = self._extent(range(height), range(width))[0]
        return max(lower * self.slots + GAP * (self.slots - 1), upper)

    @property
    def height(self) -> float:
        """In pixels."""
        _, height, width = self.plane.film.output.shape
        lower = self._extent(self.plane.rows, self.plane.columns)[1]
        if not self.plane.film.fits:
            return lower
        return self._extent(range(height), range(width))[1] + _HEIGHT + lower

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Light what is read, and draw lines from the window to the cell that is written."""
        shown = range(number, number + 1)
        upper = self._upper(canvas, at)
        if self.plane.film.fits:
            upper.light(frame.target[1:], 0.0, shown, Role.TARGET, Depth.WRITTEN)
        for slot, channel in enumerate(channels_read(self.plane.film, frame.target[0])):
            lower = self._lower(canvas, at, slot)
            window = self.plane.window(frame)
            if not self.plane.film.fits:
                put_window(lower, self.plane, frame, shown, Role.REFUSED)
                continue
            put_window(lower, self.plane, frame, shown)
            for index, term in enumerate(frame.terms):
                if term.cell[0] != channel:
                    continue
                place = self.plane.place(term)
                lower.light(place, 0.0, shown)
                if index == frame.step:
                    lower.outline_cell(place, Role.TARGET, shown)
                if index == frame.chosen and is_last(frame):
                    lower.choose(place, shown)
                if window is None:
                    self._join(canvas, lower.grid.cell(*place), upper, frame, shown)
            if window is not None:
                self._join(canvas, lower.grid.outline(*window), upper, frame, shown)

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw the planes."""
        film, upper = self.plane.film, self._upper(canvas, at)
        for slot in range(self.slots):
            lower = self._lower(canvas, at, slot)
            for channel, shown in spans.read(slot).items():
                put_plane(lower, self.plane, channel, shown)
        if film.fits:
            for channel, shown in spans.channels.items():
                put_output(upper, spans, channel, shown, Depth.UPPER)

    def _join(
        self,
        canvas: Canvas,
        corners: tuple[Point, ...],
        upper: Cells,
        frame: Frame,
        shown: range,
    ) -> None:
        for below, above in zip(corners, upper.grid.cell(*frame.target[1:]), strict=True):
            canvas.add(Depth.LINKS, Line((below, above), Role.LINK, shown))

    def _lower(self, canvas: Canvas, at: Point, slot: int) -> Cells:
        width, height = self._extent(self.plane.rows, self.plane.columns)
        left = at[0] + (self.width - self.slots * (width + GAP) + GAP) / 2 + slot * (width + GAP)
        top = at[1] + self.height - height
        return self._slanted(canvas, (left, top), self.plane.rows, self.plane.columns, Kind.INPUT)

    def _upper(self, canvas: Canvas, at: Point) -> Cells:
        _, height, width = self.plane.film.output.shape
        left = at[0] + (self.width - self._extent(range(height), range(width))[0]) / 2
        return self._slanted(canvas, (left, at[1]), range(height), range(width), Kind.OUTPUT)

    def _extent(self, rows: range, columns: range) -> tuple[float, float]:
        """Return the width and height of a slanted plane."""
        across, down = len(columns) * self.side, len(rows) * self.side
        return _ACROSS[0] * across - _DOWN[0] * down, _ACROSS[1] * across + _DOWN[1] * down

    def _slanted(self, canvas: Canvas, at: Point, rows: range, columns: range, kind: Kind) -> Cells:
        across = (_ACROSS[0] * self.side, _ACROSS[1] * self.side)
        down = (_DOWN[0] * self.side, _DOWN[1] * self.side)
        first = (at[0] - len(rows) * down[0], at[1])
        origin = (
            first[0] - rows.start * down[0] - columns.start * across[0],
            first[1] - rows.start * down[1] - columns.start * across[1],
        )
        grid = Grid(rows, columns, origin, across, down)
        return Cells(canvas, grid, kind, None, self.side * _ACROSS[0], self.side * _DOWN[1])
