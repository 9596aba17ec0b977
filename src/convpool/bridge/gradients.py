"""How gradients flow through the operators, to any order.

A convolution, the gradient by its input and the gradient by its weights are three readings of one
sum of products, so the gradients of each are the other two. Pooling gathers, its gradient scatters,
and each is the other's gradient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from convpool.arithmetic import window_axes
from convpool.bridge.batching import batched
from convpool.bridge.library import FUNCTIONS, LIBRARY, RECORDERS, call, plain
from convpool.bridge.operators import OPERATORS, sides
from convpool.bridge.tensors import on_arrays
from convpool.spec import MaxPool2dSpec

Gradients = tuple[Tensor | None, ...]


@dataclass(frozen=True)
class Rule:
    """How gradients flow through an operator."""

    backward: Callable[..., Gradients]
    """Takes the context and the gradients by the results, and returns those by the leading
    arguments. The context has the `saved_tensors`, the `size` of the first argument if that is a
    tensor, and the numbers of the `layer`."""
    saved: Callable[[Any, Any], tuple[Tensor, ...]]
    """Which tensors are kept, of the arguments and the results."""
    layer: int
    """Where the numbers of the layer begin in the arguments."""

    def setup_context(self, ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what the gradients need."""
        ctx.save_for_backward(*self.saved(inputs, output))
        ctx.size = inputs[0].shape if isinstance(inputs[0], Tensor) else None
        ctx.layer = inputs[self.layer :]
        ctx.count = len(inputs)
        if isinstance(output, tuple):
            ctx.mark_non_differentiable(output[1])

    def to_all(self, ctx: Any, *gradients: Tensor) -> Gradients:
        """Return the gradients by all arguments."""
        known = self.backward(ctx, *gradients)
        return (*known, *(None for _ in range(ctx.count - len(known))))


def _convolution_rules(name: str) -> dict[str, Rule]:
    def by_input(ctx: Any, size: Sequence[int], weight: Tensor, gradient: Tensor) -> Tensor:
        result: Tensor = call(f"{name}_input", size, weight, gradient, *ctx.layer)
        return result

    def by_weight(ctx: Any, images: Tensor, size: Sequence[int], gradient: Tensor) -> Tensor:
        result: Tensor = call(f"{name}_weight", images, size, gradient, *ctx.layer)
        return result

    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        result: Tensor = call(name, images, weight, None, *ctx.layer)
        return result

    def of_forward(ctx: Any, gradient: Tensor) -> Gradients:
        images, weight = ctx.saved_tensors
        wants = ctx.needs_input_grad
        return (
            by_input(ctx, images.shape, weight, gradient) if wants[0] else None,
            by_weight(ctx, images, weight.shape, gradient) if wants[1] else None,
            call("convolution_bias", gradient) if wants[2] else None,
        )

    def of_input(ctx: Any, gradient: Tensor) -> Gradients:
        weight, grad_output = ctx.saved_tensors
        wants = ctx.needs_input_grad
        return (
            None,
            by_weight(ctx, gradient, weight.shape, grad_output) if wants[1] else None,
            forward(ctx, gradient, weight) if wants[2] else None,
        )

    def of_weight(ctx: Any, gradient: Tensor) -> Gradients:
        images, grad_output = ctx.saved_tensors
        wants = ctx.needs_input_grad
        return (
            by_input(ctx, images.shape, gradient, grad_output) if wants[0] else None,
            None,
            forward(ctx, images, gradient) if wants[2] else None,
        )

    return {
        name: Rule(of_forward, lambda given, _: given[:2], 3),
        f"{name}_input": Rule(of_input, lambda given, _: given[1:3], 3),
        f"{name}_weight": Rule(of_weight, lambda given, _: (given[0], given[2]), 3),
    }


def _of_convolution_bias(ctx: Any, gradient: Tensor) -> Gradients:
    return (gradient[:, None, None].expand(ctx.size),)


def _of_max_pool2d(ctx: Any, gradient: Tensor) -> Gradients:
    (images,) = ctx.saved_tensors
    _, indices = call("max_pool2d_with_indices", images, *ctx.layer)
    return (call("max_pool2d_backward", gradient, indices, ctx.size, *ctx.layer),)


def _of_max_pool2d_with_indices(ctx: Any, gradient: Tensor, _: Tensor) -> Gradients:
    (indices,) = ctx.saved_tensors
    return (call("max_pool2d_backward", gradient, indices, ctx.size, *ctx.layer),)


