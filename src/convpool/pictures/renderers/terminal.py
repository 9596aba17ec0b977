"""A drawing in a terminal: one frame as text, or all of them in place, one after another.

Cells become boxes of characters with the numbers in them, so that they can be read, searched and
copied; slanted views become half blocks. Without colours no escape code is written at all.
"""

import math
import os
import shutil
import textwrap
import time
from itertools import chain, groupby, repeat
from typing import TextIO

from convpool.pictures.drawing import Drawing, Point
from convpool.pictures.renderers.dots import braille, half_blocks
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.text_page import Character, TextPage, upright
from convpool.pictures.themes import Theme

_CELL_COLUMNS = (6, 5, 4, 3)  # of one cell: the most that fit are taken; none: it becomes dots
_CELL_ROWS = 2
_WIDEST = 100  # columns of a view that is drawn in dots

_HIDE, _SHOW, _PLAIN = "\x1b[?25l", "\x1b[?25h", "\x1b[0m"


def text(drawing: Drawing, frame: int, look: Look, columns: int, *, colours: bool) -> str:
    """Return one frame as lines of text, its caption last.

    Args:
        drawing: what to show.
        frame: number of the frame, from 0.
        look: its theme.
        columns: of the terminal; what is wider is cut off.
        colours: whether escape codes of 24-bit colours may be written.

    Example:
        >>> from convpool.pictures.drawing import Polygon, Role
        >>> cell = Polygon(((0, 0), (8, 0), (8, 8), (0, 8)), Role.INPUT, range(1))
        >>> print(text(Drawing(9, 9, (cell,), ("a cell",), "", 8), 0, Look(), 12, colours=False))
        ┌─────┐
        │     │
        └─────┘
        1/1  a cell
    """
    page = _page(drawing, frame, look.theme, columns, colours=colours)
    line = _coloured if colours else _bare
    caption = textwrap.wrap(f"{frame + 1}/{drawing.count}  {drawing.captions[frame]}", columns)
    return "\n".join((*map(line, page.characters), *caption))


def play(drawing: Drawing, look: Look, stream: TextIO, times: int | None = 1) -> None:
    """Show all frames in place; Ctrl-C ends it and leaves the last one seen.

    Where the stream is no terminal, the frames are written one below another, without a pause.

    Args:
        drawing: what to show.
        look: its theme, and the pace.
        stream: where to, such as `sys.stdout`.
        times: how often; None for ever.

    Example:
        >>> import io
        >>> stream = io.StringIO()
        >>> play(Drawing(9, 9, (), ("nothing",), "", 8), Look(), stream)
        >>> stream.getvalue().split()
        ['1/1', 'nothing']
    """
    columns, lines = shutil.get_terminal_size()
    frames = range(drawing.count)
    if not stream.isatty():
        pages = (text(drawing, frame, look, columns, colours=False) for frame in frames)
        stream.write("\n\n".join(pages) + "\n")
        return
    colours = not os.environ.get("NO_COLOR")  # no-color.org: set, and not empty
    rounds = repeat(frames) if times is None else repeat(frames, times)
    height = 0
    stream.write(_HIDE)
    try:
        for frame in chain.from_iterable(rounds):
            started = time.monotonic()
            page = text(drawing, frame, look, columns, colours=colours)
            rows = page.split("\n")[: max(1, lines - 1)]
            up = f"\x1b[{height}A" if height else ""
            stream.write(f"{up}\r" + "".join(f"{row}\x1b[K\n" for row in rows) + "\x1b[J")
            stream.flush()
            height = len(rows)
            time.sleep(max(0.0, look.seconds - (time.monotonic() - started)))
    except KeyboardInterrupt:
        pass  # the way to end it
    finally:
        stream.write(_PLAIN + _SHOW)
        stream.flush()


def _page(drawing: Drawing, frame: int, theme: Theme, columns: int, *, colours: bool) -> TextPage:
    cells = drawing.width / drawing.cell
    across = next((n for n in _CELL_COLUMNS if cells * n <= columns), None)
    if across is None or not upright(drawing.shapes):
        return (half_blocks if colours else braille)(drawing, frame, theme, min(columns, _WIDEST))
    rows = math.ceil(drawing.height / drawing.cell * _CELL_ROWS)

    def place(point: Point) -> Point:
        return point[0] / drawing.cell * across, point[1] / drawing.cell * _CELL_ROWS

    page = TextPage(theme, min(columns, math.ceil(cells * across)), rows, place, drawing.cell)
    for shape in drawing.frame(frame):
        page.draw(shape)
    return page


def _bare(characters: list[Character]) -> str:
    return "".join(character.sign for character in characters).rstrip()


def _coloured(characters: list[Character]) -> str:
    runs = groupby(
        characters, lambda at: (at.colour if at.sign != " " else at.fill, at.fill, at.bold)
    )
    line = ""
    for (colour, fill, bold), run in runs:
        codes = ";".join(map(str, (*([1] if bold else []), 38, 2, *colour, 48, 2, *fill)))
        line += f"\x1b[0;{codes}m" + "".join(character.sign for character in run)
    return line + _PLAIN
