"""What a source of images is, and the one place where images are cut into batches.

A source knows how many images it has and what shape they are without reading them all; the pixels
come in batches, float32 in 0..1, one batch in memory at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convpool.spec.arguments import whole


@dataclass(frozen=True, eq=False)
class Batch:
    """Some images of a source, in its order.

    Attributes:
        images: The pixels, float32 of shape (N, C, H, W), from 0 (black) to 1 (white).
        names: N names, each unique within the source.

    Example:
        >>> len(Batch(np.zeros((2, 3, 4, 4), np.float32), ("a", "b")))
        2
    """

    images: NDArray[np.float32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


class ImageSource(Protocol):
    """A set of images of one shape, read in batches.

    Example:
        >>> from convpool.images import open_source
        >>> source = open_source("sample")
        >>> source.name, source.image_shape, len(source)
        ('sample', (3, 64, 64), 64)
    """

    @property
    def name(self) -> str:
        """What to call the source in front of people: 'sample', 'CIFAR-10 test', 'holiday'."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of every image."""

    def __len__(self) -> int:
        """Return the number of images."""

    def batches(self, batch_size: int, limit: int | None = None) -> Iterator[Batch]:
        """Yield the first `limit` images (all of them by default) in batches of `batch_size`.

        The last batch may be smaller. Both numbers are whole and at least 1, else ArgumentError
        (ArgumentTypeError for what is no whole number at all); an image that cannot be read is a
        DataError.
        """


def in_batches(
    read: Callable[[int, int], Batch], length: int, batch_size: int, limit: int | None
) -> Iterator[Batch]:
    """Cut `length` images into batches; `read(start, stop)` returns one of them.

    The numbers are checked here and now, not when the first batch is asked for.

    Raises:
        ArgumentError: `batch_size` or `limit` is less than 1.
        ArgumentTypeError: `batch_size` or `limit` is not a whole number.

    Example:
        >>> def read(start: int, stop: int) -> Batch:
        ...     names = tuple(str(index) for index in range(start, stop))
        ...     return Batch(np.zeros((len(names), 1, 2, 2), np.float32), names)
        >>> [batch.names for batch in in_batches(read, length=10, batch_size=2, limit=5)]
        [('0', '1'), ('2', '3'), ('4',)]
    """
    step = whole("batch_size", batch_size, minimum=1)
    end = length if limit is None else min(length, whole("limit", limit, minimum=1))
    return (read(start, min(start + step, end)) for start in range(0, end, step))


def unit_floats(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Return pixels of any supported dtype as a new C-ordered float32 array in 0..1.

    Unsigned integers are divided by the largest value of their dtype; booleans and floats keep
    their values.

    Example:
        >>> unit_floats(np.array([0, 51, 255], np.uint8)).tolist()
        [0.0, 0.20000000298023224, 1.0]
    """
    if pixels.dtype.kind == "u":
        white = np.float32(np.iinfo(pixels.dtype).max)
        unit: NDArray[np.float32] = np.divide(pixels, white, dtype=np.float32, order="C")
        return unit
    return pixels.astype(np.float32, order="C")
