"""What stands above and below every picture: the layer, its sizes, its notes, the sum in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from convpool.pictures.drawing import Role, Text
from convpool.pictures.frames import Film
from convpool.pictures.views.canvas import Canvas, Depth
from convpool.pictures.views.letters import LINE, fitting, wrapped

_TITLE, _SMALL, _SMALLEST, EQUATION = 12.5, 10.5, 9.5, 12.0
_TITLE_LINES, _NOTE_LINES, _EQUATION_LINES = 4, 3, 3


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
    sizes = (shapes, *film.sizes)
    return (Paragraph(title, _TITLE, Role.PLAIN, bold=True), _small(sizes, room, Role.FAINT))


def notes(film: Film, room: float) -> Paragraph:
    """Return what else the film says."""
    return _small(tuple(dict.fromkeys(note.text for note in film.notes)), room, Role.PLAIN)


def equation(text: str, room: float) -> Paragraph:
    """Return what a frame computes."""
    return Paragraph(wrapped(text, EQUATION, room, _EQUATION_LINES), EQUATION, Role.PLAIN)


def _small(texts: Sequence[str], room: float, role: Role) -> Paragraph:
    """Small print: shrunk a little where that saves lines, else broken."""
    split = [part for text in texts for part in _split(text, room)]
    size = min((fitting(text, room, _SMALL, _SMALLEST) or _SMALLEST for text in split), default=1)
    lines = [line for text in split for line in wrapped(text, size, room, _NOTE_LINES)]
    return Paragraph(tuple(lines), size, role)


def _split(text: str, room: float) -> tuple[str, ...]:
    """Break a line that is too long behind its colon."""
    head, colon, tail = text.partition(": ")
    return (text,) if not colon or fitting(text, room, _SMALL, _SMALLEST) else (f"{head}:", tail)
