"""The operators on PyTorch's tensors, with gradients, for its compilers and transforms.

`functional` finds this package when a tensor comes in; the layers of `convpool.nn` are a coat over
it. It alone imports torch, with them.
"""

from convpool.bridge.backward import (
    avg_pool2d_backward,
    conv2d_input,
    conv2d_weight,
    conv_transpose2d_input,
    conv_transpose2d_weight,
    max_pool2d_backward,
    max_unpool2d_backward,
)
from convpool.bridge.binding import array, call_bound
from convpool.bridge.explanation import explain
from convpool.bridge.functions import (
    avg_pool2d,
    conv2d,
    conv_transpose2d,
    max_pool2d,
    max_unpool2d,
)
from convpool.bridge.gradients import register

__all__ = [
    "array",
    "avg_pool2d",
    "avg_pool2d_backward",
    "call_bound",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "conv_transpose2d",
    "conv_transpose2d_input",
    "conv_transpose2d_weight",
    "explain",
    "max_pool2d",
    "max_pool2d_backward",
    "max_unpool2d",
    "max_unpool2d_backward",
]

register()
