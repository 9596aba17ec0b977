"""Our BatchNorm2d beside PyTorch's: the same numbers, in training by a kernel."""

import copy
import pickle
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

import convpool
from convpool import nn
from convpool.bridge import norm as bridge_norm

SEED = torch.Generator().manual_seed(5)


def random(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=SEED, dtype=torch.float64).to(dtype)


def pair(channels: int = 4, **named: Any) -> tuple[torch.nn.BatchNorm2d, torch.nn.BatchNorm2d]:
    """Ours and PyTorch's, with the same numbers."""
    theirs = torch.nn.BatchNorm2d(channels, **named)
    ours = nn.BatchNorm2d(channels, **named)
    for parameter in theirs.parameters():
        parameter.data.copy_(random(channels))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def trained(layer: torch.nn.Module, x: Tensor, g: Tensor) -> list[Tensor]:
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    output = layer(x)
    wanted = x, *layer.parameters()
    return [output.detach(), *torch.autograd.grad(output, wanted, g), *layer.buffers()]


def same(ours: torch.nn.Module, theirs: torch.nn.Module, x: Tensor) -> None:
    g = random(*x.shape, dtype=x.dtype)
    for found, expected in zip(trained(ours, x, g), trained(theirs, x, g), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert found.stride() == expected.stride()


@pytest.fixture
def kernel() -> Any:
    """Counts the calls of the kernel."""
    with patch.object(bridge_norm, "_normalized", wraps=bridge_norm._normalized) as counted:
        yield counted


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "named",
    [{}, {"momentum": 0.3, "eps": 1e-2}, {"momentum": None}, {"track_running_stats": False}],
)
def test_training(named: dict[str, Any], dtype: torch.dtype, kernel: Any) -> None:
    ours, theirs = (layer.to(dtype) for layer in pair(**named))
    for _ in range(3):
        same(ours, theirs, random(6, 4, 9, 7, dtype=dtype) * 3 + 1)
    assert kernel.call_count == 3


@pytest.mark.parametrize(
    ("named", "x"),
    [
        ({"affine": False}, random(3, 4, 5, 5)),
        ({}, random(3, 4, 5, 5).to(memory_format=torch.channels_last)),
        ({}, random(4, 3, 5, 5).transpose(0, 1)),
    ],
)
def test_what_the_kernel_does_not_take(named: dict[str, Any], x: Tensor, kernel: Any) -> None:
    same(*pair(**named), x)
    assert not kernel.called


def test_evaluation(kernel: Any) -> None:
    ours, theirs = pair()
    same(ours, theirs, random(3, 4, 5, 5))
    same(ours.eval(), theirs.eval(), random(3, 4, 5, 5))
    assert kernel.call_count == 1


def test_without_gradients() -> None:
    ours, theirs = pair()
    x = random(3, 4, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    for layer in (ours, theirs):
        layer.requires_grad_(False)
    torch.testing.assert_close(ours(x), theirs(x))


def test_frozen_numbers() -> None:
    """Only the gradients that are wanted."""
    ours, theirs = pair()
    x = random(3, 4, 5, 5)
    for layer in (ours, theirs):
        layer.weight.requires_grad_(False)
        layer(x).square().sum().backward()
        assert layer.weight.grad is None
    torch.testing.assert_close(ours.bias.grad, theirs.bias.grad)


def test_gradients_of_gradients() -> None:
    layer = nn.BatchNorm2d(2, dtype=torch.float64)
    x = random(3, 2, 2, 2, dtype=torch.float64).requires_grad_()
    given = x, layer.weight, layer.bias

    def function(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return bridge_norm.batch_norm(x, None, None, w, b, training=True)

    assert torch.autograd.gradcheck(function, given)
    assert torch.autograd.gradgradcheck(function, given)


@pytest.mark.parametrize(
    "x",
    [random(4, 5, 5), random(2, 3, 5, 5), random(1, 4, 1, 1), random(2, 4, 3, 3).long()],
    ids=["one image", "channels", "one number a channel", "integers"],
)
def test_errors_are_those_of_torch(x: Tensor) -> None:
    ours, theirs = pair()
    with pytest.raises((ValueError, RuntimeError)) as expected:
        theirs(x)
    with pytest.raises(expected.type) as found:
        ours(x)
    assert str(found.value) == str(expected.value)


def test_no_images() -> None:
    ours, theirs = pair()
    assert ours(random(0, 4, 3, 3)).shape == theirs(random(0, 4, 3, 3)).shape


def of_compiled(layer: torch.nn.Module) -> torch.nn.Module:
    layer.compile(backend="aot_eager", fullgraph=True)
    return layer


@pytest.mark.parametrize(
    "change", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer)), of_compiled]
)
def test_copies(change: Callable[[torch.nn.Module], torch.nn.Module]) -> None:
    ours, theirs = pair()
    same(change(ours), theirs, random(3, 4, 5, 5))


def test_a_functional_call_under_vmap() -> None:
    ours, theirs = pair(track_running_stats=False)
    x = random(2, 3, 4, 5, 5)
    found, expected = (torch.func.vmap(layer)(x) for layer in (ours, theirs))
    torch.testing.assert_close(found, expected)


def test_accelerate_and_fold() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
    expected = trained(copy.deepcopy(net), x := random(2, 3, 9, 9), g := random(2, 4, 7, 7))
    report = convpool.accelerate(net)
    assert report.swapped == ("0", "1", "2")
    for one, other in zip(trained(net, x, g), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    net.eval()
    folded = convpool.fold(net, x)
    assert folded.folded == ("0",)
    torch.testing.assert_close(folded.model(x), net(x), rtol=1e-4, atol=1e-5)
    assert type(convpool.restore(net)[1]) is torch.nn.BatchNorm2d  # type: ignore[index]
