"""Shapes to pixels: drawn a few times too large and reduced, which smooths every edge.

All is moved by half a pixel, as in the SVG, so that thin lines at whole coordinates fill whole
pixels.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw

from convpool.pictures.drawing import Line, Point, Polygon, Shape, Text
from convpool.pictures.lettering import Lettering
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.marks import arrow_head, dashes, hatching
from convpool.pictures.themes import Colour, Ink

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the picture
_SMOOTHING = 4  # pixels drawn for each of the picture, across and down
_ARROW = 6.0  # how far an arrow head may stand out from its line, beside the line's width


def paint(shapes: Iterable[Shape], look: Look, box: Box) -> Image.Image:
    """Return the part of a picture that lies in a box, in red, green and blue.

    Args:
        shapes: what may be seen there, from back to front.
        look: theme and scale.
        box: in pixels of the picture.

    Example:
        >>> paint((), Look(scale=2.0), (0, 0, 30, 20)).size
        (30, 20)
    """
    smoothing = max(2, math.ceil(_SMOOTHING / look.scale))
    left, top, right, bottom = box
    size = ((right - left) * smoothing, (bottom - top) * smoothing)
    image = Image.new("RGB", size, look.theme.background)
    brush = _Brush(ImageDraw.Draw(image), look, smoothing, (left * smoothing, top * smoothing))
    for shape in shapes:
        brush.draw(shape)
    return image.reduce(smoothing)


def extent(shape: Shape, look: Look) -> tuple[float, float, float, float]:
    """Return a box that holds all of a shape: left, top, right, bottom in pixels of the picture.

    Example:
        >>> from convpool.pictures.drawing import Role
        >>> extent(Line(((2, 2), (8, 2)), Role.PLAIN, range(1)), Look())
        (2.0, 2.0, 9.0, 3.0)
    """
    if isinstance(shape, Text):
        half_height = 0.75 * shape.size
        x, y = shape.place
        width = _width(shape.text, shape.size) + 0.2 * shape.size
        left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor]
        slack = 0.1 * shape.size
        box = (left - slack, y - half_height, left + width + slack, y + half_height)
    else:
        ink = look.theme.inks[shape.role]
        margin = ink.width / 2 + ink.casing
        margin += _ARROW + ink.width if isinstance(shape, Line) and shape.arrow else 0
        across, down = zip(*shape.points, strict=True)
        box = min(across) - margin, min(down) - margin, max(across) + margin, max(down) + margin
    left, top, right, bottom = ((part + 0.5) * look.scale for part in box)
    return left, top, right, bottom


@dataclass(frozen=True)
class _Brush:
    """Draws at `look.scale * smoothing`; `origin` is its upper left corner, in its own pixels."""

    on: ImageDraw.ImageDraw
    look: Look
    smoothing: int
    origin: tuple[int, int]

    @property
    def _scale(self) -> float:
        return self.look.scale * self.smoothing

    def draw(self, shape: Shape) -> None:
        ink = self.look.theme.ink(shape)
        if isinstance(shape, Text):
            self._write(shape, ink)
        elif isinstance(shape, Line):
            self._stroke(shape.points, ink)
            if shape.arrow:
                head = self._placed(arrow_head(shape.points, ink.width))
                self.on.polygon(head, fill=ink.stroke)
        else:
            self._polygon(shape, ink)

    def _write(self, text: Text, ink: Ink) -> None:
        lettering = _lettering(round(text.size * self._scale), ink.letters, text.bold)
        (place,) = self._placed((text.place,))
        lettering.write_about(self.on, place, text.text, text.anchor)

    def _polygon(self, polygon: Polygon, ink: Ink) -> None:
        corners = self._placed(polygon.points)
        if ink.fill is not None:
            self.on.polygon(corners, fill=ink.fill)
        if ink.hatch:
            width = max(1, round(self._scale))
            for segment in hatching(polygon.points, ink.hatch):
                self.on.line(self._placed(segment), fill=ink.hatching, width=width)
        self._stroke((*polygon.points, polygon.points[0]), ink)

    def _stroke(self, points: Sequence[Point], ink: Ink) -> None:
        if ink.casing:
            self._line(points, self.look.theme.background, ink.width + 2 * ink.casing)
        if ink.dash:
            for segment in dashes(points, ink.dash):
                self._line(segment, ink.stroke, ink.width)
        else:
            self._line(points, ink.stroke, ink.width)

    def _line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        placed, broad = self._placed(points), width * self._scale
        box = _upright_box(placed)
        if box is None:
            self.on.line(placed, fill=colour, width=max(1, round(broad)), joint="curve")
            return
        left, top, right, bottom = box
        if len(points) == 2:  # its ends are cut off, not prolonged
            across, down = (0.0, broad / 2) if top == bottom else (broad / 2, 0.0)
            self._fill((left - across, top - down, right + across, bottom + down), colour)
        else:
            half = broad / 2
            outer = (left - half, top - half, right + half, bottom + half)
            for side in (
                (outer[0], outer[1], outer[2], top + half),
                (outer[0], bottom - half, outer[2], outer[3]),
                (outer[0], outer[1], left + half, outer[3]),
                (right - half, outer[1], outer[2], outer[3]),
            ):
                self._fill(side, colour)

    def _fill(self, box: tuple[float, float, float, float], colour: Colour) -> None:
        """Fill an upright box; Pillow's corners are the last pixels within."""
        left, top, right, bottom = (math.floor(side + 0.5) for side in box)
        self.on.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), fill=colour)

    def _placed(self, points: Iterable[Point]) -> list[Point]:
        """The points in whole pixels: Pillow cuts off fractions, which moves what is left of 0."""
        left, top = self.origin
        scale = self._scale
        return [
            (math.floor((x + 0.5) * scale + 0.5) - left, math.floor((y + 0.5) * scale + 0.5) - top)
            for x, y in points
        ]


def _upright_box(points: Sequence[Point]) -> tuple[float, float, float, float] | None:
    """The box of a level or upright line, or of a closed rectangle; None for all else."""
    (x, y), *_ = points
    if len(points) == 2:
        (to_x, to_y) = points[1]
        if x != to_x and y != to_y:
            return None
        return min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)
    if len(points) != 5 or points[0] != points[-1]:
        return None
    across, down = {x for x, _ in points}, {y for _, y in points}
    if len(across) != 2 or len(down) != 2 or (points[1][0] != x and points[1][1] != y):
        return None
    return min(across), min(down), max(across), max(down)


@lru_cache(512)
def _lettering(size: int, colour: Colour, bold: bool) -> Lettering:
    return Lettering(size, colour, bold)


@lru_cache(4096)
def _width(text: str, size: float) -> float:
    return _lettering(round(size * _SMOOTHING), (0, 0, 0), False).width(text) / _SMOOTHING
