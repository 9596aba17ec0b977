"""Small calls on tensors that are met again: PyTorch's results, and nothing behind its back."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from convpool import nn
from convpool.bridge import conv2d, max_pool2d

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")

GIVEN = torch.arange(50.0).reshape(1, 2, 5, 5).sin()
WEIGHT = torch.arange(18.0).reshape(1, 2, 3, 3).cos()


def warm() -> None:
    """Meet the calls, so that those that follow could be taken at once."""
    with torch.no_grad():
        for _ in range(3):
            max_pool2d(GIVEN, 2, 1)
            conv2d(GIVEN, WEIGHT)


def pooled(images: Tensor) -> Tensor:
    return torch.nn.functional.max_pool2d(images, 2, 1)


def check(images: Tensor) -> None:
    with torch.no_grad():
        assert torch.equal(max_pool2d(images, 2, 1), pooled(images))
        expected = torch.nn.functional.conv2d(images, WEIGHT)
        torch.testing.assert_close(conv2d(images, WEIGHT), expected)


def test_tensors_whose_memory_is_not_their_value() -> None:
    warm()
    negative = torch._neg_view(GIVEN)
    for images in (GIVEN, negative, torch._efficientzerotensor((1, 2, 5, 5)), GIVEN[..., :]):
        check(images)


@pytest.mark.parametrize("channels", [1, 2])
def test_order_of_memory_is_pytorchs(channels: int) -> None:
    layer = torch.nn.MaxPool2d(2)
    for strides in ((16, 16, 4, 1), (16, 1, 4, 1)) if channels == 1 else ((32, 1, 8, 2),):
        images = torch.randn(64).as_strided((2, channels, 4, 4), strides)
        for _ in range(3):
            made = max_pool2d(images, 2)
            assert made.stride() == layer(images).stride()


def test_modes_tangents_and_transforms_see_the_call() -> None:
    warm()
    assert max_pool2d(GIVEN.to("meta"), 2, 1).device.type == "meta"
    batched = torch.vmap(lambda image: max_pool2d(image, 2, 1))(torch.stack([GIVEN] * 2))
    assert torch.equal(batched[1], pooled(GIVEN))
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(GIVEN, torch.ones_like(GIVEN))
        assert forward_ad.unpack_dual(max_pool2d(dual, 2, 1)).tangent.eq(1).all()
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert conv2d(GIVEN, WEIGHT).dtype == torch.bfloat16


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_of_small_maxima(stride: int) -> None:
    ours, theirs = (GIVEN.double().clone().requires_grad_() for _ in range(2))
    layer, other = nn.MaxPool2d(2, stride), torch.nn.MaxPool2d(2, stride)
    for _ in range(3):
        ours.grad = theirs.grad = None
        gradient = torch.randn_like(other(theirs))
        layer(ours).backward(gradient)
        other(theirs).backward(gradient)
        torch.testing.assert_close(ours.grad, theirs.grad)
    assert torch.autograd.gradgradcheck(layer, (ours,))


def test_saved_indices_are_unpacked_once_and_watched() -> None:
    images = GIVEN.clone().requires_grad_()
    layer, seen = nn.MaxPool2d(2, return_indices=True), list[Tensor]()
    for _ in range(3):
        layer(images)[0].sum().backward()

    def unpack(tensor: Tensor) -> Tensor:
        seen.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, unpack):
        values, indices = layer(images)
    values.sum().backward()
    assert len(seen) == 1
    values, indices = layer(images)
    indices.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        values.sum().backward()


def test_a_module_sees_its_weights_change() -> None:
    ours: Any = nn.Conv2d(2, 1, 3).eval()
    images = GIVEN.clone()
    with torch.no_grad():
        for _ in range(3):
            ours(images)
        ours.weight.data.fill_(1.0)
        ours.weight.data[0, 0, 0, 0] = 2.0  # of which no version tells
        expected = torch.nn.functional.conv2d(images, ours.weight, ours.bias)
        torch.testing.assert_close(ours(images), expected)
        ours.weight = torch.nn.Parameter(torch.ones(3, 2, 3, 3))
        ours.bias = None
        expected = torch.nn.functional.conv2d(images, ours.weight)
        torch.testing.assert_close(ours(images), expected)


def test_a_modules_calls_follow_its_numbers_and_weights() -> None:
    ours, theirs = nn.Conv2d(2, 2, 3), torch.nn.Conv2d(2, 2, 3)
    ours.load_state_dict(theirs.state_dict())

    def agree(images: Tensor = GIVEN) -> None:
        for _ in range(3):
            torch.testing.assert_close(ours(images), theirs(images))
            with torch.no_grad():
                torch.testing.assert_close(ours(images), theirs(images))

    agree()
    agree(GIVEN[0])
    agree(GIVEN.repeat(3, 1, 1, 1))
    for layer in (ours, theirs):
        layer.stride = (2, 1)
    agree()
    for layer in (ours, theirs):
        layer.bias = None
    agree()
    for layer in (ours, theirs):  # with fewer filters, at the same place
        layer.weight.data = layer.weight.data[:1]
    agree()
    for layer in (ours, theirs):  # of another order, at the same place
        layer.weight.data = layer.weight.data.transpose(2, 3)
    agree()
    agree(torch._neg_view(GIVEN))
    wrong = "has 3 channels|to have 2 channels|must be .* 2"
    with pytest.raises(RuntimeError, match=wrong):
        ours(torch.ones(1, 3, 5, 5))


def test_a_modules_small_calls_are_seen_by_modes_and_recorded() -> None:
    ours, theirs = nn.Conv2d(2, 3, 3), torch.nn.Conv2d(2, 3, 3)
    ours.load_state_dict(theirs.state_dict())
    for _ in range(3):
        ours(GIVEN)
    with torch.autocast("cpu", torch.bfloat16):
        assert ours(GIVEN).dtype == torch.bfloat16
    assert ours.to("meta")(GIVEN.to("meta")).is_meta
    ours = nn.Conv2d(2, 3, 3)
    ours.load_state_dict(theirs.state_dict())
    for _ in range(3):
        for layer in (ours, theirs):
            layer.zero_grad()
            layer(GIVEN).square().sum().backward()
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)


def test_a_modules_small_calls_are_neither_copied_nor_saved() -> None:
    for layer in (nn.Conv2d(2, 2, 3), nn.ConvTranspose2d(2, 2, 3), nn.MaxPool2d(2)):
        with torch.no_grad():
            before = [layer(GIVEN) for _ in range(3)][-1]
        assert layer._small is not None
        for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert copied._small is None or copied._small._last[1] is None
            assert torch.equal(copied(GIVEN), before)


def test_a_pooling_modules_numbers() -> None:
    ours, theirs = nn.MaxPool2d(2), torch.nn.MaxPool2d(2)
    for name, value in (("stride", 1), ("ceil_mode", True), ("padding", 1), ("dilation", 2)):
        for layer in (ours, theirs):
            setattr(layer, name, value)
        for _ in range(3):
            assert torch.equal(ours(GIVEN), theirs(GIVEN))
    ours.return_indices = theirs.return_indices = True
    for _ in range(3):
        for made, expected in zip(ours(GIVEN), theirs(GIVEN), strict=True):
            assert torch.equal(made, expected)
