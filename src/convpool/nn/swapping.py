"""Puts convpool's layers in the place of PyTorch's, in a model that is there already."""

import copy as copying
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import Module
from torch.nn.modules.conv import _ConvNd

from convpool.bridge.tensors import FLOATS
from convpool.errors import ArgumentTypeError
from convpool.nn import modules
from convpool.precisions import checked

SWAPS: dict[type[Module], type[Module]] = {
    getattr(torch.nn, name): getattr(modules, name)
    for name in (
        *("Conv2d", "ConvTranspose2d", "LazyConv2d", "LazyConvTranspose2d"),
        *("MaxPool2d", "AvgPool2d", "MaxUnpool2d", "BatchNorm2d", "ReLU"),
    )
}
MARK = "_convpool_replaced"
"""The attribute of a swapped module that holds its class before."""


@dataclass(frozen=True)
class Report:
    """What became of a model's layers; printed, one line each."""

    model: Any
    """The model, or its copy."""
    swapped: tuple[str, ...]
    """Names of the modules that convpool carries out now."""
    left: tuple[tuple[str, str], ...]
    """Names of those that it doesn't, though it has such a layer, and why."""
    folded: tuple[str, ...] = ()
    """Names of the convolutions that `fold` made what follows them a part of."""

    def __str__(self) -> str:
        lines = [f"swapped {len(self.swapped)}, left {len(self.left)}, folded {len(self.folded)}"]
        lines += [f"left {name}: {reason}" for name, reason in self.left]
        return "\n".join(lines)


def accelerate(model: Module, *, copy: bool = False, precision: str | None = None) -> Report:
    """Swap a model's convolutions, pooling layers and norms for convpool's, which compute the same.

    Parameters, buffers, hooks and names stay what they are, so optimizers and checkpoints go on.

    Args:
        model: any module.
        copy: leave the model alone and swap in a copy of its modules, which shares parameters and
            buffers with it.
        precision: of the convolutions that are swapped, forward and backward: "fast" or "strict",
            as in `convpool.precision`; that of the context of each call if None.

    Returns:
        The report, with the model in it.

    Raises:
        ArgumentTypeError: it isn't a module.
        ArgumentError: there is no such precision.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
        >>> print(accelerate(net))
        swapped 2, left 0, folded 0
        >>> type(net[0]).__module__
        'convpool.nn.modules'
    """
    check_module(model)
    if precision is not None:
        checked("precision", precision)
    if copy:
        shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
        model = copying.deepcopy(model, shared)
    swapped, left = [], []
    for name, module in _named(model):
        ours = SWAPS.get(type(module))
        reason = _reason(module)
        if ours is not None and reason is None:
            module.__dict__[MARK] = type(module)
            module.__class__ = ours  # as PyTorch's lazy modules do: all that hangs on it stays
            if precision is not None and isinstance(module, _ConvNd):
                module.__dict__["precision"] = precision
            swapped.append(name)
        elif reason is not None:
            left.append((name, reason))
    return Report(model, tuple(swapped), tuple(left))


def restore(model: Module) -> Module:
    """Undo `accelerate`, and return the model.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.MaxPool2d(2))
        >>> type(restore(accelerate(net).model)[0])
        <class 'torch.nn.modules.pooling.MaxPool2d'>
    """
    check_module(model)
    for _, module in _named(model):
        replaced = module.__dict__.pop(MARK, None)
        modules.drop_kept(module)
        if replaced is not None:
            module.__dict__.pop("precision", None)
            became = getattr(replaced, "cls_to_become", None)
            grown = type(module) is not SWAPS[replaced]  # a lazy one that has met its images
            module.__class__ = became if grown and became is not None else replaced
    return model


def check_module(model: object) -> None:
    """Refuse what isn't a module."""
    if not isinstance(model, Module):
        raise ArgumentTypeError("model", model, "a torch.nn.Module")


def _named(model: Module) -> Iterator[tuple[str, Module]]:
    for name, module in model.named_modules():
        yield name or "(the model itself)", module


def _reason(module: Module) -> str | None:
    """Return why a module is left that is a layer of the kinds that are swapped, or None."""
    kinds = [kind.__name__ for kind in SWAPS if isinstance(module, kind)]
    if not kinds or type(module) in SWAPS.values():
        return None
    if type(module) not in SWAPS:
        return f"{type(module).__name__} is a class of its own, derived from {kinds[0]}"
    for tensor in module.parameters(recurse=False):
        if isinstance(tensor, torch.nn.UninitializedParameter):
            continue
        if tensor.device.type not in ("cpu", "meta"):
            return f"its parameters are on {tensor.device}"
        if tensor.dtype not in FLOATS:
            return f"no kernel for {tensor.dtype}"
    return None
