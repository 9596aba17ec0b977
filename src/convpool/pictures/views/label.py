"""The name of a grid, above it."""

from convpool.pictures.drawing import Point, Role, Text
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.letters import elided

LABEL = 18.0
"""Pixels that a name takes, with the room beneath it."""
_SIZE = 11.0


def put_label(canvas: Canvas, at: Point, text: str, room: float, shown: range) -> None:
    """Write a name with its upper left corner at a point, in at most `room` pixels."""
    x, y = at
    middle = (x, y + LABEL / 2 - 2)
    canvas.add(
        Depth.LETTERS, Text(middle, elided(text, _SIZE, room), _SIZE, Role.FAINT, shown, "start")
    )


def numbered(name: str, channel: int, count: int) -> str:
    """Return a grid's name, with its channel where there are several.

    Example:
        >>> numbered("input", 0, 1), numbered("input", 0, 3)
        ('input', 'input 0')
    """
    return name if count < 2 else f"{name} {channel}"
