import json
import os
import time
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

import convpool
from benchmarks import inference, training
from benchmarks.contest import Check, Order, Report, Score, Trial, hold, means, score_of
from benchmarks.network_tables import network_tables
from benchmarks.networks import CIFAR10, IMAGENET
from convpool.bench.machine import describe, usable_cpus
from convpool.bench.race import QUICK
from tests.benchmarks.tiny import TINY, broken, process_as_seconds, score

RUNTIMES = [name for name in ("onnxruntime", "openvino") if find_spec(name) and find_spec("onnx")]


def order(networks: int = 1, threads: Sequence[int] = (1,), measure: Any = None) -> Order:
    named = [TINY] * networks
    return Order("networks", measure or inference.measure, named, (2,), tuple(threads), (), QUICK)


def judged(outputs: dict[str, float], seconds: float = 0.0) -> Score:
    def run(output: float) -> float:
        time.sleep(seconds)
        return output

    runs = {name: partial(run, output) for name, output in outputs.items()}
    checks = [Check("size", 0.5, abs), Check("sign", 0.0, lambda output: float(output < 0))]
    return score_of(Trial(TINY, 2, 1), runs, checks, QUICK)


def test_a_right_output_gets_a_time() -> None:
    found = judged({"torch": 0.5, "folded": 0.25}, seconds=0.002)
    assert found.wrong == []
    assert found.errors == {
        "size": {"torch": 0.5, "folded": 0.25},
        "sign": {"torch": 0, "folded": 0},
    }
    assert set(found.seconds) == {"torch", "folded"}
    assert min(found.seconds.values()) >= 0.002
    expected = found.seconds["torch"] / found.seconds["folded"]
    assert found.ratios == {("torch", "folded"): pytest.approx(expected)}


@pytest.mark.parametrize("output", [0.6, -0.1, float("nan")])
def test_with_a_wrong_output_nobody_gets_a_time(output: float) -> None:
    found = judged({"torch": 0.1, "folded": output})
    assert found.wrong == ["folded"]
    assert found.seconds == {}
    assert found.ratios == {}


def test_means_are_geometric_over_the_networks_of_a_setting_and_data() -> None:
    scores = [
        score("a", data=IMAGENET, torch=8, accelerated=2, folded=1),
        score("b", data=IMAGENET, torch=1, accelerated=1, folded=0.5),
        score("c", data=CIFAR10, torch=3, accelerated=1, folded=1),
        score("a", data=IMAGENET, batch=4, torch=9, accelerated=1, folded=1),
        score("d", {"torch": 0, "accelerated": 1}, data=IMAGENET),
    ]
    found = {(mean.setting.batch, mean.kind, mean.ours): mean for mean in means(scores)}
    assert len(found) == 6
    assert found["2", IMAGENET, "accelerated"].ratio == pytest.approx(2)
    assert found["2", IMAGENET, "folded"].ratio == pytest.approx(4)
    assert found["2", CIFAR10, "folded"].ratio == pytest.approx(3)
    assert found["4", IMAGENET, "folded"].ratio == pytest.approx(9)
    least = found["2", IMAGENET, "folded"]
    assert (least.layers, least.least, least.least_layer) == (2, 2.0, "b")


