"""The small net for CIFAR-10 that `examples/cifar10_train.py` trains."""

from pathlib import Path
from runpy import run_path

import torch
from torch.nn import Module

EXAMPLE = Path(__file__).parents[2] / "examples" / "cifar10_train.py"


def example_cnn() -> Module:
    """Return the example's net in its usual width, of PyTorch's layers."""
    net: Module = run_path(str(EXAMPLE))["net"](torch.nn, 24)
    return net
