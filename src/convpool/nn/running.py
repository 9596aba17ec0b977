"""Runs a module over arrays of images, and writes down what its parts make of them."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Module
from torch.nn.parameter import is_lazy

from convpool.arithmetic import NetReport
from convpool.errors import ArgumentError, ArgumentTypeError, ConvpoolError, DataError
from convpool.nn.summary import watched

Array = NDArray[Any]

_LONGEST_ROW = 64
"""Numbers side by side where a sample's output is a vector: ten scores are one row of ten."""


@dataclass(frozen=True, eq=False)
class ModuleOutput:
    """What one call of a module made of a batch."""

    name: str
    """The module's path in the net, "" for the net itself."""
    module: Module
    call: int
    """1 for the module's first call in this batch, 2 for the second."""
    maps: Array
    """(N, C, H, W)."""


def report_on(net: Module, image_shape: Sequence[int]) -> NetReport:
    """Return the report of a net on one image (C, H, W), which it is really called with.

    So nets whose forward depends on numbers, which fake tensors lack, have a report, too.

    Raises:
        ArgumentTypeError: the net is compiled by TorchScript, which bears no hooks.
        ArgumentError: the net fails on it.
    """
    if isinstance(net, torch.jit.ScriptModule):
        raise ArgumentTypeError("net", net, "a module that TorchScript hasn't compiled")
    with evaluating(net):
        images = _tensor(net, torch.zeros(1, *image_shape))
        if any(map(is_lazy, net.parameters())):  # they get their sizes from the first images
            watched(torch.nn.Identity(), images, net)
        return watched(net, images, net)


def run_on(net: Module, images: Array, *, every_module: bool = False) -> list[ModuleOutput]:
    """Return what a net makes of images (N, C, H, W), in evaluation and without gradients.

    Vectors become maps of up to 64 numbers a row; of several outputs the first tensor is taken.

    Args:
        net: the module, left in the mode in which it was.
        images: float32.
        every_module: return what the modules in it make as well, in the order of the calls; not
            those whose output is no tensor of N samples, and not containers that return what their
            last part returned.

    Raises:
        DataError: the net fails on them.
        ArgumentError: its output is no tensor of N samples.

    Example:
        >>> import numpy as np
        >>> net = torch.nn.Sequential(torch.nn.MaxPool2d(2), torch.nn.Flatten())
        >>> outputs = run_on(net, np.ones((5, 1, 4, 4), np.float32), every_module=True)
        >>> [(output.name, output.maps.shape) for output in outputs]
        [('0', (5, 1, 2, 2)), ('', (5, 1, 1, 4))]
    """
    outputs: list[ModuleOutput] = []
    last: list[Any] = [None]
    names = {id(module): name for name, module in net.named_modules() if module is not net}
    calls: Counter[str] = Counter()

    def keep(module: Module, _given: Any, made: Any) -> None:
        contains = next(module.children(), None) is not None
        repeated = contains and made is last[0]
        last[0] = made
        maps = None if repeated else _maps(made, len(images))
        if maps is not None:
            name = names[id(module)]
            calls[name] += 1
            outputs.append(ModuleOutput(name, module, calls[name], maps))

    parts = [module for module in net.modules() if id(module) in names] if every_module else []
    hooks = [module.register_forward_hook(keep) for module in parts]
    try:
        with evaluating(net):
            made = net(_tensor(net, torch.from_numpy(images)))
    except ConvpoolError:
        raise
    except Exception as error:  # whatever the net's own forward raises
        told = f"{type(error).__name__}: {' '.join(str(error).split())}"
        failed = f"{type(net).__name__} failed on images {images.shape}: {told}"
        raise DataError(failed) from error
    finally:
        for hook in hooks:
            hook.remove()
    maps = _maps(made, len(images))
    if maps is None:
        kind = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        right = f"a tensor of numbers whose first axis has the batch's {len(images)} samples"
        raise ArgumentError(f"the output of {type(net).__name__}", kind, right)
    if outputs and made is last[0]:  # what the net returns is what its last part returned
        outputs.pop()
    return [*outputs, ModuleOutput("", net, 1, maps)]


@contextmanager
def evaluating(net: Module) -> Iterator[None]:
    """Have a net in evaluation, without gradients, and put each part back to its own mode."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def _tensor(net: Module, images: Tensor) -> Tensor:
    """Return the images where the net's weights are and in their type."""
    for weight in net.parameters():
        if weight.is_floating_point() and not is_lazy(weight):
            return images.to(weight.device, weight.dtype)
    return images


def _maps(made: Any, count: int) -> Array | None:
    """Return the first tensor of an output as maps (N, C, H, W), a copy, or None."""
    tensor = _first_tensor(made)
    if tensor is None or tensor.is_complex() or tensor.layout != torch.strided:
        return None
    if not tensor.ndim or len(tensor) != count or not tensor.numel():
        return None
    if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()  # NumPy has no bfloat16
    array: Array = tensor.cpu().numpy().copy()  # the next module may work in place
    sizes = array.shape[1:]
    if len(sizes) < 2:
        numbers = math.prod(sizes)
        row = next(row for row in range(_LONGEST_ROW, 0, -1) if numbers % row == 0)
        return array.reshape(count, 1, -1, row)
    return array.reshape(count, math.prod(sizes[:-2]), *sizes[-2:])


def _first_tensor(made: Any) -> Tensor | None:
    if isinstance(made, Tensor):
        return made
    parts = made.values() if isinstance(made, dict) else made
    if isinstance(made, tuple | list | dict):
        return next((part for part in parts if isinstance(part, Tensor)), None)
    return None
