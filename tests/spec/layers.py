"""Random arguments for the layers' constructors, for hypothesis."""

from typing import Any

import torch
from hypothesis import strategies as st

from convpool.spec import LAYERS

NAMES = tuple(LAYERS)

REQUIRED: dict[str, dict[str, Any]] = {
    "Conv2d": {"in_channels": 2, "out_channels": 4, "kernel_size": 3},
    "ConvTranspose2d": {"in_channels": 2, "out_channels": 4, "kernel_size": 3},
    "MaxPool2d": {"kernel_size": 3},
    "AvgPool2d": {"kernel_size": 3},
    "MaxUnpool2d": {"kernel_size": 3},
}
"""The arguments without a default, with a value that goes with every default."""


def pairs(low: int, high: int) -> st.SearchStrategy[Any]:
    number = st.integers(low, high)
    return number | st.tuples(number, number)


def pair_of(value: Any) -> tuple[int, int]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


@st.composite
def convolution(draw: st.DrawFn, name: str) -> dict[str, Any]:
    groups = draw(st.integers(1, 3))
    arguments: dict[str, Any] = {
        "in_channels": groups * draw(st.integers(1, 3)),
        "out_channels": groups * draw(st.integers(1, 3)),
        "kernel_size": draw(pairs(1, 5)),
    }
    optional = {
        "stride": pairs(1, 4),
        "padding": pairs(0, 3),
        "dilation": pairs(1, 3),
        "bias": st.booleans(),
        "padding_mode": st.just("zeros"),
    }
    if name == "Conv2d":
        optional["padding"] |= st.sampled_from(["same", "valid"])
        optional["padding_mode"] = st.sampled_from(["zeros", "reflect", "replicate", "circular"])
    arguments |= draw(st.fixed_dictionaries({}, optional=optional))
    if groups > 1:
        arguments["groups"] = groups
    if arguments.get("padding") == "same":
        arguments.pop("stride", None)
    if name == "ConvTranspose2d" and draw(st.booleans()):
        limits = zip(
            pair_of(arguments.get("stride", 1)), pair_of(arguments.get("dilation", 1)), strict=True
        )
        arguments["output_padding"] = tuple(draw(st.integers(0, max(sd) - 1)) for sd in limits)
    return arguments


@st.composite
def pooling(draw: st.DrawFn, name: str) -> dict[str, Any]:
    kernel = draw(pairs(1, 5))
    optional: dict[str, Any] = {
        "stride": st.none() | pairs(1, 4),
        "padding": st.tuples(*(st.integers(0, k // 2) for k in pair_of(kernel))),
    }
    if name != "MaxUnpool2d":
        optional["ceil_mode"] = st.booleans()
    if name == "MaxPool2d":
        optional |= {"dilation": pairs(1, 3), "return_indices": st.booleans()}
    if name == "AvgPool2d":
        divisor = st.none() | st.integers(-9, -1) | st.integers(1, 9)
        optional |= {"count_include_pad": st.booleans(), "divisor_override": divisor}
    return {"kernel_size": kernel, **draw(st.fixed_dictionaries({}, optional=optional))}


def arguments_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Keyword arguments that the layer and PyTorch's module both take."""
    return convolution(name) if name.startswith("Conv") else pooling(name)


calls = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), arguments_of(name)))
"""Pairs of a layer's name and keyword arguments for it."""


def module(name: str, arguments: dict[str, Any]) -> Any:
    """PyTorch's module, without memory for its weights."""
    device = {"device": "meta"} if name.startswith("Conv") else {}
    return getattr(torch.nn, name)(**arguments, **device)
