"""Films to drawings: one function a view, `Film -> Drawing`."""

from collections.abc import Callable, Mapping

from convpool.pictures.drawing import Drawing
from convpool.pictures.frames import Film
from convpool.pictures.views.flat import flat
from convpool.pictures.views.matrix import matrix
from convpool.pictures.views.scatter import scatter
from convpool.pictures.views.stacked import stacked
from convpool.pictures.views.stuffed import stuffed

VIEWS: Mapping[str, Callable[[Film], Drawing]] = {
    "flat": flat,
    "stacked": stacked,
    "matrix": matrix,
    "scatter": scatter,
    "stuffed": stuffed,
}
"""The views by name."""
