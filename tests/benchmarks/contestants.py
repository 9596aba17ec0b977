"""Contestants that do no work: what they return, and how long they take, is given."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from benchmarks.cases import Case, all_cases, select
from convpool.bench.contestants import Run
from convpool.bench.task import Task, truth


def case_named(name: str, op: str | None = None) -> Case:
    cases = [case for case in select(all_cases(), batch="table") if case.name == name]
    return next(case for case in cases if op is None or case.op == op)


@dataclass(frozen=True)
class Fake:
    """Returns the true outputs in float32, changed; each call takes so many seconds."""

    name: str
    change: Callable[[object], object] = lambda output: output
    seconds: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def session(self, threads: int) -> AbstractContextManager[None]:
        return nullcontext()

    def prepare(self, task: Task) -> dict[str, Run]:
        output = self.change(tuple(array.astype("float32") for array in truth(task)))

        def run() -> object:
            end = time.perf_counter() + self.seconds
            while time.perf_counter() < end:
                pass
            return output

        return {self.name: run}
