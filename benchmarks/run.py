"""A run: all cases in all settings, each thread count in a process of its own."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product

from benchmarks.cases import Case
from benchmarks.means import Mean, Setting, means
from benchmarks.peers import contestants
from benchmarks.processes import answer, fresh_process
from convpool.bench.cases import Layout
from convpool.bench.contestants import OURS
from convpool.bench.limits import limits
from convpool.bench.machine import Machine, counted, describe
from convpool.bench.measure import Line, errors_among, measure_among
from convpool.bench.race import Pace
from convpool.bench.survey import finite, way
from convpool.precisions import FAST, precision

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What a run is asked for."""

    cases: list[Case]
    """With the batches to be measured."""
    batches: tuple[str, ...]
    layouts: tuple[Layout, ...]
    threads: tuple[int, ...]
    peers: tuple[str, ...]
    pace: Pace | None
    """Only errors if None."""
    draws: int = 1
    """Of numbers, over which errors are the largest, where only they are wanted."""
    precision: str = FAST
    """Of ours: "fast" or "strict"."""

    @property
    def settings(self) -> list[Setting]:
        """The groups in which lines are printed and means are taken."""
        return [Setting(*parts) for parts in product(self.threads, self.batches, self.layouts)]

    def __len__(self) -> int:
        return len(self.cases) * len(self.layouts) * len(self.threads)


@dataclass(frozen=True)
class Report:
    """What a run found."""

    machine: Machine
    order: Order
    limits: dict[int, dict[str, float]]
    """By threads, as `limits.limits` returns them."""
    lines: list[Line[Case]]
    seconds: float
    """That the run took."""

    @property
    def means(self) -> list[Mean]:
        """The geometric means of the ratios."""
        return means(self.lines, self.order.settings)

    @property
    def missing(self) -> int:
        """How many lines an end before time left out."""
        return len(self.order) - len(self.lines)

    @property
    def wrong(self) -> list[str]:
        """What was wrong, and where."""
        return [
            f"{', '.join(line.wrong)} in {line.case.name}, batch {line.case.n}, {line.layout}, "
            f"{counted(line.threads)}"
            for line in self.lines
            if line.wrong
        ]

    def to_json(self) -> bytes:
        """Return everything as JSON; times in seconds, rates per second."""
        with precision(self.order.precision):
            lines = [_line(line) for line in self.lines]
        content = {
            "machine": asdict(self.machine),
            "threads": self.order.threads,
            "batches": self.order.batches,
            "layouts": self.order.layouts,
            "peers": self.order.peers,
            "precision": self.order.precision,
            "pace": None if self.order.pace is None else asdict(self.order.pace),
            "draws": self.order.draws,
            "limits": self.limits,
            "lines": lines,
            "means": [asdict(mean) for mean in self.means],
            "seconds": self.seconds,
        }
        return json.dumps(content, indent=1).encode() + b"\n"


def _line(line: Line[Case]) -> dict[str, object]:
    derived = {
        "case": line.case.record,
        "kind": line.case.kind,
        "way": "" if line.case.backward else way(line.case),
        "wrong": line.wrong,
        "rates": {name: line.rate(name) for name in line.seconds},
        "fractions": {name: line.fraction(name) for name in line.seconds},
        "ratios": {
            ours: {peer: line.ratio(peer, ours) for peer in line.peers if peer in line.seconds}
            for ours in OURS
            if ours in line.seconds
        },
    }
    content = {**asdict(line), **derived}
    if not line.seconds:
        del content["limit"]  # NaN, which JSON doesn't know
    content["errors"] = {name: finite(error) for name, error in line.errors.items()}
    return content


def measure(case: Case, layout: Layout, threads: int, order: Order) -> Line[Case]:
    """Return a case's line among the order's peers and convpool."""
    with precision(order.precision):
        among = contestants(order.peers)
        if order.pace is None:
            return errors_among(among, case, layout, threads, order.draws)
        return measure_among(among, case, layout, threads, order.pace)


def run(order: Order, progress: Progress = lambda _text: None) -> Report:
    """Carry out an order; Ctrl-C ends it with what was measured so far."""
    start = time.perf_counter()
    machine, found, lines = describe(), dict[int, dict[str, float]](), list[Line[Case]]()
    try:
        for threads in order.threads:
            with fresh_process() as process:
                progress(f"limits, {counted(threads)}")
                found[threads] = process.submit(limits, threads).result()
                for case, layout in product(order.cases, order.layouts):
                    progress(f"{case.name}, batch {case.n}, {layout}, {counted(threads)}")
                    job = partial(measure, case, layout, threads, order)
                    lines.append(answer(process, job, f"{case.name}, {layout}"))
    except KeyboardInterrupt:
        progress("interrupted")
    return Report(machine, order, found, lines, time.perf_counter() - start)
