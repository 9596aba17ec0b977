"""The functions' names and signatures are those of torch.nn.functional and torch.nn.grad."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import grad

from convpool import functional
from convpool.errors import ArgumentError, ArgumentTypeError

SIGNATURES = {  # as documented for 2.13; most are builtins, which `inspect` can't read
    "conv2d": "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1",
    "conv_transpose2d": (
        "input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1"
    ),
    "max_pool2d": (
        "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, "
        "return_indices=False"
    ),
    "avg_pool2d": (
        "input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, "
        "divisor_override=None"
    ),
    "max_unpool2d": ("input, indices, kernel_size, stride=None, padding=0, output_size=None"),
}


def written(function: Callable[..., Any]) -> str:
    """The positional parameters with their defaults, without types."""
    parameters = [
        parameter.replace(annotation=parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    return str(inspect.Signature(parameters))[1:-1]


def test_names() -> None:
    assert functional.__all__ == sorted(functional.__all__)
    for name in functional.__all__:
        assert callable(getattr(functional, name))
    for name in SIGNATURES:
        assert name in functional.__all__
        assert hasattr(torch.nn.functional, name)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name: str) -> None:
    assert written(getattr(functional, name)) == SIGNATURES[name]
    documented = getattr(torch.nn.functional, name).__doc__ or ""
    if f"{name}(" in documented:
        assert documented.strip().startswith(f"{name}({SIGNATURES[name]})")


@pytest.mark.parametrize("name", SIGNATURES)
def test_keyword_only_arguments(name: str) -> None:
    """What PyTorch's function doesn't have can't be given by place."""
    extra = {
        parameter.name: parameter.default
        for parameter in inspect.signature(getattr(functional, name)).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    expected: dict[str, object] = {"padding_mode": "zeros"} if name == "conv2d" else {}
    if name.startswith("conv"):
        expected["precision"] = None
    assert extra == expected | {"out": None}


@pytest.mark.parametrize("name", ["conv2d_input", "conv2d_weight"])
def test_gradient_signature(name: str) -> None:
    assert written(getattr(functional, name)) == written(getattr(grad, name))


ONES, KERNEL = np.ones((1, 1, 3, 3)), np.ones((1, 1, 1, 1))
INDICES = np.arange(9).reshape(1, 1, 3, 3)
SIZED: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("conv2d_input", "input_size", lambda size: (size, KERNEL, ONES)),
    ("conv2d_weight", "weight_size", lambda size: (ONES, size, ONES)),
    ("conv_transpose2d_input", "input_size", lambda size: (size, KERNEL, ONES)),
    ("conv_transpose2d_weight", "weight_size", lambda size: (ONES, size, ONES)),
    ("max_pool2d_backward", "input_size", lambda size: (ONES, INDICES, size, 1)),
    ("avg_pool2d_backward", "input_size", lambda size: (ONES, size, 1)),
]


@pytest.mark.parametrize(("name", "argument", "arguments"), SIZED, ids=[case[0] for case in SIZED])
def test_sizes_of_gradients(
    name: str, argument: str, arguments: Callable[[Any], tuple[Any, ...]]
) -> None:
    function, right = getattr(functional, name), (1, 1, 1, 1) if "weight" in name else (1, 1, 3, 3)
    for size in (right, list(right), torch.Size(right)):
        assert function(*arguments(size)).shape == right
    wrong: Any
    for wrong in (3, None, "1133", {1, 3}, (1, 1, 3, 3.0), (1, 1, "3", 3), (1, 1, True, 3)):
        with pytest.raises(ArgumentTypeError, match=argument):
            function(*arguments(wrong))
    named = "weight" if "weight" in name else argument
    for wrong in ((1, 1, 3, -1), (3, 3), (), (1, 1, 0, 3)):
        with pytest.raises(ArgumentError, match=named):
            function(*arguments(wrong))
