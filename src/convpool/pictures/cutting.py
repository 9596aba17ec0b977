"""Drawings from drawings: some of the frames, or all of them side by side on one page."""

import math
from dataclasses import replace

from convpool.errors import ArgumentError
from convpool.pictures.drawing import Drawing, Point, Shape, Text

_GAP = 24.0  # pixels between the frames of a strip
_SHAPE_OF_STRIP = 1.6  # width over height that a strip tries for


def part(drawing: Drawing, frames: range) -> Drawing:
    """Return a film of some of the frames.

    Args:
        drawing: what to cut.
        frames: those to keep, one after another.

    Raises:
        ArgumentError: where there is no frame among them, or one that the drawing doesn't have.

    Example:
        >>> film = Drawing(8, 8, (), ("a", "b", "c"), "three", 8)
        >>> part(film, range(1, 3)).captions
        ('b', 'c')
    """
    there = range(drawing.count)
    if frames.step != 1 or not frames or frames[0] not in there or frames[-1] not in there:
        raise ArgumentError(
            "frames", f"{frames.start}:{frames.stop}", f"some of 0:{drawing.count}, one at least"
        )
    shapes = (
        replace(shape, shown=_common(shape.shown, frames))
        for shape in drawing.shapes
        if _common(shape.shown, frames)
    )
    captions = drawing.captions[frames.start : frames.stop]
    return replace(drawing, shapes=tuple(shapes), captions=captions)


def strip(drawing: Drawing, columns: int | None = None) -> Drawing:
    r"""Return a still of all frames, row by row.

    Args:
        drawing: whose frames to show.
        columns: how many lie side by side; None for as many as give a page of common proportions.

    Raises:
        ArgumentError: where columns is less than 1.

    Example:
        >>> film = Drawing(100, 50, (), ("a", "b", "c"), "three", 8)
        >>> strip(film, 2).width, strip(film, 2).height, strip(film).captions
        (224.0, 124.0, ('a\nb\nc',))
    """
    if columns is None:
        tall = drawing.count * drawing.height / drawing.width
        columns = min(drawing.count, math.ceil(math.sqrt(tall * _SHAPE_OF_STRIP)))
    if columns < 1:
        raise ArgumentError("columns", columns, "at least 1")
    rows = math.ceil(drawing.count / columns)
    across, down = drawing.width + _GAP, drawing.height + _GAP
    shapes = (
        _moved(shape, frame % columns * across, frame // columns * down)
        for frame in range(drawing.count)
        for shape in drawing.frame(frame)
    )
    return replace(
        drawing,
        width=columns * across - _GAP,
        height=rows * down - _GAP,
        shapes=tuple(shapes),
        captions=("\n".join(drawing.captions),),
    )


def _common(shown: range, frames: range) -> range:
    """The frames of both, counted from the first of those kept."""
    return range(max(shown.start - frames.start, 0), min(shown.stop - frames.start, len(frames)))


def _moved(shape: Shape, right: float, down: float) -> Shape:
    """The shape elsewhere, in the only frame."""

    def move(point: Point) -> Point:
        return point[0] + right, point[1] + down

    if isinstance(shape, Text):
        return replace(shape, place=move(shape.place), shown=range(1))
    return replace(shape, points=tuple(map(move, shape.points)), shown=range(1))
