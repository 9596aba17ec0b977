"""What a picture says about an axis: what nothing reads, ceil_mode's window, what doesn't fit."""

from collections.abc import Iterator
from itertools import takewhile

from convpool.arithmetic import Stamp, Window
from convpool.arithmetic.padding import check_padding
from convpool.errors import ArgumentError
from convpool.pictures.frames.frame import Note
from convpool.spec import Conv2dSpec, LayerSpec

Axes = tuple[Window, Window] | tuple[Stamp, Stamp]


def notes_of(axes: Axes) -> Iterator[Note]:
    """Yield what there is to say about a layer that works.

    Example:
        >>> odd = Window(size=6, kernel=3, stride=2, before=1, after=1)
        >>> [note.text for note in notes_of((odd, Window(size=3, kernel=3)))]
        ['last row never read: (3-1)*2 + 3 = 7 < 1+6+1']
    """
    for vertical, axis in zip((True, False), axes, strict=True):
        if isinstance(axis, Window):
            yield from _unvisited(axis, vertical=vertical)
            yield from _extra(axis, vertical=vertical)


def misfits(spec: LayerSpec, axes: Axes) -> Iterator[Note]:
    """Yield, for each axis on which a layer can't work, what doesn't fit.

    Example:
        >>> spec = Conv2dSpec(1, 1, 7)
        >>> [note.text for note in misfits(spec, (Window(5, 7), Window(9, 7)))]
        ['kernel reach 1*(7-1)+1 = 7 > 0+5+0, the padded height']
    """
    for vertical, axis in zip((True, False), axes, strict=True):
        name = "height" if vertical else "width"
        text, cells = "", range(-axis.before, axis.reach - axis.before)
        if axis.output < 1 and isinstance(axis, Window):
            spread = f"{axis.dilation}*({axis.kernel}-1)+1"
            sides = f"{axis.before}+{axis.size}+{axis.after}"
            text = f"kernel reach {spread} = {axis.reach} > {sides}, the padded {name}"
        elif axis.output < 1:
            full = axis.output + axis.before + axis.after
            text = f"padding {axis.before}+{axis.after} takes all {full} of the full output {name}"
            cells = range(full)
        elif isinstance(spec, Conv2dSpec):
            try:
                check_padding(
                    (axis.before, axis.after), axis.size, spec.padding_mode, "HW"[not vertical]
                )
            except ArgumentError as error:
                text = str(error)
                cells = range(-axis.before, axis.size + axis.after)
        if text:
            yield Note("no fit", vertical, tuple(cells), text)


def _unvisited(axis: Window, *, vertical: bool) -> Iterator[Note]:
    unread = axis.unread
    end = axis.size + axis.after
    backwards = takewhile(lambda place: place in unread, range(end - 1, -axis.before - 1, -1))
    trailing = tuple(reversed([*backwards]))
    between = unread[: len(unread) - len(trailing)]
    if trailing:
        last = f"({axis.output}-1)*{axis.stride} + {axis.reach}"
        reached = (axis.output - 1) * axis.stride + axis.reach
        sides = f"{axis.before}+{axis.size}+{axis.after}"
        text = f"last {_lines(trailing, vertical)} never read: {last} = {reached} < {sides}"
        yield Note("unvisited", vertical, trailing, text)
    if between:
        gap = f"stride {axis.stride}" + (f", dilation {axis.dilation}" if axis.dilation > 1 else "")
        text = f"{_lines(between, vertical)} between never read: kernel {axis.kernel}, {gap}"
        yield Note("unvisited", vertical, between, text)


def _extra(axis: Window, *, vertical: bool) -> Iterator[Note]:
    if axis.has_extra:
        answer = "refused" if axis.drops_last else "taken"
        cells = tuple(axis.position(axis.rounded - 1, tap) for tap in range(axis.kernel))
        text = f"ceil_mode's window {answer}: starts at {axis.inequality}"
        yield Note(f"extra {answer}", vertical, cells, text)


def _lines(cells: tuple[int, ...], vertical: bool) -> str:
    name = "row" if vertical else "column"
    return name if len(cells) == 1 else f"{len(cells)} {name}s"
