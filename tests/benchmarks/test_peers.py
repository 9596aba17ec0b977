from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.cases import Case, training
from benchmarks.peers import PEERS, chosen, contestants, installed
from convpool import functional
from convpool.bench import ours
from convpool.bench.cases import LAYOUTS, Layout
from convpool.bench.task import (
    Array,
    as_arrays,
    by_reference,
    error,
    is_wrong,
    make_task,
    truth,
)
from convpool.errors import ArgumentError
from convpool.spec import Conv2dSpec
from convpool.threads import get_num_threads
from tests.benchmarks.contestants import case_named

CASES = [
    case_named("tutorial,5x5 k3 s2 p1"),
    case_named("mobilenetv2,dw 960 7 s1"),
    case_named("dcgan,512-256 k4 s2"),
    case_named("cifar-cnn,p3"),
    case_named("cifar-cnn,p3", "max_pool2d_with_indices"),
    Case(
        Conv2dSpec(8, 6, (3, 2), stride=2, padding=(1, 0), dilation=2, groups=2),
        (2, 8, 11, 9),
        net="net",
        layer="of everything",
    ),
    case_named("inception,avg 3x3 s1"),
]


BACKWARD = [
    *training(CASES[:1] + CASES[4:6], [3]),
    *training(CASES[6:], [2]),
    *training(CASES[1:3], [1]),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name},{case.op}")
@pytest.mark.parametrize("peer", [None, *installed()])
def test_everybody_is_right(peer: str | None, case: Case, layout: Layout) -> None:
    contestant = contestants([] if peer is None else [peer])[0]
    task = make_task(case, layout)
    with contestant.session(1):
        runs = contestant.prepare(task)
        assert set(runs) <= set(contestant.names)
        assert runs or layout == "nhwc" or case.op == "max_pool2d_with_indices"
        expected = truth(task)
        assert not any(is_wrong(case, error(run(), expected)) for run in runs.values())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", BACKWARD, ids=lambda case: f"{case.name},{case.op}")
def test_everybody_who_has_gradients_is_right(case: Case, layout: Layout) -> None:
    task = make_task(case, layout)
    expected = truth(task)
    assert error(by_reference(task), expected) <= 1e-12
    for contestant in contestants(installed()):
        with contestant.session(1):
            runs = contestant.prepare(task)
            assert set(runs) in ({"torch"}, {"functions"}, set())
            for run in runs.values():
                assert not is_wrong(case, error(run(), expected))
                arrays = {"pooling with indices": 3, "average pooling": 1}.get(case.kind, 2)
                assert len(as_arrays(run())) == arrays


def test_torch_computes_in_the_layout() -> None:
    import torch

    task = make_task(case_named("resnet20-cifar,stem"), "nhwc")
    output = contestants(["torch"])[0].prepare(task)["torch"]()
    assert isinstance(output, torch.Tensor)
    assert output.is_contiguous(memory_format=torch.channels_last)


def test_sessions_set_the_threads_and_set_them_back() -> None:
    import torch

    torch_threads, own_threads = torch.get_num_threads(), get_num_threads()
    both = contestants(["torch"])
    with both[0].session(1), both[1].session(1):
        assert (torch.get_num_threads(), get_num_threads()) == (1, 1)
        assert torch.is_inference_mode_enabled()
    assert (torch.get_num_threads(), get_num_threads()) == (torch_threads, own_threads)
    assert not torch.is_inference_mode_enabled()


def test_bound_layers_are_packed_once_and_called_with_the_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound = []

    def bind(layer: object, weight: Array, bias: Array) -> Callable[[Array], str]:
        bound.append((layer, weight.shape, bias.shape))
        return lambda images: f"called with {images.shape}"

    monkeypatch.setattr(functional, "bind", bind)
    case = case_named("mobilenetv2,dw 960 7 s1")
    runs = ours.contestant().prepare(make_task(case))
    assert bound == [(case.spec, (960, 1, 3, 3), (960,))]
    assert [runs["bound"](), runs["bound"]()] == ["called with (1, 960, 7, 7)"] * 2
    assert len(bound) == 1
    assert set(ours.contestant().prepare(make_task(case_named("cifar-cnn,p3")))) == {"functions"}


def test_peers_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen("torch") == ["torch"]
    assert chosen("") == []
    assert chosen(None) == installed()
    monkeypatch.setitem(PEERS, "torch", ("convpool.bench.pytorch", ("a_module_that_is_missing",)))
    assert "torch" not in installed()
    with pytest.raises(ArgumentError, match="--peers is 'torch', but must be installed"):
        chosen("torch")


def test_outputs_become_arrays() -> None:
    import torch

    first, second = as_arrays((torch.ones(2), np.zeros(3)))
    assert (first.shape, second.shape) == ((2,), (3,))
