"""Films to drawings: one function a view, `Film -> Drawing`."""

from collections.abc import Callable, Mapping

from convpool.pictures.drawing import Drawing
from convpool.pictures.frames import Film
from convpool.pictures.views.flat import flat

VIEWS: Mapping[str, Callable[[Film], Drawing]] = {"flat": flat}
"""The views by name."""
