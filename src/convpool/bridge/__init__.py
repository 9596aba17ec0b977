"""The operators on PyTorch's tensors, with gradients, for its compilers and transforms.

`functional` finds this package when a tensor comes in; the layers of `convpool.nn` are a coat over
it. It alone imports torch, with them.
"""

from convpool.bridge.functions import (
    avg_pool2d,
    conv2d,
    conv_transpose2d,
    max_pool2d,
    max_unpool2d,
)
from convpool.bridge.gradients import register

__all__ = ["avg_pool2d", "conv2d", "conv_transpose2d", "max_pool2d", "max_unpool2d"]

register()
