"""The cuts of gradients by weights: everything covered, within registers and caches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convpool.kernels.convolution.blocking import Machine
from convpool.kernels.convolution.geometry import lines
from convpool.kernels.weight_gradient.blocking import Problem, block
from convpool.spec import Conv2dSpec
from tests.drawing import conv2ds, takes

MACHINES = [Machine(64, 32), Machine(32, 16), Machine(16, 16)]
sizes = st.integers(1, 600)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    spec = draw(conv2ds())
    plane = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    while not takes(spec, (spec.in_channels, *plane)):
        plane = plane[0] + 20, plane[1] + 20
    item = draw(st.sampled_from([4, 8]))
    vertical, horizontal = lines(spec, plane)
    groups = draw(st.integers(1, 9))
    if draw(st.booleans()):
        return Problem(vertical, horizontal, 32, 32, groups, item, True)
    return Problem(vertical, horizontal, draw(sizes), draw(sizes), groups, item)


@given(problems(), st.sampled_from(MACHINES), st.integers(1, 70))
def test_every_layer(problem: Problem, machine: Machine, batch: int) -> None:
    way = block(problem, machine, batch)
    assert block(problem, machine, batch) == way
    assert 1 <= way.rows <= problem.vertical.output
    assert 1 <= way.columns <= problem.horizontal.output
    # Pixels of a partial block are the first ones of a whole one.
    assert way.images == 1 or way.rows == problem.vertical.output
    assert way.rows == 1 or way.columns == problem.horizontal.output
    assert way.images * way.rows * way.columns <= 288
    registers = way.lanes * problem.itemsize // machine.vector
    assert registers * (way.count + 1) < machine.registers
    down, across = problem.kernel
    taps = across if problem.are_neighbours else 1
    assert way.strips * taps == down * across
    numbers = taps * (1 if problem.apart else way.chunk)
    assert numbers <= way.tiles * way.count < numbers + way.count
    assert way.chunk <= max(48, way.lanes)
    assert 1 <= way.parts <= 24


@pytest.mark.parametrize("machine", MACHINES)
def test_ordinary_layers_fit_the_second_cache(machine: Machine) -> None:
    """A block's panel and gradient, and a unit's sums, beside each other in 2 MB."""
    for spec, plane in (
        (Conv2dSpec(3, 64, 7, 2, 3), (224, 224)),
        (Conv2dSpec(64, 64, 3, padding=1), (56, 56)),
        (Conv2dSpec(512, 512, 3, padding=1), (7, 7)),
        (Conv2dSpec(64, 256, 1), (56, 56)),
        (Conv2dSpec(64, 64, 3, padding=1), (1024, 1024)),
    ):
        vertical, horizontal = lines(spec, plane)
        problem = Problem(vertical, horizontal, spec.in_channels, spec.out_channels, 1, 4)
        way = block(problem, machine, 16)
        rows = way.rows * problem.vertical.stride + problem.kernel[0]
        columns = way.columns * problem.horizontal.stride + problem.kernel[1]
        panel = way.images * rows * columns * way.chunk * 4
        turned = way.images * way.rows * way.columns * way.held_blocks * way.lanes * 4
        sums = way.held_chunks * way.held_blocks * way.entries * way.lanes * 4
        assert panel + turned + sums <= 2 << 20
