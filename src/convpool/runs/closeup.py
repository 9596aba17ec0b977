"""What the first layer does to the middle of the first image, step by step."""

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import axes_of
from convpool.errors import ArgumentError
from convpool.pictures import Animation
from convpool.pictures.animation import animate
from convpool.spec import ConvolutionSpec, LayerSpec
from convpool.weights import LayerWeights

_SIDE, _SMALLER_SIDE = 12, 8
"""Pixels of an image whose numbers can be read: of one channel, and where several are read."""
_SPEED = 4.0  # there are some hundred frames


def closeup(spec: LayerSpec, image: NDArray[np.float32], weights: LayerWeights | None) -> Animation:
    """Return the animation of a layer's first output channel on a crop of an image (C, H, W).

    The crop is of 12×12 pixels, 8×8 where several channels are read, or as many more as three
    windows, or padding that repeats pixels, need.

    Raises:
        ArgumentError: the layer is too large for its cells to be told apart.
    """
    several = isinstance(spec, ConvolutionSpec) and spec.in_channels > spec.groups
    side = _SMALLER_SIDE if several else _SIDE
    axes = axes_of(spec, (image.shape[1], image.shape[2]))
    rows, columns = (
        max(side, axis.reach + 2 * axis.stride, axis.before + 1, axis.after + 1) for axis in axes
    )
    try:
        return animate(
            spec,
            image,
            None if weights is None else weights.weight,
            None if weights is None else weights.bias,
            channel=0,
            speed=_SPEED,
            crop=(rows, columns),
        )
    except ArgumentError as error:
        raise error.within("animate") from None
