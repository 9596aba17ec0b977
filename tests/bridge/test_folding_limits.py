"""What stays as it is in a model that is folded, since folding would change what it does."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (its usual name)
from torch.nn.utils import parametrizations, prune

from convpool import fold
from convpool import nn as ours
from convpool.errors import ArgumentError
from convpool.nn.folded import FoldedConv2d
from tests.bridge.folding_nets import (
    IMAGES,
    NORMED,
    SAMPLE,
    Forward,
    calls,
    check_equal,
    folded,
    net,
)


def overwritten(self: Any, x: Tensor) -> Tensor:
    x = 2 * x
    y = self.norm(self.conv(x))
    x.relu_()  # the convolution must have read it
    return torch.relu(y + x)


def overwritten_by_module(self: Any, x: Tensor) -> Tensor:
    x = 2 * x
    y = self.norm(self.conv(x))
    return torch.relu(y + self.shortcut(x))


def overwritten_after_the_sum(self: Any, x: Tensor) -> Tensor:
    x = 2 * x
    y = x + self.norm(self.conv(x))
    x.mul_(2)
    return torch.relu(y) + x


def becoming_the_sum(self: Any, x: Tensor) -> Tensor:
    x = 2 * x
    y = x.add_(self.norm(self.conv(x)))
    return torch.relu(y) + x


@pytest.mark.parametrize(
    ("function", "kind", "left"),
    [
        (overwritten, "Conv2d", ["relu_", "add", "relu"]),
        (overwritten_by_module, "Conv2d", ["ReLU", "add", "relu"]),
        (overwritten_after_the_sum, "FoldedConv2d", ["mul_", "relu", "add"]),
        (becoming_the_sum, "Conv2d", ["add_", "relu", "add"]),
    ],
)
def test_what_is_overwritten_is_read_before(function: Forward, kind: str, left: list[str]) -> None:
    report = folded(net(function, shortcut=nn.Sequential(nn.ReLU(inplace=True))))
    assert report.folded == ("conv",)
    assert calls(report.model) == ["mul", kind, *left]


def test_dropout_in_training_stays() -> None:
    model = net(lambda self, x: F.dropout(self.drop(self.conv(x)), 0.2), drop=nn.Dropout(0.5))
    model.drop.train()
    found = fold(model, SAMPLE).model
    assert calls(found) == ["Conv2d", "Dropout", "dropout"]
    assert not torch.equal(found(SAMPLE), found(SAMPLE))


def test_a_norm_in_training_stays() -> None:
    model = net(lambda self, x: torch.relu(self.norm(self.conv(x))))
    model.norm.train()
    before = copy.deepcopy(model.state_dict())
    report = fold(model, IMAGES)
    assert report.folded == ()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    check_equal(report.model, model, IMAGES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("conv", ["Conv2d", "BatchNorm2d", "ReLU"]),
        ("norm", ["Conv2d", "BatchNorm2d", "ReLU"]),
        ("relu", ["Conv2d", "ReLU"]),
        ("idle", ["Identity", "FoldedConv2d"]),
        ("", ["FoldedConv2d"]),
    ],
)
@pytest.mark.parametrize("kind", ["forward_pre", "forward"])
def test_hooks_are_called_as_before(name: str, expected: list[str], kind: str) -> None:
    model = net(
        lambda self, x: self.relu(self.norm(self.conv(self.idle(x)))),
        relu=nn.ReLU(),
        idle=nn.Identity(),
    )
    shapes = []
    register = getattr(model.get_submodule(name), f"register_{kind}_hook")
    register(lambda _module, args, *_output: shapes.append(args[0].shape))
    found = fold(model, SAMPLE).model
    assert calls(found) == expected
    shapes.clear()
    check_equal(found, model, IMAGES)
    assert shapes == [IMAGES.shape] * 2


def test_a_block_with_hooks_stays_whole() -> None:
    block = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())
    model = net(lambda self, x: self.block[0](self.block(torch.relu(self.conv(x)))), block=block)
    block.register_forward_hook(lambda _module, _args, output: 2 * output)
    report = folded(model)
    assert calls(report.model) == ["FoldedConv2d", "Sequential", "Conv2d"]
    assert [type(part) for part in report.model.block] == [ours.Conv2d, ours.ReLU]


def test_a_forward_of_an_instance_stays() -> None:
    model = net(lambda self, x: torch.relu(self.norm(self.conv(x))))
    conv = model.conv
    conv.forward = lambda x: 2 * nn.Conv2d.forward(conv, x)
    report = folded(model)
    assert report.folded == ()


def test_shared_convolutions_stay() -> None:
    report = folded(net(lambda self, x: self.conv(self.norm(self.conv(x)))))
    assert report.folded == ()


def test_shared_norms_and_activations_are_folded() -> None:
    def shared(self: Any, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.conv(x)))
        return self.norm(x + self.relu(self.norm(self.other(x))))

    report = folded(net(shared, other=nn.Conv2d(4, 4, 1), relu=nn.ReLU()))
    assert report.folded == ("conv", "other")
    assert calls(report.model) == ["FoldedConv2d", "FoldedConv2d", "add", "BatchNorm2d"]


def test_a_convolution_read_twice_stays() -> None:
    def twice(self: Any, x: Tensor) -> Tensor:
        y = self.conv(x)
        return torch.relu(y) + self.norm(y)

    assert folded(net(twice)).folded == ()


def test_a_weight_that_is_read_stays() -> None:
    def penalty(self: Any, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x))) + self.conv.weight.square().sum()

    assert folded(net(penalty)).folded == ()


def computed(conv: nn.Conv2d) -> None:
    """Make of the weight a tensor that is no parameter."""
    weight = conv.weight.detach()
    del conv.weight
    conv.weight = weight


def test_parametrized_weights_stay() -> None:
    for change in (
        parametrizations.weight_norm,
        lambda conv: prune.l1_unstructured(conv, "weight", 0.5),
        computed,
    ):
        model = net(lambda self, x: torch.relu(self.norm(self.conv(x))))
        with torch.no_grad():  # or PyTorch can't copy what prune makes
            change(model.conv)
        report = folded(model)
        assert report.folded == ()
        assert calls(report.model)[1:] == ["BatchNorm2d", "relu"]


def test_the_model_is_not_changed() -> None:
    model = net(lambda self, x: torch.relu(self.norm(self.conv(x)) + x))
    before = copy.deepcopy(model.state_dict())
    weight, sample = model.conv.weight, SAMPLE.clone()
    report = folded(model)
    assert type(model.conv) is nn.Conv2d
    assert model.conv.weight is weight
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(SAMPLE, sample)
    model = net(lambda _self, x: x.mul_(2))
    fold(model, sample)
    assert torch.equal(SAMPLE, sample)
    assert type(report.model.conv) is FoldedConv2d


def test_what_cannot_be_folded() -> None:
    class Trained(nn.Module):
        """Tells tracing from running."""

        def forward(self, x: Tensor) -> Tensor:
            return x + 1 if isinstance(x, Tensor) else x

    with pytest.raises(ArgumentError, match=r"model.training is True"):
        fold(net(NORMED["normed"]).train(), IMAGES)
    with pytest.raises(ArgumentError, match="must be traceable by torch"):
        fold(net(lambda _self, x: x if x.sum() > 0 else -x), IMAGES)
    with pytest.raises(ArgumentError, match="difference on the sample is"):
        fold(Trained().eval(), IMAGES)
