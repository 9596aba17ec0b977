"""Layers of a few hundred products: plain loops, without packing, blocks or scratch memory.

What the other program is told takes longer to write down than these take to compute. Sums are those
of float64, rounded once: numbers one by one take as long in either.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import struct
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import Window, window_axes
from convpool.kernels import memory
from convpool.kernels.jit import Program
from convpool.kernels.prompt import PLACES, Prompt
from convpool.kernels.rows import fields, load_number, store_number
from convpool.request import NO_ACTIVATION, Request
from convpool.spec import Activation, Conv2dSpec, ConvolutionSpec

if TYPE_CHECKING:
    from collections.abc import Hashable

Array = NDArray[Any]
Packed = tuple[Array, Array | None]

MOST_PRODUCTS = 1 << 10
"""Products of an image: above, a larger batch would suffer."""
_MOST_IN_CALL = 1 << 14
"""Those of a batch: Python's other threads wait meanwhile."""
_MOST_KEPT = 64


class Record(NamedTuple):
    """The numbers of one call: addresses, of which residual and bias may be 0, and the layer."""

    output: int
    residual: int
    images: int
    weight: int
    bias: int
    slope: int
    """Of the activation, as the bits of a float64, as the next one."""
    ceiling: int
    batch: int
    filters: int
    rows: int
    columns: int
    channels: int
    """Of a group."""
    height: int
    width: int
    taps_y: int
    taps_x: int
    groups: int
    top: int
    left: int
    stride_y: int
    stride_x: int
    spread_y: int
    spread_x: int


class SmallConvolution:
    """The operator of a small convolution with zero padding."""

    way = "plain loops"

    def __init__(self, request: Request) -> None:
        spec = cast("Conv2dSpec", request.spec)
        _, height, width = request.image_shape
        rows, columns = window_axes(spec, (height, width))
        self.packing: Hashable = "small"
        self._dtype = np.dtype(request.dtype)
        self._number: Any = self._dtype.type
        filters, channels, *taps = spec.weight_shape
        self._products = products(spec, rows, columns)
        self._prompts: dict[tuple[int, Activation], Prompt | None] = {}
        self._shape = filters, rows.output, columns.output
        self._numbers = (
            *(*self._shape, channels, height, width, *taps, spec.groups),
            *(rows.before, columns.before, *spec.stride, *spec.dilation),
        )

    def pack(
        self,
        weight: Array,
        bias: Array | None,
        *,
        once: bool = False,  # noqa: ARG002 (others ask)
    ) -> Packed:
        """Return the arrays as the program takes them; they may be the same ones."""
        return np.ascontiguousarray(weight), None if bias is None else np.ascontiguousarray(bias)

    def prompt(
        self, shape: tuple[int, ...], batch: int, activation: Activation = NO_ACTIVATION
    ) -> Prompt | None:
        """Return the call of images, weight and perhaps bias, if it is a small one."""
        if batch * self._products > _MOST_IN_CALL:
            return None
        numbers = self._told(batch, activation)
        return Prompt(_program(self._number), numbers, shape, self._dtype)

    def _told(self, batch: int, activation: Activation) -> tuple[int, ...]:
        given = struct.pack("dd", activation.slope, activation.ceiling)
        return *struct.unpack("qq", given), batch, *self._numbers

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
        images = np.ascontiguousarray(input)
        weight, bias = packed
        shape = (len(input), *self._shape)
        last = memory.is_channels_last(input) if out is None else not out.flags.c_contiguous
        output = memory.empty(shape, self._dtype) if out is None or last else out
        added = None if residual is None else np.ascontiguousarray(residual)
        key = len(images), activation
        if key not in self._prompts:
            if len(self._prompts) >= _MOST_KEPT:
                self._prompts.clear()
            self._prompts[key] = self.prompt(shape, *key)
        prompt = self._prompts[key]
        arrays = output, added, images, weight, bias
        if prompt is not None:
            prompt.into(*(0 if array is None else array for array in arrays))
        else:
            places = [0 if array is None else memory.address_of(array) for array in arrays]
            record = np.array((*places, *self._told(*key)), np.int64)
            _program(self._number)(record, 1, threads=False)
        if not last:
            return output
        if out is None:
            out = memory.empty(shape, self._dtype, channels_last=True)
        out[...] = output
        return out


_SLOPE = 8 * PLACES


@cache
def _program(number: Any) -> Program:
    """Return the program for an element type."""
    item = np.dtype(number).itemsize

    def convolve(record, _unit, _thread):
        plan = fields(record, Record)
        slope = load_number(np.float64, record + _SLOPE)
        ceiling = load_number(np.float64, record + _SLOPE + 8)
        per_group = plan.filters // plan.groups
        of_filter = plan.channels * plan.taps_y * plan.taps_x * item
        of_channel, pitch = plan.height * plan.width * item, plan.width * item
        place = 0
        for image in range(plan.batch):
            for k in range(plan.filters):
                first = image * plan.groups + k // per_group
                source = plan.images + first * plan.channels * of_channel
                for y in range(plan.rows):
                    for x in range(plan.columns):
                        total = 0.0
                        numbers = plan.weight + k * of_filter
                        for channel in range(plan.channels):
                            plane = source + channel * of_channel
                            for tap_y in range(plan.taps_y):
                                row = y * plan.stride_y - plan.top + tap_y * plan.spread_y
                                if row < 0 or row >= plan.height:
                                    numbers += plan.taps_x * item
                                    continue
                                column = x * plan.stride_x - plan.left
                                for _tap in range(plan.taps_x):
                                    if 0 <= column < plan.width:
                                        there = plane + row * pitch + column * item
                                        pixel = np.float64(load_number(number, there))
                                        total += pixel * np.float64(load_number(number, numbers))
                                    column += plan.spread_x
                                    numbers += item
                        if plan.bias:
                            total += load_number(number, plan.bias + k * item)
                        if plan.residual:
                            total += load_number(number, plan.residual + place)
                        if total < 0:
                            total = total * slope if slope != 0 else 0.0
                        # NaN stays
                        store_number(number(min(total, ceiling)), plan.output + place)
                        place += item

    return Program(convolve, variant=f"small-{np.dtype(number).name}")


def takes(request: Request) -> bool:
    """Tell whether a request is small enough."""
    spec = request.spec
    if not isinstance(spec, Conv2dSpec) or spec.padding_mode != "zeros":
        return False
    if request.dtype not in ("float32", "float64"):
        return False
    rows, columns = window_axes(spec, (request.image_shape[1], request.image_shape[2]))
    return products(spec, rows, columns) <= MOST_PRODUCTS


def products(spec: ConvolutionSpec, rows: Window, columns: Window) -> int:
    """Return how many products an image takes, padding included."""
    return prod(spec.weight_shape) * rows.output * columns.output
