"""`convpool bench`: what it prints, word for word, its files, and what it refuses."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convpool.bench import contestants, figure, survey
from convpool.bench.ours import Ours
from convpool.bench.survey import Order, Survey
from convpool.bench.task import Task
from convpool.cli import bench_tables
from convpool.precisions import precision
from tests.bench.surveys import (
    CONVOLUTION,
    LIMITS,
    MACHINE,
    NET_TIMES,
    POOLING,
    WRONG,
)
from tests.bench.surveys import survey as given
from tests.cli.command import Command

GOLDEN = Path(__file__).parent / "golden"
TINY = ["Conv2d(3, 8, 3)", "MaxPool2d(2)", "--input", "9x9", "--quick", "--threads", "1"]

SURVEYS = {
    "bench": given(CONVOLUTION, POOLING),
    "bench_net": given(CONVOLUTION, POOLING, name="net.py:Net", net=NET_TIMES, is_whole=True),
    "bench_wrong": given(CONVOLUTION, WRONG),
}


@pytest.fixture
def quick_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "limits", lambda threads: LIMITS)


def answers(monkeypatch: pytest.MonkeyPatch, found: Survey) -> list[Order]:
    """Have the command find this, whatever it orders; the orders are returned."""
    orders: list[Order] = []

    def carry_out(order: Order, _progress: object) -> Survey:
        orders.append(order)
        return found

    monkeypatch.setattr(survey, "carry_out", carry_out)
    monkeypatch.setattr(bench_tables, "way", lambda case: f"way of {case.kind}")
    return orders


@pytest.mark.parametrize("name", SURVEYS)
def test_print(name: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONVPOOL_UPDATE_GOLDEN=1 writes the files anew; look at what changed before committing."""
    orders = answers(monkeypatch, SURVEYS[name])
    answer = command("bench", "--threads", "1")
    assert (answer.status, answer.err) == (1 if name == "bench_wrong" else 0, "")
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("CONVPOOL_UPDATE_GOLDEN"):
        path.write_text(answer.out, encoding="utf-8")
    assert answer.out == path.read_text(encoding="utf-8")
    assert (orders[0].threads, orders[0].name) == (1, "these 12 layers")


def test_strict_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, given(CONVOLUTION))
    with precision("strict"):
        answer = command("bench")
    assert answer.out.splitlines()[-1].endswith("(1 thread, strict)")


