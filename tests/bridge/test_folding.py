"""What follows a convolution becomes a part of it."""

import copy
import pickle
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (its usual name)

from benchmarks.networks import select
from benchmarks.networks.weights import settled
from convpool import fold, restore
from convpool import nn as ours
from convpool.errors import ArgumentError
from convpool.nn.folded import FoldedConvTranspose2d, take_norm
from convpool.spec import Activation
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

NETWORKS = {
    "resnet18": {"FoldedConv2d": 17, "Conv2d": 3, "MaxPool2d": 1},
    "resnet50": {"FoldedConv2d": 49, "Conv2d": 4, "MaxPool2d": 1},
    "mobilenetv2": {"FoldedConv2d": 45, "Conv2d": 7},
    "resnet20": {"FoldedConv2d": 19, "getitem": 2, "pad": 2},
    "vgg16": {"FoldedConv2d": 13, "MaxPool2d": 5, "Flatten": 1, "Linear": 3, "ReLU": 2},
}
"""What is left of each network; the ReLUs follow layers that are linear."""
HEAD = {"AdaptiveAvgPool2d": 1, "Flatten": 1, "Linear": 1}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_fold_to_convolutions(name: str) -> None:
    (network,) = select(name)
    model = settled(network)
    images = torch.randn(network.shape(2))
    with torch.no_grad():
        found = fold(model, images[:1]).model
        check_equal(found, model, images)
    head = {} if name == "vgg16" else HEAD
    assert Counter(calls(found)) == NETWORKS[name] | head


RELU, RELU6 = Activation(slope=0.0), Activation(slope=0.0, ceiling=6.0)
ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Activation]] = {
    "ReLU()": (nn.ReLU(), RELU),
    "ReLU(inplace)": (nn.ReLU(inplace=True), RELU),
    "F.relu": (F.relu, RELU),
    "F.relu(inplace)": (lambda y: F.relu(y, inplace=True), RELU),
    "torch.relu": (torch.relu, RELU),
    "torch.relu_": (torch.relu_, RELU),
    "y.relu": (lambda y: y.relu(), RELU),
    "y.relu_": (lambda y: y.relu_(), RELU),
    "y.clamp_min": (lambda y: y.clamp_min(0), RELU),
    "torch.clamp": (lambda y: torch.clamp(y, min=0), RELU),
    "y.clamp": (lambda y: y.clamp(0, 6), RELU6),
    "ReLU6()": (nn.ReLU6(), RELU6),
    "ReLU6(inplace)": (nn.ReLU6(inplace=True), RELU6),
    "Hardtanh": (nn.Hardtanh(0, 6), RELU6),
    "F.relu6": (F.relu6, RELU6),
    "F.hardtanh": (lambda y: F.hardtanh(y, 0, 6), RELU6),
    "F.hardtanh_": (lambda y: F.hardtanh_(y, 0.0, 0.5), Activation(0.0, 0.5)),
    "LeakyReLU()": (nn.LeakyReLU(), Activation(0.01)),
    "LeakyReLU(0.2, inplace)": (nn.LeakyReLU(0.2, inplace=True), Activation(0.2)),
    "F.leaky_relu": (F.leaky_relu, Activation(0.01)),
    "F.leaky_relu(-0.5)": (lambda y: F.leaky_relu(y, -0.5), Activation(-0.5)),
    "F.leaky_relu_": (lambda y: F.leaky_relu_(y, 0.3), Activation(0.3)),
}


@pytest.mark.parametrize("before", NORMED)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str, before: str) -> None:
    activate, expected = ACTIVATIONS[name]
    parts = {"act": activate} if isinstance(activate, nn.Module) else {}
    model = net(lambda self, x: (self.act if parts else activate)(NORMED[before](self, x)), **parts)
    report = folded(model)
    assert report.folded == ("conv",)
    assert calls(report.model) == ["FoldedConv2d"]
    assert report.model.conv.activation == expected


OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "hardtanh": F.hardtanh,
    "clamp from above": lambda y: y.clamp(max=6),
    "clamp above 0": lambda y: torch.clamp(y, 1, 2),
    "clamp to a tensor": lambda y: torch.clamp(y, torch.zeros(()), torch.ones(())),
    "gelu": F.gelu,
    "another's slope": lambda y: F.leaky_relu(y, float("inf")).nan_to_num(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_functions_stay(name: str) -> None:
    model = net(lambda self, x: OTHERS[name](self.norm(self.conv(x))))
    report = folded(model)
    assert report.folded == ("conv",)
    assert calls(report.model)[0] == "Conv2d"
    assert len(calls(report.model)) > 1


def added_in_place(y: Tensor, x: Tensor) -> Tensor:
    y += x
    return y


SUMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "y + x": lambda y, x: y + x,
    "x + y": lambda y, x: x + y,
    "y += x": added_in_place,
    "torch.add": torch.add,
    "y.add": lambda y, x: y.add(x),
    "y.add_": lambda y, x: y.add_(x),
}


@pytest.mark.parametrize("before", NORMED)
@pytest.mark.parametrize("name", SUMS)
def test_sums(name: str, before: str) -> None:
    add = SUMS[name]
    report = folded(net(lambda self, x: add(NORMED[before](self, x), x)))
    assert calls(report.model) == ["FoldedConv2d"]
    assert report.model.conv.activation.is_identity
    report = folded(net(lambda self, x: F.relu6(add(NORMED[before](self, x), x), inplace=True)))
    assert calls(report.model) == ["FoldedConv2d"]
    assert report.model.conv.activation == RELU6


def test_the_other_summand_may_come_later() -> None:
    report = folded(net(lambda self, x: torch.relu(self.norm(self.conv(x)) + torch.tanh(x))))
    assert calls(report.model) == ["tanh", "FoldedConv2d"]


def doubled(self: Any, x: Tensor) -> Tensor:
    y = self.conv(x)
    return y + y


@pytest.mark.parametrize(
    "function",
    [
        doubled,
        lambda self, x: self.conv(x) + 1,
        lambda self, x: torch.add(x, self.conv(x), alpha=2),
        lambda self, x: x.mean((2, 3), keepdim=True) + self.conv(x),
        lambda self, x: x.double() + self.conv(x),
    ],
    ids=["itself", "number", "alpha", "stretched", "other type"],
)
def test_other_sums_stay(function: Forward) -> None:
    report = folded(net(function))
    assert report.folded == ()
    assert "add" in calls(report.model)


def test_a_summand_that_stretches_for_other_images() -> None:
    model = net(lambda self, x: torch.relu(self.conv(x) + self.conv.bias[None, :, None, None]))
    assert folded(model).folded == ()  # the bias is read elsewhere
    model = net(lambda self, x: torch.relu(self.conv(x) + self.place))
    model.place = nn.Parameter(torch.randn(1, 4, 8, 8))  # as large as the sample's output
    assert calls(folded(model).model) == ["FoldedConv2d"]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("bias", [False, True])
def test_transposed(groups: int, *, bias: bool) -> None:
    up = nn.ConvTranspose2d(4, 6, 3, stride=2, groups=groups, bias=bias)
    norm = nn.BatchNorm2d(6)
    report = folded(net(lambda self, x: self.norm(self.up(x)), up=up, norm=norm))
    assert report.folded == ("up",)
    assert type(report.model.up) is ours.ConvTranspose2d

    def whole(self: Any, x: Tensor) -> Tensor:
        y = self.norm(self.up(x, output_size=(18, 18)))
        return F.leaky_relu(y + self.beside(x), 0.1)

    beside = nn.ConvTranspose2d(4, 6, 4, stride=2)
    report = folded(net(whole, up=up, norm=norm, beside=beside))
    assert calls(report.model) == ["ConvTranspose2d", "FoldedConvTranspose2d"]
    assert "Activation(slope=0.1, ceiling=inf)" in repr(report.model.up)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("affine", [False, True])
