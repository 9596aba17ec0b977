"""Padding beyond PyTorch's functions equals padding by hand first: four sides, padding modes."""

from typing import Any

import numpy as np
import pytest
import torch

from convpool import functional as F  # noqa: N812
from convpool.errors import ArgumentError
from tests.operators.settings import Array, Draw

Sides = tuple[tuple[int, int], tuple[int, int]]
T = torch.nn.functional
SEEDS = range(150)


def four_sides(draw: Draw, limits: tuple[int, int]) -> Sides:
    (top, bottom), (left, right) = (
        (draw.number(0, limit), draw.number(0, limit)) for limit in limits
    )
    return (top, bottom), (left, right)


def padded(image: Array, sides: Sides, **how: Any) -> torch.Tensor:
    """PyTorch's `pad`, which counts from the last axis."""
    return T.pad(torch.from_numpy(image.copy()), (*sides[1], *sides[0]), **how)


def assert_close(ours: Array, expected: torch.Tensor) -> None:
    np.testing.assert_allclose(ours, expected.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_conv2d(mode: str) -> None:
    for seed in SEEDS:
        draw = Draw(seed)
        groups = draw.number(1, 2)
        image = draw.image(2 * groups, (draw.number(5, 9), draw.number(5, 9)), "float64")
        kernel = (draw.number(1, 3), draw.number(1, 3))
        weight = draw.array((2 * groups, 2, *kernel), "float64")
        sides = four_sides(draw, (4, 4))
        arguments: dict[str, Any] = {"stride": draw.pair(1, 3), "dilation": draw.pair(1, 2)}
        arguments["groups"] = groups
        fill = padded(image, sides, mode="constant" if mode == "zeros" else mode)
        expected = T.conv2d(fill, torch.from_numpy(weight.copy()), **arguments)
        ours = F.conv2d(image, weight, padding=sides, padding_mode=mode, **arguments)
        assert_close(ours, expected)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [0, 2, (1, 3), "same", "valid"])
def test_padding_mode_is_the_modules(mode: Any, padding: Any) -> None:
    """For batches and for one image (C, H, W)."""
    draw = Draw(0)
    module = torch.nn.Conv2d(
        2, 4, (3, 2), dilation=2, padding=padding, padding_mode=mode, dtype=torch.float64
    )
    weight, bias = module.weight.detach().numpy(), None
    if module.bias is not None:
        bias = module.bias.detach().numpy()
    for shape in ((3, 2, 7, 8), (2, 7, 8)):
        image = draw.array(shape, "float64").copy()
        ours = F.conv2d(image, weight, bias, padding=padding, dilation=2, padding_mode=mode)
        assert_close(ours, module(torch.from_numpy(image)).detach())


@pytest.mark.parametrize(("mode", "limit"), [("reflect", 3), ("circular", 4)])
def test_most_that_a_mode_can_fill(mode: str, limit: int) -> None:
    image, weight = np.ones((1, 4, 9)), np.ones((1, 1, 1, 1))
    sides = ((0, limit), (0, 0))
    assert F.conv2d(image, weight, padding=sides, padding_mode=mode).shape == (1, 4 + limit, 9)
    with pytest.raises(RuntimeError):
        padded(image, ((0, limit + 1), (0, 0)), mode=mode)
    with pytest.raises(ArgumentError, match=f"^padding .* at most {limit} on each side of axis H"):
        F.conv2d(image, weight, padding=((0, limit + 1), (0, 0)), padding_mode=mode)


def test_conv_transpose2d() -> None:
    """There padding crops the output, whatever output_padding adds at its end."""
    for seed in SEEDS:
        draw = Draw(seed)
        image = draw.image(2, (draw.number(3, 6), draw.number(3, 6)), "float64")
        weight = draw.array((2, 3, draw.number(2, 4), draw.number(2, 4)), "float64")
        arguments: dict[str, Any] = {"stride": draw.pair(2, 3), "dilation": draw.pair(1, 2)}
        arguments["output_padding"] = draw.pair(0, 1)
        (top, bottom), (left, right) = sides = four_sides(draw, (3, 3))
        full = T.conv_transpose2d(
            torch.from_numpy(image.copy()), torch.from_numpy(weight.copy()), **arguments
        )
        height, width = full.shape[-2:]
        expected = full[..., top : height - bottom, left : width - right]
        assert_close(F.conv_transpose2d(image, weight, padding=sides, **arguments), expected)


def test_max_pool2d() -> None:
    for seed in SEEDS:
        draw = Draw(seed)
        image = draw.image(2, (draw.number(4, 9), draw.number(4, 9)), "float64")
        kernel = (draw.number(1, 4), draw.number(1, 4))
        sides = four_sides(draw, (kernel[0] // 2, kernel[1] // 2))
        stride = draw.pair(1, 3)
        values, places = T.max_pool2d(
            padded(image, sides, value=-np.inf), kernel, stride, return_indices=True
        )
        ours, indices = F.max_pool2d(image, kernel, stride, sides, return_indices=True)
        np.testing.assert_array_equal(ours, values.numpy())
        width = image.shape[-1] + sum(sides[1])
        rows, columns = places.numpy() // width - sides[0][0], places.numpy() % width - sides[1][0]
        np.testing.assert_array_equal(indices, rows * image.shape[-1] + columns)


@pytest.mark.parametrize("count_include_pad", [True, False])
def test_avg_pool2d(count_include_pad: bool) -> None:
    for seed in SEEDS:
        draw = Draw(seed)
        image = draw.image(2, (draw.number(4, 9), draw.number(4, 9)), "float64")
        kernel = (draw.number(1, 4), draw.number(1, 4))
        sides = four_sides(draw, (kernel[0] // 2, kernel[1] // 2))
        stride = draw.pair(1, 3)
        expected = T.avg_pool2d(padded(image, sides), kernel, stride)
        if not count_include_pad:  # the part of each window that is image
            expected = expected / T.avg_pool2d(padded(np.ones_like(image), sides), kernel, stride)
        ours = F.avg_pool2d(image, kernel, stride, sides, count_include_pad=count_include_pad)
        assert_close(ours, expected)


def test_max_unpool2d() -> None:
    """Unpooling takes the pooling's four sides and restores the size that was pooled."""
    for seed in SEEDS:
        draw = Draw(seed)
        kernel = (draw.number(1, 3), draw.number(1, 3))
        sides = four_sides(draw, (kernel[0] // 2, kernel[1] // 2))
        plane = tuple(
            draw.number(2, 4) * k - sum(around) for k, around in zip(kernel, sides, strict=True)
        )
        image = np.abs(draw.image(2, (plane[0], plane[1]), "float64"))
        values, indices = F.max_pool2d(image, kernel, padding=sides, return_indices=True)
        back = F.max_unpool2d(values, indices, kernel, padding=sides)
        assert back.shape == image.shape
        assert ((back == image) | (back == 0)).all()
        again = F.max_pool2d(back, kernel, padding=sides)
        np.testing.assert_array_equal(again, values)
