"""Packed weights are kept in evaluation, and never out of date."""

import gc
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch

from convpool import nn
from convpool.bridge.packing import Packing

LAST = torch.channels_last
IMAGES = torch.randn(2, 3, 8, 8)


def layer(**named: object) -> nn.Conv2d:
    return nn.Conv2d(3, 4, 3, **named).eval()  # type: ignore[arg-type]


def expected(one: nn.Conv2d) -> torch.Tensor:
    return torch.conv2d(IMAGES, one.weight, one.bias, one.stride, one.padding)


def set_data(one: nn.Conv2d) -> None:
    one.weight.data = torch.randn(4, 3, 3, 3)


def through_numpy(one: nn.Conv2d) -> None:
    one.weight.detach().numpy()[...] = np.ones((4, 3, 3, 3), np.float32)


CHANGES: dict[str, Callable[[nn.Conv2d], object]] = {
    "in place": lambda one: one.weight.mul_(2),
    "bias in place": lambda one: one.bias.add_(1) if one.bias is not None else None,
    "another parameter": lambda one: setattr(
        one, "weight", torch.nn.Parameter(torch.ones(4, 3, 3, 3))
    ),
    "no bias": lambda one: setattr(one, "bias", None),
    "state_dict": lambda one: one.load_state_dict(layer().state_dict()),
    "data": lambda one: one.weight.data.mul_(3),
    "set data": set_data,
    "through NumPy": through_numpy,
    "stride": lambda one: setattr(one, "stride", (2, 2)),
    "padding": lambda one: setattr(one, "padding", (1, 1)),
    "dtype and back": lambda one: one.double().float().weight.mul_(1.5),
    "channels last": lambda one: one.to(memory_format=LAST).weight.mul_(1.5),  # type: ignore[call-overload]
}


@pytest.mark.parametrize("change", CHANGES)
@torch.no_grad()
def test_a_change_is_seen(change: str) -> None:
    one = layer()
    torch.testing.assert_close(one(IMAGES), expected(one), rtol=1e-5, atol=1e-5)
    CHANGES[change](one)
    torch.testing.assert_close(one(IMAGES), expected(one), rtol=1e-5, atol=1e-5, check_stride=False)


@torch.no_grad()
def test_packed_once() -> None:
    one = layer()
    one(IMAGES)
    bound = one.__dict__["_packing"]._kept.bound
    one(IMAGES[:1])
    one(IMAGES[..., :5])
    assert one.__dict__["_packing"]._kept.bound is bound
    one.weight.add_(1)
    one(IMAGES)
    assert one.__dict__["_packing"]._kept.bound is not bound


def test_only_in_evaluation_without_gradients() -> None:
    one = layer()
    output = one(IMAGES)
    assert output.requires_grad
    assert one._packing is None or one.__dict__["_packing"]._kept.bound is None
    with torch.no_grad():
        one(IMAGES)
        assert one.__dict__["_packing"]._kept.bound is not None
        one.train()(IMAGES)
    assert "_packing" not in one.__dict__


def test_inference_tensors_are_packed_once_and_looked_at() -> None:
    with torch.inference_mode():
        one = layer()
        first = one(IMAGES)
        assert one._packing is not None
        kept = one._packing._kept
        one(IMAGES)
        assert one._packing._kept is kept
        one.weight.mul_(2)
        bias = one.bias.reshape(1, 4, 1, 1)  # type: ignore[union-attr]
        torch.testing.assert_close(one(IMAGES) - bias, 2 * (first - bias))


@torch.no_grad()
def test_freed_with_the_module() -> None:
    one = layer()
    one(IMAGES)
    packing: weakref.ref[object] = weakref.ref(one.__dict__["_packing"]._kept.bound)
    assert packing() is not None
    del one
    gc.collect()
    assert packing() is None


def test_packing_needs_a_module_in_plain_memory() -> None:
    assert (
        Packing().convolve(
            torch.empty(1, 3, 8, 8, device="meta"),
            torch.empty(4, 3, 3, 3, device="meta"),
            None,
            lambda: None,  # type: ignore[arg-type, return-value]
            (),
        )
        is None
    )