def test_the_table_has_a_row_for_each_network_and_the_means() -> None:
    errors = {"torch": 1e-6, "accelerated": 0.5, "folded": 2e-6}
    scores = [
        score("a", torch=0.008, accelerated=0.004, folded=0.002),
        score("b", errors),
        score("a", batch=4, torch=2.0, accelerated=1.0, folded=1.0),
    ]
    tables = network_tables(Report(describe(), order(3), scores, 1.0))
    assert [table.title for table in tables] == ["1 thread, batch 2", "1 thread, batch 4"]
    cells = [list(column.cells) for column in tables[0].columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    assert [column.header for column in tables[0].columns] == [
        *("network", "torch ms", "accelerated ms", "folded ms"),
        *("torch ÷", "output error", "torch's"),
    ]
    assert rows == [
        ["a", "8.00", "4.00", "2.00", "2.00  4.00", "0.0e+00", "0.0e+00"],
        ["b", "", "WRONG", "", "", "5.0e-01", "1.0e-06"],
        ["mean, CIFAR-10", "", "", "", "2.00  4.00", "", ""],
    ]


def test_json_holds_everything() -> None:
    scores = [score(torch=3.0, accelerated=2.0), score(errors={"torch": 0, "folded": np.inf})]
    content = json.loads(Report(describe(), order(3), scores, 1.0).to_json())
    first, second = content["lines"]
    assert content["contest"] == "networks"
    assert first["ratios"] == {"torch/accelerated": 1.5}
    assert (first["network"], first["data"], first["batch"]) == ("tiny", CIFAR10, 2)
    assert (second["wrong"], second["seconds"]) == (["folded"], {})
    assert second["errors"] == {"output": {"torch": 0, "folded": "inf"}}
    assert [mean["ratio"] for mean in content["means"]] == [1.5]


def test_each_number_of_threads_has_a_process() -> None:
    counts = range(1, 1 + min(2, usable_cpus()))
    said: list[str] = []
    report = hold(order(1, counts, process_as_seconds), said.append)
    assert [line.trial.threads for line in report.lines] == list(counts)
    processes = {os.getpid(), *(line.seconds["torch"] for line in report.lines)}
    assert len(processes) == 1 + len(counts)
    assert said[0] == "tiny, batch 2, 1 thread"
    assert (report.missing, report.wrong) == (0, [])


def test_an_error_says_where() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        hold(order(measure=broken))
    assert raised.value.__notes__ == ["while measuring tiny, batch 2, 1 thread"]


def test_everybody_computes_a_network() -> None:
    before = torch.get_num_threads(), convpool.get_num_threads()
    names = "torch", *RUNTIMES, "accelerated", "folded"
    found = inference.measure(Trial(TINY, 2, 1), names, QUICK)
    assert found.wrong == []
    assert found.names == list(names)
    assert set(found.seconds) == set(names)
    assert max(found.errors["output"].values()) < 1e-5
    assert (torch.get_num_threads(), convpool.get_num_threads()) == before


def test_everybody_trains_a_network() -> None:
    found = training.measure(Trial(TINY, 4, 1), training.CONTESTANTS, QUICK)
    assert found.wrong == []
    assert set(found.seconds) == {"torch", "accelerated", "fused"}
    assert max(max(errors.values()) for errors in found.errors.values()) < 1e-4


def _doubled(model: Any) -> None:
    with torch.no_grad():
        model[0].weight.mul_(2)  # the norm hides that from the loss, but not from the gradient


def test_a_wrong_gradient_gets_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "accelerate", _doubled)
    found = training.measure(Trial(TINY, 4, 1), training.CONTESTANTS, QUICK)
    assert found.wrong == ["accelerated"]
    assert found.errors["loss"]["accelerated"] < training.LOSS_TOLERANCE
    assert found.errors["gradients"]["accelerated"] == pytest.approx(0.5, rel=0.01)
    assert found.seconds == {}


def test_distance_is_the_worst_of_the_tensors() -> None:
    expected = np.array([3.0, 4.0]), np.array([0.0, 2.0])
    close = torch.tensor([3.0, 4.5]), torch.tensor([1.0, 2.0])
    assert training.distance(close, expected) == pytest.approx(0.5)
    nan = torch.tensor([3.0, 4.5]), torch.tensor([np.nan, 2.0])
    assert np.isnan(training.distance(nan, expected))


def test_a_step_learns() -> None:
    model = TINY.make().train()
    step = training.step(model, torch.randn(TINY.shape(4)), torch.arange(4))
    before = [each.clone() for each in model.parameters()]
    first, second = step(), step()
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert second[0] < first[0]
    moved = zip(before, model.parameters(), strict=True)
    assert all(not torch.equal(old, new) for old, new in moved)
