"""Timing in turns: each contestant in short blocks, round after round, and the best block counts.

Contestants meet the same weather that way: a machine that slows down for a second slows down all,
and the next round makes up for it.
"""

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from timeit import Timer
from typing import TypeVar

from convpool.bench.contestants import Run

Name = TypeVar("Name", bound=Hashable)

LONGEST_REST = 0.25
"""Seconds to wait at most until a peer's threads have stopped spinning (measured: ONNX Runtime's
spin for 22 ms after a call, OpenMP's for 1 to 4)."""
_NAP = 0.005


@dataclass(frozen=True)
class Pace:
    """How long is measured."""

    rounds: int = 3
    blocks: int = 2
    """In a row, of each contestant in each round."""
    seconds: float = 0.02
    """Of a block, in which a quick call is repeated."""


QUICK = Pace(rounds=1, blocks=1, seconds=0.005)


def race(libraries: Sequence[Mapping[Name, Run]], pace: Pace) -> dict[Name, float]:
    """Return the seconds of one call of each contestant: the mean of its best block.

    Args:
        libraries: the contestants of each library; libraries are kept apart by a rest, since their
            threads may spin on after a call, and take turns.
        pace: how long is measured.
    """
    timers = [{name: Timer(run) for name, run in runs.items()} for runs in libraries]
    calls: dict[Name, int] = {}
    best: dict[Name, float] = {}
    for runs in timers:
        rest()
        for name, timer in runs.items():
            timer.timeit(1)  # compiles, packs, touches memory
            best[name] = min(timer.repeat(3, 1))
            calls[name] = ceil(pace.seconds / best[name])
    for _ in range(pace.rounds):
        for runs in timers:
            rest()
            for name, timer in runs.items():
                timer.timeit(1)
                blocks = timer.repeat(pace.blocks, calls[name])
                best[name] = min(best[name], min(blocks) / calls[name])
    return best


def rest() -> None:
    """Wait until this process's threads are quiet."""
    end = time.perf_counter() + LONGEST_REST
    while time.perf_counter() < end:
        before = time.process_time()
        time.sleep(_NAP)
        if time.process_time() - before < _NAP / 5:
            return
