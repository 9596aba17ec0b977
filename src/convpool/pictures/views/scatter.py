"""A layer that writes windows: each input cell stamps the kernel on the output."""

from convpool.pictures.drawing import Drawing, Role
from convpool.pictures.frames import Film
from convpool.pictures.views.flat import flat_part
from convpool.pictures.views.page import page
from convpool.pictures.views.planes import input_plane
from convpool.pictures.views.values import Shades

WORDS = {Role.PADDING: "cut off", Role.WINDOW: "read now, and its stamp"}


def scatter(film: Film) -> Drawing:
    """Draw the cells that reach the current output cell, and the stamps that they put around it.

    Raises:
        ArgumentError: there are more cells than can be drawn legibly.
    """
    shades = Shades.within(film)
    return page(film, flat_part(input_plane(film), shades, stamped=True), shades, WORDS)