def test_what_is_ordered(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = answers(monkeypatch, given(CONVOLUTION))
    command("bench", "--batch", "4", "--layout", "nhwc", "--quick")
    command("bench", "Conv2d(3, 8, 3)", "--input", "9x9")
    command("bench", "Conv2d(3, 8, 3)", "MaxPool2d(2)", "--input", "3x9x9", "--batch", "2")
    standard, layer, chain = orders
    assert {case.n for case in standard.cases} == {4}
    assert (standard.layout, standard.pace.rounds) == ("nhwc", 1)
    assert (layer.name, layer.cases[0].shape) == ("this layer", (1, 3, 9, 9))
    assert [case.shape for case in chain.cases] == [(2, 3, 9, 9), (2, 8, 7, 7)]
    assert [order.is_whole for order in orders] == [False, False, True]


def test_files_are_written(command: Command, tmp_path: Path, quick_limits: None) -> None:
    pytest.importorskip("matplotlib")
    files = tmp_path / "run.json", tmp_path / "run.svg"
    answer = command("bench", *TINY, "--json", str(files[0]), "--picture", str(files[1]))
    assert (answer.status, answer.err) == (0, "")
    content = json.loads(files[0].read_bytes())
    assert [line["class"] for line in content["lines"]] == ["first layer", "pooling"]
    assert set(content["lines"][0]["seconds"]) == {"functions", "bound", "torch"}
    assert files[1].read_bytes().startswith(b"<?xml")
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert "over these 2 layers (1 thread)" in answer.out.splitlines()[-1]


NET = """
import torch
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        layers = [nn.Conv2d(4, 4, 3, padding=1) for _ in range(3)]
        super().__init__(nn.Conv2d(3, 4, 3), *layers, nn.MaxPool2d(2), nn.Dropout())
"""


def test_a_net(command: Command, tmp_path: Path, quick_limits: None) -> None:
    path, run = tmp_path / "net.py", tmp_path / "run.json"
    path.write_text(NET)
    options = ["--input", "3x10x10", "--batch", "2", "--quick", "--threads", "1"]
    answer = command("bench", f"{path}:Net", *options, "--json", str(run))
    assert (answer.status, answer.err) == (0, "")
    assert "5 layers together: convpool" in answer.out
    assert "the whole net: accelerated" in answer.out
    content = json.loads(run.read_bytes())
    assert [(line["count"], line["shape"]) for line in content["lines"]] == [
        (1, [2, 3, 10, 10]),
        (3, [2, 4, 8, 8]),
        (1, [2, 4, 8, 8]),
    ]
    assert set(content["net"]["seconds"]) == {"torch", "accelerated"}


def test_without_torch(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick_limits: None
) -> None:
    monkeypatch.setattr(contestants, "find_spec", lambda name: None)
    answer = command("bench", *TINY)
    assert (answer.status, answer.err) == (0, "")
    assert "torch isn't installed" in answer.out
    assert "torch µs" not in answer.out
    assert "of this machine's limits over these 2 layers" in answer.out
    answer = command("bench", "net.py:Net", "--input", "1x3x8x8")
    assert answer.status == 2
    assert "layers, since torch is missing: pip install 'convpool[torch]'" in answer.err


def test_a_wrong_output_gets_no_time(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick_limits: None
) -> None:
    prepare = Ours.prepare

    def spoilt(self: Ours, task: Task) -> dict[str, Callable[[], Any]]:
        runs = prepare(self, task)
        bound = runs.pop("bound", None)
        return runs if bound is None else {**runs, "bound": lambda: bound() + 1}  # type: ignore[operator]

    monkeypatch.setattr(Ours, "prepare", spoilt)
    path = tmp_path / "run.json"
    answer = command("bench", *TINY, "--json", str(path))
    assert answer.status == 1
    assert "WRONG: bound in Conv2d(3, 8, 3) on (1, 3, 9, 9)" in answer.out
    first = json.loads(path.read_bytes())["lines"][0]
    assert (first["seconds"], first["ratio"]) == ({}, None)


def test_interrupted(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers(monkeypatch, given(CONVOLUTION, missing=1))
    files = ["--json", str(tmp_path / "run.json"), "--picture", str(tmp_path / "run.svg")]
    pytest.importorskip("matplotlib")
    answer = command("bench", *files)
    assert (answer.status, answer.err) == (130, "error: interrupted\n")
    assert "Conv2d(64, 64, 3" in answer.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threads", "0"], "--threads is 0, but must be a whole number from 1 to "),
        (["--threads", "100000"], "--threads is 100000, but must be a whole number from 1 to "),
        (["--threads", "two"], "Invalid value for '--threads'"),
        (["--batch", "0"], "--batch is 0, but must be a whole number of at least 1"),
        (["--layout", "chw"], "--layout is 'chw', but must be nchw or nhwc"),
        (["--input", "5x5"], "--input is '5x5', but must be left out where no layer or net is"),
        (["Conv2d(3, 8, 3)"], "--input is None, but must be given: HxW, CxHxW or NxCxHxW"),
        (["Conv2D(3, 8, 3)", "--input", "9x9"], "did you mean Conv2d?"),
        (["Conv2d(3, 8, 3)", "--input", "9"], "--input is '9', but must be HxW"),
        (["Conv2d(3, 8, 3)", "--input", "4x9x9"], "4"),
        (["net.py:Net", "--input", "9x9"], "--input is '9x9', but must be CxHxW or NxCxHxW"),
        (["net.py:Net", "ReLU()", "--input", "9x9"], "but must be layers, or net.py:Net alone"),
        (
            ["Conv2d(3, 8, 3)", "--input", "2x3x9x9", "--batch", "4"],
            "--batch is 4, but must be left out, since --input 2x3x9x9 says how many",
        ),
        (["--picture", "a.jpeg"], "--picture is 'a.jpeg', but must be a file that ends in .png or"),
        (["--json", "."], "--json is '.', but must be the path of a file"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], message: str, command: Command) -> None:
    answer = command("bench", *arguments)
    assert (answer.status, answer.out) == (2, "")
    assert message in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("option", ["--json", "--picture"])
def test_files_that_cannot_be_written_are_refused_before_the_work(
    option: str, command: Command, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "missing" / "a.svg"
    answer = command("bench", option, str(path))
    assert (answer.status, answer.out) == (1, "")
    assert answer.err == f"error: cannot write {path}: No such file or directory\n"
    (tmp_path / "folder.svg").mkdir()
    answer = command("bench", option, str(tmp_path / "folder.svg"))
    assert answer.err == f"error: cannot write {tmp_path / 'folder.svg'}: it is a folder\n"


def test_a_net_that_is_not_there(command: Command) -> None:
    answer = command("bench", "missing.py:Net", "--input", "1x3x8x8")
    assert (answer.status, answer.err) == (1, "error: missing.py is no file\n")


def test_without_matplotlib(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure, "find_spec", lambda name: None)
    answer = command("bench", "--picture", "a.svg")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err == (
        "error: --picture is 'a.svg', but must be left out where matplotlib is missing: "
        "pip install 'convpool[bench]'\n"
    )


def test_machines_are_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, given(CONVOLUTION))
    answer = command("bench")
    assert answer.out.startswith(f"{MACHINE.cpu} (sapphirerapids, AVX-512 and AMX), 4 CPUs")
