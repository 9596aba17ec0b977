"""No kernel reads or writes beside the arrays, and nothing that it finds in new memory gets out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from convpool.kernels import memory
from convpool.kernels.convolution.operator import Convolution
from tests.kernels.convolution import gradients
from tests.kernels.convolution.cases import PROGRAMS, Case, check, some, transformed
from tests.kernels.layouts import both_layouts

Array = NDArray[Any]

WITHOUT_POISON = {name: value for name, value in os.environ.items() if name != memory.POISON}
"""Poison touches all pages of the scratch memory."""
ZONE = 1 << 12
MARK = 0xA5


class Zones:
    """Memory between zones of marks, in place of the package's own; at first full of NaN."""

    def __init__(self) -> None:
        self.lent: list[tuple[Array, int, int]] = []

    def scratch(self, nbytes: int) -> Array:
        whole = np.full(nbytes + 2 * ZONE, MARK, np.uint8)
        start = ZONE // 2 + -(whole.ctypes.data + ZONE // 2) % 64
        whole[start : start + nbytes] = 0xFF  # NaN in every type
        self.lent.append((whole, start, nbytes))
        return whole[start : start + nbytes]

    def empty(
        self, shape: tuple[int, ...], dtype: DTypeLike, *, channels_last: bool = False
    ) -> Array:
        if channels_last:
            batch, channels, height, width = shape
            return self.empty((batch, height, width, channels), dtype).transpose(0, 3, 1, 2)
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return self.scratch(nbytes).view(dtype).reshape(shape)

    def check(self, case: object) -> None:
        for whole, start, nbytes in self.lent:
            assert (whole[:start] == MARK).all(), f"written before {nbytes} bytes by {case}"
            assert (whole[start + nbytes :] == MARK).all(), f"written after {nbytes} by {case}"
        self.lent.clear()


@pytest.fixture
def zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zones]:
    zones = Zones()
    monkeypatch.setattr(memory, "empty", zones.empty)
    monkeypatch.setattr(memory, "scratch", zones.scratch)
    monkeypatch.setattr(memory, "give_back", lambda array: None)
    yield zones
    assert zones.lent == []


@pytest.mark.parametrize("kind", PROGRAMS)
def test_nothing_is_written_outside(kind: str, zones: Zones) -> None:
    for case in some(kind):
        operator = Convolution(case.request)
        result = case.run(operator)
        assert zones.lent
        zones.check(case)
        check(case, result)


def test_nor_by_transforms(zones: Zones) -> None:
    for case in transformed():
        for same in both_layouts(case.input):
            one = replace(case, input=same)
            result = one.run(Convolution(one.request))
            zones.check(one)
            check(one, result)


@pytest.mark.parametrize("kind", gradients.PROGRAMS)
def test_nothing_is_written_outside_by_gradients(kind: str, zones: Zones) -> None:
    for case in gradients.gradients(kind):
        result = case.run()
        zones.check(case)
        check(case, result)


def test_what_is_left_of_an_earlier_call_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scratch full of zeros, of NaN or of large numbers gives the same bits."""

    def filled(byte: int) -> Any:
        return lambda nbytes: np.full(nbytes + 64, byte, np.uint8)[:nbytes]

    cases: list[Case | gradients.Gradient] = [*some("conv2d")[:100]]
    for case in cases + list(gradients.gradients("weight")[:100]):
        answers = set()
        for byte in (0x00, 0xFF, 0x7B):
            monkeypatch.setattr(memory, "scratch", filled(byte))
            monkeypatch.setattr(memory, "give_back", lambda array: None)
            answers.add(case.run().tobytes())
        assert len(answers) == 1, case


@pytest.mark.skipif(sys.platform != "linux", reason="forbids pages as Linux does")
@pytest.mark.parametrize("kinds", [*PROGRAMS, " ".join(gradients.PROGRAMS)])
def test_pages_beside_the_arrays_are_not_touched(kinds: str) -> None:
    """Both gradients in one process, since their calls are drawn from the same layers."""
    program = [sys.executable, "-m", "tests.kernels.convolution.fences", *kinds.split()]
    answer = subprocess.run(
        program, env=os.environ, capture_output=True, text=True, timeout=300, check=False
    )
    last = answer.stdout.splitlines()[-1:]
    assert (answer.returncode, last) == (0, ["done"]), answer.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_a_large_layer_needs_little_more_than_its_output() -> None:
    """64 channels of 1024x1024 pixels: as columns for a matrix product they'd take 2.3 GB."""
    program = [sys.executable, "-m", "tests.kernels.convolution.peak"]
    answer = subprocess.run(
        program, env=WITHOUT_POISON, capture_output=True, text=True, timeout=300, check=True
    )
    added, arrays = map(float, answer.stdout.split())
    assert arrays - 32 <= added <= arrays + 64
