"""Conv2d and its transpose as values: PyTorch's arguments, defaults and repr, checked once."""

from dataclasses import dataclass
from typing import ClassVar

from convpool.errors import ArgumentError
from convpool.spec.arguments import (
    IntOrPair,
    PaddingLike,
    Pair,
    Sides,
    choice,
    flag,
    pair,
    sides,
    store,
    whole,
)
from convpool.spec.text import compact, padding_form

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
PADDING_WORDS = ("valid", "same")


@dataclass(frozen=True, init=False, repr=False)
class Conv2dSpec:
    """A Conv2d layer: cross-correlation of (N, C_in, H, W) with `out_channels` filters.

    Arguments, defaults and repr are those of `torch.nn.Conv2d`. Beyond it, `padding` also takes the
    four sides ((top, bottom), (left, right)), in pixels. Whatever form was given, the fields hold
    pairs (height, width), and `padding` holds the four sides or the word "same" or "valid".

    Raises:
        ArgumentError, ArgumentTypeError: naming the argument, its value and what would be right.

    Example:
        >>> Conv2dSpec(3, 64, 7, stride=2, padding=3)
        Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3))
    """

    name: ClassVar[str] = "Conv2d"

    in_channels: int
    out_channels: int
    kernel_size: Pair
    stride: Pair
    padding: Sides | str
    dilation: Pair
    groups: int
    bias: bool
    padding_mode: str

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: PaddingLike | str = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
    ) -> None:
        set_channels(self, in_channels, out_channels, groups)
        steps = pair("stride", stride, minimum=1)
        if isinstance(padding, str):
            choice("padding", padding, PADDING_WORDS)
            if padding == "same" and steps != (1, 1):
                raise ArgumentError(
                    "padding", padding, f"a number of pixels, since stride is {compact(steps)}"
                )
        store(
            self,
            kernel_size=pair("kernel_size", kernel_size, minimum=1),
            stride=steps,
            padding=padding if isinstance(padding, str) else sides("padding", padding),
            dilation=pair("dilation", dilation, minimum=1),
            bias=flag("bias", bias),
            padding_mode=choice("padding_mode", padding_mode, PADDING_MODES),
        )

    @property
    def pads(self) -> Sides:
        """The padding in pixels, ((top, bottom), (left, right)), with the words resolved.

        "same" adds d(k-1) in total, the odd pixel at the right and the bottom (PyTorch's rule).
        """
        if not isinstance(self.padding, str):
            return self.padding
        if self.padding == "valid":
            return (0, 0), (0, 0)
        totals = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        top, left = (total // 2 for total in totals)
        return (top, totals[0] - top), (left, totals[1] - left)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weights: (C_out, C_in / groups, k_h, k_w)."""
        return self.out_channels, self.in_channels // self.groups, *self.kernel_size

    def __repr__(self) -> str:
        return convolution_repr(self)


@dataclass(frozen=True, init=False, repr=False)
class ConvTranspose2dSpec:
    """A ConvTranspose2d layer: each input pixel stamps the kernel, times its value, on the output.

    Arguments, defaults and repr are those of `torch.nn.ConvTranspose2d`; `padding` also takes the
    four sides. That output_padding is smaller than stride or dilation is checked here already.

    Raises:
        ArgumentError, ArgumentTypeError: naming the argument, its value and what would be right.

    Example:
        >>> ConvTranspose2dSpec(16, 8, 3, stride=2, output_padding=1)
        ConvTranspose2d(16, 8, kernel_size=(3, 3), stride=(2, 2), output_padding=(1, 1))
    """

    name: ClassVar[str] = "ConvTranspose2d"

    in_channels: int
    out_channels: int
    kernel_size: Pair
    stride: Pair
    padding: Sides
    output_padding: Pair
    groups: int
    bias: bool
    dilation: Pair
    padding_mode: str

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: PaddingLike = 0,
        output_padding: IntOrPair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrPair = 1,
        padding_mode: str = "zeros",
    ) -> None:
        set_channels(self, in_channels, out_channels, groups)
        store(
            self,
            kernel_size=pair("kernel_size", kernel_size, minimum=1),
            stride=pair("stride", stride, minimum=1),
            padding=sides("padding", padding),
            output_padding=pair("output_padding", output_padding, minimum=0),
            bias=flag("bias", bias),
            dilation=pair("dilation", dilation, minimum=1),
            padding_mode=choice("padding_mode", padding_mode, ("zeros",)),
        )
        for extra, step, spread in zip(
            self.output_padding, self.stride, self.dilation, strict=True
        ):
            if extra >= max(step, spread):
                raise ArgumentError(
                    "output_padding",
                    compact(self.output_padding),
                    f"smaller than stride {compact(self.stride)}"
                    f" or dilation {compact(self.dilation)} on each axis",
                )

    @property
    def pads(self) -> Sides:
        """The pixels cropped from the full output, ((top, bottom), (left, right))."""
        return self.padding

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weights: (C_in, C_out / groups, k_h, k_w)."""
        return self.in_channels, self.out_channels // self.groups, *self.kernel_size

    def __repr__(self) -> str:
        return convolution_repr(self)


def set_channels(
    spec: Conv2dSpec | ConvTranspose2dSpec, in_channels: int, out_channels: int, groups: int
) -> None:
    """Check the three channel arguments together and store them on the frozen spec."""
    store(
        spec,
        in_channels=whole("in_channels", in_channels, minimum=1),
        out_channels=whole("out_channels", out_channels, minimum=1),
        groups=whole("groups", groups, minimum=1),
    )
    for argument in ("in_channels", "out_channels"):
        channels = getattr(spec, argument)
        if channels % spec.groups:
            raise ArgumentError(argument, channels, f"divisible by groups={spec.groups}")


def convolution_repr(spec: Conv2dSpec | ConvTranspose2dSpec) -> str:
    """Return PyTorch's repr of the layer: the channels, kernel and stride, then what isn't default.

    Four-sided padding, which PyTorch doesn't have, prints as the four sides.
    """
    parts = [f"{spec.in_channels}, {spec.out_channels}"]
    parts += [f"kernel_size={spec.kernel_size}", f"stride={spec.stride}"]
    if spec.padding != ((0, 0), (0, 0)):
        parts.append(f"padding={padding_form(spec.padding, pairs=True)}")
    if spec.dilation != (1, 1):
        parts.append(f"dilation={spec.dilation}")
    if isinstance(spec, ConvTranspose2dSpec) and spec.output_padding != (0, 0):
        parts.append(f"output_padding={spec.output_padding}")
    if spec.groups != 1:
        parts.append(f"groups={spec.groups}")
    if not spec.bias:
        parts.append("bias=False")
    if spec.padding_mode != "zeros":
        parts.append(f"padding_mode={spec.padding_mode}")
    return f"{spec.name}({', '.join(parts)})"
