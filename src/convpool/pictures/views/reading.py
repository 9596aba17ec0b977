"""What is read: a plane with its window, and the kernel with its products."""

from collections.abc import Iterable
from dataclasses import dataclass

from convpool.pictures.drawing import Point, Role
from convpool.pictures.frames import Frame, Term
from convpool.pictures.frames.frame import Array
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.cells import Cells
from convpool.pictures.views.grid import Grid
from convpool.pictures.views.label import LABEL, numbered, put_label
from convpool.pictures.views.layers import channels_read, filter_of
from convpool.pictures.views.part import Spans
from convpool.pictures.views.planes import Plane
from convpool.pictures.views.values import Kind, Shades
from convpool.spec import Conv2dSpec

_BETWEEN = 14.0
"""Pixels between the grids of one part."""
_EXTRA = {"extra taken": Role.LINK, "extra refused": Role.REFUSED}
"""How the rows and columns of ceil_mode's window are outlined."""


@dataclass(frozen=True)
class PlanePart:
    """One plane: the n-th of the channels that are read for the current output channel.

    Args:
        plane: what the window slides over.
        shades: the scales of values.
        side: of its cells, in pixels.
        slot: n.
    """

    plane: Plane
    shades: Shades
    side: float
    slot: int = 0

    @property
    def width(self) -> float:
        """In pixels."""
        return len(self.plane.columns) * self.side

    @property
    def height(self) -> float:
        """In pixels."""
        return LABEL + len(self.plane.rows) * self.side

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Light the cells that are read, and outline their window."""
        shown, cells = range(number, number + 1), self._cells(canvas, at)
        if not self.plane.film.fits:
            put_window(cells, self.plane, frame, shown, Role.REFUSED)
            return
        put_window(cells, self.plane, frame, shown)
        for term in self._terms(frame):
            own = term.source == term.cell  # padding has no shade
            cells.light(self.plane.place(term), term.value if own else 0.0, shown)
        if frame.chosen is not None and is_last(frame):
            cells.choose(self.plane.place(frame.terms[frame.chosen]), shown)
        if frame.step is not None and frame.terms[frame.step].cell[0] == self._channel(frame):
            cells.outline_cell(self.plane.place(frame.terms[frame.step]), Role.TARGET, shown)

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw the plane of each channel while it is read."""
        cells, film = self._cells(canvas, at), self.plane.film
        for channel, shown in spans.read(self.slot).items():
            name = numbered("input", channel, film.input.shape[0])
            put_label(canvas, at, name, self.width, shown)
            put_plane(cells, self.plane, channel, shown)

    def _channel(self, frame: Frame) -> int:
        return channels_read(self.plane.film, frame.target[0])[self.slot]

    def _terms(self, frame: Frame) -> Iterable[Term]:
        channel = self._channel(frame)
        return (term for term in frame.terms if term.cell[0] == channel)

    def _cells(self, canvas: Canvas, at: Point) -> Cells:
        grid = Grid.upright(
            self.plane.rows, self.plane.columns, left=at[0], top=at[1] + LABEL, side=self.side
        )
        return Cells(canvas, grid, Kind.INPUT, self.shades, self.side)


@dataclass(frozen=True)
class KernelPart:
    """The kernel, and beside it the products.

    Args:
        plane: what the window slides over.
        shades: the scales of values.
        side: of its cells, in pixels.
        slot: which of the channels that are read.
    """

    plane: Plane
    shades: Shades
    side: float
    slot: int = 0

    @property
    def width(self) -> float:
        """In pixels."""
        return 2 * self.plane.film.spec.kernel_size[1] * self.side + _BETWEEN

    @property
    def height(self) -> float:
        """In pixels."""
        return LABEL + self.plane.film.spec.kernel_size[0] * self.side

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Light the weights that are taken, and write their products."""
        shown = range(number, number + 1)
        kernel, products = self._grids(canvas, at)
        channel = channels_read(self.plane.film, frame.target[0])[self.slot]
        for index, term in enumerate(frame.terms):
            if term.cell[0] != channel or term.weight is None:
                continue
            tap = self.plane.tap(term)
            if self.plane.film.weight is None:
                kernel.put(tap, Role.WEIGHT, term.weight, shown, Depth.CELLS)
            elif not isinstance(self.plane.film.spec, Conv2dSpec):
                kernel.light(tap, term.weight, shown)
            if frame.step is None or index <= frame.step:
                products.put(tap, Role.FAINT, term.product, shown, Depth.WRITTEN)
            if index == frame.step:
                kernel.outline_cell(tap, Role.WINDOW, shown)
                products.outline_cell(tap, Role.TARGET, shown)

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw the kernel of each output channel, and empty cells for products."""
        kernel, products = self._grids(canvas, at)
        film, always = self.plane.film, spans.always
        room = kernel.grid.columns.stop * self.side + _BETWEEN - 4
        beside = (products.grid.origin[0], at[1])
        put_label(canvas, beside, "products", room, always)
        for row in products.grid.rows:
            for column in products.grid.columns:
                products.empty((row, column), Role.FAINT, always)
        for target, shown in spans.channels.items():
            weights = filter_of(film, target, channels_read(film, target)[self.slot])
            put_label(canvas, at, numbered(self._name, target, len(film.output)), room, shown)
            if weights is not None:
                put_filter(kernel, weights[::-1, ::-1] if self.plane.flipped else weights, shown)

    @property
    def _name(self) -> str:
        if self.plane.film.weight is None:
            return "weights"
        return "flipped" if self.plane.flipped else "kernel"

    def _grids(self, canvas: Canvas, at: Point) -> tuple[Cells, Cells]:
        rows, columns = (range(size) for size in self.plane.film.spec.kernel_size)
        top = at[1] + LABEL
        beside = at[0] + len(columns) * self.side + _BETWEEN
        kernel = Grid.upright(rows, columns, left=at[0], top=top, side=self.side)
        products = Grid.upright(rows, columns, left=beside, top=top, side=self.side)
        return (
            Cells(canvas, kernel, Kind.WEIGHT, self.shades, self.side),
            Cells(canvas, products, Kind.PRODUCT, self.shades, self.side),
        )


def put_plane(cells: Cells, plane: Plane, channel: int, shown: range) -> None:
    """Draw the cells of a plane, with hatching where nothing reads and outlines that notes name."""
    for place, role, value in plane.cells(channel):
        cells.put(place, role, value, shown, Depth.CELLS)
    for rows, columns in plane.unread():
        cells.hatch(rows, columns, shown)
    for note in plane.film.notes:
        if note.kind in _EXTRA:
            lines = range(note.cells[0], note.cells[-1] + 1)
            box = (lines, plane.columns) if note.vertical else (plane.rows, lines)
            cells.outline(*box, _EXTRA[note.kind], shown)


def put_filter(cells: Cells, weights: Array, shown: range) -> None:
    """Draw a kernel with its weights."""
    for row, values in enumerate(weights.tolist()):
        for column, value in enumerate(values):
            cells.put((row, column), Role.WEIGHT, value, shown, Depth.CELLS)


def put_window(
    cells: Cells, plane: Plane, frame: Frame, shown: range, role: Role = Role.WINDOW
) -> None:
    """Outline the window of a frame."""
    window = plane.window(frame)
    if window is not None:
        cells.outline(*window, role, shown)


def is_last(frame: Frame) -> bool:
    """Tell whether a frame shows the last of its terms, and so the result."""
    return frame.step is None or frame.step >= len(frame.terms) - 1
