"""Layers of a few hundred products: plain loops, without packing, blocks or scratch memory.

What the other program is told takes longer to write down than these take to compute. Sums are those
of float64, rounded once: numbers one by one take as long in either.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import window_axes
from convpool.kernels import memory
from convpool.kernels.jit import Kernel
from convpool.request import NO_ACTIVATION, Request
from convpool.spec import Activation, Conv2dSpec

if TYPE_CHECKING:
    from collections.abc import Hashable

Array = NDArray[Any]
Packed = tuple[Array, Array]

MOST_PRODUCTS = 1 << 10
"""Products of an image: above, a larger batch would suffer."""


class SmallConvolution:
    """The operator of a small convolution with zero padding."""

    way = "plain loops"

    def __init__(self, request: Request) -> None:
        spec = cast("Conv2dSpec", request.spec)
        _, height, width = request.image_shape
        rows, columns = window_axes(spec, (height, width))
        self.packing: Hashable = "small"
        self._dtype = np.dtype(request.dtype)
        self._shape = spec.out_channels, rows.output, columns.output
        self._no_bias = np.zeros(spec.out_channels, self._dtype)
        # An array is handed over in half the time that a tuple takes.
        self._numbers = np.array(
            [spec.groups, rows.before, columns.before, *spec.stride, *spec.dilation], np.int64
        )

    def pack(self, weight: Array, bias: Array | None) -> Packed:
        """Return the arrays as the kernel takes them; they may be the same ones."""
        return (
            weight if weight.flags.c_contiguous else np.ascontiguousarray(weight),
            self._no_bias if bias is None else np.ascontiguousarray(bias),
        )

    def __call__(
        self, input: Array, weight: Array, bias: Array | None, *, out: Array | None = None
    ) -> Array:
        """Pack and run."""
        return self.run(input, self.pack(weight, bias), out=out)

    def run(
        self,
        input: Array,
        packed: Packed,
        *,
        out: Array | None = None,
        residual: Array | None = None,
        activation: Activation = NO_ACTIVATION,
    ) -> Array:
        """Return activation(convolution + bias + residual)."""
        images = input if input.flags.c_contiguous else np.ascontiguousarray(input)
        weight, bias = packed
        shape = (len(input), *self._shape)
        last = memory.is_channels_last(input) if out is None else not out.flags.c_contiguous
        output = memory.empty(shape, self._dtype) if out is None or last else out
        added = output if residual is None else np.ascontiguousarray(residual)
        _kernel().serial(
            images,
            weight,
            bias,
            output,
            added,
            self._numbers,
            residual is not None,
            activation.slope,
            activation.ceiling,
        )
        if not last:
            return output
        if out is None:
            out = memory.empty(shape, self._dtype, channels_last=True)
        out[...] = output
        return out


@cache
def _kernel() -> Kernel:
    return Kernel(_convolve, variant="small")


def _convolve(images, weight, bias, output, residual, numbers, has_residual, slope, ceiling):
    groups, top, left, stride_y, stride_x, spread_y, spread_x = numbers
    batch, filters, rows, columns = output.shape
    _, _, height, width = images.shape
    _, channels, taps_y, taps_x = weight.shape
    per_group = filters // groups
    for image in range(batch):
        for k in range(filters):
            first = k // per_group * channels
            for y in range(rows):
                for x in range(columns):
                    total = 0.0
                    for channel in range(channels):
                        for tap_y in range(taps_y):
                            row = y * stride_y - top + tap_y * spread_y
                            if row < 0 or row >= height:
                                continue
                            for tap_x in range(taps_x):
                                column = x * stride_x - left + tap_x * spread_x
                                if 0 <= column < width:
                                    pixel = images[image, first + channel, row, column]
                                    number = weight[k, channel, tap_y, tap_x]
                                    total += np.float64(pixel) * np.float64(number)
                    total += bias[k]
                    if has_residual:
                        total += residual[image, k, y, x]
                    if total < 0:
                        total = total * slope if slope != 0 else 0.0
                    output[image, k, y, x] = min(total, ceiling)  # NaN stays


def takes(request: Request) -> bool:
    """Tell whether a request is small enough."""
    spec = request.spec
    if not isinstance(spec, Conv2dSpec) or spec.padding_mode != "zeros":
        return False
    if request.dtype not in ("float32", "float64"):
        return False
    rows, columns = window_axes(spec, (request.image_shape[1], request.image_shape[2]))
    _, channels, taps_y, taps_x = spec.weight_shape
    outputs = spec.out_channels * rows.output * columns.output
    return outputs * channels * taps_y * taps_x <= MOST_PRODUCTS
