"""From a layer and numbers to the film of what happens."""

from typing import Any

import numpy as np

from convpool.arithmetic import Stamp, axes_of, output_shape
from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.notation import parse_layer
from convpool.pictures.frames.frame import Array, Film, Frame, Note
from convpool.pictures.frames.layers import (
    Told,
    convolution_told,
    pooling_told,
    unpooling_told,
)
from convpool.pictures.frames.lazy import Lazy
from convpool.pictures.frames.notes import Axes, misfits, notes_of
from convpool.pictures.frames.tale import Tale, Telling
from convpool.pictures.frames.values import (
    bias_of_filters,
    image_of,
    is_size,
    shaped,
    weight_of,
)
from convpool.pictures.frames.windows import Lacking
from convpool.spec import AvgPool2dSpec, LayerSpec, MaxPool2dSpec, MaxUnpool2dSpec
from convpool.spec.arguments import integer


def film(
    layer: str | LayerSpec,
    input: Any = None,
    weight: Any = None,
    bias: Any = None,
    *,
    indices: Any = None,
    fine: bool = False,
    channel: int | None = None,
) -> Film:
    """Return what a layer does with one image, frame by frame.

    Args:
        layer: a layer, or text such as "Conv2d(1, 1, 3, padding=1)".
        input: numbers (H, W), (C, H, W) or (1, C, H, W); or their size, as "5x5" or (5, 5), for
            small whole numbers, the same each time; None for a size that makes a few frames.
        weight: numbers in the layer's shape (axes of length 1 may be left out), "random" (the
            default) or "sequence".
        bias: one number a filter; None adds nothing.
        indices: for MaxUnpool2d, of the input's shape. Without them, and without numbers for the
            input, both come from pooling an image; without them alone, from pooling another one.
        fine: one frame for each term, instead of one for each output cell.
        channel: the output channel whose frames are told; None for all.

    Raises:
        ArgumentError, ArgumentTypeError: the layer doesn't take these arrays, or has no such
            channel. A geometry that doesn't fit is no error here: that is what the film shows.

    Example:
        >>> shown = film("Conv2d(1, 1, 2)", [[1, 2, 3], [4, 5, 6]], [[1, 0], [0, -1]])
        >>> [frame.equation for frame in shown.frames]
        ['1×1 + 2×0 + 4×0 + 5×(-1) = -4', '2×1 + 3×0 + 5×0 + 6×(-1) = -4']
        >>> film("MaxPool2d(7)", "5x5").notes[0].text
        'kernel reach 1*(7-1)+1 = 7 > 0+5+0, the padded height'
    """
    spec = layer_of(layer)
    if indices is not None and not isinstance(spec, MaxUnpool2dSpec):
        raise ArgumentError("indices", indices, f"left out for {spec}")
    image, origin = image_of(spec, input), None
    if isinstance(spec, MaxUnpool2dSpec) and indices is None:
        origin, image, indices = _undone(spec, image, given=not (input is None or is_size(input)))
    axes = axes_of(spec, (image.shape[1], image.shape[2]))
    weight, bias = weight_of(spec, weight), bias_of_filters(spec, bias)
    notes = _misfits(spec, axes, image)
    if notes:
        tale: Tale = Lacking(axes, image)
        output, told = np.zeros((0, 0, 0)), np.full((1, 1, 1), np.nan)
    else:
        tale, output, indices = _told(spec, image, weight, bias, indices)
        notes, told = tuple(notes_of(axes)), output
    return Film(
        spec=spec,
        input=image,
        weight=weight,
        bias=bias,
        output=output,
        padding=_padding(spec, axes),
        frames=_frames(Telling(tale, told, bias, _channels(channel, told)), fine=fine),
        sizes=_sizes(axes),
        notes=notes,
        indices=indices,
        origin=origin,
    )


def layer_of(layer: str | LayerSpec) -> LayerSpec:
    """Return a layer that is given as a value or as text."""
    if isinstance(layer, str):
        return parse_layer(layer)
    if not isinstance(layer, LayerSpec):
        raise ArgumentTypeError("layer", layer, "a layer, or text such as 'MaxPool2d(2)'")
    return layer


def _undone(
    spec: MaxUnpool2dSpec, image: Array, *, given: bool
) -> tuple[Film | None, Array, Array | None]:
    """Return the pooling that makes the indices, the values and the indices.

    Values that are given don't come from that pooling, so then it isn't shown.
    """
    plane = [axis.output for axis in axes_of(spec, (image.shape[1], image.shape[2]))]
    if min(plane) < 1:
        return None, image, None
    pooling = MaxPool2dSpec(spec.kernel_size, spec.stride, spec.padding)
    origin = film(pooling, (image.shape[0], *plane))
    if given:
        return None, image, origin.indices
    return origin, origin.output, origin.indices


def _misfits(spec: LayerSpec, axes: Axes, image: Array) -> tuple[Note, ...]:
    """Return what doesn't fit; raise if more than the geometry is wrong."""
    try:
        output_shape(spec, image.shape)
    except ArgumentError:
        notes = tuple(misfits(spec, axes))
        if not notes:
            raise
        return notes
    return ()


def _told(
    spec: LayerSpec, image: Array, weight: Array | None, bias: Array | None, indices: Any
) -> Told:
    if isinstance(spec, MaxUnpool2dSpec):
        return unpooling_told(spec, image, shaped("indices", indices, image.shape))
    if isinstance(spec, MaxPool2dSpec | AvgPool2dSpec):
        return pooling_told(spec, image)
    assert weight is not None  # noqa: S101 (weight_of has made some)
    return convolution_told(spec, image, weight, bias)


def _frames(telling: Telling, *, fine: bool) -> Lazy[Frame]:
    if fine:
        return Lazy(range(telling.fine_count), telling.fine_frame)
    return Lazy(range(telling.count), telling.frame)


def _channels(channel: int | None, output: Array) -> range:
    if channel is None:
        return range(len(output))
    expected = f"a whole number from 0 to {len(output) - 1}"
    number = integer("channel", channel, expected)
    if not 0 <= number < len(output):
        raise ArgumentError("channel", channel, expected)
    return range(number, number + 1)


def _padding(spec: LayerSpec, axes: Axes) -> tuple[int, int, int, int]:
    """Return top, bottom, left, right; for a transposed layer those of its zero-stuffed twin."""
    if isinstance(spec, MaxUnpool2dSpec):
        return 0, 0, 0, 0
    sides = [
        (axis.reach - 1 - axis.before, axis.reach - 1 - axis.after + axis.extra)
        if isinstance(axis, Stamp)
        else (axis.before, axis.after)
        for axis in axes
    ]
    return *sides[0], *sides[1]


def _sizes(axes: Axes) -> tuple[str, ...]:
    vertical, horizontal = (axis.equation for axis in axes)
    if vertical == horizontal:
        return (f"height and width: {vertical}",)
    return f"height: {vertical}", f"width: {horizontal}"
