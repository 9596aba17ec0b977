"""PyTorch's data sets and loaders as a source of images."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from convpool.errors import ArgumentError, ArgumentTypeError, DataError
from convpool.images import Batch
from convpool.spec.arguments import whole

_SAMPLES = "samples that are a tensor or an array (C, H, W), or a tuple that starts with one"


class TensorSource:
    """The images of a data set or a loader.

    A sample is an image (C, H, W), or starts with one, as in (image, class). Floats keep their
    values, whatever their range; uint8 is divided by 255.

    Args:
        data: a data set with a length, or a loader over one, whose batches are taken as they come.

    Raises:
        ArgumentTypeError: it is neither.
        ArgumentError: it has no length, or no such samples.
        DataError: the first sample can't be read.

    Example:
        >>> data = torch.utils.data.TensorDataset(torch.rand(10, 3, 8, 8), torch.arange(10))
        >>> source = TensorSource(data)
        >>> source.name, source.image_shape, len(source)
        ('TensorDataset', (3, 8, 8), 10)
        >>> next(source.batches(2)).names
        ('00000-0', '00001-1')
    """

    def __init__(self, data: object) -> None:
        if not isinstance(data, Dataset | DataLoader):
            raise ArgumentTypeError("source", data, "an image source, a Dataset or a DataLoader")
        self._loader = data if isinstance(data, DataLoader) else None
        samples: Any = data.dataset if isinstance(data, DataLoader) else data
        self._samples = samples
        self.name = type(samples).__name__
        try:
            self._count = self._length()
        except TypeError:
            raise ArgumentError("source", samples, "a data set with a length") from None
        if not self._count:
            raise ArgumentError("source", samples, "a data set with at least one sample")
        collate = (self._loader or DataLoader(samples)).collate_fn
        self.image_shape = _first_shape(samples, collate)

    @property
    def batch_size(self) -> int | None:
        """The size of the loader's batches; None for a data set, and if they differ."""
        return None if self._loader is None else self._loader.batch_size

    @property
    def cut(self) -> bool:
        """Whether the batches come as they are, from a loader."""
        return self._loader is not None

    def __len__(self) -> int:
        return self._count

    def batches(self, batch_size: int, limit: int | None = None) -> Iterator[Batch]:
        """Yield the first `limit` images, a data set's in batches of `batch_size`.

        Raises:
            ArgumentError, ArgumentTypeError: the numbers are wrong.
            DataError, while they are read: the data set fails, or a batch holds no such images.
        """
        size = whole("batch_size", batch_size, minimum=1)
        left = len(self) if limit is None else min(len(self), whole("limit", limit, minimum=1))
        loader = self._loader or DataLoader(self._samples, batch_size=size)
        return self._read(iter(loader), left)

    def _read(self, loaded: Iterator[Any], left: int) -> Iterator[Batch]:
        done = 0
        while done < left:
            try:
                samples = next(loaded)
            except StopIteration:
                return
            except Exception as error:  # whatever the user's data set raises
                raise DataError(
                    f"{self.name} failed after {done} images: {_told(error)}"
                ) from error
            images = _images(samples)[: left - done]
            if images.shape[1:] != self.image_shape:
                shapes = f"images {images.shape[1:]} after {self.image_shape}"
                raise DataError(f"{self.name} has {shapes}, but all must have one shape")
            yield Batch(images, _names(samples, done, len(images)))
            done += len(images)

    def _length(self) -> int:
        loader = self._loader
        if loader is None or loader.batch_size is None:
            return len(self._samples)
        drawn = len(loader.sampler)  # type: ignore[arg-type]
        return len(loader) * loader.batch_size if loader.drop_last else drawn


def _first_shape(samples: Any, collate: Any) -> tuple[int, int, int]:
    try:
        first = collate([samples[0]])
    except Exception as error:  # whatever the user's data set raises, and collate
        raise DataError(
            f"{type(samples).__name__} failed on its first sample: {_told(error)}"
        ) from error
    _, channels, height, width = _images(first).shape
    return channels, height, width


def _images(samples: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the images of a batch, float32 (N, C, H, W)."""
    images = samples[0] if isinstance(samples, tuple | list) and samples else samples
    if not isinstance(images, Tensor) or images.ndim != 4 or images.is_complex():
        kind = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ArgumentError("a batch of images", kind, f"(N, C, H, W): {_SAMPLES}")
    floats = images.detach().cpu().float()
    return (floats / 255 if images.dtype == torch.uint8 else floats).contiguous().numpy()


def _names(samples: Any, start: int, count: int) -> tuple[str, ...]:
    """Return numbers as names, with the class where a sample's second part is a whole number."""
    numbers = [f"{number:05d}" for number in range(start, start + count)]
    labels = samples[1] if isinstance(samples, tuple | list) and len(samples) > 1 else None
    if not isinstance(labels, Tensor) or labels.ndim != 1 or labels.is_floating_point():
        return tuple(numbers)
    return tuple(
        f"{number}-{label}" for number, label in zip(numbers, labels.tolist(), strict=False)
    )


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
