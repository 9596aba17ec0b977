"""Gradients to the second order, and what PyTorch checks of registered operators."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from convpool import bridge, functional

SEED = torch.Generator().manual_seed(5)


def random(*shape: int, wants: bool = True) -> Tensor:
    drawn = torch.randn(shape, dtype=torch.float64, generator=SEED)
    return drawn.requires_grad_(wants)


def distinct(*shape: int) -> Tensor:
    """Numbers apart enough that no small step changes which is the largest."""
    count = int(torch.tensor(shape).prod())
    numbers = torch.randperm(count, generator=SEED).double() / 10
    return numbers.reshape(shape).requires_grad_()


BRIDGE: Any = bridge
INDICES = torch.tensor([[0, 5], [10, 15]]).expand(2, 3, 2, 2).contiguous()

CASES: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
    "conv2d": (
        lambda *given: BRIDGE.conv2d(*given, stride=(2, 1), padding=1, dilation=(1, 2)),
        (random(2, 2, 5, 6), random(3, 2, 3, 2), random(3)),
    ),
    "conv2d, one image, groups": (
        lambda *given: BRIDGE.conv2d(*given, padding="same", groups=2),
        (random(4, 4, 3), random(6, 2, 2, 3), random(6)),
    ),
    "conv2d, reflect": (
        lambda *given: BRIDGE.conv2d(*given, padding=((1, 0), (2, 1)), padding_mode="reflect"),
        (random(1, 2, 4, 4), random(2, 2, 2, 3)),
    ),
    "conv_transpose2d": (
        lambda *given: BRIDGE.conv_transpose2d(
            *given, stride=2, padding=1, output_padding=1, groups=2
        ),
        (random(2, 2, 3, 3), random(2, 2, 3, 2), random(4)),
    ),
    "max_pool2d": (
        lambda given: bridge.max_pool2d(given, 3, 2, padding=1, ceil_mode=True),
        (distinct(2, 2, 5, 6),),
    ),
    "max_pool2d, windows without a cell": (
        lambda given: bridge.max_pool2d(given, 2, 1, padding=(2, 0), dilation=(4, 1))[..., 2:, :],
        (distinct(1, 1, 3, 4),),
    ),
    "max_pool2d with indices": (
        lambda given: bridge.max_pool2d(given, 2, return_indices=True)[0],
        (distinct(2, 4, 4),),
    ),
    "avg_pool2d": (
        lambda given: bridge.avg_pool2d(
            given, 3, 2, padding=1, ceil_mode=True, count_include_pad=False
        ),
        (random(2, 2, 4, 5),),
    ),
    "max_unpool2d": (
        lambda given: bridge.max_unpool2d(given, INDICES, 2),
        (random(2, 3, 2, 2),),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_first_order(name: str) -> None:
    function, given = CASES[name]
    assert torch.autograd.gradcheck(function, given)


@pytest.mark.parametrize("name", CASES)
def test_second_order(name: str) -> None:
    function, given = CASES[name]
    assert torch.autograd.gradgradcheck(function, given)


ops = torch.ops.convpool
ZEROS = ((1, 2), (1, 0, 2, 1), (1, 1), 1, "zeros", None)
STAMPS = ((2, 2), (1, 1, 0, 0), (1, 0), 1, (1, 1), "strict")
WINDOW = ((3, 2), (2, 2), (1, 1, 0, 1), (1, 1), True)
MEAN = ((3, 2), (2, 2), (1, 1, 0, 1), True, False, None)

CALLS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "conv2d": (ops.conv2d, (random(2, 3, 5, 6), random(4, 3, 3, 3), random(4), *ZEROS)),
    "conv2d, channels last": (
        ops.conv2d,
        (
            random(2, 3, 5, 6).to(memory_format=torch.channels_last),
            random(4, 3, 3, 3),
            None,
            *ZEROS,
        ),
    ),
    "conv2d, no images": (ops.conv2d, (random(0, 3, 5, 6), random(4, 3, 3, 3), None, *ZEROS)),
    "conv2d_input": (
        ops.conv2d_input,
        ((2, 3, 5, 6), random(4, 3, 3, 3), random(2, 4, 4, 4), *ZEROS),
    ),
    "conv2d_weight": (
        ops.conv2d_weight,
        (random(2, 3, 5, 6), (4, 3, 3, 3), random(2, 4, 4, 4), *ZEROS),
    ),
    "convolution_bias": (ops.convolution_bias, (random(2, 3, 5, 6),)),
    "conv_transpose2d": (
        ops.conv_transpose2d,
        (random(2, 3, 3, 4), random(3, 4, 3, 3), random(4), *STAMPS),
    ),
    "conv_transpose2d_input": (
        ops.conv_transpose2d_input,
        ((2, 3, 3, 4), random(3, 4, 3, 3), random(2, 4, 6, 9), *STAMPS),
    ),
    "conv_transpose2d_weight": (
        ops.conv_transpose2d_weight,
        (random(2, 3, 3, 4), (3, 4, 3, 3), random(2, 4, 6, 9), *STAMPS),
    ),
    "max_pool2d": (ops.max_pool2d, (distinct(2, 3, 5, 6), *WINDOW)),
    "max_pool2d_with_indices": (ops.max_pool2d_with_indices, (distinct(2, 3, 5, 6), *WINDOW)),
    "avg_pool2d": (ops.avg_pool2d, (random(2, 3, 5, 6), *MEAN)),
    "avg_pool2d_backward": (ops.avg_pool2d_backward, (random(2, 3, 3, 3), (2, 3, 5, 6), *MEAN)),
    "max_unpool2d": (
        ops.max_unpool2d,
        (random(2, 3, 2, 2), INDICES, (2, 2), (2, 2), (0, 0, 0, 0), None),
    ),
    "max_unpool2d_backward": (ops.max_unpool2d_backward, (random(2, 3, 4, 4), INDICES)),
}


@pytest.mark.parametrize("name", CALLS)
def test_opcheck(name: str) -> None:
    operator, given = CALLS[name]
    given = tuple(value.detach().requires_grad_() if _wants(value) else value for value in given)
    torch.library.opcheck(operator.default, given)


def _wants(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def test_opcheck_max_pool2d_backward() -> None:
    values, indices = ops.max_pool2d_with_indices(distinct(2, 3, 5, 6).detach(), *WINDOW)
    gradient = torch.randn_like(values).requires_grad_()
    given = gradient, indices, (2, 3, 5, 6), *WINDOW
    torch.library.opcheck(ops.max_pool2d_backward.default, given)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_the_gradients_functions(name: str) -> None:
    """They are those of torch.nn.grad, and give NumPy's numbers for tensors."""
    images, weight = random(2, 3, 5, 6), random(4, 3, 3, 3)
    if name == "conv_transpose2d":
        weight = random(3, 4, 3, 3)
    output = getattr(bridge, name)(images, weight, stride=2)
    gradient = random(*output.shape)
    by_input, by_weight = torch.autograd.grad(output, (images, weight), gradient)
    found = getattr(functional, f"{name}_input")(images.shape, weight, gradient, stride=2)
    assert torch.equal(found, by_input)
    assert found.requires_grad
    found = getattr(functional, f"{name}_weight")(images, weight.shape, gradient, stride=2)
    assert torch.equal(found, by_weight)


def test_the_gradients_functions_of_pooling() -> None:
    images = distinct(2, 3, 6, 6)
    pooled, indices = bridge.max_pool2d(images, 2, return_indices=True)
    gradient = random(*pooled.shape, wants=False)
    (expected,) = torch.autograd.grad(pooled, images, gradient)
    found: Any = functional.max_pool2d_backward(gradient, indices, images.shape, 2)  # type: ignore[arg-type]
    assert torch.equal(found, expected)
    (expected,) = torch.autograd.grad(bridge.avg_pool2d(images, 2), images, gradient)
    found = functional.avg_pool2d_backward(gradient, images.shape, 2)  # type: ignore[arg-type]
    assert torch.equal(found, expected)
    found = functional.max_unpool2d_backward(images.detach(), indices)  # type: ignore[arg-type]
    assert torch.equal(found, pooled.detach())
