"""Images to pool, in both memory layouts, and the kernels and the reference side by side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool import kernels
from convpool.request import Request
from convpool.spec import LayerSpec

Array = NDArray[Any]


def noise(shape: tuple[int, ...], dtype: str = "float32") -> Array:
    """Normal numbers; of integers, all that there are."""
    random = np.random.default_rng(0)
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        return random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    numbers = random.standard_normal(shape)
    return numbers > 1 if dtype == "bool" else numbers.astype(dtype)


def channels_last(images: Array) -> Array:
    return images.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)


def both_layouts(images: Array) -> tuple[Array, Array]:
    return images, channels_last(images)


def carry_out(operation: str, spec: LayerSpec, images: Array, *rest: Any, **out: Any) -> Any:
    """Return what the kernels return, which must not refuse."""
    asked = Request(operation, spec, images.shape[1:], images.dtype.name)
    assert kernels.refusal(asked) is None
    return kernels.prepare(asked)(images, *rest, **out)
