"""What a drawing says, read back from its shapes alone."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from convpool.pictures.drawing import Drawing, Point, Polygon, Role, Shape, Text

Cell = tuple[int, int, int]
"""Plane, row and column, all from 0."""
_READ = (Role.INPUT, Role.PADDING)


def polygons(shapes: Iterable[Shape], *roles: Role, filled: bool = True) -> list[Polygon]:
    """The polygons of some roles, from back to front."""
    return [
        shape
        for shape in shapes
        if isinstance(shape, Polygon) and shape.role in roles and shape.filled is filled
    ]


def middle(polygon: Polygon) -> Point:
    """The middle of a polygon."""
    xs, ys = zip(*polygon.points, strict=True)
    return sum(xs) / len(xs), sum(ys) / len(ys)


@dataclass(frozen=True)
class Letters:
    """The texts of a frame that stand in the middle of a cell."""

    texts: list[Text]

    @classmethod
    def of(cls, shapes: Iterable[Shape]) -> "Letters":
        return cls([s for s in shapes if isinstance(s, Text) and s.anchor == "middle"])

    def within(self, polygon: Polygon) -> str | None:
        """The text in the middle of a polygon, None if there is none."""
        x, y = middle(polygon)
        for text in self.texts:
            if abs(text.place[0] - x) < 0.01 and abs(text.place[1] - y) < 0.01:
                return text.text
        return None


@dataclass(frozen=True)
class Planes:
    """Grids of cells of one size, with the plane, row and column of each cell."""

    cells: list[Polygon]
    places: list[Cell]

    @classmethod
    def read(cls, drawing: Drawing, frame: int) -> "Planes":
        """The planes whose cells are read."""
        cells = polygons(drawing.frame(frame), *_READ)
        swatches = len({cell.role for cell in cells})  # the legend comes last
        return cls.of(_alike(cells[:-swatches]))

    @classmethod
    def written(cls, drawing: Drawing, frame: int) -> "Planes":
        """The planes that are written."""
        return cls.of(_alike(polygons(drawing.frame(frame), Role.OUTPUT, filled=False)))

    @classmethod
    def of(cls, cells: list[Polygon]) -> "Planes":
        """Cells that touch are of one plane; planes are counted from the left, then from above."""
        planes = sorted(_touching(cells), key=lambda plane: min(c.points[0] for c in plane))
        found = [
            (cell, (number, *place))
            for number, plane in enumerate(planes)
            for cell, place in zip(plane, _places(plane), strict=True)
        ]
        return cls([cell for cell, _ in found], [place for _, place in found])

    def among(self, shapes: Iterable[Polygon]) -> set[Cell]:
        """The cells that lie under some polygons."""
        points = {shape.points for shape in shapes}
        found = zip(self.cells, self.places, strict=True)
        return {place for cell, place in found if cell.points in points}

    def numbers(self, shapes: Iterable[Shape]) -> dict[Cell, str]:
        """What is written in the cells."""
        letters, found = Letters.of(shapes), zip(self.cells, self.places, strict=True)
        texts = {place: letters.within(cell) for cell, place in found}
        return {place: text for place, text in texts.items() if text is not None}


def _touching(cells: list[Polygon]) -> list[list[Polygon]]:
    """Groups of cells no farther from each other than the next of a row or column."""
    middles = np.array([middle(cell) for cell in cells])
    apart = np.hypot(*(middles[:, None] - middles).transpose(2, 0, 1))
    first, right, _, below = (np.array(point) for point in cells[0].points)
    near = apart < 1.01 * max(np.hypot(*(right - first)), np.hypot(*(below - first)))
    group = np.arange(len(cells))
    for _ in cells:
        least = np.where(near, group, len(cells)).min(axis=1)
        if (least == group).all():
            break
        group = least
    return [[cells[n] for n in np.flatnonzero(group == name)] for name in np.unique(group)]


def _places(plane: list[Polygon]) -> list[tuple[int, int]]:
    """Rows and columns, from the sides of the cells, which needn't be upright."""
    (x, y), (right, lower), _, (left, below) = plane[0].points
    basis = np.array([[left - x, right - x], [below - y, lower - y]])
    corners = np.array([[cell.points[0][0] - x, cell.points[0][1] - y] for cell in plane])
    places = np.rint(np.linalg.solve(basis, corners.T)).astype(int)
    places -= places.min(axis=1, keepdims=True)
    return [(row, column) for row, column in places.T.tolist()]


def _alike(cells: list[Polygon]) -> list[Polygon]:
    """Those of the first one's size: cells of other kinds may have another."""
    width = cells[0].points[1][0] - cells[0].points[0][0]
    return [c for c in cells if abs(c.points[1][0] - c.points[0][0] - width) < 1e-6]
