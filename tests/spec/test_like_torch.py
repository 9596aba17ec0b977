"""The layers' arguments, defaults, reprs and "same" padding are those of torch.nn."""

import inspect
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convpool.notation import parse_layer
from convpool.spec import (
    LAYERS,
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from tests.spec.layers import NAMES, arguments_of, calls, module, pair_of


@pytest.mark.parametrize("name", NAMES)
def test_signature(name: str) -> None:
    theirs = dict(inspect.signature(getattr(torch.nn, name)).parameters)
    theirs.pop("device", None)
    theirs.pop("dtype", None)
    ours = inspect.signature(LAYERS[name]).parameters
    assert list(ours) == list(theirs)
    for argument, parameter in ours.items():
        assert parameter.default == theirs[argument].default, argument
        assert parameter.kind == theirs[argument].kind, argument


@given(calls)
def test_fields(call: tuple[str, dict[str, Any]]) -> None:
    """Every argument, given or left to its default, means what the module stores for it."""
    name, arguments = call
    spec, theirs = LAYERS[name](**arguments), module(name, arguments)
    for field in inspect.signature(LAYERS[name]).parameters:
        ours, stored = getattr(spec, field), getattr(theirs, field)
        if field == "bias":
            stored = stored is not None
        elif field == "padding" and not isinstance(stored, str):
            stored = tuple((p, p) for p in pair_of(stored))
        elif field in ("kernel_size", "stride", "dilation", "output_padding"):
            stored = pair_of(stored)
        assert ours == stored, field


def unrepeated(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Max and average pooling print one number for a pair of equal ones, PyTorch what it got."""
    if name not in ("MaxPool2d", "AvgPool2d"):
        return arguments
    return {
        argument: value[0] if isinstance(value, tuple) and value[0] == value[1] else value
        for argument, value in arguments.items()
    }


def added(spec: LayerSpec) -> list[str]:
    """What our repr says beyond PyTorch's, so that it reads back: arguments PyTorch leaves out."""
    if isinstance(spec, MaxPool2dSpec) and spec.return_indices:
        return ["return_indices=True"]
    if not isinstance(spec, AvgPool2dSpec):
        return []
    return [
        f"{argument}={getattr(spec, argument)}"
        for argument, default in (
            ("ceil_mode", False),
            ("count_include_pad", True),
            ("divisor_override", None),
        )
        if getattr(spec, argument) != default
    ]


@given(calls)
def test_repr(call: tuple[str, dict[str, Any]]) -> None:
    name, arguments = call
    spec = LAYERS[name](**arguments)
    theirs = repr(module(name, unrepeated(name, arguments)))
    assert repr(spec) == ", ".join([theirs[:-1], *added(spec)]) + ")"


@given(calls)
def test_torch_repr_reads_back(call: tuple[str, dict[str, Any]]) -> None:
    name, arguments = call
    spec = LAYERS[name](**arguments)
    if not added(spec):
        assert parse_layer(repr(module(name, arguments))) == spec


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (
            Conv2dSpec(1, 2, 3, padding=((0, 1), (2, 3))),
            "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=((0, 1), (2, 3)))",
        ),
        (
            Conv2dSpec(1, 2, 3, padding=((1, 1), (2, 2))),
            "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 2))",
        ),
        (
            ConvTranspose2dSpec(1, 2, 3, padding=((0, 0), (0, 1))),
            "ConvTranspose2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=((0, 0), (0, 1)))",
        ),
        (
            MaxPool2dSpec(3, padding=((0, 1), (0, 1))),
            "MaxPool2d(kernel_size=3, stride=3, padding=((0, 1), (0, 1)), dilation=1, "
            "ceil_mode=False)",
        ),
        (
            AvgPool2dSpec((3, 2), padding=((1, 1), (1, 1))),
            "AvgPool2d(kernel_size=(3, 2), stride=(3, 2), padding=1)",
        ),
        (
            MaxUnpool2dSpec(3, padding=((0, 1), (0, 1))),
            "MaxUnpool2d(kernel_size=(3, 3), stride=(3, 3), padding=((0, 1), (0, 1)))",
        ),
    ],
    ids=str,
)
def test_four_sides_in_repr(spec: LayerSpec, text: str) -> None:
    """PyTorch has no such padding; where its two sides are equal, it prints as PyTorch's."""
    assert repr(spec) == text


@given(arguments_of("Conv2d"), st.sampled_from(["same", "valid"]))
def test_pads_of_words(arguments: dict[str, Any], word: str) -> None:
    arguments = {**arguments, "stride": 1, "padding": word}
    left, right, top, bottom = module("Conv2d", arguments)._reversed_padding_repeated_twice
    assert Conv2dSpec(**arguments).pads == ((top, bottom), (left, right))


@given(calls)
def test_pads_of_numbers(call: tuple[str, dict[str, Any]]) -> None:
    name, arguments = call
    if not isinstance(arguments.get("padding"), str):
        height, width = pair_of(arguments.get("padding", 0))
        assert LAYERS[name](**arguments).pads == ((height, height), (width, width))


@given(st.sampled_from(NAMES[:2]).flatmap(lambda n: st.tuples(st.just(n), arguments_of(n))))
def test_weight_shape(call: tuple[str, dict[str, Any]]) -> None:
    name, arguments = call
    spec = LAYERS[name](**arguments)
    assert isinstance(spec, Conv2dSpec | ConvTranspose2dSpec)
    assert spec.weight_shape == tuple(module(name, arguments).weight.shape)
