import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import calls as small_calls
from benchmarks.run import Order, Report
from convpool import functional
from convpool.bench.machine import describe
from convpool.bench.measure import Line
from convpool.bench.race import QUICK
from convpool.errors import ArgumentError, DataError
from tests.benchmarks.contestants import case_named

TINY = ["--quick", "--match", "tutorial,5x5 pool3", "--peers", "torch", "--threads", "1"]


def test_a_quick_run_writes_everything(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    done = CliRunner().invoke(command.app, [*TINY, "--json", str(path)])
    assert done.exit_code == 0, done.output
    assert "geometric means: 1 thread, batch 1, NHWC" in done.stdout
    assert "4 lines in" in done.stdout
    content = json.loads(path.read_bytes())
    assert content["machine"]["versions"]["torch"]
    assert content["limits"]["1"]["multiply-adds"] > 1e8
    assert {line["kind"] for line in content["lines"]} == {"pooling", "pooling with indices"}
    for line in content["lines"]:
        assert line["wrong"] == []
        assert set(line["seconds"]) == set(line["errors"]) == {"torch", "functions"}
        assert line["rates"]["torch"] == pytest.approx(
            line["case"]["n"]
            * 4
            * (25 + (1 if line["kind"] == "pooling" else 3))
            / line["seconds"]["torch"]
        )
        ratio = line["seconds"]["torch"] / line["seconds"]["functions"]
        assert line["ratios"] == {"functions": {"torch": pytest.approx(ratio)}}
    means = {(mean["kind"], mean["setting"]["layout"]) for mean in content["means"]}
    assert len(means) == 4


def _report(order: Order, errors: dict[str, float]) -> Report:
    limits = {1: {"multiply-adds": 1e9, "large copy": 1e9}}
    line = Line(case_named("tutorial,5x5 pool3"), "nchw", 1, errors, {}, float("nan"))
    return Report(describe(), order, limits, [line] * len(order), seconds=1.0)


def test_a_wrong_result_is_said_and_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = {"torch": 0.0, "functions": float("inf")}
    monkeypatch.setattr(command, "run", lambda order, _progress: _report(order, errors))
    path = tmp_path / "run.json"
    done = CliRunner().invoke(command.app, [*TINY, "--json", str(path)])
    assert done.exit_code == 1
    assert "WRONG: functions in tutorial,5x5 pool3, batch 1, nchw, 1 thread" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("tutorial"))
    assert row.split() == ["tutorial,5x5", "pool3", "pooling", "1", "WRONG", "inf", "0.0e+00"]
    line = json.loads(path.read_bytes())["lines"][0]
    assert (line["wrong"], line["seconds"], line["errors"]["functions"]) == (
        ["functions"],
        {},
        "inf",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--match", "no such layer"], "--match is 'no such layer'"),
        (["--threads", "0"], "--threads is '0'"),
        (["--threads", "two"], "--threads is 'two'"),
        (["--batch", "2"], "--batch is '2', but must be one of 1, table, both"),
        (["--layout", "chw"], "--layout is 'chw'"),
        (["--peers", "tensorflow"], "--peers is 'tensorflow'"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(command.app, arguments)
    assert isinstance(done.exception, ArgumentError)
    assert message in str(done.exception)


def test_errors_alone_are_printed() -> None:
    done = CliRunner().invoke(
        command.app, ["accuracy", "--match", "tutorial,5x5 k3 s1", "--peers", "torch"]
    )
    assert done.exit_code == 0, done.output
    row = next(line for line in done.stdout.splitlines() if line.startswith("tutorial")).split()
    assert row[:6] == ["tutorial,5x5", "k3", "s1", "first", "layer", "1"]
    assert all(0 <= float(error) < 1e-5 for error in row[6:8])


def test_gradients_are_timed(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    tiny = ["--quick", "--match", "tutorial,5x5", "--threads", "1", "--batch", "2,3"]
    done = CliRunner().invoke(command.app, ["backward", *tiny, "--json", str(path)])
    assert done.exit_code == 0, done.output
    assert "geometric means: 1 thread, batch 3, NCHW" in done.stdout
    lines = json.loads(path.read_bytes())["lines"]
    assert [line["case"]["n"] for line in lines] == [2, 2, 2, 3, 3, 3]
    assert all(line["case"]["backward"] and not line["wrong"] for line in lines)
    assert {line["case"]["op"] for line in lines} == {"conv2d", "max_pool2d_with_indices"}
    first = next(line for line in lines if line["case"]["layer"] == "5x5 k3 s1")
    assert first["rates"]["torch"] == pytest.approx(2 * 2 * 2 * 81 / first["seconds"]["torch"])


@pytest.mark.parametrize("batch", ["", "0", "16,many"])
def test_batches_that_are_no_numbers_of_images(batch: str) -> None:
    done = CliRunner().invoke(command.app, ["backward", "--batch", batch])
    assert isinstance(done.exception, ArgumentError)
    assert f"--batch is {batch!r}, but must be numbers of images" in str(done.exception)


def test_small_calls_are_compared_and_printed() -> None:
    done = CliRunner().invoke(command.app, ["calls", "--quick"])
    assert done.exit_code == 0, done.output
    rows = [line for line in done.stdout.splitlines() if line.startswith("nn.Conv2d")]
    assert len(rows) == 3
    for row in rows:
        ours, theirs, ratio = map(float, row.split()[-3:])
        assert ratio == pytest.approx(theirs / ours, abs=0.02)


def test_a_wrong_small_call_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "max_pool2d", lambda images, _: images[..., :1, :1])
    with pytest.raises(DataError, match="max_pool2d: the result isn't PyTorch's"):
        small_calls.small_calls(QUICK)
