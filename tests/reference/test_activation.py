"""Residual and activation at the end of the reference's convolutions, against PyTorch."""

import numpy as np
import pytest
import torch

from convpool import reference
from convpool.notation import parse_activation
from convpool.reference.activation import activated
from convpool.request import Request
from convpool.spec import Activation, Conv2dSpec, ConvTranspose2dSpec

HARD = [-np.inf, -3.0, -1e-45, -0.0, 0.0, 2.0, 6.0, 7.5, np.inf, np.nan]


@pytest.mark.parametrize("text", ["ReLU()", "ReLU6()", "LeakyReLU(0.1)", "LeakyReLU(-2.0)"])
def test_hard_numbers_are_pytorchs(text: str) -> None:
    module = eval(f"torch.nn.{text}", {"torch": torch})
    for dtype in (np.float32, np.float64):
        numbers = np.array(HARD, dtype)
        result = activated(numbers, parse_activation(text))
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, module(torch.from_numpy(numbers)).numpy())


def test_relu_makes_positive_zeros() -> None:
    zeros = activated(np.array([-np.inf, -2.0]), Activation(slope=0.0))
    assert not np.signbit(zeros).any()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64"])
def test_whole_numbers(dtype: str) -> None:
    numbers = np.array([0, 5, 6, 7, 100], dtype)
    clamped = activated(numbers, Activation(slope=0.0, ceiling=6.0))
    assert clamped.tolist() == [0, 5, 6, 6, 6]
    assert clamped.dtype == dtype
    assert activated(numbers, Activation(slope=0.0, ceiling=1e30)).tolist() == numbers.tolist()


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_the_sum_is_rounded_once_after_all_of_it(name: str) -> None:
    """What float32 drops of the products comes back when the residual takes most of them away."""
    spec = Conv2dSpec(1, 1, 1) if name == "conv2d" else ConvTranspose2dSpec(1, 1, 1)
    operator = reference.prepare(Request(name, spec, (1, 1, 1), "float32"))
    assert isinstance(operator, reference.ConvolutionDefinition)
    image = np.full((1, 1, 1, 1), 1 + 2**-20, np.float32)
    product = (1 + 2**-20) ** 2
    residual = np.full((1, 1, 1, 1), -1, np.float32)
    packed = operator.pack(image, None)
    result = operator.run(image, packed, residual=residual, activation=Activation(slope=0.5))
    assert result.item() == np.float32(product - 1)
    assert result.item() != np.float32(product) - 1
    below = operator.run(image, packed, residual=residual * 2, activation=Activation(slope=0.5))
    assert below.item() == np.float32((product - 2) / 2)


def test_what_is_packed_is_a_copy() -> None:
    operator = reference.prepare(Request("conv2d", Conv2dSpec(1, 1, 1), (1, 2, 2), "float64"))
    assert isinstance(operator, reference.ConvolutionDefinition)
    weight, bias = np.full((1, 1, 1, 1), 2.0), np.ones(1)
    packed = operator.pack(weight, bias)
    weight[...], bias[...] = 0, 0
    out = np.empty((1, 1, 2, 2))
    assert operator.run(np.ones((1, 1, 2, 2)), packed, out=out) is out
    assert (out == 3).all()
    same = reference.prepare(Request("conv2d", Conv2dSpec(1, 1, 1), (1, 5, 5), "float64"))
    other = reference.prepare(Request("conv2d", Conv2dSpec(1, 1, 1), (1, 5, 5), "float32"))
    assert isinstance(same, reference.ConvolutionDefinition)
    assert isinstance(other, reference.ConvolutionDefinition)
    assert same.packing == operator.packing != other.packing
