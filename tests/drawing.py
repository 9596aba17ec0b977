"""Random axes, layers and chains for hypothesis, small enough to check by counting."""

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray

from convpool.arithmetic import Stamp, Window, output_shape
from convpool.errors import ArgumentError
from convpool.spec import (
    PADDING_MODES,
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)

SIZE, KERNEL, STRIDE, DILATION = (
    st.integers(1, 14),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 4),
)
strides, dilations = st.tuples(STRIDE, STRIDE), st.tuples(DILATION, DILATION)
kernels = st.tuples(KERNEL, KERNEL)


LAYOUTS: list[Callable[[NDArray[Any]], NDArray[Any]]] = [
    np.asfortranarray,
    lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),  # channels last
    lambda a: np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1),
    lambda a: np.ascontiguousarray(a[::-1])[::-1],
    lambda a: np.ascontiguousarray(a[..., ::-1, ::-1])[..., ::-1, ::-1],
]
"""The same images (N, C, H, W), elsewhere in memory."""


def reach(kernel: int, dilation: int) -> int:
    return dilation * (kernel - 1) + 1


@st.composite
def windows(draw: st.DrawFn, *, pooling: bool | None = None, dilated: bool = True) -> Window:
    """An axis of a window layer; of a pooling, with its rounding and its limit on padding."""
    pooling = draw(st.booleans()) if pooling is None else pooling
    kernel, dilation = draw(KERNEL), draw(DILATION) if dilated else 1
    padding = st.integers(0, reach(kernel, dilation) // 2 if pooling else 7)
    return Window(
        size=draw(SIZE),
        kernel=kernel,
        stride=draw(STRIDE),
        before=draw(padding),
        after=draw(padding),
        dilation=dilation,
        ceil_mode=pooling and draw(st.booleans()),
    )


@st.composite
def stamps(draw: st.DrawFn) -> Stamp:
    """An axis of a stamp layer; the crop may leave nothing."""
    stride, dilation = draw(STRIDE), draw(DILATION)
    return Stamp(
        size=draw(SIZE),
        kernel=draw(KERNEL),
        stride=stride,
        before=draw(st.integers(0, 5)),
        after=draw(st.integers(0, 5)),
        dilation=dilation,
        extra=draw(st.integers(0, max(stride, dilation) - 1)),
    )


def sides(draw: st.DrawFn, limits: tuple[int, int], *, symmetric: bool) -> Any:
    """Padding up to a limit on each axis: a pair, or the four sides."""
    if symmetric:
        return tuple(draw(st.integers(0, limit)) for limit in limits)
    return tuple((draw(st.integers(0, limit)), draw(st.integers(0, limit))) for limit in limits)


@st.composite
def conv2ds(draw: st.DrawFn, channels: int | None = None, *, symmetric: bool = False) -> Conv2dSpec:
    """A convolution, of the given number of input channels if one is given."""
    groups, filters = _grouping(draw, channels)
    kernel, dilation, step = draw(kernels), draw(dilations), draw(strides)
    padding: Any = sides(draw, (4, 4), symmetric=symmetric)
    word = draw(st.sampled_from(["", "", "", "same", "valid"]))
    if word:
        padding = word
        step = (1, 1) if word == "same" else step
    return Conv2dSpec(
        channels or groups * draw(st.integers(1, 3)),
        filters,
        kernel,
        step,
        padding,
        dilation,
        groups,
        draw(st.booleans()),
        draw(st.sampled_from(PADDING_MODES)),
    )


@st.composite
def conv_transpose2ds(
    draw: st.DrawFn, channels: int | None = None, *, symmetric: bool = False
) -> ConvTranspose2dSpec:
    """A transposed convolution; its crop may leave nothing."""
    groups, filters = _grouping(draw, channels)
    step, dilation = draw(strides), draw(dilations)
    limits = [max(pair) - 1 for pair in zip(step, dilation, strict=True)]
    return ConvTranspose2dSpec(
        channels or groups * draw(st.integers(1, 3)),
        filters,
        draw(kernels),
        step,
        sides(draw, (3, 3), symmetric=symmetric),
        (draw(st.integers(0, limits[0])), draw(st.integers(0, limits[1]))),
        groups,
        draw(st.booleans()),
        dilation,
    )


@st.composite
def max_pool2ds(draw: st.DrawFn, *, symmetric: bool = False) -> MaxPool2dSpec:
    kernel, dilation = draw(kernels), draw(dilations)
    # PyTorch's kernels allow half the kernel even where the dilated reach would allow more.
    spread = (1, 1) if symmetric else dilation
    limits = reach(kernel[0], spread[0]) // 2, reach(kernel[1], spread[1]) // 2
    step = draw(st.none() | strides)
    padding = sides(draw, limits, symmetric=symmetric)
    return MaxPool2dSpec(kernel, step, padding, dilation, ceil_mode=draw(st.booleans()))


@st.composite
def avg_pool2ds(draw: st.DrawFn, *, symmetric: bool = False) -> AvgPool2dSpec:
    kernel = draw(kernels)
    return AvgPool2dSpec(
        kernel,
        draw(st.none() | strides),
        sides(draw, (kernel[0] // 2, kernel[1] // 2), symmetric=symmetric),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.none() | st.integers(1, 9) | st.integers(-9, -1)),
    )


def layers(channels: int, *, symmetric: bool = False) -> st.SearchStrategy[LayerSpec]:
    """Any layer but unpooling, which needs a pooling before it."""
    return st.one_of(
        conv2ds(channels, symmetric=symmetric),
        conv_transpose2ds(channels, symmetric=symmetric),
        max_pool2ds(symmetric=symmetric),
        avg_pool2ds(symmetric=symmetric),
    )


@st.composite
def chains(draw: st.DrawFn, *, symmetric: bool = False) -> tuple[list[LayerSpec], tuple[int, ...]]:
    """One to five layers that take each other's shapes, and the shape that the first one takes."""
    batch = draw(st.sampled_from([(), (1,), (2,), (0,)]))
    shape = current = (*batch, draw(st.integers(1, 4)), draw(SIZE), draw(SIZE))
    chain: list[LayerSpec] = []
    for _ in range(draw(st.integers(1, 5))):
        layer = draw(layers(current[-3], symmetric=symmetric))
        if takes(layer, current) and max(output_shape(layer, current)[-2:]) < 60:
            chain.append(layer)
            current = output_shape(layer, current)
    return chain or [MaxPool2dSpec(1)], shape


def takes(layer: LayerSpec, shape: tuple[int, ...]) -> bool:
    """Whether the layer has an output for an input of this shape."""
    try:
        output_shape(layer, shape)
    except ArgumentError:
        return False
    return True


def _grouping(draw: st.DrawFn, channels: int | None) -> tuple[int, int]:
    """Groups that divide the channels, if those are given, and a number of filters."""
    divisors = [g for g in (1, 2, 3) if channels is None or channels % g == 0]
    groups = draw(st.sampled_from(divisors))
    return groups, groups * draw(st.integers(1, 3))


def torch_module(layer: LayerSpec) -> torch.nn.Module:
    """PyTorch's module of a layer with symmetric padding, its weights nowhere."""
    if isinstance(layer, Conv2dSpec | ConvTranspose2dSpec):
        arguments: dict[str, Any] = {
            "kernel_size": layer.kernel_size,
            "stride": layer.stride,
            "dilation": layer.dilation,
            "groups": layer.groups,
            "bias": layer.bias,
            "padding_mode": layer.padding_mode,
            "padding": layer.padding if isinstance(layer.padding, str) else near_sides(layer),
        }
        channels = layer.in_channels, layer.out_channels
        if isinstance(layer, Conv2dSpec):
            return torch.nn.Conv2d(*channels, **arguments, device="meta")
        arguments["output_padding"] = layer.output_padding
        return torch.nn.ConvTranspose2d(*channels, **arguments, device="meta")
    window = layer.kernel_size, layer.stride, near_sides(layer)
    if isinstance(layer, MaxPool2dSpec):
        return torch.nn.MaxPool2d(*window, layer.dilation, layer.return_indices, layer.ceil_mode)
    if isinstance(layer, MaxUnpool2dSpec):
        return torch.nn.MaxUnpool2d(*window)
    return torch.nn.AvgPool2d(
        *window, layer.ceil_mode, layer.count_include_pad, layer.divisor_override
    )


def near_sides(layer: LayerSpec) -> tuple[int, int]:
    (top, _), (left, _) = layer.pads
    return top, left


def assert_evaluates(text: str) -> None:
    """Check that the arithmetic before the first "=" of a formula gives the number after it.

    The numbers may have commas; a remark may follow the result.
    """
    left, right = text.split(" = ", maxsplit=1)
    result = re.match(r"-?[\d,]+(/\d+)?", right)
    assert result, text
    assert evaluated(left) == evaluated(result[0]), text


def evaluated(arithmetic: str) -> Fraction:
    """The value of a formula, computed exactly."""
    bare = re.sub(r" (input|output) pixels| images", "", arithmetic)
    exact = re.sub(r"\d[\d,]*", lambda number: f"F({number[0].replace(',', '')})", bare)
    assert re.fullmatch(r"[F\d()+*/ -]*", exact.replace("floor", "")), arithmetic
    return Fraction(eval(exact, {"F": Fraction, "floor": math.floor}))
