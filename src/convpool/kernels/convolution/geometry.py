"""A convolution, or a transposed one, as phases of unit-stride sums: the one form the kernels know.

Along an axis, output positions fall into phases: a phase's i-th position is first + i * step. All
positions of a phase meet the same taps, and a tap meets input position i * stride + shift.

- A convolution has one phase with all taps, step 1, and shift t * dilation - padding.
- A transposed convolution has `stride` phases. Position o meets tap t at input position
  (o + padding - t * dilation) / stride where that is whole; so each phase has a share of the taps,
  a step of `stride`, and reads its input with stride 1. No zero is ever stuffed in.
"""

from dataclasses import dataclass

from convpool.arithmetic import Stamp, Window, stamp_axes, window_axes
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec
from convpool.spec.arguments import Pair


@dataclass(frozen=True)
class Phase:
    """Output positions first, first + step, … that meet the same taps."""

    first: int
    count: int
    taps: tuple[tuple[int, int], ...]
    """Pairs (tap, shift)."""


@dataclass(frozen=True)
class Line:
    """One axis of a layer: its phases, and what they read.

    Input positions are told apart by residue modulo the stride, so that the positions of a tap are
    neighbours in memory once each residue has a slot of its own.
    """

    size: int
    output: int
    step: int
    stride: int
    phases: tuple[Phase, ...]

    @property
    def lowest(self) -> int:
        """The smallest shift of any tap."""
        return min((shift for phase in self.phases for _, shift in phase.taps), default=0)

    @property
    def residues(self) -> tuple[int, ...]:
        """Residues, counted from the lowest shift, of the input positions that taps meet."""
        met = {self.place(shift)[0] for phase in self.phases for _, shift in phase.taps}
        return tuple(sorted(met)) or (0,)

    @property
    def extent(self) -> int:
        """Neighbours in a slot that one output position spans, less one."""
        shifts = (shift for phase in self.phases for _, shift in phase.taps)
        return max((self.place(shift)[1] for shift in shifts), default=0)

    @property
    def reach(self) -> int:
        """Input positions from the first to the last that an output position meets."""
        shifts = [shift for phase in self.phases for _, shift in phase.taps]
        return max(shifts, default=0) - self.lowest + 1

    @property
    def longest(self) -> int:
        """Positions of the longest phase."""
        return max(phase.count for phase in self.phases)

    def meets(self, first: int, end: int) -> list[bool]:
        """Return of each tap of the first phase whether some of its positions meet the input."""
        shifts = (shift for _, shift in self.phases[0].taps)
        return [
            first * self.stride + shift < self.size and (end - 1) * self.stride + shift >= 0
            for shift in shifts
        ]

    def place(self, shift: int) -> Pair:
        """Return the residue and the place within its slot of a tap with this shift."""
        distance = shift - self.lowest
        return distance % self.stride, distance // self.stride


def lines(spec: Conv2dSpec | ConvTranspose2dSpec, plane: Pair) -> tuple[Line, Line]:
    """Return the vertical and the horizontal axis of a layer over an input plane (H, W).

    Example:
        >>> vertical, _ = lines(ConvTranspose2dSpec(1, 1, 3, stride=2), (4, 4))
        >>> [(phase.first, phase.count, phase.taps) for phase in vertical.phases]
        [(0, 5, ((0, 0), (2, -1))), (1, 4, ((1, 0),))]
    """
    if isinstance(spec, Conv2dSpec):
        vertical, horizontal = (_window_line(axis) for axis in window_axes(spec, plane))
    else:
        vertical, horizontal = (_stamp_line(axis) for axis in stamp_axes(spec, plane))
    return vertical, horizontal


def is_flat(line: Line) -> bool:
    """Tell whether each output position is made of the input position of the same number alone."""
    return (line.stride, line.step, line.phases[0].taps) == (1, 1, ((0, 0),)) and (
        line.size == line.output
    )


def one_to_one(size: int) -> Line:
    """Return the axis of a layer whose positions are made so."""
    return Line(size, size, 1, 1, (Phase(0, size, ((0, 0),)),))


def _window_line(axis: Window) -> Line:
    taps = tuple((tap, axis.position(0, tap)) for tap in range(axis.kernel))
    return Line(axis.size, axis.output, 1, axis.stride, (Phase(0, axis.output, taps),))


def _stamp_line(axis: Stamp) -> Line:
    phases = []
    for first in range(min(axis.stride, axis.output)):
        meeting = [
            (tap, -axis.position(0, tap) + first)  # what is left of the stride is checked below
            for tap in range(axis.kernel)
        ]
        taps = tuple(
            (tap, distance // axis.stride)
            for tap, distance in meeting
            if distance % axis.stride == 0
        )
        phases.append(Phase(first, -(-(axis.output - first) // axis.stride), taps))
    return Line(axis.size, axis.output, axis.stride, 1, tuple(phases))
