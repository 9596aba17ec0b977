"""What stands above and below every picture: the layer, its sizes, its notes, the sum in words."""

from dataclasses import dataclass

from convpool.pictures.drawing import Role, Text
from convpool.pictures.frames import Film
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.letters import LINE, wrapped

_TITLE, _SMALL, EQUATION = 13.0, 10.5, 12.0
_TITLE_LINES, _NOTE_LINES, _EQUATION_LINES = 3, 3, 3


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines of one look.

    Args:
        lines: of text.
        size: of the font, in pixels.
        role: of the letters.
        bold: whether they stand out.
    """

    lines: tuple[str, ...]
    size: float
    role: Role
    bold: bool = False

    @property
    def height(self) -> float:
        """Pixels that it takes."""
        return len(self.lines) * self.size * LINE

    def draw(self, canvas: Canvas, left: float, top: float, shown: range) -> None:
        """Write it below `top`."""
        for number, line in enumerate(self.lines):
            middle = top + (number + 0.5) * self.size * LINE
            text = Text((left, middle), line, self.size, self.role, shown, "start", None, self.bold)
            canvas.add(Depth.LETTERS, text)


def heading(film: Film, room: float) -> tuple[Paragraph, ...]:
    """Return the layer, the shapes it turns into each other, and the size equations."""
    title = wrapped(film.title, _TITLE, room, _TITLE_LINES, bold=True)
    shapes = " → ".join(
        "×".join(str(size) for size in array.shape)
        for array in (film.input, film.output)
        if array.size
    )
    lines = [
        line for text in (shapes, *film.sizes) for line in wrapped(text, _SMALL, room, _NOTE_LINES)
    ]
    return (
        Paragraph(title, _TITLE, Role.PLAIN, bold=True),
        Paragraph(tuple(lines), _SMALL, Role.FAINT),
    )


def notes(film: Film, room: float) -> Paragraph:
    """Return what else the film says."""
    lines = [
        line for note in film.notes for line in wrapped(note.text, _SMALL, room, _NOTE_LINES)
    ]
    return Paragraph(tuple(dict.fromkeys(lines)), _SMALL, Role.PLAIN)


def equation(text: str, room: float) -> Paragraph:
    """Return what a frame computes."""
    return Paragraph(wrapped(text, EQUATION, room, _EQUATION_LINES), EQUATION, Role.PLAIN)
