"""Image files, one or a folder of them, decoded by Pillow batch by batch."""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from convpool.errors import ArgumentError, ArgumentTypeError, DataError
from convpool.images.source import Batch, in_batches, unit_floats
from convpool.spec.arguments import whole

SUFFIXES = frozenset(
    ".png .jpg .jpeg .gif .webp .bmp .ppm .pgm .pnm .tif .tiff".split()  # noqa: SIM905
)
# A file is opened as one of these whatever its name says. Pillow knows more formats, one of which
# (EPS) would start another program.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "PPM", "TIFF")
_QUARTER_TURNS = (5, 6, 7, 8)  # values of the EXIF orientation that swap height and width


class ImageFolder:
    """The images of a folder and the folders in it, as RGB; or one image file.

    Files are taken by suffix (`SUFFIXES`), hidden ones left out, in the order a person expects:
    'img-2.png' before 'img-10.png'. Names are paths relative to the folder, with slashes.

    Of an animation the first frame is read. The EXIF orientation is applied, transparency is laid
    over white, and grey of 16 bits keeps its precision.

    With `size`, each image is scaled until it covers height and width, and what hangs over is cut
    off evenly. The filter is a triangle as wide as the reduction: smooth, and without the
    overshoot of sharper filters, which an edge detector would report as edges.

    Args:
        path: The folder, or one file.
        size: Height and width to bring all images to. Without it they must all have the size of
            the first; that is read from their headers.

    Raises:
        ArgumentError: `path` does not exist, `size` is not two numbers of at least 1, or the
            images differ in size and no `size` is given.
        DataError: there is no image, or one is damaged, cut off, or absurdly large; reading a
            batch raises it too.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (40, 20), "teal").save(Path(folder, "wide.png"))
        ...     Image.new("L", (20, 60), 255).save(Path(folder, "high.png"))
        ...     source = ImageFolder(folder, size=(24, 32))
        ...     batch = next(source.batches(64))
        >>> batch.names, batch.images.shape
        (('high.png', 'wide.png'), (2, 3, 24, 32))
    """

    def __init__(self, path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> None:
        path = Path(path)
        if not path.exists():
            raise ArgumentError("path", str(path), "a folder of images or an image that exists")
        self._size = None if size is None else _checked_size(size)
        self._files = _image_files(path) if path.is_dir() else [path]
        self._base = path if path.is_dir() else path.parent
        self.name = path.name or path.resolve().name or str(path)
        height, width = self._size or self._common_size()
        self.image_shape = (3, height, width)

    def __len__(self) -> int:
        return len(self._files)

    def batches(self, batch_size: int, limit: int | None = None) -> Iterator[Batch]:
        """Yield the first `limit` images in batches of `batch_size`; see `ImageSource.batches`."""
        return in_batches(self._read, len(self), batch_size, limit)

    def _read(self, start: int, stop: int) -> Batch:
        files = self._files[start:stop]
        images = np.empty((len(files), *self.image_shape), np.float32)
        for image, file in zip(images, files, strict=True):
            pixels = _decoded(file, self._size)
            self._check_same(file, pixels.shape[:2])
            image[:] = np.moveaxis(pixels, 2, 0)
        return Batch(images, tuple(file.relative_to(self._base).as_posix() for file in files))

    def _common_size(self) -> tuple[int, int]:
        """Return the height and width of the first image, having checked that all have them."""
        height, width = _size_in_header(self._files[0])
        self.image_shape = (3, height, width)
        for file in self._files[1:]:
            self._check_same(file, _size_in_header(file))
        return height, width

    def _check_same(self, file: Path, found: tuple[int, ...]) -> None:
        if found != self.image_shape[1:]:
            _, height, width = self.image_shape
            raise ArgumentError(
                "size",
                self._size,
                "the height and width to bring all images to, because they differ: "
                f"{self._files[0]} is {height}x{width}, {file} is {found[0]}x{found[1]}",
            )


def _checked_size(size: object) -> tuple[int, int]:
    if not isinstance(size, tuple | list):
        raise ArgumentTypeError("size", size, "a pair (height, width)")
    if len(size) != 2:
        raise ArgumentError("size", size, "a pair (height, width)")
    return whole("size[0]", size[0], minimum=1), whole("size[1]", size[1], minimum=1)


def _image_files(folder: Path) -> list[Path]:
    """Return the images below the folder, in natural order of their relative paths."""
    found = []
    for place, folders, files in os.walk(folder, onerror=_raise_unlisted):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in files if not name.startswith("."))
        found += [path for path in paths if path.suffix.lower() in SUFFIXES]
    if not found:
        kinds = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
        raise DataError(f"{folder} holds no image: a folder of images has files of type {kinds}")
    return sorted(found, key=lambda path: _natural_key(path.relative_to(folder)))


