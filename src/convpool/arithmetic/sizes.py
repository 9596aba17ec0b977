"""Output shapes of layers, and the refusal of inputs that a layer cannot take."""

from collections.abc import Sequence
from dataclasses import replace

from convpool.arithmetic.axes import Stamp, Window, stamp_axes, window_axes
from convpool.arithmetic.padding import check_padding
from convpool.errors import ArgumentError
from convpool.spec import (
    Conv2dSpec,
    ConvolutionSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxUnpool2dSpec,
)
from convpool.spec.arguments import Pair, whole

Shape = tuple[int, ...]

LARGEST_ARRAY = 2**63 - 1
"""Bytes that an array can hold at most: its strides are signed 64-bit numbers."""
_WIDEST_ELEMENT = 8


def axes_of(spec: LayerSpec, plane: Pair) -> tuple[Window, Window] | tuple[Stamp, Stamp]:
    """Return the layer's rule for the height and for the width of an input plane (H, W)."""
    if isinstance(spec, ConvTranspose2dSpec | MaxUnpool2dSpec):
        return stamp_axes(spec, plane)
    return window_axes(spec, plane)


def output_shape(spec: LayerSpec, shape: Sequence[int], argument: str = "input") -> Shape:
    """Return the shape that a layer makes of (C, H, W) or (N, C, H, W); the batch N stays.

    A batch of no images is allowed, as in PyTorch; no channels, rows or columns are not.

    Raises:
        ArgumentError: the shape has another rank, the wrong number of channels or no pixels; the
            window's reach exceeds the padded input; the padding mode cannot fill the padding;
            the result would exceed what an array can hold (2^63 - 1 bytes).

    Example:
        >>> output_shape(Conv2dSpec(3, 64, 7, stride=2, padding=3), (1, 3, 224, 224))
        (1, 64, 112, 112)
    """
    checked = _check_input(spec, tuple(shape), argument)
    plane = checked[-2:]
    if isinstance(spec, Conv2dSpec):
        for letter, size, sides in zip("HW", plane, spec.pads, strict=True):
            check_padding(sides, size, spec.padding_mode, letter)
    vertical, horizontal = axes_of(spec, (plane[0], plane[1]))
    for name, axis in (("height", vertical), ("width", horizontal)):
        if axis.output < 1:
            raise _too_small(spec, name, axis)
    channels = spec.out_channels if isinstance(spec, ConvolutionSpec) else checked[-3]
    result = (*checked[:-3], channels, vertical.output, horizontal.output)
    check_capacity(f"output of {spec}", result)
    return result


def with_output_size(
    spec: ConvTranspose2dSpec, plane: Pair, output_size: Sequence[int]
) -> ConvTranspose2dSpec:
    """Return the transposed layer whose output_padding makes an input plane (H, W) that large.

    `output_size` may hold leading batch and channel sizes, as in PyTorch; they aren't looked at.

    Raises:
        ArgumentError: a size lies outside what output_padding from 0 to stride - 1 can reach.

    Example:
        >>> with_output_size(ConvTranspose2dSpec(1, 1, 3, stride=2), (3, 3), (8, 8))
        ConvTranspose2d(1, 1, kernel_size=(3, 3), stride=(2, 2), output_padding=(1, 1))
    """
    wanted = plane_of("output_size", output_size)
    bare = replace(spec, output_padding=(0, 0))
    smallest = [axis.output for axis in stamp_axes(bare, plane)]
    largest = [size + stride - 1 for size, stride in zip(smallest, spec.stride, strict=True)]
    if not all(lo <= size <= hi for lo, size, hi in zip(smallest, wanted, largest, strict=True)):
        raise ArgumentError(
            "output_size", wanted, f"between {tuple(smallest)} and {tuple(largest)} on each axis"
        )
    return replace(spec, output_padding=(wanted[0] - smallest[0], wanted[1] - smallest[1]))


def unpooled_plane(
    spec: MaxUnpool2dSpec,
    plane: Pair,
    output_size: Sequence[int] | None = None,
    argument: str = "output_size",
) -> Pair:
    """Return the plane (H, W) that unpooling makes, or check the one asked for.

    PyTorch allows sizes that differ from the rule's by less than the stride.

    Example:
        >>> unpooled_plane(MaxUnpool2dSpec(2), (2, 2), (5, 5))
        (5, 5)
    """
    vertical, horizontal = stamp_axes(spec, plane)
    if output_size is None:
        return vertical.output, horizontal.output
    wanted = plane_of(argument, output_size)
    for size, axis in zip(wanted, (vertical, horizontal), strict=True):
        if abs(size - axis.output) >= axis.stride:
            raise ArgumentError(
                argument,
                wanted,
                f"less than the stride {spec.stride} away from "
                f"{(vertical.output, horizontal.output)} on each axis",
            )
    return wanted


def plane_of(argument: str, size: Sequence[int]) -> Pair:
    """Return the last two numbers of a size given as (H, W), (C, H, W) or (N, C, H, W)."""
    if not 2 <= len(size) <= 4:
        raise ArgumentError(argument, size, "(H, W), with or without N and C before it")
    return whole(argument, size[-2], minimum=1), whole(argument, size[-1], minimum=1)


def check_capacity(argument: str, shape: Shape) -> None:
    """Refuse a shape whose elements, of 8 bytes at most, no array can hold.

    PyTorch computes such sizes in 64 bits and wraps silently; Python's ints don't wrap.
    """
    total = _WIDEST_ELEMENT
    for size in shape:
        total *= max(1, size)
    if total > LARGEST_ARRAY:
        raise ArgumentError(argument, shape, f"at most {LARGEST_ARRAY // _WIDEST_ELEMENT} elements")


def _check_input(spec: LayerSpec, shape: Shape, argument: str) -> Shape:
    if len(shape) not in (3, 4):
        raise ArgumentError(argument, shape, "of shape (C, H, W) or (N, C, H, W)")
    if min(shape[-3:]) < 1 or min(shape) < 0:
        raise ArgumentError(
            argument, shape, "of at least 1 channel, row and column (only the batch may be empty)"
        )
    if isinstance(spec, ConvolutionSpec) and shape[-3] != spec.in_channels:
        raise ArgumentError(
            argument, shape, f"of {spec.in_channels} channels, not {shape[-3]}, for {spec}"
        )
    check_capacity(argument, shape)
    if isinstance(spec, ConvolutionSpec):
        check_capacity(f"shape of the weights of {spec}", spec.weight_shape)
    return shape


def _too_small(spec: LayerSpec, name: str, axis: Window | Stamp) -> ArgumentError:
    """Say both numbers that don't fit."""
    if isinstance(axis, Stamp):
        full = axis.output + axis.before + axis.after
        return ArgumentError(
            "padding",
            (axis.before, axis.after),
            f"less than {full} in total, the full output {name} of {spec}",
        )
    return ArgumentError(
        "kernel_size",
        spec.kernel_size,
        f"such that its reach d*(k-1)+1 = {axis.dilation}*({axis.kernel}-1)+1 = {axis.reach} fits "
        f"the padded input {name} {axis.before}+{axis.size}+{axis.after} = {axis.padded}",
    )
