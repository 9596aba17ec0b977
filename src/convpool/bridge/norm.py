"""Batch normalisation on tensors: by a kernel in training, else by PyTorch's own operator."""

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from convpool.bridge.gradients import Gradients, SingleLevel
from convpool.bridge.recording import prepared
from convpool.bridge.tensors import Array, arrays_of, on_arrays

_TAKEN = frozenset({torch.float32, torch.float64})
_Moments = tuple[Tensor, Tensor, Tensor]
"""The output, and of each channel the mean and the variance, float64."""


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel, as `torch.nn.functional.batch_norm` does, to the same arguments.

    A kernel takes images (N, C, H, W) in training, if they are contiguous, float32 or float64, and
    nobody intercepts calls.

    Example:
        >>> one, other = torch.tensor([[1.0, 3.0], [5.0, 9.0]]).reshape(2, 2, 1, 1)
        >>> ones, zeros = torch.ones(2), torch.zeros(2)
        >>> batch_norm(torch.stack([one, other]), None, None, ones, zeros, training=True).flatten()
        tensor([-1.0000, -1.0000,  1.0000,  1.0000])
    """
    running = running_mean, running_var
    if training and not is_dynamo_compiling():
        moments = _by_kernel(input, weight, bias, running, eps)
        if moments is not None:
            output, mean, variance = moments
            count = input.numel() // input.shape[1]
            _follow(running_mean, mean, momentum)
            _follow(running_var, variance * (count / (count - 1)), momentum)
            return output
    return torch.nn.functional.batch_norm(input, *running, weight, bias, training, momentum, eps)


def _by_kernel(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running: tuple[Tensor | None, Tensor | None],
    eps: float,
) -> _Moments | None:
    """Return what the kernel makes of tensors, or None if it doesn't take them."""
    arrays, records = arrays_of(_TAKEN, input, weight, bias)
    if arrays is None or arrays[2] is None or input.ndim != 4:
        return None
    images, *numbers = arrays
    channels, dtype = images.shape[1], images.dtype
    if not images.flags.c_contiguous or images.size < 2 * max(channels, 1):
        return None
    for array in numbers:
        if array.shape != (channels,) or array.dtype != dtype or not array.flags.c_contiguous:
            return None
    for tensor in running:
        if tensor is not None and (tensor.dtype != input.dtype or tensor.shape != (channels,)):
            return None
    if records:
        recorded: _Moments = _BatchNorm.apply(input, weight, bias, arrays, eps)
        return recorded
    moments: _Moments = _normalized(arrays, eps)
    return moments


def _follow(running: Tensor | None, found: Tensor, momentum: float) -> None:
    """Move a running number towards what was found in a batch."""
    if running is not None:
        running.mul_(1 - momentum).add_(found, alpha=momentum)


@cache
def _kernels() -> Any:
    """Return the module of the kernels, with which Numba is imported."""
    return import_module("convpool.kernels.batch_norm")


def _normalized(arrays: list[Array], eps: float) -> Any:
    return on_arrays(_kernels().normalize, arrays, eps)


class _BatchNorm(SingleLevel):
    """It is applied to the tensors, to their arrays, and to what is added to the variance."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, _: Tensor, *rest: Any) -> _Moments:
        """Return the output, mean and variance."""
        arrays, ctx.eps = rest
        moments: _Moments = _normalized(arrays, ctx.eps)
        ctx.moments = moments[1].numpy(), moments[2].numpy()
        ctx.save_for_backward(input, weight)
        ctx.mark_non_differentiable(*moments[1:])
        ctx.set_materialize_grads(False)  # there would be zeros for mean and variance
        return moments

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, *_: None) -> Gradients:
        """Return the gradients by input, weight and bias."""
        if gradient is None:
            return None, None, None, None, None
        arrays = prepared(ctx, gradient)
        if arrays is None or arrays[2].dtype != arrays[0].dtype:
            return (*_by_operator(ctx, gradient), None, None)
        images, weight, given = arrays
        moved = [np.ascontiguousarray(given), images, weight]
        by_all: Gradients = on_arrays(_kernels().gradients, moved, ctx.eps, ctx.moments)
        wants = ctx.needs_input_grad
        wanted = [each if wants[place] else None for place, each in enumerate(by_all)]
        return (*wanted, None, None)


def _by_operator(ctx: Any, gradient: Tensor) -> Gradients:
    """Return the gradients by PyTorch's operator, which is differentiable itself."""
    images, weight = ctx.saved_tensors
    mean, variance = (torch.from_numpy(moment) for moment in ctx.moments)
    inverse = torch.rsqrt(variance + ctx.eps)
    saved = mean.to(images.dtype), inverse.to(images.dtype)
    by_all: Gradients = torch.ops.aten.native_batch_norm_backward(
        gradient, images, weight, None, None, *saved, True, ctx.eps, list(ctx.needs_input_grad[:3])
    )
    return by_all
