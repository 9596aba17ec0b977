"""Receptive fields: which part of the input one output pixel sees, through a chain of layers.

Per axis three numbers: `size`, the pixels seen; `jump`, the input pixels between neighbouring
outputs; `start`, the centre of the first output's field, where the first input pixel spans 0 to 1
and so has its centre at 0.5. The recurrences are those of Dang Ha The Hien's "A guide to receptive
field arithmetic" with dilation put in:

    size  += d(k-1) * jump
    start += (d(k-1)/2 - p_lo) * jump
    jump  *= s

A transposed layer divides the jump instead. Its pixels differ in how many inputs they see, and
`size` is then the most that any of them can see.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd

from convpool.arithmetic.axes import Stamp, Window
from convpool.arithmetic.sizes import axes_of
from convpool.spec import LayerSpec


@dataclass(frozen=True)
class AxisField:
    """The receptive field along one axis, in pixels of the chain's input."""

    extent: Fraction = Fraction(1)
    jump: Fraction = Fraction(1)
    start: Fraction = Fraction(1, 2)

    @property
    def size(self) -> int:
        """Whole pixels seen."""
        return ceil(self.extent)

    def through(self, axis: Window | Stamp) -> "AxisField":
        """Return the field after one more layer."""
        half_reach = Fraction(axis.reach - 1, 2)
        if isinstance(axis, Window):
            return AxisField(
                self.extent + (axis.reach - 1) * self.jump,
                self.jump * axis.stride,
                self.start + (half_reach - axis.before) * self.jump,
            )
        # Taps whose stamps meet in one output pixel lie stride / gcd apart in the kernel, and the
        # input pixels that they belong to dilation / gcd apart.
        common = gcd(axis.stride, axis.dilation)
        meeting = ceil(Fraction(axis.kernel * common, axis.stride))
        return AxisField(
            self.extent + (meeting - 1) * (axis.dilation // common) * self.jump,
            self.jump / axis.stride,
            self.start + (axis.before - half_reach) * self.jump / axis.stride,
        )


@dataclass(frozen=True)
class ReceptiveField:
    """The receptive field of one output pixel, on both axes."""

    vertical: AxisField = AxisField()
    horizontal: AxisField = AxisField()

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the input that one output pixel sees."""
        return self.vertical.size, self.horizontal.size

    @property
    def jump(self) -> tuple[Fraction, Fraction]:
        """Input rows and columns between neighbouring output pixels."""
        return self.vertical.jump, self.horizontal.jump

    @property
    def start(self) -> tuple[Fraction, Fraction]:
        """Centre of the first output pixel's field, the first input pixel's being at 0.5."""
        return self.vertical.start, self.horizontal.start

    def through(self, spec: LayerSpec) -> "ReceptiveField":
        """Return the field after one more layer; it doesn't depend on the input's size."""
        vertical, horizontal = axes_of(spec, (1, 1))
        return ReceptiveField(self.vertical.through(vertical), self.horizontal.through(horizontal))


def receptive_field(layers: Iterable[LayerSpec]) -> ReceptiveField:
    """Return the receptive field of one output pixel of a chain of layers, first layer first.

    Example:
        >>> from convpool.spec import Conv2dSpec, MaxPool2dSpec
        >>> stem = [Conv2dSpec(3, 64, 7, stride=2, padding=3), MaxPool2dSpec(3, 2, 1)]
        >>> field = receptive_field(stem)
        >>> field.size, [str(jump) for jump in field.jump]
        ((11, 11), ['4', '4'])
    """
    field = ReceptiveField()
    for layer in layers:
        field = field.through(layer)
    return field
