"""One word or path to a source of images."""

import os
from pathlib import Path
from typing import Literal

from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.images.array import read_array
from convpool.images.cifar10 import Cifar10
from convpool.images.sample import sample_cards
from convpool.images.source import ImageSource

DEFAULT_DATA_DIR = Path("data")
"""Where data sets are looked for, and downloaded to, if nothing else is said: `./data`."""

_EXPECTED = (
    "'sample', 'cifar10', or the path of a folder of images, of an image, "
    "or of a .npy or .npz file, that exists"
)


def open_source(
    data: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    split: Literal["test", "train"] = "test",
    size: tuple[int, int] | None = None,
) -> ImageSource:
    """Open the images that `data` means.

    Args:
        data: "sample" for the 64 test cards, "cifar10", or a path: a folder of images, one image,
            a `.npy` or a `.npz` file. A folder that is itself called sample is './sample'.
        data_dir: Where CIFAR-10 lies, `DEFAULT_DATA_DIR` by default; other sources ignore it.
        split: "test" or "train", for CIFAR-10; other sources ignore it.
        size: Height and width to bring image files to; no other source takes it.

    Raises:
        ArgumentTypeError: `data` is neither text nor a path.
        ArgumentError: `data` is neither a name nor a path that exists, `split` is unknown, `size`
            is given for a source that does not take it, or is needed and missing.
        DataError: the data is not there, damaged, or not what it should be.

    Example:
        >>> batch = next(open_source("sample").batches(batch_size=16))
        >>> batch.images.shape, batch.images.dtype.name
        ((16, 3, 64, 64), 'float32')
    """
    if not isinstance(data, str | os.PathLike):
        raise ArgumentTypeError("data", data, _EXPECTED)
    path = Path(data)
    is_array = path.suffix.lower() in {".npy", ".npz"} and not path.is_dir()
    named = data in {"sample", "cifar10"}
    if data == "" or not (named or path.exists()):  # Path("") would be the current folder
        raise ArgumentError("data", os.fspath(data), _EXPECTED)
    if size is not None and (named or is_array):
        raise ArgumentError("size", size, f"left out for {path.name}: only image files are resized")
    if data == "sample":
        return sample_cards()
    if data == "cifar10":
        return Cifar10(DEFAULT_DATA_DIR if data_dir is None else data_dir, split)
    if is_array:
        return read_array(path)
    from convpool.images.folder import ImageFolder  # noqa: PLC0415  # Pillow for those who need it

    return ImageFolder(path, size)
