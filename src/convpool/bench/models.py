"""A net of PyTorch's modules: the layers in it, and the whole as it is and accelerated."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.utils._pytree import tree_leaves

from convpool.bench.cases import Case, Layout
from convpool.bench.race import Pace, race
from convpool.bench.task import Array, as_arrays, error, largest
from convpool.errors import ArgumentError
from convpool.nn.summary import summarize
from convpool.nn.swapping import accelerate
from convpool.threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from convpool.bench.contestants import Run

TOLERANCE = 1e-4
"""Of the largest output."""
_FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


@dataclass(frozen=True)
class NetTimes:
    """What was measured of a net: as it is ("torch"), and "accelerated"."""

    errors: dict[str, float]
    """The largest over the largest true output."""
    seconds: dict[str, float]
    """Of a call; empty if an output was wrong."""

    @property
    def wrong(self) -> list[str]:
        """Whose output was wrong."""
        return [name for name, error in self.errors.items() if not error <= TOLERANCE]

    @property
    def ratio(self) -> float | None:
        """The time of the net as it is over that of the accelerated one."""
        if not self.seconds:
            return None
        return self.seconds["torch"] / self.seconds["accelerated"]


def net_cases(net: Module, shape: Sequence[int]) -> list[Case]:
    """Return the convolutions and poolings in a net, with the shapes that reach them.

    Layers that are alike come once, with their number. Modules alone are seen, as by `accelerate`.

    Args:
        net: any module, in evaluation.
        shape: of its one input.

    Raises:
        ArgumentError: the net can't take the input, or has no such layers.
    """
    calls = summarize(net, shape).calls
    found = Counter(
        Case(call.spec, call.input_shape)
        for call in calls
        if call.spec is not None and call.input_shape is not None and len(call.input_shape) == 4
    )
    if not found:
        raise ArgumentError(
            "net", type(net).__name__, "one with modules such as torch.nn.Conv2d on (N, C, H, W)"
        )
    return [Case(case.spec, case.shape, count=count) for case, count in found.items()]


def race_net(
    net: Module, shape: Sequence[int], layout: Layout, threads: int, pace: Pace
) -> NetTimes:
    """Return the times of a net in evaluation, as it is and accelerated, if both are right.

    What is right the net says in float64, or where it can't be that, itself.
    """
    form = _FORMATS[layout]
    images = torch.randn(tuple(shape), generator=torch.Generator().manual_seed(1))
    images = images.contiguous(memory_format=form)
    net = deepcopy(net).eval().to(memory_format=form)  # type: ignore[call-overload]
    runs: dict[str, Run] = {
        "torch": partial(net, images),
        "accelerated": partial(accelerate(net, copy=True).model, images),
    }
    with using_threads(threads), torch.inference_mode():
        expected = _truth(net, images)
        errors = {name: error(_tensors(run()), expected, largest) for name, run in runs.items()}
        times = NetTimes(errors, {})
        if times.wrong:
            return times
        return NetTimes(errors, race([{name: run} for name, run in runs.items()], pace))


def _truth(net: Module, images: Tensor) -> tuple[Array, ...]:
    try:
        made = deepcopy(net).double()(images.double())
    except Exception:  # noqa: BLE001  (whatever a net raises that insists on float32)
        made = net(images)
    return as_arrays(_tensors(made))


def _tensors(output: Any) -> tuple[Tensor, ...]:
    """Return the tensors in what a net returns."""
    return tuple(leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Let PyTorch and convpool use so many threads."""
    before = torch.get_num_threads(), get_num_threads()
    torch.set_num_threads(count)
    set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        set_num_threads(before[1])
