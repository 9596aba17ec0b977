"""CIFAR-10 from disk: 60,000 colour images of 32x32 pixels in ten classes.

Source of the format: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
and https://www.cs.toronto.edu/~kriz/cifar.html. A batch file holds 10,000 images. In the binary
layout each is 1 label byte and 3,072 pixel bytes: the red, green and blue planes, each row by row.
In the Python layout a Python 2 pickle holds a dict with `data`, uint8 (10000, 3072) in the same
order, and `labels`, a list of 10,000 numbers.
"""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from convpool.errors import ArgumentError, DataError
from convpool.images.source import Batch, in_batches, unit_floats

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
BINARY_FOLDER = "cifar-10-batches-bin"
PYTHON_FOLDER = "cifar-10-batches-py"

_BATCHES = {
    "test": ("test_batch",),
    "train": ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"),
}
_RECORDS = 10_000
_IMAGE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_BINARY_BYTES = _RECORDS * (1 + _PIXELS)


class Cifar10:
    """One split of CIFAR-10: 10,000 test or 50,000 training images, shape (3, 32, 32).

    Images are called by index and class, such as '00000-cat'. The binary layout is preferred where
    both are there, because a pickle is a program; it stays memory-mapped, and the Python layout is
    held as bytes: floats are made batch by batch.

    Attributes:
        labels: uint8 of shape (N,), each the index of a class in `CLASSES`.

    Args:
        data_dir: The folder that holds `cifar-10-batches-bin` or `cifar-10-batches-py`, or one of
            these two itself.
        split: "test" or "train".

    Raises:
        ArgumentError: `split` is neither.
        DataError: the files are not there, or one of them is not a batch of CIFAR-10.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "test_batch.bin")
        ...     _ = file.write_bytes(bytes(10_000 * 3_073))
        ...     source = Cifar10(folder)
        ...     first = next(source.batches(64))
        >>> source.name, len(source), first.images.shape, first.names[0]
        ('CIFAR-10 test', 10000, (64, 3, 32, 32), '00000-airplane')
    """

    def __init__(
        self, data_dir: str | os.PathLike[str], split: Literal["test", "train"] = "test"
    ) -> None:
        files = _batch_files(Path(data_dir), split)
        parts = [_read_binary(file) if file.suffix else _read_pickle(file) for file in files]
        self.name = f"CIFAR-10 {split}"
        self.image_shape = _IMAGE
        self.labels = np.concatenate([labels for labels, _ in parts])
        self._parts = [pixels.reshape(_RECORDS, *_IMAGE) for _, pixels in parts]

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, batch_size: int, limit: int | None = None) -> Iterator[Batch]:
        """Yield the first `limit` images in batches of `batch_size`; see `ImageSource.batches`."""
        return in_batches(self._read, len(self), batch_size, limit)

    def _read(self, start: int, stop: int) -> Batch:
        # A batch may reach over the end of a file, so each file gives what it has of it.
        pieces = [
            part[max(0, start - offset) : max(0, stop - offset)]
            for offset, part in zip(range(0, len(self), _RECORDS), self._parts, strict=True)
        ]
        names = (f"{i:05d}-{CLASSES[self.labels[i]]}" for i in range(start, stop))
        return Batch(unit_floats(np.concatenate(pieces)), tuple(names))


def _batch_files(data_dir: Path, split: str) -> list[Path]:
    """Return the files of the split in the first layout that has them all."""
    if split not in _BATCHES:
        raise ArgumentError("split", split, "'test' or 'train'")
    missing = []
    for folder, suffix in (
        (data_dir / BINARY_FOLDER, ".bin"),
        (data_dir, ".bin"),
        (data_dir / PYTHON_FOLDER, ""),
        (data_dir, ""),
    ):
        files = [folder / f"{stem}{suffix}" for stem in _BATCHES[split]]
        absent = next((file for file in files if not file.is_file()), None)
        if absent is None:
            return files
        missing.append(str(absent))
    incomplete = data_dir / BINARY_FOLDER
    download = f"move {incomplete} away and --download" if incomplete.is_dir() else "--download"
    raise DataError(
        f"no CIFAR-10 {split} data: looked for {', '.join(missing)}; "
        f"{download} fetches it, --data-dir names the folder that holds it"
    )


def _read_binary(file: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return labels (10000,) and memory-mapped pixels (10000, 3072) of a binary batch."""
    found = file.stat().st_size
    if found != _BINARY_BYTES:
        raise DataError(
            f"{file} has {found:,} bytes, but a binary CIFAR-10 batch has {_BINARY_BYTES:,}"
        )
    try:
        records = np.memmap(file, np.uint8, mode="r").reshape(_RECORDS, 1 + _PIXELS)
        labels = np.array(records[:, 0])
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    _check_labels(labels, file)
    return labels, records[:, 1:]


def _read_pickle(file: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return labels (10000,) and pixels (10000, 3072) of a Python batch."""
    found = f"{file} ({file.stat().st_size:,} bytes)"
    try:
        with file.open("rb") as stream:
            batch = _BatchUnpickler(stream, file).load()
        pixels, labels = batch[b"data"], np.asarray(batch[b"labels"])
    except DataError:
        raise
    except Exception as error:
        # A damaged pickle can raise anything: its bytes are calls with arguments.
        raise DataError(
            f"{found} is no Python CIFAR-10 batch, a pickle of about 31 MB: "
            f"{type(error).__name__}: {error}"
        ) from error
    shape = (_RECORDS, _PIXELS)
    if type(pixels) is not np.ndarray or pixels.dtype != np.uint8 or pixels.shape != shape:
        dtype, shape_found = getattr(pixels, "dtype", type(pixels)), getattr(pixels, "shape", "")
        raise DataError(f"{found} holds data {dtype} {shape_found}, but must hold uint8 {shape}")
    if labels.shape != (_RECORDS,) or labels.dtype.kind not in "iu":
        raise DataError(
            f"{found} holds labels {labels.dtype} {labels.shape}, "
            f"but must hold {_RECORDS:,} whole numbers"
        )
    _check_labels(labels, file)
    return labels.astype(np.uint8), pixels


def _check_labels(labels: NDArray[Any], file: Path) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= len(CLASSES)))
    if wrong.size:
        first = wrong[0]
        raise DataError(
            f"{file} is no CIFAR-10 batch: label {labels[first]} at image {first}, "
            "but the labels are 0 to 9"
        )


class _BatchUnpickler(pickle.Unpickler):
    """Reads the Python layout and nothing else.

    A pickle may name any function and call it; the official files name three, and only these are
    answered.
    """

    def __init__(self, stream: IO[bytes], file: Path) -> None:
        super().__init__(stream, encoding="bytes")
        self._file = file

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "numpy.core.multiarray", "_reconstruct":
                # NumPy 2 moved the function; an array's own __reduce__ knows where it is.
                return np.empty(0).__reduce__()[0]
            case "numpy", "ndarray":
                return np.ndarray
            case "numpy", "dtype":
                return _dtype
        raise DataError(
            f"{self._file} is no CIFAR-10 batch and was not loaded: "
            f"its pickle asks for {module}.{name}"
        )


def _dtype(code: Any, align: int, copy: int) -> np.dtype[Any]:
    """Return the dtype as the pickle asks; NumPy 2.4 warns where the flags are 0 and 1."""
    dtype: np.dtype[Any] = np.dtype(code, align=bool(align), copy=bool(copy))
    return dtype
