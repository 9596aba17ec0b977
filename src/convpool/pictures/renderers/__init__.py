"""Drawings to files: one function a format, `(Drawing, Look) -> bytes`.

A new format is one more module and one more line in the table. Modules load on first use, so
that an SVG needs neither Pillow nor PyAV.
"""

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from convpool.errors import ArgumentError
from convpool.files import write_whole
from convpool.pictures.drawing import Drawing
from convpool.pictures.renderers.look import Look

Renderer = Callable[[Drawing, Look], bytes]

RENDERERS: Mapping[str, tuple[str, str]] = {
    ".svg": ("svg", "svg"),
    ".gif": ("gif", "gif"),
    ".png": ("png", "png"),
    ".apng": ("png", "png"),
    ".webp": ("webp", "webp"),
    ".mp4": ("video", "mp4"),
    ".html": ("html", "page"),
}
"""From a file's extension to the module and the name of its renderer."""


def renderer(path: str | os.PathLike[str]) -> Renderer:
    """Return the renderer for a file's name.

    Raises:
        ArgumentError: where its extension is none of `RENDERERS`.

    Example:
        >>> renderer("film.SVG").__name__
        'svg'
    """
    extension = Path(path).suffix.lower()
    if extension not in RENDERERS:
        known = ", ".join(RENDERERS)
        raise ArgumentError("the extension of path", extension, f"one of {known}")
    module, name = RENDERERS[extension]
    found: Renderer = getattr(import_module(f"{__name__}.{module}"), name)
    return found


def save(drawing: Drawing, path: str | os.PathLike[str], look: Look | None = None) -> None:
    """Write a drawing to a file whose extension says in what format, whole or not at all.

    Args:
        drawing: what to write; where it has one frame, the file holds a still picture.
        path: where to; an existing file is replaced once the new one is whole.
        look: theme, scale and pace.

    Raises:
        ArgumentError: where the extension is none of `RENDERERS`.
        DataError: where the file can't be written, or a package for this format is missing.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "nothing.svg"
        ...     save(Drawing(8, 8, (), ("nothing",), "nothing", 8), path)
        ...     path.read_text()[:4]
        '<svg'
    """
    write_whole(path, renderer(path)(drawing, look or Look()))
