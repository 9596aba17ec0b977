"""The operators under vmap: a batch of batches is one batch, and what isn't images goes in turn."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from convpool.bridge.library import call
from convpool.bridge.operators import OPERATORS, Operator

Rule = Callable[..., tuple[Any, Any]]


def batched(name: str) -> Rule:
    """Return the operator's rule, as `torch.library.register_vmap` wants it."""
    operator = OPERATORS[name]

    def rule(info: Any, all_dims: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
        in_dims = [dim if isinstance(dim, int) else None for dim in all_dims]  # lists have lists
        if all(dim is None or at in operator.images for at, dim in enumerate(in_dims)):
            result = call(name, *_folded(operator, info.batch_size, in_dims, arguments))
            shape = (info.batch_size, *_inner_batch(in_dims, arguments, operator.images))
            result = _each(result, lambda tensor: tensor.unflatten(0, shape))
        else:
            results = [
                call(name, *_selected(index, in_dims, arguments))
                for index in range(info.batch_size)
            ]
            result = torch.stack(results)  # one tensor: only images come in pairs
        return result, _each(result, lambda _tensor: 0)

    return rule


def _each(result: Any, function: Callable[[Tensor], Any]) -> Any:
    return tuple(map(function, result)) if isinstance(result, tuple) else function(result)


def _selected(index: int, in_dims: Sequence[int | None], arguments: Sequence[Any]) -> list[Any]:
    return [
        value if dim is None else value.select(dim, index)
        for value, dim in zip(arguments, in_dims, strict=True)
    ]


def _inner_batch(
    in_dims: Sequence[int | None], arguments: Sequence[Any], images: tuple[int, ...]
) -> tuple[int, ...]:
    """Return (N,) if each item of the outer batch is a batch of images, () if it is one image."""
    position = images[0]
    shape = list(arguments[position].shape)
    dim = in_dims[position]
    if dim is not None:
        del shape[dim]
    return tuple(shape[:-3])


def _folded(
    operator: Operator, count: int, in_dims: Sequence[int | None], arguments: Sequence[Any]
) -> list[Any]:
    """Return the arguments with the two batches as one, in images and in sizes of images."""
    folded = list(arguments)
    for position in operator.images:
        tensor, dim = arguments[position], in_dims[position]
        moved = tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
        folded[position] = moved if moved.ndim == 4 else moved.flatten(0, 1)
    if operator.size is not None:
        sizes = arguments[operator.size]
        folded[operator.size] = (
            [count, *sizes] if len(sizes) == 3 else [count * sizes[0], *sizes[1:]]
        )
    return folded
