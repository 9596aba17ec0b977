"""Whole networks against each other: what is asked for, verified and timed, and the report."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from typing import Any

from benchmarks.means import Mean, Setting, mean_of
from benchmarks.networks import Network
from benchmarks.processes import answer, fresh_process
from benchmarks.run import Progress
from convpool.bench.contestants import Run
from convpool.bench.machine import Machine, counted, describe
from convpool.bench.race import Pace, race
from convpool.bench.survey import finite

OURS = ("accelerated", "folded", "fused")
"""The columns that are convpool."""


@dataclass(frozen=True)
class Trial:
    """A network and how it is run."""

    network: Network
    batch: int
    """Images in an input."""
    threads: int

    @property
    def setting(self) -> Setting:
        """The group of trials to which it belongs."""
        return Setting(self.threads, str(self.batch), "nchw")

    def __str__(self) -> str:
        return f"{self.network.name}, batch {self.batch}, {counted(self.threads)}"


@dataclass(frozen=True)
class Check:
    """What is looked at in what a contestant returns."""

    name: str
    tolerance: float
    """Error above which it is wrong."""
    error: Callable[[Any], float]


@dataclass(frozen=True)
class Score:
    """What was measured of one trial."""

    trial: Trial
    tolerances: dict[str, float]
    """Of each check."""
    errors: dict[str, dict[str, float]]
    """Of each check, by contestant."""
    seconds: dict[str, float]
    """Of each contestant's call; empty if one was wrong."""

    @property
    def names(self) -> list[str]:
        """The contestants."""
        return list(dict.fromkeys(name for errors in self.errors.values() for name in errors))

    @property
    def wrong(self) -> list[str]:
        """The contestants for which a check failed."""
        return [name for name in self.names if not all(self._passed(name))]

    def _passed(self, name: str) -> list[bool]:
        """Return whether a contestant is right, by check; NaN isn't."""
        return [errors[name] <= self.tolerances[check] for check, errors in self.errors.items()]

    @property
    def ratios(self) -> dict[tuple[str, str], float]:
        """Each peer's time over each of ours."""
        ours = [name for name in self.seconds if name in OURS]
        peers = [name for name in self.seconds if name not in OURS]
        return {
            (peer, mine): self.seconds[peer] / self.seconds[mine]
            for peer, mine in product(peers, ours)
        }


Measure = Callable[[Trial, Sequence[str], Pace], Score]
"""Returns the score of a trial among contestants of these names."""


@dataclass(frozen=True)
class Order:
    """What a contest is asked for."""

    name: str
    """Of the contest, as the command has it."""
    measure: Measure
    networks: list[Network]
    batches: tuple[int, ...]
    threads: tuple[int, ...]
    contestants: tuple[str, ...]
    pace: Pace

    def trials(self, threads: int) -> list[Trial]:
        """Return those of a thread count."""
        pairs = product(self.batches, self.networks)
        return [Trial(network, batch, threads) for batch, network in pairs]

    def __len__(self) -> int:
        return len(self.networks) * len(self.batches) * len(self.threads)


@dataclass(frozen=True)
class Report:
    """What a contest found."""

    machine: Machine
    order: Order
    lines: list[Score]
    seconds: float
    """That it took."""

    @property
    def means(self) -> list[Mean]:
        """The geometric means of the ratios, by setting and data."""
        return means(self.lines)

    @property
    def missing(self) -> int:
        """How many lines an end before time left out."""
        return len(self.order) - len(self.lines)

    @property
    def wrong(self) -> list[str]:
        """What was wrong, and where."""
        return [f"{', '.join(score.wrong)} in {score.trial}" for score in self.lines if score.wrong]

    def to_json(self) -> bytes:
        """Return everything as JSON; times in seconds."""
        content = {
            "machine": asdict(self.machine),
            "contest": self.order.name,
            "pace": asdict(self.order.pace),
            "lines": [_line(score) for score in self.lines],
            "means": [asdict(mean) for mean in self.means],
            "seconds": self.seconds,
        }
        return json.dumps(content, indent=1).encode() + b"\n"


def _line(score: Score) -> dict[str, object]:
    trial = score.trial
    return {
        "network": trial.network.name,
        "data": trial.network.data,
        "batch": trial.batch,
        "threads": trial.threads,
        "tolerances": score.tolerances,
        "wrong": score.wrong,
        "errors": {
            check: {name: finite(error) for name, error in errors.items()}
            for check, errors in score.errors.items()
        },
        "seconds": score.seconds,
        "ratios": {f"{peer}/{mine}": ratio for (peer, mine), ratio in score.ratios.items()},
    }


def means(scores: Sequence[Score]) -> list[Mean]:
    """Return the means of every setting, data, peer and way of ours that have a network."""
    groups: dict[tuple[Setting, str, str, str], dict[str, float]] = {}
    for score in scores:
        network = score.trial.network
        for pair, ratio in score.ratios.items():
            of_group = groups.setdefault((score.trial.setting, network.data, *pair), {})
            of_group[network.name] = ratio
    return [mean for group, ratios in groups.items() if (mean := mean_of(ratios, *group))]


def hold(order: Order, progress: Progress = lambda _text: None) -> Report:
    """Carry out an order, each thread count in a process; Ctrl-C ends it with what there is."""
    start = time.perf_counter()
    machine, scores = describe(), list[Score]()
    try:
        for threads in order.threads:
            with fresh_process() as process:
                for trial in order.trials(threads):
                    progress(str(trial))
                    job = partial(order.measure, trial, order.contestants, order.pace)
                    scores.append(answer(process, job, str(trial)))
    except KeyboardInterrupt:
        progress("interrupted")
    return Report(machine, order, scores, time.perf_counter() - start)


def score_of(trial: Trial, runs: Mapping[str, Run], checks: Sequence[Check], pace: Pace) -> Score:
    """Return a trial's score: the first call of each contestant is verified, and then all timed."""
    outputs = {name: run() for name, run in runs.items()}
    errors = {
        check.name: {name: check.error(output) for name, output in outputs.items()}
        for check in checks
    }
    score = Score(trial, {check.name: check.tolerance for check in checks}, errors, {})
    if score.wrong:
        return score
    return replace(score, seconds=race([{name: run} for name, run in runs.items()], pace))
