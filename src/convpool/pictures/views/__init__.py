"""How a film is looked at: each view turns it into a drawing of the same frames.

All views tell the same frames in the same order and colours, so that pictures of several views can
be put side by side.
"""

from collections.abc import Callable, Mapping

from convpool.errors import ArgumentError
from convpool.pictures.drawing import Drawing
from convpool.pictures.frames import Film
from convpool.pictures.views.channels import channels
from convpool.pictures.views.flat import flat
from convpool.pictures.views.linked import linked
from convpool.pictures.views.matrix import matrix
from convpool.pictures.views.scatter import scatter
from convpool.pictures.views.stacked import stacked
from convpool.pictures.views.stuffed import stuffed
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxUnpool2dSpec,
    StampSpec,
)

__all__ = ["VIEWS", "draw", "views_of"]

VIEWS: Mapping[str, Callable[[Film], Drawing]] = {
    view.__name__: view for view in (flat, stacked, channels, matrix, scatter, stuffed, linked)
}
"""The views by name."""


def views_of(spec: LayerSpec) -> tuple[str, ...]:
    """Return the names of the views that a layer has, the usual one first.

    Example:
        >>> from convpool.spec import MaxPool2dSpec
        >>> views_of(MaxPool2dSpec(2))
        ('flat', 'stacked', 'channels')
    """
    if isinstance(spec, ConvTranspose2dSpec):
        return ("scatter", "stuffed", "matrix", "linked", "flat", "stacked", "channels")
    if isinstance(spec, MaxUnpool2dSpec):
        return ("scatter", "flat", "stacked", "channels")
    if isinstance(spec, Conv2dSpec | AvgPool2dSpec):
        return ("flat", "stacked", "channels", "matrix")
    return ("flat", "stacked", "channels")


def draw(film: Film, view: str | None = None) -> Drawing:
    """Draw a film.

    A geometry that doesn't fit has one picture whatever the view: the input and the first window,
    or the output that is cut off altogether.

    Args:
        film: what is told.
        view: the name of a view that the layer has; None for the usual one.

    Raises:
        ArgumentError: the layer has no such view, or there are more cells than can be drawn
            legibly.

    Example:
        >>> from convpool.pictures.frames import film
        >>> draw(film("MaxPool2d(2)", "4x4"), "flat").count
        4
    """
    names = views_of(film.spec)
    if view is not None and view not in names:
        raise ArgumentError("view", view, f"one of {', '.join(names)} for {film.spec.name}")
    if not film.fits:
        return scatter(film) if isinstance(film.spec, StampSpec) else flat(film)
    return VIEWS[view or names[0]](film)
