"""Batch normalisation on tensors: by a kernel in training, else by PyTorch's own operator."""

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.compiler import is_dynamo_compiling

from convpool.bridge.gradients import Gradients, SingleLevel
from convpool.bridge.recording import prepared
from convpool.bridge.tensors import Array, arrays_of, on_arrays

_TAKEN = frozenset({torch.float32, torch.float64})
_SUM_AND_RELU = 2
_Running = tuple[Array, Array, float]
"""Mean and variance of earlier images, and by which share they follow the later ones."""


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
        call = _Call(input, weight, bias, residual, rectifies, eps, running, momentum)
        output = _by_kernel(call)
        if output is not None:
            for tensor in running:
                if tensor is not None and not tensor.is_inference():
                    increment_version(tensor)
            return output
    output = torch.nn.functional.batch_norm(input, *running, weight, bias, training, momentum, eps)
    output = output if residual is None else output + residual
    return torch.relu_(output) if rectifies else output


class _Call(NamedTuple):
    """What is asked for."""

    images: Tensor
    weight: Tensor | None
    bias: Tensor | None
    residual: Tensor | None
    rectifies: bool
    eps: float
    running: tuple[Tensor | None, Tensor | None]
    momentum: float


def _by_kernel(call: _Call) -> Tensor | None:
    """Return what the kernel makes of tensors, or None if it doesn't take them."""
    added = [] if call.residual is None else [call.residual]
    arrays, records = arrays_of(_TAKEN, call.images, call.weight, call.bias, *added)
    if arrays is None or arrays[0].ndim != 4 or arrays[2] is None:
        return None
    images, *numbers = arrays
    channels, dtype = images.shape[1], images.dtype
    if not images.flags.c_contiguous or images.size < 2 * max(channels, 1):
        return None
    for array, shape in zip(numbers, ((channels,), (channels,), images.shape), strict=False):
        if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
            return None
    followed = _followed(call, images)
    if followed is None or (added and not call.rectifies):
        return None
    running = (followed[0], followed[1], call.momentum) if followed else None
    rest = arrays, running, call.eps, call.rectifies + len(added)
    if records:
        output: Tensor = _BatchNorm.apply(call.images, call.weight, call.bias, call.residual, *rest)
        return output
    return _normalized(np.empty((2, channels)), *rest)


def _followed(call: _Call, images: Array) -> tuple[Array, ...] | None:
    """Return the running numbers as arrays, or (); None if the kernel doesn't take them."""
    if all(tensor is None for tensor in call.running):
        return ()
    arrays, learns = arrays_of(_TAKEN, *call.running)
    shape, dtype = images.shape[1:2], images.dtype
    if arrays is None or learns:
        return None
    for array in arrays:
        if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
            return None
    return tuple(arrays)


@cache
def _kernels() -> Any:
    """Return the module of the kernels, with which Numba is imported."""
    return import_module("convpool.kernels.batch_norm")


def _normalized(
    moments: Array, arrays: list[Array], running: _Running | None, eps: float, after: int
) -> Tensor:
    rest = eps, moments, running, after, *arrays[3:]
    output: Tensor = on_arrays(_kernels().normalize, arrays[:3], *rest)
    return output


class _BatchNorm(SingleLevel):
    """It is applied to tensors, and to what `_normalized` takes after the moments."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor, *rest: Any) -> Tensor:
        """Return the output."""
        _, arrays, running, ctx.eps, ctx.after = rest
        ctx.moments = np.empty((2, len(arrays[1])))
        output = _normalized(ctx.moments, arrays, running, ctx.eps, ctx.after)
        made = (output,) if ctx.after == _SUM_AND_RELU else ()
        ctx.save_for_backward(input, weight, bias, *made)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        """Return the gradients by input, weight, bias and residual."""
        arrays = prepared(ctx, gradient)
        if arrays is None or arrays[-1].dtype != arrays[0].dtype:
            return (*_by_operator(ctx, gradient), None, None, None, None)
        images, weight, bias, *made, given = arrays
        moved = [np.ascontiguousarray(given), images]
        rest = (weight, bias), ctx.eps, ctx.moments, ctx.after, *made
        by_all = (*on_arrays(_kernels().gradients, moved, *rest), None)
        wants = ctx.needs_input_grad
        wanted = [by_all[place] if wants[place] else None for place in range(4)]
        return (*wanted, None, None, None, None)


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
