from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convpool.bench import models
from convpool.bench.models import net_cases, race_net
from convpool.bench.race import QUICK
from convpool.errors import ArgumentError
from convpool.nn.swapping import accelerate
from convpool.threads import get_num_threads


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.again = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.pool(self.stem(images))
        return {"maps": self.again(self.block(self.block(maps)))}


def test_layers_that_are_alike_come_once() -> None:
    cases = net_cases(Net(), (2, 3, 8, 8))
    assert [(case.name, case.shape, case.count) for case in cases] == [
        ("Conv2d(3, 4, 3, padding=1)", (2, 3, 8, 8), 1),
        ("MaxPool2d(2)", (2, 4, 8, 8), 1),
        ("Conv2d(4, 4, 3, padding=1)", (2, 4, 4, 4), 3),
    ]


def test_nets_without_such_layers_and_wrong_inputs() -> None:
    with pytest.raises(ArgumentError, match=r"net is 'Linear', but must be one with modules"):
        net_cases(nn.Linear(3, 4), (2, 3))
    with pytest.raises(ArgumentError, match=r"input is \(2, 4, 8, 8\)"):
        net_cases(Net(), (2, 4, 8, 8))


@pytest.mark.parametrize("layout", models._FORMATS)
def test_a_net_is_timed(layout: Any) -> None:
    net, before = Net(), (torch.get_num_threads(), get_num_threads())
    times = race_net(net, (2, 3, 8, 8), layout, 1, QUICK)
    assert set(times.seconds) == {"torch", "accelerated"}
    assert times.wrong == []
    assert times.ratio == times.seconds["torch"] / times.seconds["accelerated"]
    assert type(net.stem) is nn.Conv2d
    assert (torch.get_num_threads(), get_num_threads()) == before


def test_a_wrong_net_gets_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(net: Any, copy: bool) -> Any:
        report = accelerate(net, copy=copy)
        report.model.again = nn.Conv2d(4, 4, 3, padding=1)
        return report

    monkeypatch.setattr(models, "accelerate", spoilt)
    times = race_net(Net(), (2, 3, 8, 8), "nchw", 1, QUICK)
    assert (times.wrong, times.seconds, times.ratio) == (["accelerated"], {}, None)


class Insists(Net):
    def forward(self, images: Tensor) -> dict[str, Tensor]:
        assert images.dtype == torch.float32
        return super().forward(images)


def test_a_net_that_insists_on_float32_is_its_own_truth() -> None:
    times = race_net(Insists(), (2, 3, 8, 8), "nchw", 1, QUICK)
    assert times.errors["torch"] == 0
    assert times.seconds
