"""Receptive fields: which part of the input one output pixel sees, through a chain of layers.

Per axis three numbers: `size`, the pixels seen; `jump`, the input pixels between neighbouring
outputs; `start`, the centre of the first output's field, where the first input pixel spans 0 to 1
and so has its centre at 0.5. The recurrences are those of Dang Ha The Hien's "A guide to receptive
field arithmetic" with dilation put in:

    size  += d(k-1) * jump
    start += (d(k-1)/2 - p_lo) * jump
    jump  *= s

A transposed layer divides the jump instead, and `start` is then the centre of where the taps of the
first output's stamps come from, those that fall between two pixels included.

Behind a transposed layer pixels differ in how many inputs they see, and `size` is the most that any
of them can see. It doesn't follow from the size and the jump before: two neighbours on a map that
was enlarged may see the same pixels or not. So it is found backwards, from one output pixel to the
span of pixels that it sees before the last layer, before the one before it, and so on. Without a
transposed layer that is the recurrence above. With one it is an upper bound, and some pixel reaches
it in the usual decoder: from the first transposed layer on no dilation, windows of stride 1, and
stamps that leave no gap (k >= s).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from convpool.arithmetic.axes import Stamp, Window
from convpool.arithmetic.sizes import axes_of
from convpool.spec import LayerSpec

_TAPS_LOOKED_AT = 10_000


@dataclass(frozen=True)
class AxisField:
    """The receptive field along one axis, in pixels of the chain's input."""

    size: int = 1
    jump: Fraction = Fraction(1)
    start: Fraction = Fraction(1, 2)
    axes: tuple[Window | Stamp, ...] = field(default=(), repr=False, compare=False)
    """The layers passed so far, first layer first."""

    def through(self, axis: Window | Stamp) -> "AxisField":
        """Return the field after one more layer."""
        axes = (*self.axes, axis)
        span = 0
        for passed in reversed(axes):
            span = _span_before(passed, span)
        half_reach = Fraction(axis.reach - 1, 2)
        if isinstance(axis, Window):
            jump = self.jump * axis.stride
            start = self.start + (half_reach - axis.before) * self.jump
        else:
            jump = self.jump / axis.stride
            start = self.start + (axis.before - half_reach) * jump
        return AxisField(span + 1, jump, start, axes)


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


def _span_before(axis: Window | Stamp, span: int) -> int:
    """Return how far apart the outermost inputs can be of outputs that are up to `span` apart.

    On a stamp layer, inputs v apart stamp outputs v*s - u*d apart with taps that are u*d apart.
    """
    if isinstance(axis, Window):
        return span * axis.stride + axis.reach - 1
    furthest = range(axis.reach - 1 + span, span - 1, -axis.dilation)  # u*d + span
    # Kernels and strides of thousands of pixels would take long; all their taps bound the span too.
    for end in furthest[:_TAPS_LOOKED_AT]:
        if end % axis.stride <= 2 * span:
            return end // axis.stride
    return furthest.start // axis.stride
