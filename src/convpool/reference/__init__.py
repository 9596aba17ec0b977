"""The operators in plain NumPy: the definition against which every kernel is tested.

Every function takes a spec and arrays that have been checked already, images as (N, C, H, W), and
works for float16, float32, float64 and all integer types (max pooling for bool too). They are
written to be read beside the formulas; speed is the kernels' business.
"""

from convpool.reference.average_pooling import avg_pool2d, avg_pool2d_backward
from convpool.reference.convolution import (
    conv2d,
    conv2d_input,
    conv2d_weight,
    conv_transpose2d,
    conv_transpose2d_input,
    conv_transpose2d_weight,
    convolution_bias,
)
from convpool.reference.max_pooling import (
    max_pool2d,
    max_pool2d_backward,
    max_pool2d_with_indices,
)
from convpool.reference.operators import ConvolutionDefinition, Definition
from convpool.reference.unpooling import max_unpool2d, max_unpool2d_backward
from convpool.request import Request

__all__ = [
    "ConvolutionDefinition",
    "Definition",
    "avg_pool2d",
    "avg_pool2d_backward",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "conv_transpose2d",
    "conv_transpose2d_input",
    "conv_transpose2d_weight",
    "convolution_bias",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool2d_with_indices",
    "max_unpool2d",
    "max_unpool2d_backward",
    "prepare",
]


def prepare(request: Request) -> Definition:
    """Return the operation that is requested, as a function of the arrays."""
    kind = ConvolutionDefinition if request.operation in _CONVOLUTIONS else Definition
    return kind(globals()[request.operation], request)


_CONVOLUTIONS = ("conv2d", "conv_transpose2d")
