"""A drawing's frames as pixels, one after another: each draws only what has changed.

Two frames of a film differ in a window and a few numbers. So the picture is kept; the shapes that
leave or come say which boxes have changed, and these alone are painted anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convpool.pictures.cutting import part
from convpool.pictures.drawing import Drawing
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.painter import Box, extent, paint

_MOST_BOXES = 48  # painted one by one; more are taken together
_MOST_PIXELS = 1 << 18  # painted at once: what is smoothed takes up to 16 times as many


@dataclass(frozen=True, eq=False)
class Change:
    """What a frame changes in the one before.

    Args:
        left: where it lies in the picture, in pixels.
        top: likewise.
        pixels: (H, W, 4) of uint8: red, green, blue, and 255, or four zeros where nothing changes.
    """

    left: int
    top: int
    pixels: NDArray[np.uint8]


def size(drawing: Drawing, look: Look) -> tuple[int, int]:
    """Return width and height of its pictures in pixels.

    Example:
        >>> size(Drawing(30, 20, (), ("nothing",), "nothing", 8), Look(scale=1.5))
        (45, 30)
    """
    return max(1, round(drawing.width * look.scale)), max(1, round(drawing.height * look.scale))


def still(drawing: Drawing, look: Look, frame: int = 0) -> Image.Image:
    """Return one frame as an image in red, green and blue.

    Example:
        >>> still(Drawing(30, 20, (), ("nothing",), "nothing", 8), Look()).getpixel((3, 3))
        (255, 255, 255)
    """
    image, _ = next(pictures(part(drawing, range(frame, frame + 1)), look))
    return image


def pictures(drawing: Drawing, look: Look) -> Iterator[tuple[Image.Image, list[Box]]]:
    """Yield each frame and the boxes that may differ from the frame before.

    It is one and the same image that changes from frame to frame.

    Example:
        >>> from convpool.pictures.drawing import Polygon, Role
        >>> square = ((2, 2), (6, 2), (6, 6), (2, 6))
        >>> blink = Polygon(square, Role.CHOSEN, range(1, 2))
        >>> film = Drawing(8, 8, (blink,), ("off", "on"), "blink", 8)
        >>> [boxes for _, boxes in pictures(film, Look())]
        [[(0, 0, 8, 8)], [(0, 0, 8, 8)]]
    """
    width, height = size(drawing, look)
    extents, starts, stops = _tables(drawing, look)
    image = Image.new("RGB", (width, height), look.theme.background)
    before = np.zeros(len(starts), bool)
    for frame in range(drawing.count):
        there = (starts <= frame) & (frame < stops)
        if frame == 0:
            boxes = [(0, 0, width, height)]
        else:
            boxes = _apart(_whole(extents[there != before], width, height))
        for band in chain.from_iterable(map(_bands, boxes)):
            seen = there & _touching(extents, band)
            shapes = (drawing.shapes[index] for index in np.flatnonzero(seen))
            image.paste(paint(shapes, look, band), band[:2])
        before = there
        yield image, boxes


def changes(drawing: Drawing, look: Look) -> Iterator[Change]:
    """Yield what each frame changes; the first one is whole, one without a change is one pixel.

    Example:
        >>> from convpool.pictures.drawing import Polygon, Role
        >>> square = ((2, 2), (6, 2), (6, 6), (2, 6))
        >>> blink = Polygon(square, Role.CHOSEN, range(1, 2))
        >>> film = Drawing(12, 12, (blink,), ("off", "on"), "blink", 12)
        >>> [change.pixels.shape for change in changes(film, Look())]
        [(12, 12, 4), (8, 8, 4)]
    """
    width, height = size(drawing, look)
    last = np.zeros((height, width), np.uint32)
    for image, boxes in pictures(drawing, look):
        left, top, right, bottom = _union(boxes) if boxes else (0, 0, 1, 1)
        changed = np.zeros((bottom - top, right - left), np.uint32)
        for box in boxes:
            before = last[box[1] : box[3], box[0] : box[2]]
            now = _packed(image.crop(box))
            place = changed[box[1] - top : box[3] - top, box[0] - left : box[2] - left]
            np.copyto(place, now, where=now != before)
            before[...] = now
        yield _trimmed(left, top, changed)


def _packed(image: Image.Image) -> NDArray[np.uint32]:
    """One number a pixel, which is several times quicker to compare than three."""
    return np.asarray(image.convert("RGBA")).view(np.uint32)[:, :, 0]


def _trimmed(left: int, top: int, changed: NDArray[np.uint32]) -> Change:
    """The change without rows and columns at its edges in which nothing changes.

    Left and top stay even, since WebP has no odd ones.
    """
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    first, stop = (rows[0] // 2 * 2, rows[-1] + 1) if rows.size else (0, 1)
    start, end = (columns[0] // 2 * 2, columns[-1] + 1) if columns.size else (0, 1)
    kept = np.ascontiguousarray(changed[first:stop, start:end])
    pixels = kept.view(np.uint8).reshape(*kept.shape, 4)
    return Change(left + int(start), top + int(first), pixels)


def _tables(
    drawing: Drawing, look: Look
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Where each shape lies, its first frame, and the one after its last."""
    extents = np.array([extent(shape, look) for shape in drawing.shapes], np.float32)
    starts = np.array([shape.shown.start for shape in drawing.shapes], np.int64)
    stops = np.array([shape.shown.stop for shape in drawing.shapes], np.int64)
    return extents.reshape(-1, 4), starts, stops


def _whole(extents: NDArray[np.float32], width: int, height: int) -> list[Box]:
    """The extents in whole pixels within the picture, left and top even."""
    low = np.clip(np.floor(extents[:, :2]).astype(int) // 2 * 2, 0, None)
    high = np.minimum(np.ceil(extents[:, 2:]).astype(int) + 1, (width, height))
    joined = np.unique(np.hstack((low, high)), axis=0)
    return [
        (left, top, right, bottom)
        for left, top, right, bottom in joined.tolist()
        if left < right and top < bottom
    ]


def _bands(box: Box) -> Iterator[Box]:
    """The box in pieces of full width."""
    left, top, right, bottom = box
    height = max(1, _MOST_PIXELS // (right - left))
    for start in range(top, bottom, height):
        yield left, start, right, min(start + height, bottom)


def _apart(boxes: list[Box]) -> list[Box]:
    """Boxes that cover the given ones and don't overlap."""
    if len(boxes) > _MOST_BOXES:
        return [_union(boxes)]
    apart: list[Box] = []
    for box in boxes:
        joined = box
        while touching := [other for other in apart if _overlap(joined, other)]:
            apart = [other for other in apart if other not in touching]
            joined = _union([joined, *touching])
        apart.append(joined)
    return apart


def _union(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _overlap(first: Box, second: Box) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def _touching(extents: NDArray[np.float32], box: Box) -> NDArray[np.bool_]:
    left, top, right, bottom = box
    return (
        (extents[:, 0] < right)
        & (extents[:, 2] > left)
        & (extents[:, 1] < bottom)
        & (extents[:, 3] > top)
    )
