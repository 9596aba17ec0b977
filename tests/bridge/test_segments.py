"""Convolutions and norms as one step of autograd: bits are those of the modules one by one."""

import copy
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (its usual name)

import convpool
from convpool import fuse
from convpool.bridge.segments import Padded, Segment
from convpool.nn import segments
from convpool.threads import MOST
from tests.bridge.folding_nets import Net

IMAGES = torch.randn(6, 3, 12, 12, generator=torch.Generator().manual_seed(1))


class Block(nn.Module):
    """A residual block, with a convolution beside it where the shape changes."""

    def __init__(self, inputs: int, width: int, stride: int, *, bias: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=bias)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=bias)
        self.bn2 = nn.BatchNorm2d(width)
        changes = stride > 1 or inputs != width
        beside = [nn.Conv2d(inputs, width, 1, stride), nn.BatchNorm2d(width)] if changes else []
        self.beside = nn.Sequential(*beside)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.beside(x))


def residual() -> nn.Module:
    stem = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
    blocks = Block(8, 8, 1), Block(8, 12, 2, bias=True), nn.MaxPool2d(2), Block(12, 12, 1)
    return nn.Sequential(*stem, *blocks, nn.Flatten(), nn.Linear(108, 5))


def plain() -> nn.Module:
    """No norm between two convolutions, and one that takes in nothing."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding="same", padding_mode="reflect"),
        nn.Conv2d(8, 16, 3, dilation=2, groups=4),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 16, 1, bias=False),
    )


def padded() -> nn.Module:
    """A result inside is read outside, too, and comes back."""

    def function(self: Any, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        y = self.conv2(x)
        added = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 4))
        return F.relu(self.norm2(y) + added) * 2 + y

    parts = {
        "conv1": nn.Conv2d(3, 8, 3, padding=1, bias=False),  # whose gradient the norm would make 0
        "norm1": nn.BatchNorm2d(8),
        "conv2": nn.Conv2d(8, 12, 3, 2, 1),
        "norm2": nn.BatchNorm2d(12),
    }
    return Net(function, **parts)


def drawn(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(2)
    model = make().train()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 2)
            nn.init.normal_(part.bias)
    return model


def learnt(model: nn.Module, images: Tensor = IMAGES, times: int = 2) -> list[Tensor]:
    """Return outputs, gradients and running numbers of some steps."""
    found = []
    for _ in range(times):
        given = images.clone().requires_grad_()
        model.zero_grad()
        output = model(given)
        output.square().mean().backward()
        gradients = [each.grad for each in (given, *model.parameters())]
        found += [output.detach(), *(each for each in gradients if each is not None)]
    return [*found, *(buffer.clone() for buffer in model.buffers())]


def by_modules(model: nn.Module, *arguments: Any) -> list[Tensor]:
    """Return the same of a copy whose modules are called one by one."""
    with patch.object(segments.FusedModel, "carried_out", return_value=None):
        return learnt(copy.deepcopy(model), *arguments)


def taken() -> Any:
    """Return a patch that counts the segments."""
    return patch.object(Segment, "apply", wraps=Segment.apply)


def check(model: nn.Module, images: Tensor = IMAGES, *, count: int | None = None) -> None:
    expected = by_modules(model, images, 1)
    with taken() as apply:
        found = learnt(model, images, 1)
    if count is not None:
        assert apply.call_count == count
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("make", "count"), [(residual, 2), (plain, 1), (padded, 1)])
def test_bits_are_those_of_the_modules(make: Callable[[], nn.Module], count: int) -> None:
    model = fuse(drawn(make)).model
    for _ in range(2):
        check(model, count=count)


@pytest.mark.parametrize("make", [residual, plain, padded])
def test_is_pytorchs(make: Callable[[], nn.Module]) -> None:
    model = drawn(make)
    joined = fuse(copy.deepcopy(model)).model
    for one, other in zip(learnt(joined), learnt(model), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize(
    ("shortcut", "inside"),
    [
        (lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4)), True),
        (lambda x: F.pad(x[:2, 1:5, 1:-2, 3:], (1, 2), "constant", None), True),
        (lambda x: F.pad(x[:, 1:5, 1:-2, 3:], (1, 2, 3, 0)), True),
        (lambda x: F.pad(x, (0, 1)), True),
        (lambda x: F.pad(x, (0, 0)), True),
        (lambda x: F.pad(x[:, :, ::2, ::2], (0, -1)), False),
        (lambda x: F.pad(x[:, :, ::2, ::2], (1, 1, 1, 1), "reflect"), False),
        (lambda x: F.pad(x[:, :, ::2, ::2], (1, 1), value=2), False),
        (lambda x: F.pad(x[:, :, ::2, ::2], (1, 1)) + x[0, 0, 0, 0], True),
        (lambda x: F.pad(x[..., ::2], (1, 1)), False),
        (lambda x: F.pad(x[:, 0], (1, 1))[:, None].expand(-1, 8, -1, -1), False),
    ],
)
def test_shortcuts_without_weights(shortcut: Callable[[Tensor], Tensor], inside: bool) -> None:
    def function(self: Any, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        return self.conv2(shortcut(x)).square() + self.conv3(x).sum()

    convs = [nn.Conv2d(inputs, 8, 3, padding=1) for inputs in (3, 8, 8)]
    channels = shortcut(torch.zeros(6, 8, 12, 12)).shape[1]
    convs[1] = nn.Conv2d(channels, 8, 3, padding=1)
    parts = {f"conv{number}": conv for number, conv in enumerate(convs, 1)}
    model = drawn(lambda: Net(function, norm1=nn.BatchNorm2d(8), **parts))
    joined = fuse(model).model
    with patch.object(Padded, "forward", autospec=True, side_effect=Padded.forward) as step:
        check(joined)
    assert step.call_count == inside


def test_bits_dont_depend_on_threads() -> None:
    model, before = fuse(drawn(residual)).model, torch.get_num_threads()
    images, found = torch.randn(16, 3, 12, 12), []
    for count in (1, MOST):
        torch.set_num_threads(count)
        found.append(learnt(copy.deepcopy(model), images))
    torch.set_num_threads(before)
    assert all(map(torch.equal, *found))


def test_what_is_frozen_gets_no_gradient() -> None:
    model = drawn(residual)
    for number, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(number > 6 and number % 3 != 0)
    check(fuse(model).model, count=2)
    joined = fuse(model).model
    joined(IMAGES).sum().backward()
    for parameter in joined.parameters():
        assert (parameter.grad is not None) == parameter.requires_grad


def twice_derived(model: nn.Module) -> list[Tensor]:
    images = IMAGES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(images).square().sum(), images, create_graph=True)
    slope.square().sum().backward()
    gradients = [each.grad for each in model.parameters()]
    return [slope.detach(), *(each for each in gradients if each is not None)]


@pytest.mark.parametrize(("make", "count"), [(residual, 2), (padded, 1)])
def test_second_derivatives(make: Callable[[], nn.Module], count: int) -> None:
    model = fuse(drawn(make)).model
    with patch.object(segments.FusedModel, "carried_out", return_value=None):
        expected = twice_derived(copy.deepcopy(model))
    with taken() as apply:
        found = twice_derived(model)
    assert apply.call_count == count
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=1e-4)


def test_twice_backward_and_freed_memory() -> None:
    model = fuse(drawn(residual)).model
    loss = model(IMAGES).square().mean()
    loss.backward(retain_graph=True)
    once = [each.grad.clone() for each in model.parameters() if each.grad is not None]
    loss.backward()
    twice = [each.grad for each in model.parameters() if each.grad is not None]
    for slope, before in zip(twice, once, strict=True):
        assert torch.equal(slope, 2 * before)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_a_result_changed_outside_is_noticed() -> None:
    def function(self: Any, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.conv(x)))
        y = self.last(x)
        x.mul_(2)
        return y + x.sum()

    parts = {"conv": nn.Conv2d(3, 4, 3), "norm": nn.BatchNorm2d(4), "last": nn.Conv2d(4, 4, 1)}
    model = fuse(Net(function, **parts).train()).model
    with taken() as apply:
        output = model(IMAGES)
    assert apply.call_count == 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_precision_and_hooks_of_parameters() -> None:
    model = fuse(drawn(residual)).model
    with convpool.precision("strict"):
        check(model, count=2)
    model.get_submodule("3.conv2").__dict__["precision"] = "strict"
    check(model, count=2)
    seen: list[tuple[int, ...]] = []
    next(model.parameters()).register_hook(lambda slope: seen.append(tuple(slope.shape)))
    model(IMAGES).sum().backward()
    assert seen == [(8, 3, 3, 3)]


@pytest.mark.parametrize(
    "change",
    [
        lambda conv, _: conv.register_forward_hook(lambda *_: None),
        lambda _, norm: norm.eval(),
        lambda _, norm: setattr(norm, "momentum", None),
        lambda _, norm: setattr(norm, "track_running_stats", False),
        lambda conv, _: conv.double(),
        lambda conv, _: setattr(
            conv, "forward", lambda x: conv._conv_forward(x, conv.weight, None)
        ),
    ],
)
def test_what_changed_is_called_one_by_one(change: Callable[[Any, Any], object]) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    model = fuse(drawn(lambda: net)).model
    model(IMAGES)
    conv: Any = model.get_submodule("0")
    change(conv, model.get_submodule("1"))
    with (
        taken() as apply,
        suppress(*([RuntimeError] if conv.weight.dtype == torch.float64 else [])),
    ):
        model(IMAGES)
    assert apply.call_count == 0


def test_other_inputs() -> None:
    model = fuse(drawn(residual)).model
    for images in (IMAGES.to(memory_format=torch.channels_last), IMAGES[:, :, ::1, :].mT.mT):
        check(model, images)
    with taken() as apply, torch.no_grad():
        model(IMAGES)
        model.eval()
    model(IMAGES)
    assert apply.call_count == 0
    with pytest.raises((ValueError, RuntimeError)):
        model.train()(torch.ones(2, 4, 12, 12))


def test_wrong_shapes_change_nothing() -> None:
    def function(self: Any, x: Tensor) -> Tensor:
        y = self.conv(x)
        return F.relu(self.norm(y) + x)

    model = fuse(Net(function, conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4)).train()).model
    with taken() as apply, pytest.raises(RuntimeError):
        model(IMAGES)
    assert apply.call_count == 0


def test_copies_and_compilers() -> None:
    model = fuse(drawn(plain)).model
    expected = by_modules(model)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert all(map(torch.equal, learnt(other), expected))
    compiled = torch.compile(copy.deepcopy(model), backend="eager")
    torch.testing.assert_close(compiled(IMAGES), model(IMAGES))


def test_versions_and_counts_of_running_numbers() -> None:
    model: Any = fuse(drawn(plain)).model
    norm = model.get_submodule("2")
    before = norm.running_mean._version
    model(IMAGES)
    assert norm.running_mean._version == before + 1
    assert int(norm.num_batches_tracked) == 1
