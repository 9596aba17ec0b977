"""PyTorch: the functions of torch.nn.functional, in inference mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch.nn import functional

from benchmarks.cases import Case
from benchmarks.peers import Run
from benchmarks.task import Task

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
        """Return the function's call on tensors."""
        form = _FORMATS[task.layout]
        ready = [
            array.contiguous(memory_format=form) if array.ndim == 4 else array
            for array in map(torch.from_numpy, task.arrays)
        ]
        return {"torch": call(task.case, *ready)}


def call(case: Case, images: torch.Tensor, *parameters: torch.Tensor) -> Run:
    """Return the call of the case's function on these tensors."""
    if case.backward:
        return _backward(case, images, *parameters)
    steps = {
        "stride": case.stride,
        "padding": (case.pad_h, case.pad_w),
        "dilation": case.dilation,
    }
    if case.is_convolution:
        function = getattr(functional, case.op)
        return partial(function, images, *parameters, groups=case.groups, **steps)
    indices = case.op == "max_pool2d_with_indices"
    kernel = (case.kh, case.kw)
    return partial(functional.max_pool2d, images, kernel, return_indices=indices, **steps)


def _backward(case: Case, images: torch.Tensor, *rest: torch.Tensor) -> Run:
    """Return the call of the operators that autograd would call."""
    *weight, gradient = rest
    steps = [case.stride] * 2, [case.pad_h, case.pad_w], [case.dilation] * 2
    aten = torch.ops.aten
    if case.is_convolution:
        form = case.op == "conv_transpose2d", [0, 0], case.groups, [True, True, False]
        back = partial(aten.convolution_backward, gradient, images, *weight, None, *steps, *form)
        return lambda: back()[:2]
    layer = [case.kh, case.kw], *steps, False

    def pool() -> object:
        values, indices = aten.max_pool2d_with_indices(images, *layer)
        back = aten.max_pool2d_with_indices_backward(gradient, images, *layer, indices)
        return values, indices, back

    return pool


def contestant() -> Torch:
    """Return PyTorch."""
    return Torch()