def test_norms(groups: int, *, affine: bool) -> None:
    conv = nn.Conv2d(4, 8, 3, groups=groups, bias=False)
    norm = nn.BatchNorm2d(8, affine=affine)
    model = net(NORMED["normed"], conv=conv, norm=norm).to(memory_format=torch.channels_last)
    report = folded(model)
    assert calls(report.model) == ["Conv2d"]
    weight = report.model.conv.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_two_norms() -> None:
    model = net(lambda self, x: self.other(self.norm(self.conv(x))), other=nn.BatchNorm2d(4))
    assert calls(folded(model).model) == ["Conv2d"]


def test_a_norm_without_statistics() -> None:
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    report = folded(net(lambda self, x: self.norm(self.conv(x)), norm=norm))
    assert report.folded == ()
    with pytest.raises(ArgumentError, match=r"norm\.running_mean is None"):
        take_norm(report.model.conv, norm)


def test_a_sum_is_folded_into_one_of_two_convolutions() -> None:
    def residual(self: Any, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        y += self.shortcut(x)
        return self.relu(y)

    shortcut = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
    report = folded(net(residual, shortcut=shortcut, relu=nn.ReLU(inplace=True)))
    assert report.folded == ("conv", "shortcut.0")
    assert calls(report.model) == ["Conv2d", "FoldedConv2d"]


def test_what_does_nothing_goes() -> None:
    def idle(self: Any, x: Tensor) -> Tensor:
        y = self.idle(self.norm(self.drop(self.conv(self.idle(x)))))
        y = F.dropout(y, 0.2, training=self.training)
        return F.dropout2d(torch.relu(y), training=False)

    report = folded(net(idle, idle=nn.Identity(), drop=nn.Dropout2d(0.5)))
    assert calls(report.model) == ["FoldedConv2d"]


def model_with_all() -> Any:
    def whole(self: Any, x: Tensor) -> Tensor:
        y = F.relu6(self.norm(self.conv(x)) + x)
        return F.leaky_relu(self.up(y) + torch.tanh(y), 0.1)

    return net(whole, up=nn.ConvTranspose2d(4, 4, 1))


def test_folded_models_are_copied_saved_and_folded_again() -> None:
    model = model_with_all()
    found = folded(model).model
    assert type(found.up) is FoldedConvTranspose2d
    check_equal(copy.deepcopy(found), model, IMAGES)
    layer = pickle.loads(pickle.dumps(found.conv))
    assert torch.equal(layer(IMAGES, IMAGES), found.conv(IMAGES, IMAGES))
    again = folded(found)
    assert again.folded == ()
    assert calls(again.model) == calls(found)
    check_equal(restore(found), model, IMAGES)


def test_gradients_and_other_types_go_through() -> None:
    model = model_with_all()
    found = folded(model).model
    images = IMAGES.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(images).square().sum(), images)
    (gradient,) = torch.autograd.grad(found(images).square().sum(), images)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-4)
    compiled: Any = torch.compile(found, backend="eager", fullgraph=True)
    check_equal(compiled, model, IMAGES)
    last = IMAGES.to(memory_format=torch.channels_last)
    check_equal(found, model, last)
    folded(model.double(), SAMPLE.double(), IMAGES.double())


def test_no_activation_makes_nan_of_infinity() -> None:
    model = net(lambda self, x: torch.relu(self.conv(x)), conv=nn.Conv2d(4, 4, 1, groups=4))
    nn.init.ones_(model.conv.weight)
    found = fold(model, SAMPLE).model
    images = torch.full_like(IMAGES, -torch.inf)
    assert torch.equal(found(images), torch.zeros_like(images))
    with torch.no_grad():
        assert torch.equal(found(images), torch.zeros_like(images))
