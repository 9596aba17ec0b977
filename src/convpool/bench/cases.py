"""What is measured: a layer and the images that it gets; its class and its work."""

from dataclasses import KW_ONLY, dataclass, replace
from math import prod
from typing import Any, Literal, Self

from convpool.arithmetic import macs, memory, output_shape
from convpool.functional.calls import operation
from convpool.spec import (
    AvgPool2dSpec,
    ConvolutionSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from convpool.spec.text import compact, padding_form

Layout = Literal["nchw", "nhwc"]
LAYOUTS: tuple[Layout, ...] = ("nchw", "nhwc")
"""How memory is ordered; the shape is (N, C, H, W) in both."""


@dataclass(frozen=True)
class Case:
    """A layer and the images that it gets. Element type is float32."""

    spec: LayerSpec
    shape: tuple[int, ...]
    """The input's (N, C, H, W)."""
    _: KW_ONLY
    count: int = 1
    """How often a net has it."""
    backward: bool = False
    """Whether a convolution's gradients are made, by input and by weight, or that of a mean,
    instead of the output; of max pooling, the maxima with indices and then the gradient."""

    @property
    def op(self) -> str:
        """The function's name, such as "conv2d"; max pooling with indices says so."""
        return operation(self.spec)

    @property
    def name(self) -> str:
        """The layer as it is printed."""
        return layer_text(self.spec)

    @property
    def n(self) -> int:
        """Images in the input."""
        return self.shape[0]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The output's shape (N, C, H, W)."""
        return output_shape(self.spec, self.shape)

    @property
    def is_convolution(self) -> bool:
        """Whether the layer multiplies and adds; pooling moves memory."""
        return isinstance(self.spec, ConvolutionSpec)

    @property
    def rounds(self) -> bool:
        """Whether results are rounded; maxima are exact, but gradients are sums of several."""
        return not isinstance(self.spec, MaxPool2dSpec | MaxUnpool2dSpec) or self.backward

    @property
    def kind(self) -> str:
        """The class that the layer belongs to: the first that fits."""
        spec = self.spec
        if not isinstance(spec, ConvolutionSpec):
            return _POOLINGS[self.op]
        rules = {
            "transposed": isinstance(spec, ConvTranspose2dSpec),
            "first layer": spec.in_channels <= 4,
            "depthwise": spec.groups == spec.in_channels,
            "grouped": spec.groups > 1,
            "dilated": spec.dilation != (1, 1),
            "strided": spec.stride != (1, 1),
            "1x1": spec.kernel_size == (1, 1),
            "3x3 s1": spec.kernel_size == (3, 3),
        }
        return next((kind for kind, fits in rules.items() if fits), "other conv")

    @property
    def output_bytes(self) -> int:
        """Bytes of the numbers that come out; indices are 8 bytes more each."""
        return 4 * prod(self.output_shape)

    @property
    def work(self) -> int:
        """What a rate counts: operations of a convolution (two a MAC), bytes that pooling moves."""
        times = 2 if self.backward else 1
        if self.is_convolution:
            return times * 2 * macs(self.spec, self.shape)
        indices = self.op == "max_pool2d_with_indices"
        moved = 4 * prod(self.shape) + self.output_bytes * (3 if indices else 1)
        return times * moved if indices else moved

    @property
    def intensity(self) -> float:
        """Operations a byte, where input, weights and output are moved once each."""
        return 2 * macs(self.spec, self.shape) / memory(self.spec, self.shape).total

    def with_batch(self, n: int) -> Self:
        """Return the layer on another number of images."""
        return replace(self, shape=(n, *self.shape[1:]))


_POOLINGS = {
    "max_pool2d": "pooling",
    "max_pool2d_with_indices": "pooling with indices",
    "avg_pool2d": "average pooling",
    "max_unpool2d": "unpooling",
}


def arguments(spec: LayerSpec) -> dict[str, Any]:
    """Return the arguments of a layer's function, beside the arrays, under PyTorch's names.

    Example:
        >>> arguments(MaxPool2dSpec(2))["stride"]
        (2, 2)
    """
    given: dict[str, Any] = {
        "stride": spec.stride,
        "padding": padding_form(spec.padding, pairs=True),
    }
    if isinstance(spec, ConvolutionSpec):
        given |= {"dilation": spec.dilation, "groups": spec.groups}
        if isinstance(spec, ConvTranspose2dSpec):
            given["output_padding"] = spec.output_padding
        elif spec.padding_mode != "zeros":
            given["padding_mode"] = spec.padding_mode
        return given
    given["kernel_size"] = spec.kernel_size
    if isinstance(spec, MaxPool2dSpec):
        given |= {"dilation": spec.dilation, "ceil_mode": spec.ceil_mode}
        given["return_indices"] = spec.return_indices
    if isinstance(spec, AvgPool2dSpec):
        given |= {"ceil_mode": spec.ceil_mode, "count_include_pad": spec.count_include_pad}
        given["divisor_override"] = spec.divisor_override
    return given


_DEFAULTS: dict[str, object] = {
    "padding": (0, 0),
    "dilation": (1, 1),
    "groups": 1,
    "output_padding": (0, 0),
    "ceil_mode": False,
    "return_indices": False,
    "count_include_pad": True,
    "divisor_override": None,
}


def layer_text(spec: LayerSpec) -> str:
    """Return a layer in as few signs as people write it; it reads back to the same layer.

    Example:
        >>> from convpool.notation import parse_layer
        >>> layer_text(parse_layer("Conv2d(64, 64, (3, 3), padding=(1, 1), stride=(1, 1))"))
        'Conv2d(64, 64, 3, padding=1)'
    """
    given = arguments(spec)
    parts = [compact(spec.kernel_size)]
    stride = spec.kernel_size
    if isinstance(spec, ConvolutionSpec):
        parts = [spec.in_channels, spec.out_channels, *parts]
        stride = (1, 1)
        given["bias"] = spec.bias
    given.pop("kernel_size", None)
    defaults = {**_DEFAULTS, "stride": stride, "bias": True}
    said = [
        f"{name}={compact(value) if _is_pair(value) else value!r}"
        for name, value in given.items()
        if name not in defaults or value != defaults[name]
    ]
    return f"{spec.name}({', '.join([*map(str, parts), *said])})"


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(part, int) for part in value)
