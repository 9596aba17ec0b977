"""PyTorch's layers on convpool's kernels, and under the other names of `torch.nn` those themselves.

So `from convpool import nn` stands where `from torch import nn` stood.

Example:
    >>> from convpool import nn
    >>> nn.Sequential(nn.Conv2d(3, 8, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2))
    Sequential(
      (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=same)
      (1): ReLU()
      (2): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    )
"""

from typing import Any

import torch

from convpool.nn import functional
from convpool.nn.modules import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    LazyConv2d,
    LazyConvTranspose2d,
    MaxPool2d,
    MaxUnpool2d,
    ReLU,
)

__all__ = [
    "AvgPool2d",
    "BatchNorm2d",
    "Conv2d",
    "ConvTranspose2d",
    "LazyConv2d",
    "LazyConvTranspose2d",
    "MaxPool2d",
    "MaxUnpool2d",
    "ReLU",
    "functional",
]


def __getattr__(name: str) -> Any:
    return getattr(torch.nn, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(torch.nn)})
