"""Batch norms that include what follows them, in training."""

import copy
import pickle
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (its usual name)

from benchmarks.networks import select
from benchmarks.networks.weights import settled
from convpool import fuse
from convpool.bridge import norm as bridge_norm
from convpool.errors import ArgumentError
from convpool.kernels import batch_norm
from tests.bridge.folding_nets import Net

IMAGES = torch.randn(5, 4, 8, 8)
LAST = torch.channels_last


def net(function: Callable[[Any, Tensor], Tensor], **parts: nn.Module) -> Net:
    """Return a net in training, with a `conv` and a `norm` whose numbers aren't 1 and 0."""
    norm = nn.BatchNorm2d(4)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)  # whose gradient the norm would make 0
    return Net(function, conv=conv, norm=norm, **parts).train()


def trained(model: nn.Module, images: Tensor) -> list[Tensor]:
    """Return the output, all gradients and what the norms keep."""
    images = images.clone().requires_grad_()
    model.zero_grad()
    output = model(images)
    output.square().sum().backward()
    gradients = [parameter.grad for parameter in (images, *model.parameters())]
    return [output.detach(), *gradients, *(buffer.clone() for buffer in model.buffers())]


def check(
    model: nn.Module, images: Tensor, fused: tuple[str, ...], tolerance: float = 2e-4
) -> nn.Module:
    """Compare a model with what is made of it, in training and evaluation."""
    report = fuse(copy.deepcopy(model))
    assert report.folded == fused
    assert list(report.model.state_dict()) == list(model.state_dict())
    for found, expected in zip(trained(report.model, images), trained(model, images), strict=True):
        scale = float(expected.double().norm())
        assert float((found - expected).double().norm()) <= tolerance * scale + 1e-6
    torch.testing.assert_close(report.model.eval()(images), model.eval()(images))
    fused_model: nn.Module = report.model
    return fused_model


def test_a_residual_network() -> None:
    """All 19 norms of ResNet-20, each by one call of the kernel, forward and backward."""
    model = settled(select("resnet20")[0]).train()
    norms = [name for name, part in model.named_modules() if isinstance(part, nn.BatchNorm2d)]
    # Numbers within rounding of 0 may pass a ReLU or not, and all gradients before follow.
    model = check(model, torch.randn(4, 3, 32, 32), tuple(norms), tolerance=0.1).train()
    with patch.object(batch_norm, "normalize", wraps=batch_norm.normalize) as kernel:
        model(torch.randn(2, 3, 32, 32))
    assert [call.args[6] for call in kernel.call_args_list] == [1] + 9 * [1, 2]


@pytest.mark.parametrize(
    "function",
    [
        lambda self, x: F.relu(self.norm(self.conv(x))),
        lambda self, x: self.norm(self.conv(x)).relu_(),
        lambda self, x: torch.clamp_min(x + self.norm(self.conv(x)), 0),
        lambda self, x: F.relu(self.norm(self.conv(x)) + x[:1], inplace=True),  # is stretched
        lambda self, x: F.relu(self.norm(x).add_(self.conv(x))),
        lambda self, x: F.relu(self.norm(self.conv(x).to(memory_format=LAST))),
    ],
)
def test_what_is_fused(function: Callable[[Any, Tensor], Tensor]) -> None:
    check(net(function), IMAGES, ("norm",))


def _keeps(self: Any, x: Tensor) -> Tensor:
    normed = self.norm(self.conv(x))
    return F.relu(normed) + normed


def _changes(self: Any, x: Tensor) -> Tensor:
    x = self.conv(x)
    return (x.mul(2).add_(self.norm(x))).relu()  # the sum is the other one's


@pytest.mark.parametrize(
    "function",
    [
        _keeps,
        _changes,
        lambda self, x: F.relu6(self.norm(self.conv(x))),
        lambda self, x: F.relu(torch.add(self.norm(self.conv(x)), x, alpha=2)),
    ],
)
def test_what_is_not(function: Callable[[Any, Tensor], Tensor]) -> None:
    check(net(function), IMAGES, ())


def test_hooks_are_still_called() -> None:
    relu = nn.ReLU()
    model = net(lambda self, x: self.relu(self.norm(self.conv(x))), relu=relu)
    seen: list[Tensor] = []
    relu.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    report = fuse(model)
    assert report.folded == ()
    report.model(IMAGES)
    assert len(seen) == 1


def test_parameters_are_shared_and_copies_are_not() -> None:
    model = net(lambda self, x: F.relu(self.norm(self.conv(x))), unused=nn.Linear(2, 3))
    joined = fuse(model).model
    shared = zip(joined.state_dict().values(), model.state_dict().values(), strict=True)
    assert all(one.data_ptr() == other.data_ptr() for one, other in shared)
    assert type(model.norm) is nn.BatchNorm2d
    apart = copy.deepcopy(joined)
    torch.testing.assert_close(apart(IMAGES), joined(IMAGES))
    assert apart.norm.weight is not joined.norm.weight
    plain = fuse(nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU())).model
    again = pickle.loads(pickle.dumps(plain))
    torch.testing.assert_close(again(IMAGES), plain(IMAGES))


def test_a_model_that_asks_for_training() -> None:
    model = net(lambda self, x: F.dropout(self.norm(x), training=self.training))
    with pytest.raises(ArgumentError, match=r"nn\.Dropout"):
        fuse(model)
    assert model.training


def test_gradients_of_gradients() -> None:
    random = torch.Generator().manual_seed(1)
    shapes = (3, 2, 2, 2), (2,), (2,), (3, 2, 2, 2)
    given = [torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes]
    x, w, b, y = (each.requires_grad_() for each in given)

    def function(x: Tensor, w: Tensor, b: Tensor, y: Tensor | None = None) -> Tensor:
        more: Any = {"training": True, "residual": y, "rectifies": True}
        return bridge_norm.batch_norm(x, None, None, w, b, **more)

    for arguments in ((x, w, b), (x, w, b, y)):
        assert torch.autograd.gradcheck(function, arguments)
        assert torch.autograd.gradgradcheck(function, arguments)
