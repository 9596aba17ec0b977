"""A transposed convolution three times over: by stamps, zero-stuffed, and as a matrix."""

from convpool.pictures.drawing import Drawing, Role
from convpool.pictures.frames import Film
from convpool.pictures.views.flat import flat_part
from convpool.pictures.views.matrix import matrix_part
from convpool.pictures.views.page import page
from convpool.pictures.views.part import GAP, Beneath, Beside, Part
from convpool.pictures.views.planes import input_plane, stuffed_plane
from convpool.pictures.views.titled import Titled
from convpool.pictures.views.values import Shades

WORDS = {Role.PADDING: "zero put in, or cut off", Role.UNVISITED: "cut off"}
_WIDEST = 1.6
"""Of the height: three parts stand beneath each other until the picture would be narrower."""


def linked(film: Film) -> Drawing:
    """Draw the three views in one picture, the same frames in the same colours.

    Raises:
        ArgumentError: there are more cells than can be drawn legibly.
    """
    shades = Shades.within(film)
    stamping = flat_part(input_plane(film), shades, stamped=True)
    stamps = Titled("each input cell stamps the kernel", stamping)
    twin = Titled("a window over the zero-stuffed input", flat_part(stuffed_plane(film), shades))
    rows = Titled("a sparse matrix times the input", matrix_part(film, shades))
    return page(film, arranged((stamps, twin, rows)), shades, WORDS)


def arranged(parts: tuple[Part, Part, Part]) -> Part:
    """Put the third part beside or beneath the others, whichever makes the better picture."""
    first, second, third = parts
    pair = Beside((first, second), 2 * GAP)
    below: Part = Beneath((pair, third), GAP, middle=False)
    right: Part = Beside((Beneath((first, second), GAP, middle=False), third), 2 * GAP)
    return min((below, right), key=_extent)


def _extent(part: Part) -> float:
    return max(part.width / _WIDEST, part.height)
