"""Hatching, dashes and arrow heads as points: all renderers draw the same ones."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from convpool.pictures.drawing import Point

Segment = tuple[Point, Point]


def hatching(corners: Sequence[Point], gap: float) -> list[Segment]:
    """Return the diagonal lines within a closed shape.

    They rise to the right and lie on one raster, so those of neighbouring cells join.

    Args:
        corners: of the shape.
        gap: the distance of the lines along the x axis.

    Example:
        >>> hatching(((0, 0), (4, 0), (4, 4), (0, 4)), 4)
        [((0.0, 4.0), (4.0, 0.0))]
    """
    sums = [x + y for x, y in corners]
    first, last = math.floor(min(sums) / gap) + 1, math.ceil(max(sums) / gap)
    segments = []
    for number in range(first, last):
        crossings = sorted(_crossings(corners, number * gap))
        segments += list(zip(crossings[::2], crossings[1::2], strict=False))
    return segments


def dashes(points: Sequence[Point], pattern: Sequence[float]) -> Iterator[Segment]:
    """Yield the strokes of a dashed line, piece by piece.

    Each piece is scaled to begin and end with half a stroke: corners are closed, and the common
    side of two neighbouring cells has the same strokes from either.

    Args:
        points: where the line goes; a closed one ends where it begins.
        pattern: the lengths of stroke, gap, stroke, gap ...

    Example:
        >>> list(dashes(((0, 0), (8, 0)), (4, 4)))
        [((0.0, 0.0), (2.0, 0.0)), ((6.0, 0.0), (8.0, 0.0))]
    """
    for start, end in pairwise(points):
        length = math.dist(start, end)
        times = periods(length, pattern)
        scale = length / (times * sum(pattern))
        place = -pattern[0] / 2 * scale
        for stroke, gap in (*zip(pattern[::2], pattern[1::2], strict=True),) * times:
            if length:
                yield _part(start, end, max(0.0, place / length), (place + stroke * scale) / length)
            place += (stroke + gap) * scale
        if length:
            yield _part(start, end, place / length, 1.0)


def periods(length: float, pattern: Sequence[float]) -> int:
    """Return how often a pattern of dashes goes into a side of a shape.

    Example:
        >>> periods(32, (3, 3))
        5
    """
    return max(1, round(length / sum(pattern)))


def arrow_head(points: Sequence[Point], width: float) -> tuple[Point, Point, Point]:
    """Return the triangle at the end of a line.

    Args:
        points: of the line, two or more.
        width: of the line.

    Example:
        >>> arrow_head(((0, 0), (10, 0)), 1)
        ((10, 0), (4.0, -3.0), (4.0, 3.0))
    """
    (from_x, from_y), (x, y) = points[-2:]
    length = math.dist((from_x, from_y), (x, y)) or 1.0
    size = 4 + 2 * width
    along_x, along_y = (x - from_x) / length * size, (y - from_y) / length * size
    left = (x - along_x + along_y / 2, y - along_y - along_x / 2)
    right = (x - along_x - along_y / 2, y - along_y + along_x / 2)
    return (x, y), left, right


def _crossings(corners: Sequence[Point], level: float) -> Iterator[Point]:
    """Where the line x + y = level meets the sides of a closed shape."""
    for (x, y), (to_x, to_y) in pairwise((*corners, corners[0])):
        here, there = x + y - level, to_x + to_y - level
        if (here < 0) != (there < 0):
            part = here / (here - there)
            yield x + (to_x - x) * part, y + (to_y - y) * part


def _part(start: Point, end: Point, first: float, last: float) -> Segment:
    (x, y), (to_x, to_y) = start, end
    along_x, along_y = to_x - x, to_y - y
    return (
        (x + along_x * first, y + along_y * first),
        (x + along_x * min(last, 1.0), y + along_y * min(last, 1.0)),
    )
