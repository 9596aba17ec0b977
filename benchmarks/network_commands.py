"""`python -m benchmarks networks` and `training`: whole networks beside PyTorch."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.terminal import (
    Images,
    Json,
    Networks,
    Quick,
    Rounds,
    Threads,
    end,
    image_counts,
    open_console,
    thread_counts,
)
from convpool.bench.machine import heading
from convpool.bench.race import QUICK, Pace
from convpool.cli.progress import progress
from convpool.errors import ArgumentError
from convpool.files import write_whole

if TYPE_CHECKING:
    from benchmarks.contest import Order


def networks(
    threads: Threads = "1,2",
    batch: Images = "1,8",
    match: Networks = "",
    peers: Annotated[
        str, typer.Option(help="Of torch, inductor, onnxruntime and openvino.")
    ] = "torch",
    rounds: Rounds = Pace.rounds,
    quick: Quick = False,
    json_to: Json = None,
) -> None:
    """Time whole networks in evaluation beside PyTorch, through `accelerate` and through `fold`."""
    _need_torch()
    from benchmarks import contest, inference
    from benchmarks.networks import select

    order = contest.Order(
        name="networks",
        measure=inference.measure,
        networks=select(match),
        batches=image_counts(batch),
        threads=thread_counts(threads),
        contestants=inference.contestants(peers),
        pace=QUICK if quick else Pace(rounds=rounds),
    )
    _carry_out(order, json_to)


def training(
    threads: Threads = "1,2",
    batch: Images = "64,128",
    match: Networks = "",
    rounds: Rounds = Pace.rounds,
    quick: Quick = False,
    json_to: Json = None,
) -> None:
    """Time a training step of the networks for CIFAR-10 beside PyTorch: `accelerate` and `fuse`."""
    _need_torch()
    from benchmarks import contest, training
    from benchmarks.networks import CIFAR10, select

    order = contest.Order(
        name="training",
        measure=training.measure,
        networks=select(match, CIFAR10),
        batches=image_counts(batch),
        threads=thread_counts(threads),
        contestants=training.CONTESTANTS,
        pace=QUICK if quick else Pace(rounds=rounds),
    )
    _carry_out(order, json_to)


def _need_torch() -> None:
    if find_spec("torch") is None:
        raise ArgumentError("torch", None, "installed: pip install -e '.[bench,torch]'")


def _carry_out(order: "Order", json_to: Path | None) -> None:
    from benchmarks.contest import hold
    from benchmarks.network_tables import network_tables

    with progress(len(order)) as step:
        report = hold(order, step)
    console = open_console()
    console.print(heading(report.machine, {}), "")
    for table in network_tables(report):
        console.print(table, "")
    if json_to is not None:
        write_whole(json_to, report.to_json())
    end(report, console)
