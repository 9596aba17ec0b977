"""Convolutions of a folded model that are carried out by one call: as if called one by one."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, fx, nn

from convpool import fold, precision
from convpool.kernels.convolution.sequence import Sequence

IMAGES = torch.randn(2, 16, 16, 16)


class Residual(nn.Module):
    """Five convolutions, of which one reads what two steps before made; then what isn't one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(16, 32, 3, padding=1, stride=2)
        self.second = nn.Conv2d(32, 32, 3, padding=1)
        self.third = nn.Conv2d(32, 32, 1)
        self.fourth = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.fifth = nn.Conv2d(32, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.last = nn.Conv2d(32, 16, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return two results, of which one is read by later convolutions too."""
        first = torch.relu(self.first(images))
        third = torch.relu(self.third(torch.relu(self.second(first))) + first)
        fifth = self.fifth(self.fourth(third)) + third
        return third, self.last(self.pool(fifth))


def model() -> Any:
    torch.manual_seed(0)
    return fold(Residual().eval(), IMAGES).model


def one_by_one(folded: Any) -> fx.GraphModule:
    return fx.GraphModule(folded, folded.graph)


def check_calls(folded: Any, images: Tensor, count: int) -> None:
    """Compare bits with those of calls one by one, and count the sequences that were trusted."""
    found: list[Any] = []
    run = Sequence.__call__

    def spy(self: Sequence, inputs: Any) -> Any:
        found.append(run(self, inputs))
        return found[-1]

    with patch.object(Sequence, "__call__", spy):
        made = folded(images)
    for one, other in zip(made, one_by_one(folded)(images), strict=True):
        assert torch.equal(one.nan_to_num(7.0), other.nan_to_num(7.0))
    assert sum(outputs is not None for outputs in found) == count


@torch.no_grad()
def test_bits_are_those_of_calls_one_by_one() -> None:
    folded = model()
    for images in (IMAGES, torch.randn_like(IMAGES), IMAGES[:1], IMAGES[:1], IMAGES):
        folded(images)
        check_calls(folded, images, 1)


@torch.no_grad()
def test_results_are_not_overwritten() -> None:
    folded = model()
    folded(IMAGES)
    before = folded(IMAGES)
    kept = copy.deepcopy(before)
    folded(torch.randn_like(IMAGES))
    assert all(map(torch.equal, before, kept))


def replaced(folded: Any) -> None:
    folded.second = copy.deepcopy(folded.second)
    nn.init.normal_(folded.second.weight)


CHANGES: dict[str, tuple[Callable[[Any], object], int]] = {
    "in place": (lambda folded: folded.second.weight.mul_(2), 0),
    "data": (lambda folded: folded.third.weight.data.mul_(2), 0),
    "bias": (lambda folded: folded.fifth.bias.add_(1), 0),
    "module": (replaced, 0),
    "precision": (lambda folded: setattr(folded.second, "precision", "strict"), 0),
    "padding": (lambda folded: setattr(folded.fourth, "padding_mode", "circular"), 0),
    "train": (lambda folded: folded.second.train(), 0),
    "nothing": (lambda folded: None, 1),
}


@pytest.mark.parametrize("change", CHANGES)
@torch.no_grad()
def test_a_change_is_seen(change: str) -> None:
    folded = model()
    before = folded(IMAGES)
    make, count = CHANGES[change]
    make(folded)
    check_calls(folded, IMAGES, count)
    assert torch.equal(folded(IMAGES)[1], before[1]) == (change in ("nothing", "train"))
    if change != "train":
        check_calls(folded, IMAGES, 1)


@torch.no_grad()
def test_hooks_are_called() -> None:
    folded, seen = model(), []
    folded(IMAGES)
    handle = folded.third.register_forward_hook(lambda *_: seen.append("third"))
    folded(IMAGES)
    handle.remove()
    folded(IMAGES)  # which prepares it anew
    check_calls(folded, IMAGES, 1)
    folded.pool.register_forward_hook(lambda *_: seen.append("pool"))
    folded(IMAGES)
    assert seen == ["third", "pool"]


@torch.no_grad()
def test_an_image_that_is_not_finite_is_done_again() -> None:
    folded, images = model(), IMAGES.clone()
    folded(IMAGES)
    images[1, 3, 5, 5] = torch.inf
    check_calls(folded, images, 0)
    check_calls(folded, IMAGES, 1)


@torch.no_grad()
def test_precision_and_order_of_memory() -> None:
    folded = model()
    folded(IMAGES)
    with precision("strict"):
        folded(IMAGES)
        check_calls(folded, IMAGES, 1)
    check_calls(folded, IMAGES.to(memory_format=torch.channels_last), 0)


def test_gradients_and_copies() -> None:
    folded = model()
    with torch.no_grad():
        folded(IMAGES)
        twin = copy.deepcopy(folded)
        twin(IMAGES)
        check_calls(twin, IMAGES, 1)
    images = IMAGES.clone().requires_grad_()
    folded(images)[1].sum().backward()
    assert images.grad is not None


@torch.no_grad()
def test_freed_with_the_model() -> None:
    folded = model()
    folded(IMAGES)
    pickle.dumps(folded)
    gone = weakref.ref(folded.second)
    del folded
    gc.collect()
    assert gone() is None


def test_made_in_inference_mode() -> None:
    with torch.inference_mode():
        folded = model()
        folded(IMAGES)
        check_calls(folded, IMAGES, 1)
        folded.second.weight.mul_(2)
        check_calls(folded, IMAGES, 0)
        folded(IMAGES)
        check_calls(folded, IMAGES, 1)
