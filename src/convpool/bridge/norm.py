"""Batch normalisation on tensors: by a kernel in training, else by PyTorch's own operator."""

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from convpool.bridge.gradients import Gradients, SingleLevel
from convpool.bridge.recording import prepared
from convpool.bridge.tensors import Array, arrays_of, on_arrays

_TAKEN = frozenset({torch.float32, torch.float64})
_SUM_AND_RELU = 2
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
    *,
    residual: Tensor | None = None,
    rectifies: bool = False,
) -> Tensor:
    """Normalise each channel, as `torch.nn.functional.batch_norm` does, to the same arguments.

    Then, add `residual` if there is one, and take the larger of each number and 0 if it rectifies.

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
        moments = _by_kernel(_Call(input, weight, bias, residual, rectifies, eps), running)
        if moments is not None:
            output, mean, variance = moments
            count = input.numel() // input.shape[1]
            _follow(running_mean, mean, momentum)
            _follow(running_var, variance * (count / (count - 1)), momentum)
            return output
    output = torch.nn.functional.batch_norm(input, *running, weight, bias, training, momentum, eps)
    output = output if residual is None else output + residual
    return torch.relu_(output) if rectifies else output


class _Call(NamedTuple):
    """What is asked for, but for the running numbers."""

    images: Tensor
    weight: Tensor | None
    bias: Tensor | None
    residual: Tensor | None
    rectifies: bool
    eps: float


def _by_kernel(call: _Call, running: tuple[Tensor | None, Tensor | None]) -> _Moments | None:
    """Return what the kernel makes of tensors, or None if it doesn't take them."""
    added = [] if call.residual is None else [call.residual]
    arrays, records = arrays_of(_TAKEN, call.images, call.weight, call.bias, *added)
    if arrays is None or arrays[2] is None or (added and not call.rectifies):
        return None
    images, *numbers = arrays
    if images.ndim != 4:
        return None
    channels, dtype = images.shape[1], images.dtype
    if not images.flags.c_contiguous or images.size < 2 * max(channels, 1):
        return None
    for array, shape in zip(numbers, ((channels,), (channels,), images.shape), strict=False):
        if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
            return None
    for tensor in running:
        if tensor is not None and (
            tensor.dtype != call.images.dtype or tensor.shape != (channels,)
        ):
            return None
    after = call.rectifies + len(added)
    moments: _Moments
    if records:
        tensors = call.images, call.weight, call.bias, call.residual
        moments = _BatchNorm.apply(*tensors, arrays, call.eps, after)
    else:
        moments = _normalized(arrays, call.eps, after)
    return moments


def _follow(running: Tensor | None, found: Tensor, momentum: float) -> None:
    """Move a running number towards what was found in a batch."""
    if running is not None:
        running.mul_(1 - momentum).add_(found, alpha=momentum)


@cache
def _kernels() -> Any:
    """Return the module of the kernels, with which Numba is imported."""
    return import_module("convpool.kernels.batch_norm")


def _normalized(arrays: list[Array], eps: float, after: int) -> Any:
    return on_arrays(_kernels().normalize, arrays[:3], eps, after, *arrays[3:])


class _BatchNorm(SingleLevel):
    """It is applied to tensors, their arrays, `eps`, and the kernel's number of what follows."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor, *rest: Any) -> _Moments:
        """Return the output, mean and variance."""
        _, arrays, ctx.eps, ctx.after = rest
        moments: _Moments = _normalized(arrays, ctx.eps, ctx.after)
        ctx.moments = moments[1].numpy(), moments[2].numpy()
        made = moments[:1] if ctx.after == _SUM_AND_RELU else ()
        ctx.save_for_backward(input, weight, bias, *made)
        ctx.mark_non_differentiable(*moments[1:])
        ctx.set_materialize_grads(False)  # there would be zeros for mean and variance
        return moments

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, *_: None) -> Gradients:
        """Return the gradients by input, weight, bias and residual."""
        if gradient is None:
            return (None,) * 7
        arrays = prepared(ctx, gradient)
        if arrays is None or arrays[-1].dtype != arrays[0].dtype:
            return (*_by_operator(ctx, gradient), None, None, None)
        images, weight, bias, *made, given = arrays
        moved = [np.ascontiguousarray(given), images]
        rest = (weight, bias), ctx.eps, ctx.moments, ctx.after, *made
        by_all = (*on_arrays(_kernels().gradients, moved, *rest), None)
        wants = ctx.needs_input_grad
        wanted = [by_all[place] if wants[place] else None for place in range(4)]
        return (*wanted, None, None, None)


def _by_operator(ctx: Any, gradient: Tensor) -> Gradients:
    """Return the gradients by PyTorch's operator, which is differentiable itself."""
    images, weight, bias, *made = ctx.saved_tensors
    mean, variance = (torch.from_numpy(moment) for moment in ctx.moments)
    inverse = torch.rsqrt(variance + ctx.eps)
    saved = mean.to(images.dtype), inverse.to(images.dtype)
    if ctx.after:
        with torch.no_grad():
            factor, centre = (each[:, None, None] for each in ((weight * saved[1]), saved[0]))
            output = made[0] if made else (images - centre) * factor + bias[:, None, None]
        gradient = gradient.masked_fill(output <= 0, 0)
    wants = list(ctx.needs_input_grad[:3])
    by_all = torch.ops.aten.native_batch_norm_backward(
        gradient, images, weight, None, None, *saved, True, ctx.eps, wants
    )
    return (*by_all, gradient if ctx.needs_input_grad[3] else None)
