"""What a call costs when the layer is next to nothing: the tutorial's, on 5x5 numbers.

Functions of arrays stand beside PyTorch's functions of tensors, modules beside PyTorch's modules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.table import Table
from torch import Tensor
from torch.nn import functional as torch_functional

from convpool import functional, nn
from convpool.bench.race import Pace, race
from convpool.errors import DataError

Run = Callable[[], Any]
_MICRO = 1e6


@dataclass(frozen=True)
class SmallCall:
    """One thing to call, by us and by PyTorch, and the seconds of each."""

    name: str
    ours: float
    theirs: float


def small_calls(pace: Pace) -> list[SmallCall]:
    """Return the times of all calls, on one thread.

    Raises:
        DataError: we don't compute what PyTorch does.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _timed(_calls(), pace)
    finally:
        torch.set_num_threads(before)


def _timed(calls: list[tuple[str, Run, Run]], pace: Pace) -> list[SmallCall]:
    for name, ours, theirs in calls:
        for _ in range(3):  # some ways are taken the second time, and must lead there, too
            if not np.allclose(_numbers(ours()), _numbers(theirs()), atol=1e-5):
                raise DataError(f"{name}: the result isn't PyTorch's")
    runs = {(name, who): run for name, *pair in calls for who, run in enumerate(pair)}
    seconds = race([runs], pace)
    return [SmallCall(name, seconds[name, 0], seconds[name, 1]) for name, *_ in calls]


def small_call_table(calls: list[SmallCall]) -> Table:
    """Return the table of small calls, in microseconds."""
    table = Table(
        title="calls on 5x5 numbers, microseconds", title_justify="left", pad_edge=False, box=None
    )
    table.add_column("call")
    for column in ("ours", "PyTorch", "PyTorch ÷ ours"):
        table.add_column(column, justify="right")
    for call in calls:
        times = (call.ours * _MICRO, call.theirs * _MICRO)
        table.add_row(
            call.name, *(f"{time:.2f}" for time in times), f"{call.theirs / call.ours:.2f}"
        )
    return table


def _calls() -> list[tuple[str, Run, Run]]:
    torch.manual_seed(0)
    images = torch.randn(1, 1, 5, 5)
    numbers = images.numpy()
    one, other = torch.nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)
    other.load_state_dict(one.state_dict())
    pool, our_pool = torch.nn.MaxPool2d(3), nn.MaxPool2d(3)
    weight, bias = one.weight.detach(), one.bias.detach()  # type: ignore[union-attr]
    arrays = numbers, weight.numpy(), bias.numpy()
    return [
        (
            "conv2d",
            lambda: functional.conv2d(*arrays),
            lambda: torch_functional.conv2d(images, weight, bias),
        ),
        (
            "max_pool2d",
            lambda: functional.max_pool2d(numbers, 3),
            lambda: torch_functional.max_pool2d(images, 3),
        ),
        ("nn.Conv2d, no_grad", *_pair(_quietly, other, one, images)),
        ("nn.Conv2d", *_pair(_alone, other, one, images)),
        ("nn.Conv2d, forward and backward", *_pair(_and_back, other, one, images)),
        ("nn.MaxPool2d, no_grad", *_pair(_quietly, our_pool, pool, images)),
        ("nn.MaxPool2d, forward and backward", *_pair(_and_back, our_pool, pool, images)),
    ]


def _pair(
    call: Callable[..., Run], ours: torch.nn.Module, theirs: torch.nn.Module, images: Tensor
) -> tuple[Run, Run]:
    return call(ours, images), call(theirs, images)


def _alone(layer: torch.nn.Module, images: Tensor) -> Run:
    return lambda: layer(images)


def _quietly(layer: torch.nn.Module, images: Tensor) -> Run:
    def run() -> Any:
        with no_gradients:
            return layer(images)

    no_gradients = torch.no_grad()
    return run


def _and_back(layer: torch.nn.Module, images: Tensor) -> Run:
    learns = [images.clone().requires_grad_(), *layer.parameters()]

    def run() -> Any:
        made = layer(learns[0])
        return torch.autograd.grad(made, learns, gradient)

    gradient = torch.ones_like(layer(images))
    return run


def _numbers(result: Any) -> np.ndarray[Any, Any]:
    """Return all numbers of an array, a tensor or several of them."""
    if isinstance(result, tuple):
        return np.concatenate([_numbers(each) for each in result])
    array = result.detach().numpy() if isinstance(result, Tensor) else result
    return np.ravel(array)