def _raise_unlisted(error: OSError) -> None:
    raise DataError(f"{error.filename} cannot be listed: {error.strerror}") from error


def _natural_key(path: Path) -> tuple[list[list[str | int]], str]:
    """Return a key under which numbers in names count as numbers, and folders stay together."""
    parts = [re.split(r"(\d+)", part.casefold()) for part in path.parts]
    # Text and digits alternate, so text meets text and a number a number in every comparison. The
    # path itself settles what is equal so far ('1.png', '01.png').
    key = [[int(p) if index % 2 else p for index, p in enumerate(part)] for part in parts]
    return key, str(path)


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """Open the file with its header read; whatever fails in the body is the file's fault."""
    try:
        with warnings.catch_warnings():
            # A few kilobytes can claim gigabytes of pixels; Pillow only warns at first.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=_FORMATS) as image:
                yield image
    except UnidentifiedImageError as error:
        raise DataError(f"{file} is no image of type {', '.join(_FORMATS)}") from error
    except Exception as error:
        # Damaged files take Pillow's decoders to OSError, SyntaxError, ValueError, struct.error
        # and others.
        reason = str(error) or type(error).__name__
        raise DataError(f"{file} cannot be read as an image: {reason}") from error


def _size_in_header(file: Path) -> tuple[int, int]:
    """Return the (height, width) that the image will have when decoded and upright."""
    with _opened(file) as image:
        width, height = image.size
        # Asked for EXIF data, a PNG without any would be decoded to the end in search of it.
        exif: Any = image.getexif() if image.format != "PNG" or "exif" in image.info else {}
        if image.format == "TIFF":  # whose `size` is upright already in some versions of Pillow
            width, height = exif[ExifTags.Base.ImageWidth], exif[ExifTags.Base.ImageLength]
        if exif.get(ExifTags.Base.Orientation) in _QUARTER_TURNS:
            width, height = height, width
        return height, width


def _decoded(file: Path, size: tuple[int, int] | None) -> NDArray[np.float32]:
    """Return the image as float32 in 0..1 of shape (H, W, 3) or, where grey suffices, (H, W, 1)."""
    with _opened(file) as opened:
        upright = ImageOps.exif_transpose(opened)
        if opened.mode == "F" or opened.mode.startswith("I"):
            image = _deep_grey(upright, opened.format)
        else:
            image = _on_white(upright)
        if size is not None and image.size != size[::-1]:
            image = ImageOps.fit(image, size[::-1], Image.Resampling.BILINEAR)
        return np.atleast_3d(unit_floats(np.asarray(image)))


def _deep_grey(image: Image.Image, file_format: str | None) -> Image.Image:
    """Return grey of more than 8 bits as mode F in 0..1: converting to RGB would cut its values."""
    grey = np.asarray(image)
    if image.mode == "I":
        # 32 bits of which PNG (in older versions of Pillow) and PPM use 16; in a TIFF they may mean
        # anything.
        if file_format == "TIFF":
            raise ValueError("grey of 32-bit integers has no agreed white")
        grey = grey.astype(np.uint16)
    grey = unit_floats(grey)
    if not (grey.min() >= 0 and grey.max() <= 1):  # a NaN makes both comparisons false
        raise ValueError("its float values are not finite and in 0..1")
    return Image.fromarray(grey)


def _on_white(image: Image.Image) -> Image.Image:
    """Return the image as RGB, what is transparent showing white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
