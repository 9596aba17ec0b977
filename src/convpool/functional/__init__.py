"""The operators on arrays, under PyTorch's names, with its arguments, defaults and results.

Every call checks its arguments and arrays first, builds the spec of the layer and asks the dispatch
for a plan; for a layer and an input of known shape and type (`calls.py`) this was done the first
time. Then it runs. Arrays are NumPy's, or of another kind that is registered (`kinds.py`): so
PyTorch's tensors, whose functions (`bridge`) come back here with those that the kernels take.
"""

from convpool.functional.apply import apply
from convpool.functional.binding import bind
from convpool.functional.convolution import conv2d, conv_transpose2d
from convpool.functional.gradients import (
    avg_pool2d_backward,
    conv2d_input,
    conv2d_weight,
    conv_transpose2d_input,
    conv_transpose2d_weight,
    max_pool2d_backward,
    max_unpool2d_backward,
)
from convpool.functional.pooling import avg_pool2d, max_pool2d, max_unpool2d

__all__ = [
    "apply",
    "avg_pool2d",
    "avg_pool2d_backward",
    "bind",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "conv_transpose2d",
    "conv_transpose2d_input",
    "conv_transpose2d_weight",
    "max_pool2d",
    "max_pool2d_backward",
    "max_unpool2d",
    "max_unpool2d_backward",
]
