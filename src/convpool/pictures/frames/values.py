"""The numbers of a film: those given, checked, or small ones that are the same on each machine."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convpool.arithmetic import Shape, axes_of
from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.notation import input_shape
from convpool.pictures.frames.frame import Array
from convpool.spec import Conv2dSpec, ConvolutionSpec, LayerSpec, MaxUnpool2dSpec, WindowSpec
from convpool.spec.arguments import pair

IMAGE_SEED, WEIGHT_SEED = 0, 1
_IMAGE, _WEIGHTS = (0, 1, 2, 3, 4, 5), (-2, -1, 1, 2)
_MOST = 2**24
"""Cells: no picture shows as many, and their numbers still fit in memory."""


def sequence(shape: Shape) -> Array:
    """Return 0, 1, 2 and so on.

    Example:
        >>> sequence((1, 2, 2)).tolist()
        [[[0.0, 1.0], [2.0, 3.0]]]
    """
    return np.arange(math.prod(shape), dtype=np.float64).reshape(shape)


def random_image(shape: Shape) -> Array:
    """Return whole numbers from 0 to 5, the same each time."""
    return np.random.default_rng(IMAGE_SEED).choice(_IMAGE, shape).astype(np.float64)


def random_weights(shape: Shape) -> Array:
    """Return whole numbers from -2 to 2 without 0, the same each time."""
    return np.random.default_rng(WEIGHT_SEED).choice(_WEIGHTS, shape).astype(np.float64)


def image_of(spec: LayerSpec, input: Any) -> Array:
    """Return the image (C, H, W) that an `input` means: numbers, a size or nothing.

    Raises:
        ArgumentError: a size or an array of another rank, or of more than 2^24 cells.
        ArgumentTypeError: what it holds aren't real numbers.

    Example:
        >>> from convpool.spec import MaxPool2dSpec
        >>> image_of(MaxPool2dSpec(2), "2x3").shape, image_of(MaxPool2dSpec(2), [[1, 2]]).tolist()
        ((1, 2, 3), [[[1.0, 2.0]]])
    """
    if input is None:
        return random_image((_channels(spec), *_few(spec)))
    if is_size(input):
        text = input if isinstance(input, str) else "x".join(str(size) for size in input)
        return random_image(checked_shape("input", input_shape("input", text, spec)))
    image = numbers("input", input)
    checked_shape("input", image.shape)
    return image.reshape(-1, *image.shape[-2:])


def is_size(input: Any) -> bool:
    """Tell whether an input is the size of one: text, or a tuple of whole numbers."""
    return isinstance(input, str) or (
        isinstance(input, tuple) and all(isinstance(size, int) for size in input)
    )


def checked_shape(argument: str, shape: Shape) -> tuple[int, int, int]:
    """Return (C, H, W) for (H, W), (C, H, W) or (1, C, H, W)."""
    image = (1, *shape) if len(shape) == 2 else shape[1:] if shape[:-3] == (1,) else shape
    if len(image) != 3:
        raise ArgumentError(f"shape of {argument}", shape, "(H, W), (C, H, W) or (1, C, H, W)")
    if math.prod(image) > _MOST:
        raise ArgumentError(f"shape of {argument}", shape, f"of at most {_MOST:,} cells")
    return image[0], image[1], image[2]


def cropped(spec: LayerSpec, input: Any, crop: tuple[int, int]) -> Array:
    """Return the middle of an image, `crop` rows and columns or as many as there are.

    Example:
        >>> from convpool.spec import MaxPool2dSpec
        >>> cropped(MaxPool2dSpec(2), [[1, 2, 3], [4, 5, 6], [7, 8, 9]], (1, 5)).tolist()
        [[[4.0, 5.0, 6.0]]]
    """
    if isinstance(spec, MaxUnpool2dSpec):  # its indices are those of the whole plane
        raise ArgumentError("crop", crop, f"left out for {spec}")
    image = image_of(spec, input)
    rows, columns = (
        slice((size - kept) // 2, (size - kept) // 2 + kept)
        for size, wanted in zip(image.shape[1:], pair("crop", crop, minimum=1), strict=True)
        for kept in (min(size, wanted),)
    )
    return image[:, rows, columns]


def weight_of(spec: LayerSpec, weight: Any) -> Array | None:
    """Return the weights that are meant: numbers, "sequence", "random" or nothing (random)."""
    if not isinstance(spec, ConvolutionSpec):
        if weight is not None:
            raise ArgumentError("weight", weight, f"left out for {spec}")
        return None
    if weight is None or isinstance(weight, str):
        return _made(weight or "random", spec.weight_shape)
    return shaped("weight", weight, spec.weight_shape)


def bias_of_filters(spec: LayerSpec, bias: Any) -> Array | None:
    """Return the bias as numbers, None if none is given."""
    if bias is None:
        return None
    if not isinstance(spec, ConvolutionSpec) or not spec.bias:
        raise ArgumentError("bias", bias, f"left out for {spec}")
    return shaped("bias", bias, (spec.out_channels,))


def shaped(argument: str, values: Any, shape: Shape) -> Array:
    """Return numbers in the given shape; axes of length 1 may be left out.

    Example:
        >>> shaped("weight", [[1, 2], [3, 4]], (1, 1, 2, 2)).shape
        (1, 1, 2, 2)
    """
    array = numbers(argument, values)
    if [size for size in array.shape if size != 1] != [size for size in shape if size != 1]:
        raise ArgumentError(f"shape of {argument}", array.shape, str(shape))
    return array.reshape(shape)


def numbers(argument: str, values: Any) -> Array:
    """Return an array of float64."""
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        raise ArgumentError(argument, values, "numbers in rows of one length") from None
    if array.dtype.kind not in "biuf":
        raise ArgumentTypeError(argument, values, "real numbers")
    return array.astype(np.float64)


def _made(kind: str, shape: Shape) -> Array:
    kinds = {"random": random_weights, "sequence": sequence}
    if kind not in kinds:
        raise ArgumentError("weight", kind, f"numbers of shape {shape}, 'random' or 'sequence'")
    if math.prod(shape) > _MOST:
        raise ArgumentError("shape of weight", shape, f"of at most {_MOST:,} numbers")
    return kinds[kind](shape)


def _channels(spec: LayerSpec) -> int:
    return spec.in_channels if isinstance(spec, ConvolutionSpec) else 1


def _few(spec: LayerSpec) -> Sequence[int]:
    """Return the plane with which the output has three rows and columns, or a few more."""
    if not isinstance(spec, WindowSpec):
        return 3, 3
    # With a plane of one pixel the axes say the reach and the padding.
    wanted = [
        max(axis.reach + 2 * axis.stride - axis.before - axis.after, 1)
        for axis in axes_of(spec, (1, 1))
    ]
    if isinstance(spec, Conv2dSpec) and spec.padding_mode != "zeros":
        wanted = [max(size, 1 + max(sides)) for size, sides in zip(wanted, spec.pads, strict=True)]
    return wanted
