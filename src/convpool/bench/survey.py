"""A survey: some layers, or those of a net, measured here one after another, and what it says."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any

from convpool.bench.cases import Case, Layout
from convpool.bench.contestants import Contestant, has_torch
from convpool.bench.limits import limits
from convpool.bench.machine import Machine, describe
from convpool.bench.measure import AnyCase, Line, measure_among
from convpool.bench.race import Pace
from convpool.dispatch import plan
from convpool.precisions import get_precision

if TYPE_CHECKING:
    from convpool.bench.models import NetTimes


@dataclass(frozen=True)
class Order:
    """What a survey is asked for."""

    name: str
    """Of what is measured: "net.py:Net", or "these 12 layers"."""
    cases: list[Case]
    layout: Layout
    threads: int
    pace: Pace
    net: "Callable[[], NetTimes] | None" = None
    """Measures the net that the layers are of."""
    is_whole: bool = False
    """Whether the layers belong together, so that the sum of their times says something."""

    def __len__(self) -> int:
        return 1 + len(self.cases) + (self.net is not None)


@dataclass(frozen=True)
class Survey:
    """What was found."""

    machine: Machine
    order: Order
    limits: Mapping[str, float]
    """As `limits.limits` gives them."""
    lines: list[Line[Case]]
    net: "NetTimes | None"
    seconds: float
    """That it took."""

    @property
    def is_complete(self) -> bool:
        """Whether it came to its end."""
        return len(self.lines) == len(self.order.cases) and (
            self.order.net is None or self.net is not None
        )

    @property
    def wrong(self) -> list[str]:
        """What was wrong, and where."""
        found = [
            f"{', '.join(line.wrong)} in {line.case.name} on {line.case.shape}"
            for line in self.lines
            if line.wrong
        ]
        if self.net is not None and self.net.wrong:
            found.append(f"{', '.join(self.net.wrong)} in {self.order.name}")
        return found

    @property
    def compared(self) -> list[Line[Case]]:
        """The lines in which torch was timed too."""
        return [line for line in self.lines if "torch" in line.seconds]

    @property
    def mean(self) -> float | None:
        """Geometric mean of torch's times over ours, if there are any."""
        return mean_speedup(self.compared)

    @property
    def totals(self) -> dict[str, float]:
        """Seconds in all of a net's layers, as often as it has them: ours, and torch's."""
        timed = [line for line in self.lines if line.seconds]
        found = {"ours": sum(line.case.count * line.seconds[ours(line)] for line in timed)}
        if len(self.compared) == len(timed):
            found["torch"] = sum(line.case.count * line.seconds["torch"] for line in timed)
        return found

    def to_json(self) -> bytes:
        """Return everything as JSON; times in seconds, rates per second."""
        content = {
            "machine": asdict(self.machine),
            "name": self.order.name,
            "threads": self.order.threads,
            "layout": self.order.layout,
            "precision": get_precision(),
            "pace": asdict(self.order.pace),
            "limits": dict(self.limits),
            "lines": [_record(line) for line in self.lines],
            "totals": self.totals,
            "net": None if self.net is None else asdict(self.net) | {"ratio": self.net.ratio},
            "mean": self.mean,
            "wrong": self.wrong,
            "seconds": self.seconds,
        }
        return json.dumps(content, indent=1).encode() + b"\n"


def _record(line: Line[Case]) -> dict[str, Any]:
    case, best = line.case, line.best_of_ours
    return {
        "layer": repr(case.spec),
        "shape": case.shape,
        "count": case.count,
        "class": case.kind,
        "way": way(case),
        "errors": {name: finite(error) for name, error in line.errors.items()},
        "wrong": line.wrong,
        "seconds": line.seconds,
        "limit": line.limit if line.seconds else None,
        "rate": None if best is None else line.rate(best),
        "fraction": None if best is None else line.fraction(best),
        "ratio": speedup(line),
    }


def finite(number: float) -> float | str:
    """Return the number, or its name where JSON has none."""
    return number if abs(number) < float("inf") else str(number)


def ours(line: Line[AnyCase]) -> str:
    """Return which of our calls counts: with weights packed once, as in a net, where there are any.

    The line must be timed.
    """
    return "bound" if "bound" in line.seconds else "functions"


def speedup(line: Line[AnyCase]) -> float | None:
    """Return torch's time over ours, or None if one of them wasn't timed."""
    return line.ratio("torch", ours(line)) if line.seconds else None


def mean_speedup(lines: Iterable[Line[Case]]) -> float | None:
    """Return the geometric mean of torch's times over ours, if there are any."""
    ratios = [ratio for line in lines if (ratio := speedup(line)) is not None]
    return geometric_mean(ratios) if ratios else None


def way(case: Case) -> str:
    """Return how convpool carries out a layer, in a few words."""
    chosen = plan(case.op, case.spec, case.shape[1:], "float32")
    if chosen.engine != "kernels":
        return chosen.engine
    return chosen.way or "windows"


def carry_out(order: Order, progress: Callable[[str], None]) -> Survey:
    """Carry out an order; Ctrl-C ends it with what was measured so far."""
    start = time.perf_counter()
    machine, found, lines = describe(), dict[str, float](), list[Line[Case]]()
    net: NetTimes | None = None
    try:
        progress("limits")
        found.update(limits(order.threads))
        among = _contestants()
        for case in order.cases:
            progress(case.name)
            lines.append(measure_among(among, case, order.layout, order.threads, order.pace))
        if order.net is not None:
            progress(order.name)
            net = order.net()
    except KeyboardInterrupt:
        progress("interrupted")
    return Survey(machine, order, found, lines, net, time.perf_counter() - start)


def _contestants() -> list[Contestant]:
    """Return torch, if it is installed, and convpool as the last."""
    from convpool.bench.ours import Ours

    found: list[Contestant] = [Ours()]
    if has_torch():
        from convpool.bench.pytorch import Torch

        found.insert(0, Torch())
    return found
