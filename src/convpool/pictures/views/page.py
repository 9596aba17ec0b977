"""A whole picture: heading, the view, notes, what each frame computes, the legend."""

import math
from collections.abc import Iterator, Mapping

from convpool.pictures.drawing import Drawing, Role
from convpool.pictures.frames import Film, Frame
from convpool.pictures.views.canvas import Canvas
from convpool.pictures.views.heading import Paragraph, equation, heading, notes
from convpool.pictures.views.legend import WORDS, Legend
from convpool.pictures.views.part import Part, Spans
from convpool.pictures.views.values import Shades
from convpool.spec import AvgPool2dSpec, Conv2dSpec

_MARGIN, _BETWEEN = 14.0, 12.0
_NARROWEST = 336.0


def page(
    film: Film, part: Part, shades: Shades | None, words: Mapping[Role, str] | None = None
) -> Drawing:
    """Put a part on a page.

    Args:
        film: what is told.
        part: the view of it.
        shades: the scale of values in the legend; None for a view without.
        words: what its roles are called, where that isn't what they are called elsewhere.
    """
    width = max(_NARROWEST, part.width + 2 * _MARGIN)
    room = width - 2 * _MARGIN
    canvas, spans = Canvas(), Spans(film)
    top = _MARGIN
    for paragraph in heading(film, room):
        top = _write(canvas, paragraph, top, spans.always)
    # Whole pixels, so that thin lines between cells are sharp in pictures of pixels.
    at = (_MARGIN + (room - part.width) // 2, math.ceil(top + _BETWEEN))
    top = at[1] + part.height + _BETWEEN
    captions, highest = [], 0.0
    for number, frame in enumerate(film.frames):
        spans.see(number, frame)
        part.move(canvas, at, number, frame)
        captions.append(_caption(film, frame))
        sum_in_words = equation(frame.equation, room)
        highest = max(highest, sum_in_words.height)
        _write(canvas, sum_in_words, top, range(number, number + 1))
    part.stay(canvas, at, spans)
    top = _write(canvas, notes(film, room), top + highest + _BETWEEN / 2, spans.always)
    named = {**WORDS, **dict(_words(film)), **(words or {})}
    legend = Legend.of(canvas.roles, named, shades, room)
    top = math.ceil(top + _BETWEEN / 2)
    legend.draw(canvas, _MARGIN, top, spans.always)
    height = math.ceil(top + legend.height + _MARGIN)
    return Drawing(math.ceil(width), height, canvas.shapes, tuple(captions), film.title, part.side)


def _write(canvas: Canvas, paragraph: Paragraph, top: float, shown: range) -> float:
    """Write a paragraph and return where it ends."""
    paragraph.draw(canvas, _MARGIN, top, shown)
    return top + paragraph.height


def _words(film: Film) -> Iterator[tuple[Role, str]]:
    """Yield what roles are called in pictures of this layer."""
    if isinstance(film.spec, Conv2dSpec):
        yield Role.PADDING, f"padding ({film.spec.padding_mode})"
    if isinstance(film.spec, AvgPool2dSpec) and not film.spec.count_include_pad:
        yield Role.PADDING, "padding (not counted)"
    if film.frames[0].step is not None:
        yield Role.TARGET, "taken in now, and written"


def _caption(film: Film, frame: Frame) -> str:
    if not film.fits:
        return "; ".join(note.text for note in film.notes)
    channel, row, column = frame.target
    place = f"row {row}, column {column}"
    if film.output.shape[0] > 1:
        place = f"channel {channel}, {place}"
    return f"output at {place}: {frame.equation}"
