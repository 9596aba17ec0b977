"""`torch.nn.functional` with convpool's operators in it.

Example:
    >>> import torch
    >>> from convpool.nn import functional as F
    >>> F.relu(F.conv2d(torch.ones(1, 1, 3), -torch.ones(1, 1, 1, 2)))
    tensor([[[0., 0.]]])
"""

from typing import Any

import torch

from convpool.bridge import avg_pool2d, conv2d, conv_transpose2d, max_pool2d, max_unpool2d

__all__ = ["avg_pool2d", "conv2d", "conv_transpose2d", "max_pool2d", "max_unpool2d"]


def __getattr__(name: str) -> Any:
    return getattr(torch.nn.functional, name)
