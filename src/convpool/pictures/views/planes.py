"""What a window slides over: the input with its padding, or the zero-stuffed twin of a stamp layer.

A transposed convolution with stride s equals a convolution of stride 1 with the flipped kernel over
its input with s - 1 zeros between the cells (Dumoulin and Visin, "A guide to convolution arithmetic
for deep learning", section 4). So one description serves both, with a step of s between cells.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from convpool.arithmetic import Window, source_index, window_axes
from convpool.pictures.drawing import Role
from convpool.pictures.frames import Film, Frame, Term
from convpool.spec import Conv2dSpec, MaxPool2dSpec, WindowSpec
from convpool.spec.arguments import Pair

Cell = tuple[int, int]
Axes = tuple[Window, Window]


@dataclass(frozen=True)
class Plane:
    """The rows and columns of the input as they are drawn.

    Args:
        film: that it belongs to.
        axes: how the window slides over it, vertical and horizontal; None where none slides.
        step: how far the input's cells lie apart.
        rows: all that are drawn, padding included.
        columns: likewise.
        flipped: whether the window holds the kernel turned by half a circle.
    """

    film: Film
    axes: Axes | None
    step: Pair
    rows: range
    columns: range
    flipped: bool = False

    def place(self, term: Term) -> Cell:
        """Return where the cell that a term reads is drawn."""
        return term.cell[1] * self.step[0], term.cell[2] * self.step[1]

    def tap(self, term: Term) -> Cell:
        """Return where in the window the weight that a term takes is drawn."""
        if not self.flipped or self.axes is None:
            return term.tap
        return self.axes[0].kernel - 1 - term.tap[0], self.axes[1].kernel - 1 - term.tap[1]

    def window(self, frame: Frame) -> tuple[range, range] | None:
        """Return the rows and columns from a window's first tap to its last."""
        if self.axes is None:
            return None
        rows, columns = (
            range(axis.position(at, 0), axis.position(at, axis.kernel - 1) + 1)
            for axis, at in zip(self.axes, frame.target[1:], strict=True)
        )
        return rows, columns

    def cells(self, channel: int) -> Iterator[tuple[Cell, Role, float]]:
        """Yield each cell with its role and value; NaN where a window lacks a cell."""
        height, width = self.film.input.shape[1:]
        for row in self.rows:
            for column in self.columns:
                inside = row % self.step[0] == 0 and column % self.step[1] == 0
                source = row // self.step[0], column // self.step[1]
                if inside and 0 <= source[0] < height and 0 <= source[1] < width:
                    yield (row, column), Role.INPUT, self.film.input.item(channel, *source)
                else:
                    value = self._padding(channel, row, column)
                    role = Role.REFUSED if value is None else Role.PADDING
                    yield (row, column), role, math.nan if value is None else value

    def unread(self) -> Iterator[tuple[range, range]]:
        """Yield boxes, as rows and columns, that no window reads: cut off, or between strides."""
        for note in self.film.notes:
            if note.kind == "unvisited":
                for line in note.cells:
                    one = range(line, line + 1)
                    yield (one, self.columns) if note.vertical else (self.rows, one)
        if self.flipped:
            top, bottom, left, right = (max(0, -cut) for cut in self.film.padding)
            rows = range(top, self.rows.stop - bottom)
            if top:
                yield range(top), self.columns
            if bottom:
                yield range(rows.stop, self.rows.stop), self.columns
            if left:
                yield rows, range(left)
            if right:
                yield rows, range(self.columns.stop - right, self.columns.stop)

    def _padding(self, channel: int, row: int, column: int) -> float | None:
        """The value of a cell beside the input; None where a window that doesn't fit lacks it."""
        spec = self.film.spec
        if self.axes and not all(map(_on, self.axes, (row, column))):
            return None
        if isinstance(spec, MaxPool2dSpec):
            return -math.inf
        if not isinstance(spec, Conv2dSpec):
            return 0.0
        sources = [
            source_index(place, size, spec.padding_mode)
            for place, size in zip((row, column), self.film.input.shape[1:], strict=True)
        ]
        if None in sources:
            return 0.0
        there = all(
            source in range(size)
            for source, size in zip(sources, self.film.input.shape[1:], strict=True)
        )
        return float(self.film.input[channel][tuple(sources)]) if there else None


def _on(axis: Window, place: int) -> bool:
    """Whether a place lies on the padded axis, or under a window that ceil_mode adds.

    Negative padding takes nothing away: what is cut off is drawn too.
    """
    last = axis.position(axis.output - 1, axis.kernel - 1) if axis.output > 0 else 0
    end = axis.size + max(0, axis.after)
    return -max(0, axis.before) <= place < max(end, last + 1)


def input_plane(film: Film) -> Plane:
    """Return the input with its padding; that of a stamp layer has none, and no window.

    Where notes speak of a window that doesn't fit, its rows and columns are drawn too.
    """
    height, width = film.input.shape[1:]
    if not isinstance(film.spec, WindowSpec):
        return Plane(film, None, (1, 1), range(height), range(width))
    axes = window_axes(film.spec, (height, width))
    rows, columns = (
        _spanned(axis, [note.cells for note in film.notes if note.vertical is vertical])
        for axis, vertical in zip(axes, (True, False), strict=True)
    )
    return Plane(film, axes, (1, 1), rows, columns)


def stuffed_plane(film: Film) -> Plane:
    """Return the zero-stuffed input of a transposed convolution, over which stride 1 slides."""
    spec = film.spec
    top, bottom, left, right = film.padding
    sides = ((top, bottom), (left, right))
    vertical, horizontal = (
        Window((size - 1) * step + 1, taps, 1, before, after, spread)
        for size, taps, step, (before, after), spread in zip(
            film.input.shape[1:],
            spec.kernel_size,
            spec.stride,
            sides,
            spec.dilation,
            strict=True,
        )
    )
    rows, columns = (
        range(min(0, -axis.before), axis.size + max(0, axis.after))
        for axis in (vertical, horizontal)
    )
    return Plane(film, (vertical, horizontal), spec.stride, rows, columns, flipped=True)


def _spanned(axis: Window, cells: Iterable[tuple[int, ...]]) -> range:
    """The padded axis, with the last window and what notes speak of."""
    last = axis.position(max(axis.output, 1) - 1, axis.kernel - 1)
    named = [cell for group in cells for cell in group]
    first = min([-axis.before, *named])
    return range(first, max([axis.size + axis.after, last + 1, *(cell + 1 for cell in named)]))
