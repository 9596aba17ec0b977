import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import contest, network_commands
from benchmarks.__main__ import app
from benchmarks.contest import Order, Report, Score
from convpool.bench.machine import describe
from convpool.errors import ArgumentError
from tests.benchmarks.tiny import score


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Order], list[Score]]:
    """The orders that were given, and the scores that are found."""
    orders: list[Order] = []
    scores: list[Score] = []

    def hold(order: Order, _progress: object) -> Report:
        orders.append(order)
        return Report(describe(), order, scores, 1.0)

    monkeypatch.setattr(contest, "hold", hold)
    return orders, scores


def test_networks(held: tuple[list[Order], list[Score]], tmp_path: Path) -> None:
    orders, scores = held
    scores += [score("resnet20", torch=0.003, accelerated=0.002, folded=0.001)]
    path = tmp_path / "run.json"
    options = ["--match", "resnet20", "--batch", "2", "--threads", "1", "--rounds", "7"]
    done = CliRunner().invoke(app, ["networks", *options, "--json", str(path)])
    assert done.exit_code == 0, done.output
    assert "1 thread, batch 2" in done.stdout
    assert "1.50  3.00" in done.stdout
    assert "1 lines in 1 s" in done.stdout
    assert len(json.loads(path.read_bytes())["lines"]) == 1
    order = orders[0]
    assert (order.batches, order.threads, order.pace.rounds) == ((2,), (1,), 7)
    assert order.contestants == ("torch", "accelerated", "folded")


def test_training(held: tuple[list[Order], list[Score]]) -> None:
    orders, scores = held
    scores += [score(torch=0.003, accelerated=0.002) for _ in range(4)]
    done = CliRunner().invoke(app, ["training", "--threads", "1", "--quick"])
    assert done.exit_code == 0, done.output
    assert [network.name for network in orders[0].networks] == ["resnet20", "example-cnn"]
    assert (orders[0].batches, orders[0].contestants) == (
        (64, 128),
        ("torch", "accelerated", "fused"),
    )


def test_a_wrong_output_and_an_early_end_are_failures(
    held: tuple[list[Order], list[Score]],
) -> None:
    wrong = score(errors={"torch": 0, "accelerated": 1})
    held[1].append(wrong)
    options = ["--match", "cifar", "--batch", "2", "--threads", "1"]
    done = CliRunner().invoke(app, ["networks", *options])
    assert done.exit_code == 1
    assert "WRONG: accelerated in tiny, batch 2, 1 thread" in done.stdout
    assert "interrupted: 1 lines not measured" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["networks", "--match", "no such"], "--match is 'no such', but must be part of one of"),
        (["networks", "--batch", "table"], "--batch is 'table', but must be numbers of images"),
        (["networks", "--peers", "jax"], "--peers is 'jax', but must be one of torch, inductor"),
        (["networks", "--threads", "0"], "--threads is '0'"),
        (["training", "--match", "vgg16"], "must be part of one of resnet20, example-cnn"),
        (["training", "--batch", "0"], "--batch is '0'"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, ArgumentError)
    assert message in str(done.exception)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    done = CliRunner().invoke(app, ["networks", "--peers", "inductor"])
    assert "it needs the compiler no-such-compiler" in str(done.exception)
    monkeypatch.setattr(network_commands, "find_spec", lambda name: None)
    done = CliRunner().invoke(app, ["networks"])
    assert "torch is None, but must be installed" in str(done.exception)
