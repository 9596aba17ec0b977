"""Layers of a model that is there are swapped and put back."""

import copy

import pytest
import torch
from torch import nn

from convpool import accelerate, restore
from convpool import nn as ours
from convpool.errors import ArgumentTypeError

IMAGES = torch.randn(2, 3, 16, 16)


class Block(nn.Module):
    """A residual block, whose second norm has no ReLU at once."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(x + self.bn2(self.conv2(y)))


def net() -> nn.Sequential:
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        Block(8),
        nn.MaxPool2d(2),
        nn.AvgPool2d(2),
        nn.ConvTranspose2d(8, 4, 2, stride=2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )
    with torch.no_grad():
        for _ in range(3):
            layers(torch.randn(8, 3, 16, 16) * 2 + 1)  # statistics that aren't 0 and 1
    return layers


def types(model: nn.Module) -> list[type]:
    return [type(module) for module in model.modules()]


def test_swapped_in_place_and_restored() -> None:
    model = net().eval()
    before, parameters, expected = types(model), list(model.parameters()), model(IMAGES)
    report = accelerate(model)
    assert report.model is model
    block = "3.conv1", "3.bn1", "3.conv2", "3.bn2"
    assert report.swapped == ("0", "1", "2", *block, "4", "5", "6")
    assert report.left == ()
    assert type(model[0]) is ours.Conv2d
    assert all(map(torch.equal, model.parameters(), parameters))
    torch.testing.assert_close(model(IMAGES), expected, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(model(IMAGES), expected, rtol=1e-4, atol=1e-5)
    assert accelerate(model).swapped == ()
    assert restore(model) is model
    assert types(model) == before
    assert torch.equal(model(IMAGES), expected)


def test_a_copy_shares_parameters() -> None:
    model = net()
    before = types(model)
    report = accelerate(model, copy=True)
    assert types(model) == before
    assert report.model is not model
    pairs = zip(report.model.parameters(), model.parameters(), strict=True)
    assert all(one is other for one, other in pairs)
    buffers = zip(report.model.buffers(), model.buffers(), strict=True)
    assert all(one is other for one, other in buffers)


def test_what_is_left() -> None:
    class MyConv(nn.Conv2d):
        """Somebody's own."""

    model = nn.Sequential(MyConv(1, 1, 1), nn.Conv2d(1, 1, 1, dtype=torch.bfloat16), nn.Tanh())
    report = accelerate(model)
    assert report.swapped == ()
    assert str(report) == (
        "swapped 0, left 2, folded 0\n"
        "left 0: MyConv is a class of its own, derived from Conv2d\n"
        "left 1: no kernel for torch.bfloat16"
    )


def test_the_users_own_layers_are_not_restored() -> None:
    model = nn.Sequential(ours.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1))
    accelerate(model)
    restore(model)
    assert types(model)[1:] == [ours.Conv2d, nn.Conv2d]


def test_lazy_layers() -> None:
    model = nn.Sequential(nn.LazyConv2d(4, 3))
    accelerate(model)
    model(IMAGES)
    assert type(model[0]) is ours.Conv2d
    restore(model)
    assert type(model[0]) is nn.Conv2d


def test_training_goes_on() -> None:
    model, other = net(), None
    other = copy.deepcopy(model)
    accelerate(other)
    for one in (model, other):
        optimizer = torch.optim.SGD(one.parameters(), lr=0.01)
        for step in range(3):
            images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            one(images).square().mean().backward()
            optimizer.step()
    for first, second in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("call", [accelerate, restore])
def test_not_a_module(call: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"model is 'net' .*a torch\.nn\.Module"):
        call("net")  # type: ignore[operator]
