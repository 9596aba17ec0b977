"""PyTorch: the functions of torch.nn.functional, in inference mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from convpool.bench.cases import Case, arguments
from convpool.bench.contestants import Run
from convpool.bench.task import Task
from convpool.spec import AvgPool2dSpec, Conv2dSpec, MaxPool2dSpec

_FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


class Torch:
    """Tensors are brought into the layout before, those of the weights too."""

    names = ("torch",)

    @contextmanager
    def session(self, threads: int) -> Iterator[None]:
        """Use so many threads, and no autograd."""
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with torch.inference_mode():
                yield
        finally:
            torch.set_num_threads(before)

    def prepare(self, task: Task) -> dict[str, Run]:
        """Return the function's call on tensors, for what PyTorch has."""
        if not has(task.case):
            return {}
        form = _FORMATS[task.layout]
        ready = [
            array.contiguous(memory_format=form) if array.ndim == 4 else array
            for array in map(torch.from_numpy, task.arrays)
        ]
        return {"torch": call(task.case, *ready)}


def has(case: Case) -> bool:
    """Return whether PyTorch has the layer: only convolutions can be padded unevenly, before."""
    if isinstance(case.spec, Conv2dSpec):
        if not case.backward:
            return True
        if case.spec.padding_mode != "zeros":
            return False
    (top, bottom), (left, right) = case.spec.pads
    return (top, left) == (bottom, right)


def call(case: Case, images: torch.Tensor, *parameters: torch.Tensor) -> Run:
    """Return the call of the case's function on these tensors."""
    if case.backward:
        return _backward(case, images, *parameters)
    steps = arguments(case.spec)
    function = getattr(functional, case.op.removesuffix("_with_indices"))
    if isinstance(case.spec, Conv2dSpec):
        mode = steps.pop("padding_mode", "constant")
        (top, bottom), (left, right) = case.spec.pads
        if mode != "constant" or (top, left) != (bottom, right):
            sides = [left, right, top, bottom]
            steps["padding"] = 0
            return lambda: function(functional.pad(images, sides, mode), *parameters, **steps)
        steps["padding"] = top, left
    return partial(function, images, *parameters, **steps)


def _backward(case: Case, images: torch.Tensor, *rest: torch.Tensor) -> Run:
    """Return the call of the operators that autograd would call."""
    *weight, gradient = rest
    spec: Any = case.spec
    (top, _), (left, _) = spec.pads
    steps = list(spec.stride), [top, left]
    aten = torch.ops.aten
    if case.is_convolution:
        extra = list(getattr(spec, "output_padding", (0, 0)))
        form = list(spec.dilation), case.op == "conv_transpose2d", extra, spec.groups
        back = partial(aten.convolution_backward, gradient, images, *weight, None, *steps, *form)
        return lambda: back([True, True, False])[:2]
    layer = list(spec.kernel_size), *steps
    if isinstance(spec, AvgPool2dSpec):
        means = spec.ceil_mode, spec.count_include_pad, spec.divisor_override
        return partial(aten.avg_pool2d_backward, gradient, images, *layer, *means)
    return _max_pool_and_back(spec, images, gradient)


def _max_pool_and_back(spec: MaxPool2dSpec, images: torch.Tensor, gradient: torch.Tensor) -> Run:
    (top, _), (left, _) = spec.pads
    layer = list(spec.kernel_size), list(spec.stride), [top, left], list(spec.dilation)
    aten = torch.ops.aten

    def pool() -> object:
        values, indices = aten.max_pool2d_with_indices(images, *layer, spec.ceil_mode)
        back = aten.max_pool2d_with_indices_backward
        return values, indices, back(gradient, images, *layer, spec.ceil_mode, indices)

    return pool


def contestant() -> Torch:
    """Return PyTorch."""
    return Torch()
