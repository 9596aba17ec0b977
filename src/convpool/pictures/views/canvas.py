"""A drawing in the making: shapes by depth, with those that stay from frame to frame made one.

A view may say for each frame all that it shows. What it said of the frame before as well becomes
one shape shown in both, so thousands of frames need no more shapes than there are changes.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from enum import IntEnum

from convpool.pictures.drawing import Line, Polygon, Role, Shape


class Depth(IntEnum):
    """What lies over what, from the back."""

    CELLS = 0
    HATCH = 1
    LIT = 2
    LINKS = 3
    UPPER = 4
    """Cells of a plane that hovers over another."""
    OUTPUT = 5
    """Output cells, which come while the film runs."""
    WRITTEN = 6
    OUTLINES = 7
    TARGETS = 8
    """Outlines around what is written."""
    LETTERS = 9
    MARKS = 10


@dataclass(slots=True)
class Canvas:
    """Shapes by depth; those of one depth in the order in which they first appear.

    Example:
        >>> canvas = Canvas()
        >>> for frame in range(3):
        ...     canvas.add(Depth.LIT, Line(((0, 0), (1, 1)), Role.LINK, range(frame, frame + 1)))
        >>> [shape.shown for shape in canvas.shapes]
        [range(0, 3)]
    """

    _layers: dict[Depth, list[Shape]] = field(default_factory=dict)
    _places: dict[Hashable, int] = field(default_factory=dict)

    def add(self, depth: Depth, shape: Shape) -> None:
        """Put a shape on its depth; frames that follow on a like one's prolong that one."""
        layer = self._layers.setdefault(depth, [])
        key = (depth, _identity(shape))
        place = self._places.get(key)
        if place is not None:
            like = layer[place]
            if like.shown.stop == shape.shown.start:
                layer[place] = replace(like, shown=range(like.shown.start, shape.shown.stop))
                return
            if like.shown.start <= shape.shown.start and shape.shown.stop <= like.shown.stop:
                return
        self._places[key] = len(layer)
        layer.append(shape)

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """All shapes, from back to front."""
        return tuple(shape for depth in sorted(self._layers) for shape in self._layers[depth])

    @property
    def roles(self) -> frozenset[Role]:
        """The roles that occur in cells and outlines."""
        shapes = (shape for layer in self._layers.values() for shape in layer)
        return frozenset(shape.role for shape in shapes if isinstance(shape, Polygon))


def _identity(shape: Shape) -> Hashable:
    """All of a shape but when it is shown."""
    if isinstance(shape, Polygon):
        return (shape.points, shape.role, shape.shade, shape.filled)
    if isinstance(shape, Line):
        return (shape.points, shape.role, shape.arrow)
    looks = (shape.size, shape.role, shape.anchor, shape.on_shade, shape.bold)
    return (shape.place, shape.text, looks)
