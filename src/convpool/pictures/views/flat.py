"""Grids side by side: what the window reads over its kernel and products, and the output."""

from collections.abc import Iterator

from convpool.pictures.drawing import Drawing
from convpool.pictures.frames import Film
from convpool.pictures.frames.frame import Array
from convpool.pictures.views.cells import side_for
from convpool.pictures.views.indices import IndexPart, OriginPart
from convpool.pictures.views.label import LABEL
from convpool.pictures.views.layers import channels_read
from convpool.pictures.views.output import OutputPart, output_lines
from convpool.pictures.views.page import page
from convpool.pictures.views.part import Beneath, Beside, Part
from convpool.pictures.views.planes import Plane, input_plane
from convpool.pictures.views.reading import KernelPart, PlanePart
from convpool.pictures.views.values import Shades, texts
from convpool.spec import MaxPool2dSpec, MaxUnpool2dSpec

NEAR, WIDE = 12.0, 28.0
"""Pixels between what belongs together, and between what is read and what is written."""


def flat(film: Film) -> Drawing:
    """Draw grids side by side, a column for each channel that is read.

    Raises:
        ArgumentError: there are more cells than can be drawn legibly.
    """
    shades = Shades.within(film)
    return page(film, flat_part(input_plane(film), shades), shades)


def flat_part(plane: Plane, shades: Shades, *, stamped: bool = False) -> Part:
    """Return the grids without the page around them.

    Args:
        plane: what is read.
        shades: the scales of values.
        stamped: whether the output shows where the cells read put their stamps.
    """
    film = plane.film
    slots = range(len(channels_read(film, 0)))
    rows, columns = output_lines(film, stamped=stamped)
    across = len(slots) * len(plane.columns) + len(columns)
    across += film.origin.input.shape[2] if film.origin else 0
    side = side_for(texts((film.input, film.output)), max(across, len(plane.rows), len(rows)))
    planes = tuple(PlanePart(plane, shades, side, slot) for slot in slots)
    if not film.fits:
        cut = (OutputPart(film, shades, side, 0, stamped),) if stamped else ()
        return Beside((*planes, *cut), WIDE)
    if film.indices is not None:
        return Beside(tuple(_with_indices(planes[0], film.indices, stamped=stamped)), WIDE)
    kernel = film.spec.kernel_size
    small = side_for(shades.product_texts(film), max(2 * len(slots) * kernel[1], kernel[0]))
    kernels = tuple(KernelPart(plane, shades, small, slot) for slot in slots)
    parts = tuple(Beneath(pair, NEAR) for pair in zip(planes, kernels, strict=True))
    drop = planes[0].height + NEAR + LABEL
    return Beside((Beside(parts), OutputPart(film, shades, side, drop, stamped)), WIDE)


def _with_indices(read: PlanePart, indices: Array, *, stamped: bool) -> Iterator[Part]:
    """Yield the parts of a max pooling, or of the round trip to it and back."""
    film, shades, side = read.plane.film, read.shades, read.side
    if isinstance(film.spec, MaxUnpool2dSpec):
        if film.origin is not None:
            yield OriginPart(film.origin, shades, side)
        yield Beneath((read, IndexPart(film, indices, side)), NEAR)
        yield OutputPart(film, shades, side, 0, stamped)
        return
    yield read
    written = OutputPart(film, shades, side)
    found = film.spec.return_indices if isinstance(film.spec, MaxPool2dSpec) else False
    both = Beneath((written, IndexPart(film, indices, side)), NEAR, middle=False)
    yield both if found else written
