"""Times of a dozen layers, kept by pytest-benchmark to be compared from version to version."""

from typing import TYPE_CHECKING

import pytest

from benchmarks.cases import Case, all_cases, select
from convpool.bench.contestants import OURS
from convpool.bench.machine import usable_cpus
from convpool.bench.ours import contestant
from convpool.bench.task import error, is_wrong, make_task, truth

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("pytest_benchmark", reason="pip install -e '.[bench]'")

NAMES = (
    *("tutorial,5x5 k3 s1", "cifar-cnn,c2 32-32 k5", "resnet20-cifar,64-64"),
    *("resnet50,stem 7x7 s2", "resnet50,l2 128-128 3x3", "resnet50,l3 256-1024 1x1"),
    *("resnet50,l3 256-256 3x3 s2", "mobilenetv2,dw 192 28 s1", "odd,dilated 2"),
    *("odd,grouped 32 (resnext)", "dcgan,256-128 k4 s2", "cifar-cnn,p1", "resnet50,pool 3x3 s2"),
)
CALLS = [
    pytest.param(case, call, id=f"{case.name}-{case.op}-{call}")
    for case in select(all_cases(), batch="table")
    if case.name in NAMES
    for call in (OURS if case.is_convolution else OURS[:1])
]


@pytest.mark.parametrize("threads", sorted({1, min(2, usable_cpus())}))
@pytest.mark.parametrize(("case", "call"), CALLS)
def test_speed(benchmark: "BenchmarkFixture", case: Case, call: str, threads: int) -> None:
    ours, task = contestant(), make_task(case, "nchw", threads)
    with ours.session(threads):
        run = ours.prepare(task).get(call)
        if run is None:
            pytest.skip("this version of convpool has no bound layers")
        assert not is_wrong(case, error(run(), truth(task)))
        benchmark.group = f"{case.name}, {case.op}"
        benchmark(run)
