import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.cases import NETWORKS, TABLES, Case, all_cases, case_from, training
from benchmarks.contest import Report as ContestReport
from benchmarks.report import command
from benchmarks.report.markdown import table
from benchmarks.report.reasons import REASONS, idle, key_of, read_reasons
from benchmarks.report.runs import best_peer, lead, read_runs
from benchmarks.report.sections import leading, means
from benchmarks.run import Order, Report
from convpool.bench.machine import Machine
from convpool.bench.measure import Line
from convpool.bench.race import QUICK, Pace
from convpool.errors import ArgumentError, DataError
from tests.bench.surveys import LIMITS, MACHINE
from tests.benchmarks.contestants import case_named
from tests.benchmarks.test_contest import order as contest_order
from tests.benchmarks.tiny import score

WIDE = case_named("resnet50,l1 64-64 3x3")
POINT = case_named("resnet50,l1 64-64 1x1")
POOL = case_named("vgg16,pool 14", "max_pool2d")
Write = Callable[..., Path]


def line(case: Case, threads: int = 1, error: float = 1e-6, **seconds: float) -> Line[Case]:
    return Line(case, "nchw", threads, dict.fromkeys(seconds, error), seconds, 1e11)


LINES = [
    line(WIDE, torch=4e-3, onnxruntime=3e-3, functions=2e-3, bound=1e-3),
    line(POINT, torch=4e-3, onnxruntime=0.5e-3, functions=2e-3, bound=1e-3),
    line(POOL, torch=4e-3, functions=1e-3),
    line(POINT, 2, torch=4e-3, onnxruntime=2e-3, functions=2e-3, bound=1e-3),
]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a run's file, as `python -m benchmarks --json` does, and return its path."""

    def written(
        name: str,
        lines: list[Line[Case]],
        pace: Pace | None = QUICK,
        machine: Machine = MACHINE,
        **order: Any,
    ) -> Path:
        cases = [line.case for line in lines]
        ordered = replace(Order(cases, ("table",), ("nchw",), (1, 2), ("torch",), pace), **order)
        path = tmp_path / name
        report = Report(machine, ordered, {1: LIMITS, 2: LIMITS}, lines, 1.0)
        path.write_bytes(report.to_json())
        return path

    return written


@pytest.mark.parametrize("case", [all_cases()[0], POOL, *training([WIDE, POOL], [3])])
def test_a_case_comes_back_from_its_record(case: Case) -> None:
    assert case_from(json.loads(json.dumps(case.record))) == case


def test_lines_come_back_from_files(write: Write) -> None:
    strict = [line(WIDE, torch=4e-3, bound=2e-3)]
    back = [line(training([WIDE], [16])[0], torch=4e-3, functions=2e-3)]
    accuracy = [Line(POINT, "nchw", 1, {"torch": 1e-6, "bound": float("inf")}, {}, float("nan"))]
    found = read_runs(
        [
            write("back.json", back, Pace(rounds=9)),
            write("layers.json", LINES),
            write("strict.json", strict, precision="strict"),
            write("accuracy.json", accuracy, None, precision="strict"),
        ]
    )
    assert found.timed == LINES
    assert found.layers["strict"][0] == strict[0]
    assert found.layers["strict"][1].errors == accuracy[0].errors
    assert found.backward == back
    assert (found.machine, found.limits[2], found.threads) == (MACHINE, LIMITS, [1, 2])
    assert found.pace["rounds"] == QUICK.rounds


def test_the_later_file_counts(write: Write) -> None:
    later = line(WIDE, torch=8e-3, functions=2e-3, bound=1e-3)
    found = read_runs([write("a.json", LINES), write("b.json", [later])])
    assert [one for one in found.timed if one.case == WIDE] == [later]
    assert len(found.timed) == len(LINES)


def test_files_that_cannot_be(write: Write, tmp_path: Path) -> None:
    layers = write("layers.json", LINES)
    other = write("other.json", LINES, machine=replace(MACHINE, cpu="Another"))
    with pytest.raises(ArgumentError, match="of one machine"):
        read_runs([layers, other])
    with pytest.raises(ArgumentError, match="such that one times layers"):
        read_runs([write("strict.json", LINES, precision="strict")])
    with pytest.raises(DataError, match="No such file"):
        read_runs([tmp_path / "missing.json"])
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(DataError, match="is no JSON"):
        read_runs([tmp_path / "text.json"])
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(DataError, match="isn't what python -m benchmarks"):
        read_runs([tmp_path / "list.json"])


def test_the_best_peer_and_its_lead() -> None:
    assert [best_peer(one) for one in LINES] == [*["onnxruntime"] * 2, "torch", "onnxruntime"]
    assert [lead(one) for one in LINES] == pytest.approx([3, 0.5, 4, 2])
    assert lead(LINES[0], "torch", "functions") == pytest.approx(2)
    assert lead(line(WIDE, bound=1e-3)) is None


def test_where_a_peer_leads(write: Write) -> None:
    assert leading(read_runs([write("layers.json", LINES)]).timed) == [LINES[1]]


