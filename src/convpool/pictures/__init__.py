"""Pictures of what layers do: animations, step by step, and contact sheets of many maps.

`frames` tells what a layer does, `views` draws it, `renderers` write the drawing to a file.

The names load on first use, so importing this package loads neither NumPy nor Pillow.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convpool.pictures.animation import Animation, animate
    from convpool.pictures.gallery import write_gallery
    from convpool.pictures.png import png_bytes, save_png
    from convpool.pictures.scale import ColourScale
    from convpool.pictures.sheet import Column, contact_sheet
    from convpool.pictures.tiles import Tiling, tile_maps

__all__ = [
    "Animation",
    "ColourScale",
    "Column",
    "Tiling",
    "animate",
    "contact_sheet",
    "png_bytes",
    "save_png",
    "tile_maps",
    "write_gallery",
]

_HOMES = {
    "Animation": "animation",
    "ColourScale": "scale",
    "Column": "sheet",
    "Tiling": "tiles",
    "animate": "animation",
    "contact_sheet": "sheet",
    "png_bytes": "png",
    "save_png": "png",
    "tile_maps": "tiles",
    "write_gallery": "gallery",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
