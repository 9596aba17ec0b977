"""A part with its name above it, where several stand in one picture."""

from dataclasses import dataclass

from convpool.pictures.drawing import Point, Role, Text
from convpool.pictures.frames import Frame
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.letters import width
from convpool.pictures.views.part import Part, Spans

_SIZE, _HEIGHT = 12.0, 24.0


@dataclass(frozen=True, slots=True)
class Titled:
    """A part and its name.

    Args:
        name: what it is.
        part: that is named.
    """

    name: str
    part: Part

    @property
    def width(self) -> float:
        """In pixels."""
        return max(self.part.width, width(self.name, _SIZE, bold=True))

    @property
    def height(self) -> float:
        """In pixels."""
        return _HEIGHT + self.part.height

    @property
    def side(self) -> float:
        """Of its cells, in pixels."""
        return self.part.side

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Draw what is there in one frame."""
        self.part.move(canvas, (at[0], at[1] + _HEIGHT), number, frame)

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw the name, and what is there in many frames."""
        place = (at[0], at[1] + _HEIGHT / 2 - 3)
        name = Text(place, self.name, _SIZE, Role.PLAIN, spans.always, "start", None, True)
        canvas.add(Depth.LETTERS, name)
        self.part.stay(canvas, (at[0], at[1] + _HEIGHT), spans)
