"""ReLU on tensors: the kernel's numbers and gradients are PyTorch's, to the bit."""

import copy

import pytest
import torch
from torch import Tensor, nn

from convpool.nn import ReLU
from convpool.nn.swapping import accelerate
from convpool.threads import MOST, using

LARGE = 4, 16, 64, 65  # from 1 MB on, and no multiple of a piece


def _images(shape: tuple[int, ...] = LARGE, dtype: torch.dtype = torch.float32) -> Tensor:
    drawn = torch.Generator().manual_seed(3)
    images = torch.randn(shape, generator=drawn, dtype=dtype)
    images.view(-1)[::7] = 0
    images.view(-1)[5] = torch.nan
    images.view(-1)[8] = -torch.inf
    return images.requires_grad_()


def _both(inplace: bool, images: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return the output and the gradient of PyTorch's module and of ours."""
    found = []
    for layer in (nn.ReLU(inplace), ReLU(inplace)):
        output = layer(images * 1)
        weights = torch.linspace(-1, 1, images.numel(), dtype=images.dtype).view_as(images)
        (gradient,) = torch.autograd.grad(output, images, weights)
        found.append((output.detach(), gradient))
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("shape", [LARGE, (3, 5, 7), (0, 3, 4, 4)])
def test_is_pytorchs(shape: tuple[int, ...], inplace: bool, dtype: torch.dtype) -> None:
    if 0 in shape:
        images = torch.zeros(shape, dtype=dtype, requires_grad=True)
    else:
        images = _images(shape if len(shape) > 3 else (3, 5, 7), dtype)
    expected, found = _both(inplace, images)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=0, equal_nan=True)


def test_kernel_is_taken_where_it_pays() -> None:
    large, small = _images(), _images((2, 3, 4, 4))
    assert "Rectifier" in ReLU()(large).grad_fn.name()
    assert "Rectifier" not in ReLU()(small).grad_fn.name()
    with torch.no_grad():
        assert ReLU()(large).grad_fn is None


def test_in_place_changes_its_input() -> None:
    images = _images()
    given = images * 1
    output = ReLU(inplace=True)(given)
    assert output is given
    assert output.data_ptr() == given.data_ptr()


def test_in_place_refuses_and_views_are_left_to_pytorch() -> None:
    images = _images()
    with pytest.raises(RuntimeError, match="leaf"):
        ReLU(inplace=True)(images)
    base = images * 1
    part = base[:3]
    ReLU(inplace=True)(part)
    (slope,) = torch.autograd.grad(base.sum(), images)
    assert torch.equal(slope[3:], torch.ones_like(slope[3:]))
    assert torch.equal(slope[:3], (images[:3] > 0).float() + images[:3].isnan())


def test_an_output_changed_later_is_noticed() -> None:
    output = ReLU()(_images() * 1)
    output.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


@pytest.mark.parametrize("inplace", [False, True])
def test_second_derivatives(inplace: bool) -> None:
    results: list[Tensor] = []
    for layer in (nn.ReLU(inplace), ReLU(inplace)):
        images = torch.linspace(-1, 1, 1 << 19, requires_grad=True)
        (slope,) = torch.autograd.grad(layer(images**3).sum(), images, create_graph=True)
        results += torch.autograd.grad(slope.sum(), images)
    assert torch.equal(*results)


def test_a_gradient_in_another_order() -> None:
    images = _images()
    weights = torch.randn(LARGE).to(memory_format=torch.channels_last)
    expected = torch.autograd.grad(torch.relu(images), images, weights)[0]
    assert torch.equal(torch.autograd.grad(ReLU()(images), images, weights)[0], expected)


def test_bits_dont_depend_on_threads() -> None:
    images = _images()
    found = []
    for count in (1, MOST):
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        found.append(using(count, _both, False, images)[1])
        torch.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def test_a_model_trains_alike() -> None:
    torch.manual_seed(4)
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.ReLU(True))
    other = copy.deepcopy(model)
    assert accelerate(other).swapped == ("0", "1", "2", "3")
    images = torch.randn(8, 3, 66, 66)
    for each in (model, other):
        each(images).square().mean().backward()
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(two.grad, one.grad, rtol=1e-3, atol=1e-5)


def test_functional_transforms_and_compilers_see_pytorchs() -> None:
    images = _images().detach().nan_to_num()
    layer = ReLU()
    slope = torch.func.grad(lambda given: layer(given).sum())(images)
    assert torch.equal(slope, (images > 0).float())
    assert torch.equal(torch.compile(layer, backend="eager")(images), torch.relu(images))
