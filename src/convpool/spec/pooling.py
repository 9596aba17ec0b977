"""MaxPool2d, AvgPool2d and MaxUnpool2d as values: PyTorch's arguments, defaults and repr."""

from dataclasses import dataclass
from typing import ClassVar

from convpool.errors import ArgumentError
from convpool.spec.arguments import (
    IntOrPair,
    PaddingLike,
    Pair,
    Sides,
    flag,
    integer,
    pair,
    sides,
    store,
)
from convpool.spec.text import compact, padding_form


@dataclass(frozen=True, init=False, repr=False)
class MaxPool2dSpec:
    """A MaxPool2d layer: the largest value under each window of each channel.

    Arguments and defaults are those of `torch.nn.MaxPool2d`: the stride defaults to the kernel, and
    padding, which counts as minus infinity, is at most half the window's reach
    floor((d(k-1) + 1) / 2). Padding also takes the four sides ((top, bottom), (left, right)). The
    repr is PyTorch's, with return_indices added where it is on, so that it reads back.

    Raises:
        ArgumentError, ArgumentTypeError: naming the argument, its value and what would be right.

    Example:
        >>> MaxPool2dSpec(3, ceil_mode=True)
        MaxPool2d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=True)
    """

    name: ClassVar[str] = "MaxPool2d"

    kernel_size: Pair
    stride: Pair
    padding: Sides
    dilation: Pair
    return_indices: bool
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: PaddingLike = 0,
        dilation: IntOrPair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        _store_window(self, kernel_size, stride, padding)
        store(
            self,
            dilation=pair("dilation", dilation, minimum=1),
            return_indices=flag("return_indices", return_indices),
            ceil_mode=flag("ceil_mode", ceil_mode),
        )
        _limit_padding(self.padding, self.kernel_size, self.dilation)

    @property
    def pads(self) -> Sides:
        """The padding in pixels, ((top, bottom), (left, right))."""
        return self.padding

    def __repr__(self) -> str:
        return (
            f"MaxPool2d(kernel_size={compact(self.kernel_size)}, stride={compact(self.stride)}, "
            f"padding={padding_form(self.padding, pairs=False)}, "
            f"dilation={compact(self.dilation)}, ceil_mode={self.ceil_mode}"
            f"{', return_indices=True' if self.return_indices else ''})"
        )


@dataclass(frozen=True, init=False, repr=False)
class AvgPool2dSpec:
    """An AvgPool2d layer: the mean under each window of each channel.

    Arguments and defaults are those of `torch.nn.AvgPool2d`: the stride defaults to the kernel,
    padding is at most half the kernel, `divisor_override` may be any whole number but 0. Padding
    also takes the four sides. The repr is PyTorch's, with the arguments added that PyTorch leaves
    out (ceil_mode, count_include_pad, divisor_override) where they aren't the default.

    Raises:
        ArgumentError, ArgumentTypeError: naming the argument, its value and what would be right.

    Example:
        >>> AvgPool2dSpec(3, 2, padding=1)
        AvgPool2d(kernel_size=3, stride=2, padding=1)
    """

    name: ClassVar[str] = "AvgPool2d"
    dilation: ClassVar[Pair] = (1, 1)

    kernel_size: Pair
    stride: Pair
    padding: Sides
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: PaddingLike = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        _store_window(self, kernel_size, stride, padding)
        store(
            self,
            ceil_mode=flag("ceil_mode", ceil_mode),
            count_include_pad=flag("count_include_pad", count_include_pad),
            divisor_override=_divisor(divisor_override),
        )
        _limit_padding(self.padding, self.kernel_size, self.dilation)

    @property
    def pads(self) -> Sides:
        """The padding in pixels, ((top, bottom), (left, right))."""
        return self.padding

    def __repr__(self) -> str:
        extras = [
            text
            for text, shown in (
                ("ceil_mode=True", self.ceil_mode),
                ("count_include_pad=False", not self.count_include_pad),
                (f"divisor_override={self.divisor_override}", self.divisor_override is not None),
            )
            if shown
        ]
        return (
            f"AvgPool2d(kernel_size={compact(self.kernel_size)}, stride={compact(self.stride)}, "
            f"padding={padding_form(self.padding, pairs=False)}{''.join(f', {e}' for e in extras)})"
        )


@dataclass(frozen=True, init=False, repr=False)
class MaxUnpool2dSpec:
    """A MaxUnpool2d layer: puts each value back where max pooling found it, zeros elsewhere.

    Arguments, defaults and repr are those of `torch.nn.MaxUnpool2d`; the stride defaults to the
    kernel, and padding also takes the four sides.

    Raises:
        ArgumentError, ArgumentTypeError: naming the argument, its value and what would be right.

    Example:
        >>> MaxUnpool2dSpec(2)
        MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))
    """

    name: ClassVar[str] = "MaxUnpool2d"
    dilation: ClassVar[Pair] = (1, 1)
    output_padding: ClassVar[Pair] = (0, 0)

    kernel_size: Pair
    stride: Pair
    padding: Sides

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: PaddingLike = 0,
    ) -> None:
        _store_window(self, kernel_size, stride, padding)

    @property
    def pads(self) -> Sides:
        """The padding of the pooling that is undone, ((top, bottom), (left, right))."""
        return self.padding

    def __repr__(self) -> str:
        return (
            f"MaxUnpool2d(kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={padding_form(self.padding, pairs=True)})"
        )


def _store_window(
    spec: object, kernel_size: IntOrPair, stride: IntOrPair | None, padding: PaddingLike
) -> None:
    """Store what all pooling layers have; the stride defaults to the kernel."""
    kernel = pair("kernel_size", kernel_size, minimum=1)
    store(
        spec,
        kernel_size=kernel,
        stride=kernel if stride is None else pair("stride", stride, minimum=1),
        padding=sides("padding", padding),
    )


def _divisor(value: object) -> int | None:
    if value is None:
        return None
    expected = "a whole number other than 0, or None"
    number = integer("divisor_override", value, expected)
    if number == 0:
        raise ArgumentError("divisor_override", number, expected)
    return number


def _limit_padding(padding: Sides, kernel: Pair, dilation: Pair) -> None:
    """Refuse padding of more than half the window, where a window could lie in padding alone."""
    for axis, (around, k, d) in enumerate(zip(padding, kernel, dilation, strict=True)):
        limit = (d * (k - 1) + 1) // 2
        if max(around) > limit:
            raise ArgumentError(
                "padding",
                padding_form(padding, pairs=False),
                f"at most {limit} on axis {'HW'[axis]}: half the window's reach, "
                f"{d}*({k}-1)+1 = {d * (k - 1) + 1} pixels",
            )
