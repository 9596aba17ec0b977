"""One case: every contestant prepared, its outputs verified, and only then timed."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from convpool.bench.cases import Case, Layout
from convpool.bench.contestants import OURS, Contestant, Run
from convpool.bench.limits import best_width, copies, multiply_adds, operations
from convpool.bench.race import Pace, race
from convpool.bench.task import error, is_wrong, largest, make_task, truth

AnyCase = TypeVar("AnyCase", bound=Case)


@dataclass(frozen=True)
class Line(Generic[AnyCase]):
    """What was measured of one case."""

    case: AnyCase
    layout: Layout
    threads: int
    errors: dict[str, float]
    """Of each contestant: largest error over the root mean square of the true output."""
    seconds: dict[str, float]
    """Of each contestant's call; empty if a contestant was wrong, or if only errors were wanted."""
    limit: float
    """Operations a second of multiply-adds in registers, or bytes a second of a copy as large as
    the case's input and output, in the same rounds."""

    @property
    def wrong(self) -> list[str]:
        """The contestants whose output was wrong."""
        return [name for name, error in self.errors.items() if is_wrong(self.case, error)]

    @property
    def peers(self) -> list[str]:
        """The contestants that aren't convpool."""
        return [name for name in self.errors if name not in OURS]

    @property
    def best_of_ours(self) -> str | None:
        """The quicker of our calls, if they were timed."""
        timed = [name for name in OURS if name in self.seconds]
        return min(timed, key=self.seconds.__getitem__, default=None)

    def rate(self, name: str) -> float:
        """Return a contestant's operations or bytes a second."""
        return self.case.work / self.seconds[name]

    def fraction(self, name: str) -> float:
        """Return which part of the machine's limit a contestant reaches."""
        return self.rate(name) / self.limit

    def ratio(self, peer: str, ours: str) -> float | None:
        """Return a peer's time over ours, or None if one of them wasn't timed."""
        if peer not in self.seconds or ours not in self.seconds:
            return None
        return self.seconds[peer] / self.seconds[ours]


def measure_among(
    among: Sequence[Contestant], case: AnyCase, layout: Layout, threads: int, pace: Pace
) -> Line[AnyCase]:
    """Return a case's line; its time is measured only if every output is right.

    Args:
        among: the contestants, the last of which is convpool.
        case: the layer and its batch.
        layout: how the input lies in memory.
        threads: of every contestant.
        pace: how long is measured.
    """
    task = make_task(case, layout, threads)
    with ExitStack() as sessions:
        for contestant in among:
            sessions.enter_context(contestant.session(threads))
        libraries = [contestant.prepare(task) for contestant in among]
        expected = truth(task)
        errors = {name: error(run(), expected) for runs in libraries for name, run in runs.items()}
        if any(is_wrong(case, error) for error in errors.values()):
            return Line(case, layout, threads, errors, {}, np.nan)
        limits, work = _limits(case, threads)
        times = race([*libraries[:-1], {**libraries[-1], **limits}], pace)
    limit = work / min(times.pop(name) for name in limits)
    return Line(case, layout, threads, errors, times, limit)


def errors_among(
    among: Sequence[Contestant], case: AnyCase, layout: Layout, threads: int, draws: int
) -> Line[AnyCase]:
    """Return a case's line of errors alone, each the largest over some draws of the numbers."""
    errors: dict[str, float] = {}
    with ExitStack() as sessions:
        for contestant in among:
            sessions.enter_context(contestant.session(threads))
        for draw in range(draws):
            task = make_task(case, layout, threads, draw)
            expected = truth(task)
            for contestant in among:
                for name, run in contestant.prepare(task).items():
                    so_far = errors.get(name, 0.0)
                    errors[name] = largest(np.array([so_far, error(run(), expected)]))
    return Line(case, layout, threads, errors, {}, np.nan)


def _limits(case: Case, threads: int) -> tuple[dict[str, Run], int]:
    """Return calls that work at the machine's limit, and how much work a call is."""
    if not case.is_convolution:
        return dict(copies(case.work, threads)), case.work
    lanes = best_width(threads)
    return {"multiply-adds": multiply_adds(threads, lanes)}, operations(threads, lanes)
