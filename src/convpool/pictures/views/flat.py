"""Grids side by side: what the window reads over its kernel and products, and the output."""

from convpool.pictures.drawing import Drawing
from convpool.pictures.frames import Film
from convpool.pictures.views.cells import side_for
from convpool.pictures.views.layers import channels_read
from convpool.pictures.views.output import OutputPart
from convpool.pictures.views.page import page
from convpool.pictures.views.part import GAP, Beneath, Beside, Part
from convpool.pictures.views.planes import Plane, input_plane
from convpool.pictures.views.reading import KernelPart, PlanePart
from convpool.pictures.views.values import Shades, texts


def flat(film: Film) -> Drawing:
    """Draw grids side by side, a column for each channel that is read.

    Raises:
        ArgumentError: there are more cells than can be drawn legibly.
    """
    shades = Shades.within(film)
    return page(film, flat_part(input_plane(film), shades), shades)


def flat_part(plane: Plane, shades: Shades) -> Part:
    """Return the grids without the page around them."""
    film = plane.film
    slots = range(len(channels_read(film, 0)))
    kernel = film.spec.kernel_size
    across = len(slots) * len(plane.columns) + film.output.shape[2]
    side = side_for(texts((film.input, film.output)), max(across, len(plane.rows)))
    weights = () if film.weight is None else (film.weight,)
    small = side_for(texts((*weights, film.output)), max(2 * len(slots) * kernel[1], kernel[0]))
    columns = tuple(
        Beneath((PlanePart(plane, shades, side, slot), KernelPart(plane, shades, small, slot)), 12)
        for slot in slots
    )
    return Beside((Beside(columns, GAP), OutputPart(film, shades, side)), GAP + 8)
