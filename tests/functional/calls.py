"""One valid call of each operator, for tests that vary it, and the same call in PyTorch."""

from typing import Any

import numpy as np
import torch

from convpool import functional
from tests.operators.settings import Array

IMAGE = np.arange(2 * 2 * 5 * 5, dtype=np.float32).reshape(2, 2, 5, 5)
POOLED = IMAGE[:, :, :2, :2].copy()
INDICES = np.arange(4).reshape(1, 1, 2, 2).repeat(2, axis=0).repeat(2, axis=1)

BASE: dict[str, dict[str, Any]] = {
    "conv2d": {"input": IMAGE, "weight": np.ones((4, 2, 3, 3), np.float32), "bias": None},
    "conv_transpose2d": {"input": IMAGE, "weight": np.ones((2, 4, 3, 3), np.float32), "bias": None},
    "max_pool2d": {"input": IMAGE, "kernel_size": 2},
    "avg_pool2d": {"input": IMAGE, "kernel_size": 2},
    "max_unpool2d": {"input": POOLED, "indices": INDICES, "kernel_size": 2},
}
ARRAYS = ("input", "weight", "bias", "indices")


def ours(name: str, **changes: Any) -> Any:
    """Call an operator with the valid arguments, but for the changes."""
    return getattr(functional, name)(**BASE[name] | changes)


def theirs(name: str, **changes: Any) -> Any:
    """Call PyTorch's function likewise, with tensors for the arrays."""
    arguments = BASE[name] | changes
    for array in ARRAYS:
        if isinstance(arguments.get(array), np.ndarray):
            arguments[array] = torch.from_numpy(arguments[array])
    return getattr(torch.nn.functional, name)(**arguments)


def as_array(result: Any) -> Array:
    return np.asarray(result.detach().numpy() if isinstance(result, torch.Tensor) else result)
