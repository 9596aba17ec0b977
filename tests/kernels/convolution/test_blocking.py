"""The cuts of layers: everything covered, within registers and caches, and the same each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convpool.kernels.convolution.blocking import Blocking, Machine, Problem, block
from convpool.kernels.convolution.geometry import Line, Phase, lines
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec
from tests.drawing import conv2ds, conv_transpose2ds, takes

MACHINES = [Machine(64, 32), Machine(32, 16), Machine(16, 16)]
sizes = st.integers(1, 600)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    spec = draw(conv2ds() | conv_transpose2ds())
    plane = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    while not takes(spec, (spec.in_channels, *plane)):
        plane = plane[0] + 20, plane[1] + 20
    if draw(st.booleans()):
        pair = lines(spec, plane)
    else:  # a plane as one row
        row, long = ((Phase(0, size, ((0, 0),)),) for size in (1, plane[0] * plane[1]))
        pair = Line(1, 1, 1, 1, row), Line(long[0].count, long[0].count, 1, 1, long)
    return Problem(*pair, draw(sizes), draw(sizes), draw(st.sampled_from([4, 8])))


def check(way: Blocking, problem: Problem, machine: Machine, *, planar: bool) -> None:
    assert 1 <= way.rows <= problem.vertical.longest
    assert 1 <= way.columns <= problem.horizontal.longest
    assert 1 <= way.channels <= problem.channels
    assert min(way.lanes, way.count, way.filter_blocks) >= 1
    vectors = way.lanes * problem.itemsize // machine.vector
    assert vectors * machine.vector == way.lanes * problem.itemsize
    if way.across_filters:
        assert vectors == 2
        assert 2 * way.count + 3 <= machine.registers
        assert way.filter_blocks * way.filters < problem.filters + way.filters
    else:
        assert planar
        assert problem.phases == 1
        assert (way.count + 1) * vectors < machine.registers
    if way.flattened:
        assert machine.registers == 32  # vectors are stored compressed
        assert (way.rows, way.columns) == (problem.vertical.longest, problem.horizontal.longest)


@given(problems(), st.sampled_from(MACHINES), st.booleans())
def test_every_layer(problem: Problem, machine: Machine, planar: bool) -> None:
    way = block(problem, machine, planar=planar)
    check(way, problem, machine, planar=planar)
    assert block(problem, machine, planar=planar) == way
    # Bits can't depend on the way if all ways sum the same chunks.
    assert way.channels == block(problem, machine, planar=False).channels


@given(problems())
def test_chunks_are_of_one_size_and_cover_the_channels(problem: Problem) -> None:
    chunks = -(-problem.channels // problem.chunk)
    assert problem.chunk >= 1
    assert (chunks - 1) * problem.chunk < problem.channels <= chunks * problem.chunk
    assert problem.chunk * chunks - problem.channels < chunks


@pytest.mark.parametrize("machine", MACHINES)
def test_ordinary_layers_fit_the_second_cache(machine: Machine) -> None:
    """The panel of a block and its sums, beside each other in 1 MB."""
    for spec, plane in (
        (Conv2dSpec(3, 64, 7, 2, 3), (224, 224)),
        (Conv2dSpec(64, 64, 3, padding=1), (56, 56)),
        (Conv2dSpec(256, 512, 3, padding=1), (56, 56)),
        (Conv2dSpec(512, 512, 3, padding=1), (7, 7)),
        (Conv2dSpec(64, 256, 1), (56, 56)),
        (Conv2dSpec(64, 64, 3, padding=1), (1024, 1024)),
        (ConvTranspose2dSpec(256, 128, 2, 2), (56, 56)),
    ):
        vertical, horizontal = lines(spec, plane)
        problem = Problem(vertical, horizontal, spec.in_channels, spec.out_channels, 4)
        for planar in (True, False):
            way = block(problem, machine, planar=planar)
            slots = len(vertical.residues) * len(horizontal.residues)
            row = way.columns + horizontal.extent
            panel = way.channels * slots * (way.rows + vertical.extent) * row * 4
            sums = way.rows * vertical.step * way.columns * horizontal.step * way.lanes * 4
            assert panel <= 256 << 10
            if way.across_filters:
                assert panel + sums * way.filter_blocks <= 1 << 20
