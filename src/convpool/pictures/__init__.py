"""Pictures of what layers do: numbers to grey values, maps to tilings, tilings to contact sheets.

The names load on first use, so importing this package loads neither NumPy nor Pillow.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convpool.pictures.png import png_bytes, save_png
    from convpool.pictures.scale import ColourScale
    from convpool.pictures.sheet import Column, contact_sheet
    from convpool.pictures.tiles import Tiling, tile_maps

__all__ = [
    "ColourScale",
    "Column",
    "Tiling",
    "contact_sheet",
    "png_bytes",
    "save_png",
    "tile_maps",
]

_HOMES = {
    "ColourScale": "scale",
    "Column": "sheet",
    "Tiling": "tiles",
    "contact_sheet": "sheet",
    "png_bytes": "png",
    "save_png": "png",
    "tile_maps": "tiles",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