def test_the_page(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    reasons = {key_of(POINT.with_batch(2)): "its | reason", ("no", "such", "conv2d"): "old"}
    monkeypatch.setattr(command, "read_reasons", lambda: reasons)
    networks = tmp_path / "networks.json"
    scores = [score("resnet20", torch=0.003, accelerated=0.002)]
    networks.write_bytes(ContestReport(MACHINE, contest_order(1), scores, 1.0).to_json())
    back = [line(training([WIDE], [16])[0], torch=4e-3, functions=2e-3)]
    files = [
        write("layers.json", LINES),
        write("strict.json", [line(WIDE, torch=4e-3, bound=2e-3, error=3e-6)], precision="strict"),
        write("back.json", back),
        networks,
    ]
    page = tmp_path / "page.md"
    done = CliRunner().invoke(app, ["report", *map(str, files), "-o", str(page)])
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert "{{" not in text
    assert "| **all convolutions** | 2 | 4.00 | 1.22 | 1.22 | 0.50 resnet50,l1 64-64 1x1 |" in text
    assert "its \\| reason | 0.50 ONNX Runtime (1 thread, batch 1, NCHW) |" in text
    assert "| resnet50,l1 64-64 3x3 | 3x3 s1 | 3.0e-06 | 1.0e-06 | 3.0e-06 |" in text
    assert "| 1 thread, NCHW | 3x3 s1 | 1 | 2.00 |" in text
    assert "| 3x3 s1 | 1 | 2.00 |" in text
    assert "| resnet20 | CIFAR-10 | 2 | 1 | 3.00 | 2.00 | 1.50 torch/accelerated |" in text
    assert "| vgg16,pool 14 | pooling | 1 | 4,000 |  | 1,000 |  |" in text
    pictures = {f"{name}-{n}.png" for name in ("ratios", "roofline") for n in (1, 2)}
    assert {path.name for path in (tmp_path / "page").iterdir()} == pictures
    assert all(f"(page/{name})" in text for name in pictures)
    assert "a peer leads on 1 layers" in done.stdout
    assert "not needed: no, such, conv2d" in done.stdout
    assert "no reason yet" not in done.stdout


def test_means_with_one_image_are_folded(write: Write) -> None:
    wide = case_named("resnet20-cifar,64-64")
    assert wide.n > 1
    lines = [
        line(wide, torch=4e-3, bound=1e-3),
        line(wide.with_batch(1), torch=3e-3, bound=1e-3),
        line(POINT, torch=2e-3, bound=1e-3),
    ]
    shown, _, single = means(read_runs([write("layers.json", lines)])).partition("<details>")
    assert "| 3x3 s1 | 1 | 4.00 |" in shown
    assert "| 3x3 s1 | 1 | 3.00 |" in single
    assert "| 1x1 | 1 | 2.00 |" in shown
    assert "| 1x1 | 1 | 2.00 |" in single


def test_what_was_not_measured_is_said(write: Write, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.md"
    path = write("layers.json", LINES)
    with patch("benchmarks.report.command.read_reasons", dict):
        done = CliRunner().invoke(app, ["report", str(path), "-o", str(page)])
    assert done.exit_code == 0, done.output
    assert page.read_text().count("The runs at hand didn't measure this.") == 4
    assert "no reason yet: resnet50, l1 64-64 1x1, conv2d" in done.stdout


def test_pages_that_cannot_be(write: Write, tmp_path: Path) -> None:
    path = write("layers.json", LINES)
    done = CliRunner().invoke(app, ["report", str(path), "-o", str(tmp_path / "page.html")])
    assert "--output" in str(done.exception)
    done = CliRunner().invoke(app, ["report", str(path), "-o", str(tmp_path / "no" / "page.md")])
    assert isinstance(done.exception, DataError)


def test_reasons_are_about_layers_of_the_tables() -> None:
    assert idle(read_reasons(), all_cases((*TABLES, NETWORKS))) == []


def test_wrong_reasons(tmp_path: Path) -> None:
    path = tmp_path / "reasons.csv"
    header = REASONS.read_text().splitlines()[0]
    path.write_text(f"{header}\na,b,conv2d,this\na,b,conv2d,that\n")
    with pytest.raises(ArgumentError, match=r"line 3 of reasons.csv"):
        read_reasons(path)
    path.write_text("net,layer,reason\n")
    with pytest.raises(ArgumentError, match="columns"):
        read_reasons(path)


def test_tables_are_as_wide_as_their_header() -> None:
    assert table(["a", "b"], [["x|y", "1"]]).splitlines()[1:] == ["|---|---:|", "| x\\|y | 1 |"]


def test_errors_are_written_for_the_report(tmp_path: Path) -> None:
    path = tmp_path / "strict.json"
    tiny = ["--match", "tutorial,5x5 k3 s1", "--peers", "torch", "--precision", "strict"]
    done = CliRunner().invoke(app, ["accuracy", *tiny, "--json", str(path)])
    assert done.exit_code == 0, done.output
    content = json.loads(path.read_bytes())
    assert (content["precision"], content["pace"]) == ("strict", None)
    assert content["lines"][0]["way"] == "plain loops"
    done = CliRunner().invoke(app, ["accuracy", *tiny[:-1], "exact"])
    assert "--precision is 'exact', but must be 'fast' or 'strict'" in str(done.exception)
