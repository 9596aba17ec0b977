"""Each layer's tale and its output; the numbers that come out are the reference's."""

import numpy as np

from convpool import reference
from convpool.arithmetic import stamp_axes, window_axes
from convpool.errors import ArgumentError
from convpool.pictures.frames.frame import Array
from convpool.pictures.frames.stamps import Placing, Stamping
from convpool.pictures.frames.tale import Tale
from convpool.pictures.frames.windows import Convolution, Maximum, Mean
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvolutionSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)

Told = tuple[Tale, Array, Array | None]
"""A tale, the output (K, OH, OW), and the flat indices where the layer has any."""


def convolution_told(
    spec: ConvolutionSpec, image: Array, weight: Array, bias: Array | None
) -> Told:
    """Return the tale of a convolution or a transposed one."""
    plane = image.shape[1], image.shape[2]
    if isinstance(spec, Conv2dSpec):
        output = reference.conv2d(spec, image[None], weight, bias)[0]
        return Convolution(spec, window_axes(spec, plane), image, weight, bias), output, None
    output = reference.conv_transpose2d(spec, image[None], weight, bias)[0]
    return Stamping(spec, stamp_axes(spec, plane), image, weight, bias), output, None


def pooling_told(spec: MaxPool2dSpec | AvgPool2dSpec, image: Array) -> Told:
    """Return the tale of a pooling."""
    axes = window_axes(spec, (image.shape[1], image.shape[2]))
    if isinstance(spec, AvgPool2dSpec):
        return Mean(spec, axes, image), reference.avg_pool2d(spec, image[None])[0], None
    values, indices = reference.max_pool2d_with_indices(spec, image[None])
    return Maximum(axes, image, indices[0]), values[0], indices[0]


def unpooling_told(spec: MaxUnpool2dSpec, image: Array, indices: Array) -> Told:
    """Return the tale of an unpooling.

    Raises:
        ArgumentError: an index names no cell of the output.
    """
    axes = stamp_axes(spec, (image.shape[1], image.shape[2]))
    plane = axes[0].output, axes[1].output
    wrong = indices[(indices % 1 != 0) | (indices < 0) | (indices >= plane[0] * plane[1])]
    if wrong.size:
        last = plane[0] * plane[1] - 1
        raise ArgumentError("indices", wrong.item(0), f"a whole number from 0 to {last}")
    places = indices.astype(np.int64)
    output = reference.max_unpool2d(spec, image[None], places[None], plane)[0]
    return Placing(axes, image, places), output, places
