"""PNG bytes and PNG files: the one place that encodes pixels."""

import io
import os
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.files import write_whole

Picture = Image.Image | npt.NDArray[np.uint8]
"""A Pillow image, or pixels (H, W, 3) or (H, W)."""

# Level 6, zlib's own default, takes 3 times as long on a tiling for a few percent less.
_COMPRESSION = 4


def png_bytes(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return the pixels as the bytes of a PNG file.

    Args:
        pixels: uint8, (H, W, 3) in colour or (H, W) in grey.

    Raises:
        ArgumentTypeError: where the pixels are not a uint8 array.
        ArgumentError: where their shape is another one or empty.

    Example:
        >>> png_bytes(np.zeros((2, 3, 3), np.uint8))[1:4]
        b'PNG'
    """
    return _encoded(Image.fromarray(checked_pixels(pixels)))


def save_png(image: Picture, path: str | os.PathLike[str]) -> None:
    """Write a picture to a PNG file, whole or not at all.

    Args:
        image: a Pillow image, or pixels as in `png_bytes`.
        path: where to; the folder must exist.

    Raises:
        DataError: where the folder is missing or cannot be written, or the disk is full.
        ArgumentTypeError, ArgumentError: for pixels, as in `png_bytes`.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_png(np.zeros((2, 3, 3), np.uint8), Path(folder) / "black.png")
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['black.png']
    """
    if not isinstance(image, Image.Image):
        image = Image.fromarray(checked_pixels(image))
    write_whole(path, _encoded(image))


def checked_pixels(pixels: Any) -> npt.NDArray[np.uint8]:
    """Return the pixels if they make a picture: uint8, (H, W, 3) or (H, W), not empty.

    Raises:
        ArgumentTypeError, ArgumentError: as in `png_bytes`.

    Example:
        >>> checked_pixels(np.zeros((2, 3), np.uint8)).shape
        (2, 3)
    """
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise ArgumentTypeError("pixels", pixels, "a NumPy array of uint8")
    shape = pixels.shape
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)) or pixels.size == 0:
        raise ArgumentError("the shape of pixels", shape, "(H, W, 3) or (H, W), not empty")
    return pixels


def _encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=_COMPRESSION)
    return file.getvalue()
