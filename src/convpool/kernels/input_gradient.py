"""A convolution's gradient by its input, and a transposed one's: the adjoint's forward pass."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import Window, source_index, window_axes
from convpool.kernels import convolution, memory
from convpool.kernels.adjoint import adjoint
from convpool.request import Request
from convpool.spec import Conv2dSpec, ConvolutionSpec

Array = NDArray[Any]


def prepare(request: Request) -> Callable[..., Array]:
    """Return the function of plane, gradient and weight that returns that by the input."""
    spec = cast("ConvolutionSpec", request.spec)
    _, height, width = request.image_shape
    other = adjoint(spec, (height, width))
    repeats = isinstance(spec, Conv2dSpec) and spec.padding_mode != "zeros"
    asked = Request(_forward(other.spec), other.spec, _images(other.spec, other.plane), "float32")
    # Halves are rounded once, after what padding repeats was added.
    asked = asked if repeats and request.dtype == "float16" else replace(asked, dtype=request.dtype)
    back = convolution.prepare(asked)
    rows, columns = other.plane

    def run(
        plane: tuple[int, int], gradient: Array, weight: Array, *, out: Array | None = None
    ) -> Array:
        del plane  # the request's
        met = gradient[:, :, :rows, :columns]
        # Gradients come in batches: what is packed for them is worth as much as for many calls.
        if not repeats:
            return back.run(met, back.pack(weight, None), out=out)
        met, weight = (array.astype(asked.dtype, copy=False) for array in (met, weight))
        by_padded = back.run(met, back.pack(weight, None))
        return _folded(by_padded, cast("Conv2dSpec", spec), (height, width), request.dtype, out)

    return run


def _forward(spec: ConvolutionSpec) -> str:
    return "conv2d" if isinstance(spec, Conv2dSpec) else "conv_transpose2d"


def _images(spec: ConvolutionSpec, plane: tuple[int, int]) -> tuple[int, int, int]:
    return spec.in_channels, *plane


def _folded(
    by_padded: Array, spec: Conv2dSpec, plane: tuple[int, int], dtype: str, out: Array | None
) -> Array:
    """Return the gradient by the image from that by the padded one, which is changed.

    Only the border moves: each of its rows, then columns, is added to the one that it repeats.
    """
    vertical, horizontal = window_axes(spec, plane)
    mode = spec.padding_mode
    for row, source in _border(vertical, mode):
        by_padded[:, :, source] += by_padded[:, :, row]
    for column, source in _border(horizontal, mode):
        by_padded[..., source] += by_padded[..., column]
    top, left = vertical.before, horizontal.before
    inner = by_padded[:, :, top : top + plane[0], left : left + plane[1]]
    if out is None:
        last = memory.is_channels_last(by_padded)
        out = memory.empty(inner.shape, dtype, channels_last=last)
    with np.errstate(over="ignore"):  # what is too large for a half is infinite
        out[...] = inner
    return out


def _border(axis: Window, mode: str) -> list[tuple[int, int]]:
    """Return the positions of the padding with those that they repeat, both on the padded axis."""
    around = (*range(-axis.before, 0), *range(axis.size, axis.size + axis.after))
    pairs = []
    for position in around:
        source = source_index(position, axis.size, mode)
        if source is not None:
            pairs.append((axis.before + position, axis.before + source))
    return pairs
