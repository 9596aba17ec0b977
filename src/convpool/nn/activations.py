"""Which of PyTorch's modules, functions and methods are an `Activation`."""

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import Module
from torch.nn import functional as F  # noqa: N812 (its usual name)

from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.nn import modules
from convpool.spec import Activation


def activation_of(node: fx.Node, module: Module | None) -> Activation | None:
    """Return the activation that a node of a graph applies to its first argument, or None.

    Args:
        node: a call of a module, a function or a method.
        module: the one that is called, for a call of a module.

    Example:
        >>> graph = fx.symbolic_trace(nn.Sequential(nn.ReLU6())).graph
        >>> [activation_of(node, nn.ReLU6() if node.name == "_0" else None) for node in graph.nodes]
        [None, Activation(slope=0.0, ceiling=6.0), None]
    """
    try:
        if module is not None:
            names = _ATTRIBUTES.get(type(module))
            if names is None:
                return None
            return _MAKERS[type(module)](None, *(getattr(module, name) for name in names))
        make = _MAKERS.get(node.target) if node.op in ("call_function", "call_method") else None
        return None if make is None else make(*node.args, **node.kwargs)
    except (ArgumentError, ArgumentTypeError):  # a slope or a bound that no kernel has
        return None


# What follows has the parameters of PyTorch's functions.


def _relu(input: Any, inplace: bool = False) -> Activation:  # noqa: ARG001
    return Activation(slope=0.0)


def _relu6(input: Any, inplace: bool = False) -> Activation:  # noqa: ARG001
    return Activation(slope=0.0, ceiling=6.0)


def _leaky_relu(
    input: Any,  # noqa: ARG001
    negative_slope: Any = 0.01,
    inplace: bool = False,  # noqa: ARG001
) -> Activation:
    return Activation(slope=negative_slope)


def _hardtanh(
    input: Any,
    min_val: Any = -1.0,
    max_val: Any = 1.0,
    inplace: bool = False,  # noqa: ARG001
) -> Activation | None:
    return _clamp(input, min_val, max_val)


def _clamp(input: Any, min: Any = None, max: Any = None) -> Activation | None:  # noqa: ARG001
    if isinstance(min, fx.Node) or min != 0:
        return None
    return Activation(slope=0.0) if max is None else Activation(slope=0.0, ceiling=max)


_Make = Callable[..., Activation | None]
_SPELLINGS: dict[_Make, tuple[Any, ...]] = {
    _relu: (nn.ReLU, modules.ReLU, F.relu, torch.relu, torch.relu_, "relu", "relu_"),
    _relu6: (nn.ReLU6, F.relu6),
    _leaky_relu: (nn.LeakyReLU, F.leaky_relu, F.leaky_relu_),
    _hardtanh: (nn.Hardtanh, F.hardtanh, F.hardtanh_),
    _clamp: (
        *(torch.clamp, torch.clamp_, torch.clip, torch.clip_, torch.clamp_min, torch.clamp_min_),
        *("clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_"),
    ),
}
_MAKERS = {spelling: make for make, spellings in _SPELLINGS.items() for spelling in spellings}
_ATTRIBUTES: dict[type[Module], tuple[str, ...]] = {
    nn.ReLU: (),
    modules.ReLU: (),
    nn.ReLU6: (),
    nn.LeakyReLU: ("negative_slope",),
    nn.Hardtanh: ("min_val", "max_val"),
}
"""Of each module, what its function gets beside the input."""
