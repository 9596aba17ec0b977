"""The same layer at several sizes: what a batch or an image costs more than its share.

A copy of as many bytes is timed beside each: what leaves a cache costs more, and that is no step of
the layer's.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf, prod
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.cases import Case, all_cases, select
from benchmarks.peers import contestants
from convpool.bench.limits import copies
from convpool.bench.machine import counted
from convpool.bench.race import Pace, race
from convpool.bench.task import error, is_wrong, make_task, truth
from convpool.errors import DataError
from convpool.spec import Conv2dSpec, MaxPool2dSpec

if TYPE_CHECKING:
    from convpool.bench.contestants import Run

LARGE_OUTPUT = 48 * 2**20
"""Bytes, well above the 32 MiB from which the C library returns memory to the system."""
STEADY = (
    *("vgg16,64-64 224", "resnet50,l1 64-256 1x1", "mobilenetv2,dw 144 56 s1"),
    *("resnet20-cifar,stem", "vgg16,pool 224", "odd,k3 s1 (inception)"),
)
SIDES = (256, 512, 1024, 2048, 4096)
_NARROW = Case(Conv2dSpec(16, 16, 3, padding=1), (1, 16, 8, 8), net="sizes", layer="3x3 16-16")
_WIDE = Case(Conv2dSpec(32, 32, 3, padding=1), (1, 32, 8, 8), net="sizes", layer="3x3 32-32")
_POOL = Case(MaxPool2dSpec(2), (1, 16, 8, 8), net="sizes", layer="pool 2x2")
_COPIES = "copy"


@dataclass(frozen=True)
class Sweep:
    """One layer's times over several sizes."""

    cases: list[Case]
    seconds: dict[str, list[float]]
    """Of each contestant, and of a copy of a case's bytes, in the order of the cases."""


def sweep(cases: Sequence[Case], threads: int, peers: Sequence[str], pace: Pace) -> Sweep:
    """Return the times of a layer at several sizes, raced together; the first size is verified.

    Raises:
        DataError: an output is wrong.
    """
    among = contestants(peers)
    tasks = [make_task(case, "nchw", threads) for case in cases]
    libraries: list[dict[tuple[str, int], Run]] = [{} for _ in among]
    with ExitStack() as sessions:
        for contestant, runs in zip(among, libraries, strict=True):
            sessions.enter_context(contestant.session(threads))
            for number, task in enumerate(tasks):
                for name, run in contestant.prepare(task).items():
                    runs[name, number] = run
        expected = truth(tasks[0])
        for runs in libraries:
            for (name, number), run in runs.items():
                if number == 0 and is_wrong(cases[0], error(run(), expected)):
                    raise DataError(f"{name} is WRONG for {cases[0]}")
        for number, case in enumerate(cases):
            for name, run in copies(_bytes(case), threads).items():
                libraries[-1][name, number] = run
        times = race(libraries, pace)
    seconds: dict[str, list[float]] = {}
    for (name, number), time in times.items():
        mine = seconds.setdefault(_COPIES if name.startswith(_COPIES) else name, [inf] * len(cases))
        mine[number] = min(mine[number], time)
    return Sweep(list(cases), seconds)


def _bytes(case: Case) -> int:
    """Return those of its input and output."""
    return 4 * prod(case.shape) + case.output_bytes


def batches() -> list[list[Case]]:
    """Return layers with a quarter of a batch, the batch, whose output exceeds 32 MiB, and four."""
    found = []
    for case in select(all_cases(), batch="1"):
        if case.name in STEADY and case.kind != "pooling with indices":
            quarter = -(-LARGE_OUTPUT // (4 * case.output_bytes))
            found.append([case.with_batch(quarter * 4**power) for power in range(3)])
    return found


def sides() -> list[list[Case]]:
    """Return a convolution and a max pooling on images of growing sides."""
    return [
        [replace(case, shape=(*case.shape[:2], side, side)) for side in SIDES]
        for case in (_NARROW, _WIDE, _POOL)
    ]


def batch_table(sweeps: Sequence[Sweep], threads: int) -> Table:
    """Return the time per output byte of batches over that of their quarters."""
    table = _table(f"time per output byte, batch ÷ quarter of it: {counted(threads)}")
    for column in (
        "layer",
        "batch",
        "output MiB",
        "contestant",
        "ns/KiB",
        "÷ quarter",
        "÷ quarter",
    ):
        table.add_column(column, justify="left" if column == "layer" else "right")
    for swept in sweeps:
        for name, seconds in swept.seconds.items():
            cost = [
                1024e9 * time / case.output_bytes
                for time, case in zip(seconds, swept.cases, strict=True)
            ]
            table.add_row(
                swept.cases[0].name,
                ", ".join(str(case.n) for case in swept.cases),
                ", ".join(f"{case.output_bytes / 2**20:.0f}" for case in swept.cases),
                name,
                ", ".join(f"{one:.1f}" for one in cost),
                *(f"{large / small:.2f}" for small, large in pairwise(cost)),
            )
    return table


def side_table(sweeps: Sequence[Sweep], threads: int) -> Table:
    """Return the time per input pixel from side to side, and the largest over the least."""
    table = _table(f"ns per pixel: {counted(threads)}")
    for column in ("layer", "contestant", *(f"{side}²" for side in SIDES), "most ÷ least"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    for swept in sweeps:
        for name, seconds in swept.seconds.items():
            cost = [
                1e9 * time / (prod(case.shape[2:]))
                for time, case in zip(seconds, swept.cases, strict=True)
            ]
            table.add_row(
                swept.cases[0].name,
                name,
                *(f"{one:.2f}" for one in cost),
                f"{max(cost) / min(cost):.2f}",
            )
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", pad_edge=False, box=None)
