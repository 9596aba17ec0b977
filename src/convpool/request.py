"""What an engine is asked for: one operation of one layer on images of one shape and type."""

from dataclasses import dataclass

from convpool.arithmetic import Shape
from convpool.spec import LayerSpec


@dataclass(frozen=True)
class Request:
    """An operation of a layer on images (C, H, W) of an element type.

    `image_shape` and `dtype` are those of the layer's input in the forward direction, for its
    gradients too. Neither batch size nor thread count is in it: what an engine does with an image
    can't depend on its company.
    """

    operation: str
    spec: LayerSpec
    image_shape: Shape
    dtype: str
