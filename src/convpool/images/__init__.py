"""Images to run over: test cards, CIFAR-10, folders of pictures, arrays on disk.

`open_source` turns a word or a path into an `ImageSource`, which yields float32 batches of shape
(N, C, H, W) in 0..1. Importing this package costs NumPy; Pillow and the network are loaded by the
names that need them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from convpool.images.array import ArraySource, read_array
from convpool.images.cifar10 import CLASSES, Cifar10
from convpool.images.open import DEFAULT_DATA_DIR, open_source
from convpool.images.sample import sample_cards
from convpool.images.source import Batch, ImageSource

if TYPE_CHECKING:
    from convpool.images.download import CIFAR10_BINARY, Archive, fetch_archive
    from convpool.images.folder import ImageFolder

__all__ = [
    "CIFAR10_BINARY",
    "CLASSES",
    "DEFAULT_DATA_DIR",
    "Archive",
    "ArraySource",
    "Batch",
    "Cifar10",
    "ImageFolder",
    "ImageSource",
    "fetch_archive",
    "open_source",
    "read_array",
    "sample_cards",
]

_LATE = {
    "CIFAR10_BINARY": "download",
    "Archive": "download",
    "fetch_archive": "download",
    "ImageFolder": "folder",
}


if not TYPE_CHECKING:  # a type checker would believe that any name is there

    def __getattr__(name: str) -> Any:
        if name not in _LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
