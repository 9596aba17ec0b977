"""Every axis as phases of unit-stride sums: counted tap by tap from the definition."""

from collections import Counter
from itertools import product

from hypothesis import given

from convpool.arithmetic import stamp_axes, window_axes
from convpool.kernels.convolution.geometry import Line, lines
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec
from tests.drawing import SIZE, conv2ds, conv_transpose2ds, takes

Meetings = Counter[tuple[int, int, int]]
"""(output position, tap, input position), inside the input."""


def meetings(line: Line) -> Meetings:
    found: Meetings = Counter()
    for phase in line.phases:
        for i, (tap, shift) in product(range(phase.count), phase.taps):
            place = i * line.stride + shift
            if 0 <= place < line.size:
                found[phase.first + i * line.step, tap, place] += 1
    return found


def check_places(line: Line) -> None:
    """Check that residues and places lead to the input positions that the taps meet."""
    assert line.longest == max(phase.count for phase in line.phases)
    shifts = [shift for phase in line.phases for _, shift in phase.taps]
    for shift in shifts:
        residue, place = line.place(shift)
        assert residue in line.residues
        assert 0 <= place <= line.extent
        assert line.lowest + residue + place * line.stride == shift
    if shifts:
        assert line.reach == max(shifts) - min(shifts) + 1
        assert {line.place(shift)[0] for shift in shifts} == set(line.residues)


def check_positions(line: Line) -> None:
    """Check that each output position belongs to one phase."""
    positions = [p.first + i * line.step for p in line.phases for i in range(p.count)]
    assert sorted(positions) == list(range(line.output))


@given(conv2ds(), SIZE, SIZE)
def test_convolution(spec: Conv2dSpec, height: int, width: int) -> None:
    if not takes(spec, (spec.in_channels, height, width)):
        return
    axes = window_axes(spec, (height, width))
    for line, axis in zip(lines(spec, (height, width)), axes, strict=True):
        expected: Meetings = Counter()
        for output, tap in product(range(axis.output), range(axis.kernel)):
            place = output * axis.stride + tap * axis.dilation - axis.before
            if 0 <= place < axis.size:
                expected[output, tap, place] += 1
        assert meetings(line) == expected
        check_places(line)
        check_positions(line)


@given(conv_transpose2ds(), SIZE, SIZE)
def test_transposed_convolution(spec: ConvTranspose2dSpec, height: int, width: int) -> None:
    if not takes(spec, (spec.in_channels, height, width)):
        return
    axes = stamp_axes(spec, (height, width))
    for line, axis in zip(lines(spec, (height, width)), axes, strict=True):
        expected: Meetings = Counter()
        for place, tap in product(range(axis.size), range(axis.kernel)):
            output = place * axis.stride + tap * axis.dilation - axis.before
            if 0 <= output < axis.output:
                expected[output, tap, place] += 1
        assert meetings(line) == expected
        check_places(line)
        check_positions(line)


def test_taps_are_read_in_their_own_order() -> None:
    """The order of the sum is that of the weights, so that bits don't depend on the packing."""
    for spec in (Conv2dSpec(1, 1, 5, dilation=2), ConvTranspose2dSpec(1, 1, 5, stride=2)):
        for line in lines(spec, (20, 20)):
            for phase in line.phases:
                assert list(phase.taps) == sorted(phase.taps)
