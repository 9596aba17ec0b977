"""The contact sheet: what a chain of layers made of a few samples, on one page.

A row for each sample, a column for the input and for each layer: read from left to right, it
follows one picture through the net; read downwards, it compares what one layer does to several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from convpool.errors import ArgumentError
from convpool.pictures.lettering import Lettering
from convpool.pictures.scale import ColourScale
from convpool.pictures.tiles import Tiling, checked_maps, tile_maps

_PAPER = (250, 250, 248)
_INK = (28, 33, 43)
_QUIET = (104, 112, 126)
_RULE = (222, 224, 228)
_BETWEEN_MAPS = (98, 124, 176)  # apart from black, white and paper, and no grey

_TITLE = Lettering(26, _INK)
_HEADING = Lettering(16, _INK)
_DETAIL = Lettering(14, _QUIET)
_NAME = Lettering(15, _INK)
_SMALL = Lettering(12, _QUIET)

_MARGIN = 36
_NAMES_WIDTH = 120  # at most; less where all names are shorter
_BETWEEN_COLUMNS = 56  # room for the arrow
_BETWEEN_ROWS = 22
_NARROWEST_COLUMN = 176
_HEADING_LINES = 3
_LEGEND_HEIGHT = 10


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a contact sheet: the input, or what one layer made of it.

    Args:
        heading: the layer's text, wrapped over up to three lines.
        detail: a line below it, such as the shape of one sample.
        maps: (N, C, H, W), sample i in row i.
        scale: what is black and what is white in all cells of this column.

    Raises:
        ArgumentTypeError, ArgumentError, DtypeError: for maps that `tile_maps` cannot show.

    Example:
        >>> Column("input", "RGB", np.zeros((2, 3, 8, 8)), ColourScale(0.0, 1.0)).heading
        'input'
    """

    heading: str
    detail: str
    maps: npt.NDArray[Any]
    scale: ColourScale

    def __post_init__(self) -> None:
        checked_maps(self.maps)


class _Placed(NamedTuple):
    """A column with its cells drawn and its place on the page, in pixels."""

    column: Column
    cells: list[Tiling]
    left: int
    width: int


