"""ReLU on tensors of which a gradient is wanted, if they are large; else PyTorch's own.

PyTorch makes its gradient in memory that is new to the process each time, if it takes some MB: to
get that takes longer than to fill it (ResNet-20, batches of 64: 9 of a step's 73 ms).
"""

from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from convpool.bridge.gradients import Gradients, SingleLevel
from convpool.bridge.recording import prepared
from convpool.bridge.tensors import PLAIN, is_intercepted, on_arrays

_TAKEN = frozenset({torch.float32, torch.float64})
_FEWEST = 1 << 18
"""Numbers: 1 MB, from which the kernels' memory is kept (`kernels/pool.py`)."""


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return the larger of each number and 0, as `torch.nn.functional.relu` does.

    Example:
        >>> relu(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    if is_dynamo_compiling() or not _is_ours(input):
        return torch.nn.functional.relu(input, inplace)
    if inplace and (input.is_leaf or input._base is not None):  # which autograd has rules for
        return torch.relu_(input)
    output: Tensor = _Rectifier.apply(input, inplace)
    return output


def _is_ours(input: Tensor) -> bool:
    """Tell whether it is a large tensor in plain memory whose gradient nobody else looks after."""
    return (
        type(input) in PLAIN
        and input.requires_grad
        and input.numel() >= _FEWEST
        and input.dtype in _TAKEN
        and input.is_cpu
        and input.is_contiguous()
        and torch.is_grad_enabled()
        and not is_intercepted()
    )


@cache
def _kernels() -> Any:
    """Return the module of the kernels, with which Numba is imported."""
    return import_module("convpool.kernels.rectifier")


class _Rectifier(SingleLevel):
    @staticmethod
    def forward(ctx: Any, input: Tensor, inplace: bool) -> Tensor:
        """Return the output, which may be the input."""
        if inplace:
            ctx.mark_dirty(input)
            output = torch.relu_(input)
        else:
            output = on_arrays(_kernels().rectify, [input.numpy(force=True)])
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        """Return the gradient by the input."""
        arrays = prepared(ctx, gradient)
        if arrays is None or gradient.dtype not in _TAKEN or not gradient.is_contiguous():
            (output,) = ctx.saved_tensors
            return torch.ops.aten.threshold_backward(gradient, output, 0), None
        return on_arrays(_kernels().gradient, arrays[::-1]), None
