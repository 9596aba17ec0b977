"""All channels at once: inputs above, outputs beside, and between them the kernel that joins two.

A row is a filter and a column an input channel, so groups are blocks on the diagonal, and a filter
reads the channels above its kernels.
"""

from dataclasses import dataclass

from convpool.pictures.drawing import Drawing, Line, Point, Role
from convpool.pictures.frames import Film, Frame
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.cells import Cells, side_for
from convpool.pictures.views.grid import Grid
from convpool.pictures.views.label import LABEL, put_label
from convpool.pictures.views.layers import channels_read, filter_of
from convpool.pictures.views.output import put_output
from convpool.pictures.views.page import page
from convpool.pictures.views.part import GAP, Spans
from convpool.pictures.views.planes import Plane, input_plane
from convpool.pictures.views.reading import is_last, put_filter, put_plane, put_window
from convpool.pictures.views.values import Kind, Shades, texts


def channels(film: Film) -> Drawing:
    """Draw which filter reads which channel.

    Raises:
        ArgumentError: there are more cells than can be drawn legibly.
    """
    shades, plane = Shades.within(film), input_plane(film)
    read, (made, height, width) = film.input.shape[0], film.output.shape
    kernel = film.spec.kernel_size
    across = read * max(len(plane.columns), kernel[1]) + width
    along = len(plane.rows) + made * max(height, kernel[0])
    arrays = (film.input, film.output, *(() if film.weight is None else (film.weight,)))
    side = side_for(texts(arrays), max(across, along))
    return page(film, ChannelsPart(plane, shades, side), shades)


@dataclass(frozen=True)
class ChannelsPart:
    """A table of kernels, with the planes that it joins.

    Args:
        plane: what is read.
        shades: the scales of values.
        side: of the cells, in pixels.
    """

    plane: Plane
    shades: Shades
    side: float

    @property
    def width(self) -> float:
        """In pixels."""
        read, outputs = (len(self.plane.film.input), self.plane.film.output.shape[2] * self.side)
        return read * (self._column + GAP) + GAP + max(float(outputs), 60.0)

    @property
    def height(self) -> float:
        """In pixels."""
        rows = len(self.plane.film.output) * (self._row + GAP)
        return LABEL + len(self.plane.rows) * self.side + rows

    @property
    def _column(self) -> float:
        return max(len(self.plane.columns), self.plane.film.spec.kernel_size[1]) * self.side

    @property
    def _row(self) -> float:
        height = int(self.plane.film.output.shape[1])
        return LABEL + max(self.plane.film.spec.kernel_size[0], height) * self.side

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Light what the current filter reads, and outline its kernels."""
        shown, film, target = range(number, number + 1), self.plane.film, frame.target[0]
        if not film.fits:
            put_window(self._input(canvas, at, 0), self.plane, frame, shown, Role.REFUSED)
            return
        read = channels_read(film, target)
        for channel in read:
            put_window(self._input(canvas, at, channel), self.plane, frame, shown)
            kernel = self._kernel(canvas, at, target, channel)
            kernel.outline(kernel.grid.rows, kernel.grid.columns, Role.WINDOW, shown)
        for index, term in enumerate(frame.terms):
            cells, place = self._input(canvas, at, term.cell[0]), self.plane.place(term)
            kernel = self._kernel(canvas, at, target, term.cell[0])
            cells.light(place, term.value if term.source == term.cell else 0.0, shown)
            if film.weight is None:
                value, role = term.weight, Role.WEIGHT
                if value is None:
                    value, role = term.value, Role.INPUT
                kernel.put(term.tap, role, value, shown, Depth.WRITTEN)
            if index == frame.step:
                cells.outline_cell(place, Role.TARGET, shown)
                kernel.outline_cell(term.tap, Role.TARGET, shown)
            if index == frame.chosen and is_last(frame):
                cells.choose(place, shown)
        output = self._output(canvas, at, target)
        output.outline_cell(frame.target[1:], Role.TARGET, shown)
        last = self._kernel(canvas, at, target, read[-1]).grid
        middle = last.corner(len(last.rows) / 2, len(last.columns))
        end = (output.grid.origin[0] - 4, middle[1])
        canvas.add(Depth.LINKS, Line(((middle[0] + 4, middle[1]), end), Role.LINK, shown, True))

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw all planes and all kernels, the outputs as they come."""
        film, always = self.plane.film, spans.always
        for channel in range(film.input.shape[0]):
            cells = self._input(canvas, at, channel)
            self._name(canvas, cells, f"input {channel}", self._column, always)
            put_plane(cells, self.plane, channel, always)
        for target in range(film.output.shape[0]):
            output = self._output(canvas, at, target)
            self._name(canvas, output, f"output {target}", self.width, always)
            for row in output.grid.rows:
                for column in output.grid.columns:
                    output.empty((row, column), Role.OUTPUT, always)
            if target in spans.channels:
                known = range(spans.channels[target].start, always.stop)
                put_output(output, spans, target, known)
            for channel in channels_read(film, target):
                self._stay_kernel(canvas, at, (target, channel), always)

    def _stay_kernel(self, canvas: Canvas, at: Point, pair: tuple[int, int], always: range) -> None:
        """Draw the kernel that joins an output channel and an input channel."""
        kernel = self._kernel(canvas, at, *pair)
        weights = filter_of(self.plane.film, *pair)
        name = f"filter {pair[0]}" if weights is not None else "window"
        self._name(canvas, kernel, name, self._column, always)
        if weights is not None:
            put_filter(kernel, weights, always)
            return
        for row in kernel.grid.rows:
            for column in kernel.grid.columns:
                kernel.empty((row, column), Role.FAINT, always)

    def _name(self, canvas: Canvas, cells: Cells, name: str, room: float, always: range) -> None:
        x, y = cells.grid.corner(cells.grid.rows.start, cells.grid.columns.start)
        put_label(canvas, (x, y - LABEL), name, room, always)

    def _input(self, canvas: Canvas, at: Point, channel: int) -> Cells:
        left = at[0] + channel * (self._column + GAP)
        left += (self._column - len(self.plane.columns) * self.side) / 2
        rows, columns = self.plane.rows, self.plane.columns
        return self._cells(canvas, (left, at[1] + LABEL), (rows, columns), Kind.INPUT)

    def _kernel(self, canvas: Canvas, at: Point, target: int, channel: int) -> Cells:
        rows, columns = (range(size) for size in self.plane.film.spec.kernel_size)
        left = at[0] + channel * (self._column + GAP)
        left += (self._column - len(columns) * self.side) / 2
        kind = Kind.WEIGHT if Kind.WEIGHT in self.shades.largest else Kind.INPUT
        return self._cells(canvas, (left, self._top(at, target)), (rows, columns), kind)

    def _output(self, canvas: Canvas, at: Point, target: int) -> Cells:
        _, height, width = self.plane.film.output.shape
        left = at[0] + self.plane.film.input.shape[0] * (self._column + GAP) + GAP
        lines = (range(height), range(width))
        return self._cells(canvas, (left, self._top(at, target)), lines, Kind.OUTPUT)

    def _top(self, at: Point, target: int) -> float:
        """Where the cells of a row of the table begin."""
        first = at[1] + LABEL + len(self.plane.rows) * self.side + GAP
        return first + target * (self._row + GAP) + LABEL

    def _cells(self, canvas: Canvas, at: Point, lines: tuple[range, range], kind: Kind) -> Cells:
        grid = Grid.upright(*lines, left=at[0], top=at[1], side=self.side)
        return Cells(canvas, grid, kind, self.shades, self.side)