def contact_sheet(
    columns: Sequence[Column],
    *,
    title: str,
    footer: str = "",
    names: Sequence[str] = (),
    rows: int = 6,
    cell: int = 300,
) -> Image.Image:
    """Draw a page with a row for each of the first samples and a column for each layer.

    Args:
        columns: the input and the layers, in order; all with the same number of samples.
        title: the line at the top.
        footer: the text at the bottom, wrapped over up to three lines.
        names: what the samples are called, one each; none where left out.
        rows: how many samples to show at most.
        cell: the longest side in pixels that a cell may have; half as much again where a sample's
            maps don't fit.

    Raises:
        ArgumentError: where there is no column, the columns or names differ in their number of
            samples, or `rows` or `cell` is below 1.

    Example:
        >>> maps = np.linspace(0, 1, 128).reshape(2, 1, 8, 8)
        >>> column = Column("input", "grey", maps, ColourScale.of(maps))
        >>> contact_sheet([column], title="Two ramps", names=["first", "second"]).mode
        'RGB'
    """
    _check(columns, names, rows, cell)
    placed = _place(columns, [str(name) for name in names[:rows]], rows, cell)
    row_heights = [
        max(tiling.pixels.shape[0] for tiling in row)
        for row in zip(*(one.cells for one in placed), strict=True)
    ]
    width = max(placed[-1].left + placed[-1].width, 480) + _MARGIN
    header_top = _MARGIN + _TITLE.line_height + 22
    rows_top = header_top + max(_header_height(one) for one in placed)
    rows_bottom = rows_top + sum(row_heights) + _BETWEEN_ROWS * (len(row_heights) - 1)
    footer_lines = _SMALL.wrapped(footer, width - 2 * _MARGIN, 3)
    footer_top = rows_bottom + (24 if footer_lines else 0)

    page = Image.new(
        "RGB", (width, footer_top + len(footer_lines) * _SMALL.line_height + _MARGIN), _PAPER
    )
    draw = ImageDraw.Draw(page)
    room = width - 2 * _MARGIN
    _TITLE.write(draw, _MARGIN, _MARGIN - 6, _TITLE.elided(title, room))
    rule = header_top - 16
    draw.line((_MARGIN, rule, width - _MARGIN - 1, rule), fill=_RULE)
    for one in placed:
        _draw_header(page, draw, one, header_top, rows_top)
    top = rows_top
    for number, height in enumerate(row_heights):
        _draw_row(page, draw, placed, number, top + height // 2)
        if number < len(names):
            _draw_name(draw, str(names[number]), placed[0].left, top + height // 2)
        top += height + _BETWEEN_ROWS
    for number, line in enumerate(footer_lines):
        _SMALL.write(draw, _MARGIN, footer_top + number * _SMALL.line_height, line)
    return page


def _check(columns: Sequence[Column], names: Sequence[str], rows: int, cell: int) -> None:
    if not columns:
        raise ArgumentError("columns", columns, "at least one column")
    counts = {len(column.maps) for column in columns}
    if len(counts) > 1:
        raise ArgumentError("columns", f"of {sorted(counts)} samples", "of one number of samples")
    if names and len(names) not in counts:
        raise ArgumentError("names", names, f"{counts.pop()}, one for each sample")
    for argument, value in (("rows", rows), ("cell", cell)):
        if value < 1:
            raise ArgumentError(argument, value, "a whole number of at least 1")


def _place(columns: Sequence[Column], names: Sequence[str], rows: int, cell: int) -> list[_Placed]:
    """Draw all cells and give each column its place from left to right."""
    left = _MARGIN
    if names:
        left += min(_NAMES_WIDTH, round(max(map(_NAME.width, names)))) + 24
    placed = []
    for column in columns:
        cells = [_draw_cell(column, row, cell) for row in range(min(rows, len(column.maps)))]
        width = max(cells[0].pixels.shape[1], _NARROWEST_COLUMN)
        placed.append(_Placed(column, cells, left, width))
        left += width + _BETWEEN_COLUMNS
    return placed


def _draw_cell(column: Column, row: int, side: int) -> Tiling:
    """One sample's maps, in a cell half as large again if that shows more of them."""
    for bound in (side, side * 3 // 2):
        tiling = tile_maps(
            column.maps[row : row + 1],
            column.scale,
            shortest=side,
            bound=bound,
            gap_colour=_BETWEEN_MAPS,
        )
        if not tiling.caption:
            break
    return tiling


def _header_lines(one: _Placed) -> list[tuple[Lettering, str]]:
    """The lines above a column: heading, detail, and what its cells leave out."""
    lines = [
        (_HEADING, line) for line in _HEADING.wrapped(one.column.heading, one.width, _HEADING_LINES)
    ]
    for lettering, text in ((_DETAIL, one.column.detail), (_SMALL, one.cells[0].caption)):
        if text:
            lines.append((lettering, lettering.elided(text, one.width)))
    return lines


def _header_height(one: _Placed) -> int:
    lines = sum(lettering.line_height for lettering, _ in _header_lines(one))
    return lines + 12 + _LEGEND_HEIGHT + 2 + _SMALL.line_height + 10


def _draw_header(
    page: Image.Image, draw: ImageDraw.ImageDraw, one: _Placed, top: int, rows_top: int
) -> None:
    """Heading lines from the top, the legend of the scale right above the cells."""
    for lettering, line in _header_lines(one):
        lettering.write(draw, one.left, top, line)
        top += lettering.line_height
    labels_top = rows_top - 10 - _SMALL.line_height
    bar_top = labels_top - 2 - _LEGEND_HEIGHT
    width = min(one.width, _NARROWEST_COLUMN)
    page.paste(Image.fromarray(_legend_bar(one.column, width)), (one.left, bar_top))
    right = one.left + width - 1
    draw.rectangle((one.left, bar_top, right, bar_top + _LEGEND_HEIGHT - 1), outline=_RULE)
    scale = one.column.scale
    for value in sorted({scale.low, 0.0, scale.high}):
        if not scale.low <= value <= scale.high:
            continue
        label = f"{value:.3g}"
        at = (value - scale.low) / (scale.high - scale.low)
        left = one.left + at * (width - _SMALL.width(label))
        _SMALL.write(draw, left, labels_top, label)


def _legend_bar(column: Column, width: int) -> npt.NDArray[np.uint8]:
    """The ramp from low to high as the cells show it: grey, or red above green above blue."""
    bar = np.zeros((_LEGEND_HEIGHT, width, 3), np.uint8)
    ramp = np.rint(np.linspace(0, 255, width)).astype(np.uint8)
    if column.maps.shape[1] != 3:
        bar[...] = ramp[:, np.newaxis]
        return bar
    for channel, band in enumerate(np.array_split(bar, 3)):
        band[:, :, channel] = ramp
    return bar


def _draw_row(
    page: Image.Image,
    draw: ImageDraw.ImageDraw,
    placed: Sequence[_Placed],
    number: int,
    middle: int,
) -> None:
    """One sample's cells about their common middle, and the arrows between them."""
    for one in placed:
        pixels = one.cells[number].pixels
        page.paste(Image.fromarray(pixels), (one.left, middle - pixels.shape[0] // 2))
    for before, after in pairwise(placed):
        start = before.left + max(before.cells[number].pixels.shape[1], _NARROWEST_COLUMN)
        _draw_arrow(draw, start + 16, after.left - 16, middle)


def _draw_arrow(draw: ImageDraw.ImageDraw, start: int, end: int, y: int) -> None:
    draw.line((start, y, end - 6, y), fill=_QUIET, width=2)
    draw.polygon(((end, y), (end - 8, y - 5), (end - 8, y + 5)), fill=_QUIET)


def _draw_name(draw: ImageDraw.ImageDraw, name: str, cells_left: int, middle: int) -> None:
    """The sample's name at the left, about the middle of its row."""
    lines = _NAME.wrapped(name, cells_left - 24 - _MARGIN + 1, 2)
    top = middle - len(lines) * _NAME.line_height // 2
    for number, line in enumerate(lines):
        _NAME.write(draw, _MARGIN, top + number * _NAME.line_height, line)
