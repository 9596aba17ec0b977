"""Images that are already one array: in memory, or in a `.npy` or `.npz` file.

The formats are NumPy's own (numpy.lib.format); pickled objects in them are never loaded.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.errors import ArgumentError, DataError
from convpool.images.source import Batch, in_batches, unit_floats

_CHANNELS = (1, 3)
_LAYOUTS = "(N, C, H, W), (N, H, W, C), (N, H, W), (C, H, W), (H, W, C) or (H, W), C being 1 or 3"
_DTYPES = "bool, uint8, uint16 or float"


@dataclass(frozen=True, eq=False)
class ArraySource:
    """The images of one array, cut into batches and turned into floats batch by batch.

    Attributes:
        name: What to call the source; the path, where there is one, is what errors name.
        pixels: Shape (N, C, H, W); bool, uint8 (255 is white), uint16 (65,535 is white), or float
            in 0..1, which each batch checks when it is read (DataError).
        names: The N names of the images.
        path: The file the array came from, if any.

    Example:
        >>> source = ArraySource("grey", np.full((3, 1, 2, 2), 255, np.uint8), ("a", "b", "c"))
        >>> [batch.images.shape for batch in source.batches(2)]
        [(2, 1, 2, 2), (1, 1, 2, 2)]
    """

    name: str
    pixels: NDArray[Any]
    names: tuple[str, ...]
    path: Path | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of every image."""
        _, channels, height, width = self.pixels.shape
        return channels, height, width

    def __len__(self) -> int:
        return len(self.pixels)

    def batches(self, batch_size: int, limit: int | None = None) -> Iterator[Batch]:
        """Yield the first `limit` images in batches of `batch_size`; see `ImageSource.batches`."""
        return in_batches(self._read, len(self), batch_size, limit)

    def _read(self, start: int, stop: int) -> Batch:
        pixels = self.pixels[start:stop]
        if pixels.dtype.kind == "f":
            low, high = pixels.min(), pixels.max()
            if not (low >= 0 and high <= 1):  # a NaN makes both comparisons false
                raise DataError(
                    f"{self.path or self.name} holds float values from {low:g} to {high:g} in "
                    f"images {start} to {stop - 1}, but they must be finite and in 0..1"
                )
        return Batch(unit_floats(pixels), self.names[start:stop])


def read_array(path: str | os.PathLike[str]) -> ArraySource:
    """Open a `.npy` file, or the array `images` (or the only one) of an `.npz` file.

    Layout: an axis of 1 or 3 in the place of the channels is the channels, first place before
    last. So (N, C, H, W) and (C, H, W) are read as such wherever they fit, (N, H, W, C) and
    (H, W, C) where they alone fit, and any other three axes are a stack of grey images (N, H, W).
    Three grey images want the shape (3, 1, H, W): (3, H, W) is one colour image.

    A `.npy` file is memory-mapped: only the batches that are read are loaded.

    Raises:
        ArgumentError: the file does not exist.
        DataError: the file is damaged or holds pickled objects, the shape is no layout of images,
            the dtype is not bool, uint8, uint16 or float, or, when the batch is read, a float is
            outside 0..1.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "digits.npz")
        ...     np.savez(file, images=np.zeros((5, 28, 28), np.uint8))
        ...     source = read_array(file)
        >>> source.name, source.image_shape, len(source), source.names[0]
        ('digits.npz', (1, 28, 28), 5, 'digits-00000')
    """
    path = Path(path)
    if not path.is_file():
        raise ArgumentError("path", str(path), "a .npy or .npz file that exists")
    try:
        array = _load(path)
    except DataError:
        raise
    except Exception as error:
        # Beyond OSError, EOFError and ValueError a damaged file may reach zipfile, zlib and
        # MemoryError (a header that promises petabytes): all say that the file is no good.
        raise DataError(f"{path} cannot be read as an array file: {error}") from error
    pixels = _channels_first(array, path)
    names = tuple(f"{path.stem}-{index:05d}" for index in range(len(pixels)))
    return ArraySource(path.name, pixels, names, path)


def _load(path: Path) -> NDArray[Any]:
    # NumPy leaves a file that it opened itself open when the zip in it is damaged; a memory map
    # needs the path.
    with path.open("rb") as stream:
        start = stream.read(6)
        stream.seek(0)
        if start == b"\x93NUMPY":
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        if not start.startswith(b"PK"):
            raise DataError(f"{path} is neither a .npy nor a .npz file")
        with np.load(stream, allow_pickle=False) as arrays:
            keys = arrays.files
            if "images" not in keys and len(keys) != 1:
                raise DataError(
                    f"{path} holds the arrays {', '.join(keys) or '(none)'}, "
                    "but must hold one called images, or one alone"
                )
            return np.asarray(arrays["images" if "images" in keys else keys[0]])


def _channels_first(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return the array seen as (N, C, H, W), without copying it."""
    dtype = array.dtype
    if not (dtype.kind in "bf" or (dtype.kind == "u" and dtype.itemsize <= 2)):
        raise DataError(f"{path} holds dtype {dtype}, but images must be {_DTYPES}")
    shape = array.shape
    stacked = array[None] if len(shape) == 3 and set(_CHANNELS) & {shape[0], shape[2]} else array
    match stacked.shape:
        case (_, channels, _, _) if channels in _CHANNELS:
            pixels = stacked
        case (_, _, _, channels) if channels in _CHANNELS:
            pixels = np.moveaxis(stacked, 3, 1)
        case (_, _, _):
            pixels = stacked[:, None]
        case (_, _):
            pixels = stacked[None, None]
        case _:
            raise DataError(f"{path} holds shape {shape}, but images must be {_LAYOUTS}")
    if pixels.size == 0:
        raise DataError(f"{path} holds shape {shape}, which has no pixels")
    return pixels
