"""A frame of slanted shapes as characters: two pixels in each with colours, eight dots without."""

import math

import numpy as np
from PIL import Image, ImageDraw

from convpool.pictures.drawing import Drawing, Point, Polygon, Shape, Text
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.painter import paint
from convpool.pictures.renderers.text_page import UPPER_HALF, TextPage
from convpool.pictures.themes import Colour, Theme

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column


def half_blocks(drawing: Drawing, frame: int, theme: Theme, columns: int) -> TextPage:
    """Return a frame as a page of two pixels a character, with the letters over them."""
    page = _blank(drawing, theme, columns)
    look = Look(theme, columns / drawing.width)
    shapes = [shape for shape in drawing.frame(frame) if not isinstance(shape, Text)]
    pixels = np.asarray(paint(shapes, look, (0, 0, page.columns, 2 * page.rows))).tolist()
    for row, characters in enumerate(page.characters):
        for column, at in enumerate(characters):
            at.text = UPPER_HALF
            at.colour = _colour(pixels[2 * row][column])
            at.fill = _colour(pixels[2 * row + 1][column])
    _write_all(page, drawing, frame)
    return page


def braille(drawing: Drawing, frame: int, theme: Theme, columns: int) -> TextPage:
    """Return a frame as a page of outlines, eight dots a character, with the letters over them."""
    page = _blank(drawing, theme, columns)
    image = Image.new("1", (2 * page.columns, 4 * page.rows))
    on = ImageDraw.Draw(image)
    scale = 2 * columns / drawing.width
    for shape in drawing.frame(frame):
        _outline(on, shape, scale)
    dots = np.asarray(image, np.uint8).reshape(page.rows, 4, page.columns, 2)
    codes = (dots * np.array(_DOTS, np.uint8)[:, None, :]).sum(axis=(1, 3)).tolist()
    for characters, row in zip(page.characters, codes, strict=True):
        for at, code in zip(characters, row, strict=True):
            at.text = chr(_BRAILLE + code) if code else " "
    _write_all(page, drawing, frame)
    return page


def _blank(drawing: Drawing, theme: Theme, columns: int) -> TextPage:
    """A page on which a character is half as wide as high."""
    scale = columns / drawing.width

    def place(point: Point) -> Point:
        return point[0] * scale - 0.5, point[1] * scale / 2 - 0.5

    return TextPage(theme, columns, math.ceil(drawing.height * scale / 2), place, drawing.cell)


def _write_all(page: TextPage, drawing: Drawing, frame: int) -> None:
    for shape in drawing.frame(frame):
        if isinstance(shape, Text):
            page.write(shape)


def _outline(on: ImageDraw.ImageDraw, shape: Shape, scale: float) -> None:
    """Draw its lines, and blot out what lies behind it."""
    if isinstance(shape, Text):
        return
    points = [(x * scale, y * scale) for x, y in shape.points]
    if isinstance(shape, Polygon):
        on.polygon(points, fill=0 if shape.filled else None, outline=1)
    else:
        on.line(points, fill=1)


def _colour(pixel: list[int]) -> Colour:
    red, green, blue = pixel
    return red, green, blue
