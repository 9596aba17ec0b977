"""A transposed convolution as a convolution: zeros between its cells, the kernel flipped."""

from convpool.pictures.drawing import Drawing, Role
from convpool.pictures.frames import Film
from convpool.pictures.views.flat import flat_part
from convpool.pictures.views.page import page
from convpool.pictures.views.planes import stuffed_plane
from convpool.pictures.views.values import Shades

WORDS = {Role.PADDING: "zero put in", Role.UNVISITED: "cut off", Role.WEIGHT: "flipped kernel"}


def stuffed(film: Film) -> Drawing:
    """Draw the window of stride 1 over the zero-stuffed input.

    Raises:
        ArgumentError: there are more cells than can be drawn legibly.
    """
    shades = Shades.within(film)
    return page(film, flat_part(stuffed_plane(film), shades), shades, WORDS)
