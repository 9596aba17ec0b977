"""Activations: how they are written, and what they can't be."""

import math
from typing import Any

import pytest
import torch

from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.notation import parse_activation
from convpool.spec import Activation

RELU, RELU6 = Activation(slope=0.0), Activation(slope=0.0, ceiling=6.0)

WRITTEN: list[tuple[object, Activation]] = [
    (None, Activation()),
    ("relu", RELU),
    ("relu6", RELU6),
    ("leaky_relu", Activation(slope=0.01)),
    (("leaky_relu", 0.1), Activation(slope=0.1)),
    ("ReLU()", RELU),
    (" nn.ReLU( inplace = True ) ", RELU),
    ("ReLU6()", RELU6),
    ("torch.nn.LeakyReLU()", Activation(slope=0.01)),
    ("LeakyReLU(0.1)", Activation(slope=0.1)),
    ("LeakyReLU(negative_slope=1)", Activation()),
    (RELU6, RELU6),
]


@pytest.mark.parametrize(("written", "meant"), WRITTEN)
def test_what_is_written_is_read(written: object, meant: Activation) -> None:
    assert parse_activation(written) == meant


@pytest.mark.parametrize(
    ("module", "meant"),
    [
        (torch.nn.ReLU(inplace=True), RELU),
        (torch.nn.ReLU6(), RELU6),
        (torch.nn.LeakyReLU(0.2), Activation(slope=0.2)),
    ],
)
def test_pytorchs_repr_reads(module: torch.nn.Module, meant: Activation) -> None:
    assert parse_activation(repr(module)) == meant


@pytest.mark.parametrize("value", ["", "tanh", "Tanh()", "ReLU", "relu()", "ReLU(", "ReLU(1, 2)"])
def test_wrong_text(value: str) -> None:
    with pytest.raises(ArgumentError, match=r"^activation is .*but must be"):
        parse_activation(value)


@pytest.mark.parametrize("value", [3, True, ("relu", 0.1), ("leaky_relu",), ["leaky_relu", 0.1]])
def test_wrong_kind(value: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^activation is .*but must be None, 'relu'"):
        parse_activation(value)


@pytest.mark.parametrize("slope", [math.nan, math.inf, -math.inf, 10**400, "0.1", None, True])
def test_wrong_slope(slope: Any) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=r"^negative_slope is "):
        Activation(slope=slope)
    with pytest.raises((ArgumentError, ArgumentTypeError), match=r"^negative_slope is "):
        parse_activation(("leaky_relu", slope))


@pytest.mark.parametrize("ceiling", [0, -1.0, math.nan, "6", None])
def test_wrong_ceiling(ceiling: Any) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=r"^ceiling is "):
        Activation(ceiling=ceiling)


def test_values_are_floats_and_equal_where_they_mean_the_same() -> None:
    assert repr(Activation(slope=-0.0, ceiling=6)) == "Activation(slope=0.0, ceiling=6.0)"
    assert hash(Activation(slope=0)) == hash(RELU)
    assert Activation().is_identity
    assert not RELU.is_identity
    assert not Activation(ceiling=6).is_identity
