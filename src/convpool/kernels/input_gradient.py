"""A convolution's gradient by its input, and a transposed one's: the adjoint's forward pass."""

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


class InputGradient:
    """The operator of a convolution's gradient by its input."""

    adds = True
    """Whether it takes a residual: another gradient by the input, which is added."""

    def __init__(self, spec: ConvolutionSpec, plane: tuple[int, int], dtype: str) -> None:
        other = adjoint(spec, plane)
        self._spec, self._input, self._dtype, self._met = spec, plane, dtype, other.plane
        self._repeats = isinstance(spec, Conv2dSpec) and spec.padding_mode != "zeros"
        asked = Request(_forward(other.spec), other.spec, _images(other.spec, other.plane), dtype)
        if self._repeats and dtype == "float16":  # rounded once, after what padding repeats
            asked = replace(asked, dtype="float32")  # was added
        self._back, self._number = convolution.prepare(asked), asked.dtype

    def __call__(
        self,
        plane: tuple[int, int],
        gradient: Array,
        weight: Array,
        *,
        out: Array | None = None,
        residual: Array | None = None,
    ) -> Array:
        """Return the gradient for that by the output, and the weights."""
        del plane  # the request's
        rows, columns = self._met
        met = gradient[:, :, :rows, :columns]
        # Gradients come in batches: what is packed for them is worth as much as for many calls.
        back = self._back
        if not self._repeats:
            return back.run(met, back.pack(weight, None, once=True), out=out, residual=residual)
        met, weight = (array.astype(self._number, copy=False) for array in (met, weight))
        by_padded = back.run(met, back.pack(weight, None))
        spec = cast("Conv2dSpec", self._spec)
        result = _folded(by_padded, spec, self._input, self._dtype, out)
        if residual is not None:
            result += residual
        return result


def prepare(request: Request) -> InputGradient:
    """Return the function of plane, gradient and weight that returns that by the input."""
    _, height, width = request.image_shape
    spec = cast("ConvolutionSpec", request.spec)
    return InputGradient(spec, (height, width), request.dtype)


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