def _of_max_pool2d_backward(ctx: Any, gradient: Tensor) -> Gradients:
    (indices,) = ctx.saved_tensors
    plane = gradient.shape[-2:]
    # The index of a window without a cell may lie anywhere, and no gradient passes there.
    places = indices.clamp(0, plane[0] * plane[1] - 1)
    picked = gradient.flatten(-2).gather(-1, places.flatten(-2)).view_as(indices)
    empty = _windows_without_cell(ctx.layer, plane)
    return (picked if empty is None else picked.masked_fill(empty, 0),)


def _of_avg_pool2d(ctx: Any, gradient: Tensor) -> Gradients:
    return (call("avg_pool2d_backward", gradient, ctx.size, *ctx.layer),)


def _of_avg_pool2d_backward(ctx: Any, gradient: Tensor) -> Gradients:
    return (call("avg_pool2d", gradient, *ctx.layer),)


def _of_max_unpool2d(ctx: Any, gradient: Tensor) -> Gradients:
    (indices,) = ctx.saved_tensors
    return (call("max_unpool2d_backward", gradient, indices),)


def _of_max_unpool2d_backward(ctx: Any, gradient: Tensor) -> Gradients:
    (indices,) = ctx.saved_tensors
    plane = gradient.new_zeros(ctx.size).flatten(-2)
    scattered = plane.scatter_add(-1, indices.flatten(-2), gradient.flatten(-2))
    return (scattered.view(ctx.size),)


def _windows_without_cell(layer: Sequence[Any], plane: Sequence[int]) -> Tensor | None:
    """Return where the output has windows that step over the input, (OH, OW); None if nowhere."""
    kernel, stride, padding, dilation, ceil_mode = layer
    if max(dilation) == 1 or not (any(padding) or ceil_mode):
        return None
    spec = MaxPool2dSpec(kernel, stride, sides(padding), dilation, ceil_mode=ceil_mode)
    rows, columns = (
        torch.tensor([axis.touches(window) for window in range(axis.output)])
        for axis in window_axes(spec, (int(plane[0]), int(plane[1])))
    )
    return ~(rows[:, None] & columns)


RULES = {
    **_convolution_rules("conv2d"),
    **_convolution_rules("conv_transpose2d"),
    "convolution_bias": Rule(_of_convolution_bias, lambda _given, _: (), 1),
    "max_pool2d": Rule(_of_max_pool2d, lambda given, _: given[:1], 1),
    "max_pool2d_with_indices": Rule(_of_max_pool2d_with_indices, lambda _, made: made[1:], 1),
    "max_pool2d_backward": Rule(_of_max_pool2d_backward, lambda given, _: given[1:2], 3),
    "avg_pool2d": Rule(_of_avg_pool2d, lambda _given, _: (), 1),
    "avg_pool2d_backward": Rule(_of_avg_pool2d_backward, lambda _given, _: (), 2),
    "max_unpool2d": Rule(_of_max_unpool2d, lambda given, _: given[1:2], 2),
    "max_unpool2d_backward": Rule(_of_max_unpool2d_backward, lambda given, _: given[1:2], 2),
}


def _function(name: str, rule: Rule) -> type[torch.autograd.Function]:
    """Return the operator as torch.func's transforms take it."""
    operator = getattr(torch.ops.convpool, name)
    members = {
        "forward": staticmethod(operator),
        "setup_context": staticmethod(rule.setup_context),
        "backward": staticmethod(rule.to_all),
        "vmap": staticmethod(batched(name)),
    }
    return type(name, (torch.autograd.Function,), members)


def _recorder(name: str, rule: Rule) -> type[torch.autograd.Function]:
    """Return the operator as autograd alone takes it, its layer's numbers as one argument."""
    compute = OPERATORS[name].compute

    def forward(ctx: Any, *given: Any) -> Any:
        *leading, layer = given
        result = on_arrays(compute, [plain(value) for value in leading], *layer)
        rule.setup_context(ctx, (*leading, *layer), result)
        ctx.count = len(given)
        return result

    members = {"forward": staticmethod(forward), "backward": staticmethod(rule.to_all)}
    return type(name, (torch.autograd.Function,), members)


def register() -> None:
    """Tell PyTorch how the operators are differentiated and batched."""
    for name, rule in RULES.items():
        qualified, setup = f"convpool::{name}", rule.setup_context
        torch.library.register_autograd(qualified, rule.to_all, setup_context=setup, lib=LIBRARY)
        torch.library.register_vmap(qualified, batched(name), lib=LIBRARY)
        FUNCTIONS[name] = _function(name, rule)
        RECORDERS[name] = _recorder(name, rule), rule.layer
