"""A network of two layers, and scores that nobody measured."""

import os
from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from benchmarks.contest import Score, Trial
from benchmarks.networks import CIFAR10, Network
from convpool.bench.race import Pace


def small_net() -> nn.Module:
    block = nn.Conv2d(3, 4, 3, stride=2, bias=False), nn.BatchNorm2d(4), nn.ReLU()
    return nn.Sequential(*block, nn.MaxPool2d(3), nn.Flatten(), nn.Dropout(), nn.Linear(100, 10))


TINY = Network("tiny", CIFAR10, small_net)


def score(
    name: str = "tiny",
    errors: dict[str, float] | None = None,
    *,
    data: str = CIFAR10,
    batch: int = 2,
    **seconds: float,
) -> Score:
    """Return a score whose output was right, unless other errors are given."""
    trial = Trial(replace(TINY, name=name, data=data), batch, 1)
    return Score(trial, {"output": 1e-4}, {"output": errors or dict.fromkeys(seconds, 0)}, seconds)


def process_as_seconds(trial: Trial, names: Sequence[str], pace: Pace) -> Score:
    """Return the number of the process that measures."""
    return Score(trial, {}, {}, {"torch": os.getpid()})


def broken(trial: Trial, names: Sequence[str], pace: Pace) -> Score:
    raise ZeroDivisionError("on purpose")
