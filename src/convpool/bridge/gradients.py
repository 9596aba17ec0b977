"""How gradients flow through the operators, to any order, and tangents.

A convolution, the gradient by its input and the gradient by its weights are three readings of one
sum of products, so the gradients of each are the other two. Pooling gathers, its gradient scatters,
and each is the other's gradient. All of them are linear in each of their tensors, so a tangent goes
where its tensor went; but that of max pooling is gathered where the maxima were.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd.forward_ad import _set_fwd_grad_enabled

from convpool.arithmetic import window_axes
from convpool.bridge.batching import batched
from convpool.bridge.library import FUNCTIONS, LIBRARY, call
from convpool.bridge.operators import sides
from convpool.bridge.tensors import has_tangents, transforms
from convpool.spec import MaxPool2dSpec

Gradients = tuple[Tensor | None, ...]


class SingleLevel(torch.autograd.Function):
    """An `autograd.Function` whose `apply` doesn't look for transforms once more (2 us)."""

    apply: Any = torch._C._FunctionBase.__dict__["apply"]


@dataclass(frozen=True)
class Rule:
    """How gradients flow through an operator."""

    backward: Callable[..., Gradients]
    """Takes the context and the gradients by the results, and returns those by the leading
    arguments. The context has the `saved_tensors`, the `size` of the first argument if that is a
    tensor, and the numbers of the `layer`."""
    tangent: Callable[..., Any]
    """Takes the context, the tensors kept, and the tangents of the leading arguments, None where
    there is none; returns that of the result. The context has the arguments as `given`, but for
    tensors."""
    kept: tuple[int, ...]
    """Which tensors are kept: their places among the arguments and the results after them."""
    layer: int
    """Where the numbers of the layer begin in the arguments."""

    def setup_context(self, ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what gradients and tangents need."""
        results = output if isinstance(output, tuple) else (output,)
        kept = [(*inputs, *results)[place] for place in self.kept]
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)
        ctx.made = results[0].shape
        ctx.size = inputs[0].shape if isinstance(inputs[0], Tensor) else None
        ctx.given = tuple(None if isinstance(value, Tensor) else value for value in inputs)
        ctx.layer = inputs[self.layer :]
        if len(results) > 1:
            ctx.mark_non_differentiable(results[1])

    def to_all(self, ctx: Any, *gradients: Tensor) -> Gradients:
        """Return the gradients by all arguments."""
        known = self.backward(ctx, *gradients)
        return (*known, *(None for _ in range(len(ctx.given) - len(known))))

    def of_all(self, ctx: Any, *tangents: Tensor | None) -> Any:
        """Return the tangent of the result by those of all arguments.

        PyTorch switches tangents off meanwhile, and with that those of the levels around this one.
        """
        with _set_fwd_grad_enabled(True):
            # Levels of torch.func all have the number 0, and torch.compile doesn't count Python's.
            kept = [torch._VF._unpack_dual(tensor, level=0)[0] for tensor in ctx.saved_tensors]
            return self.tangent(ctx, kept, *tangents[: self.layer])


def _linear(name: str, kept: tuple[int, ...]) -> Callable[..., Any]:
    """Return the tangent of an operator that is linear in each of its tensors."""

    def tangent(ctx: Any, tensors: Sequence[Tensor], *tangents: Tensor | None) -> Any:
        given = list(ctx.given)
        for place, tensor in zip(kept, tensors, strict=True):
            given[place] = tensor
        terms = [
            call(name, *given[:place], value, *given[place + 1 :])
            for place, value in enumerate(tangents)
            if value is not None
        ]
        return reduce(add, terms)

    return tangent


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

    linear = _linear(name, (0, 1))

    def tangent(ctx: Any, kept: Sequence[Tensor], *tangents: Tensor | None) -> Any:
        *others, by_bias = tangents
        if by_bias is None:
            return linear(ctx, kept, *others)
        added = by_bias[:, None, None].expand(ctx.made)
        return added if others == [None, None] else linear(ctx, kept, *others) + added

    def rule(name: str, backward: Callable[..., Gradients], *kept: int) -> Rule:
        return Rule(backward, _linear(name, kept), kept, 3)

    return {
        name: Rule(of_forward, tangent, (0, 1), 3),
        f"{name}_input": rule(f"{name}_input", of_input, 1, 2),
        f"{name}_weight": rule(f"{name}_weight", of_weight, 0, 2),
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
    return (_picked(gradient, indices, ctx.layer),)


def _tangent_of_max_pool2d(ctx: Any, kept: Sequence[Tensor], tangent: Tensor) -> Tensor:
    _, indices = call("max_pool2d_with_indices", *kept, *ctx.layer)
    return _picked(tangent, indices, ctx.layer)


def _tangent_of_max_pool2d_with_indices(
    ctx: Any, kept: Sequence[Tensor], tangent: Tensor
) -> tuple[Tensor, None]:
    return _picked(tangent, kept[0], ctx.layer), None


def _picked(images: Tensor, indices: Tensor, layer: Sequence[Any]) -> Tensor:
    """Return what lies in images where max pooling with a layer's numbers found the maxima."""
    plane = images.shape[-2:]
    # The index of a window without a cell may lie anywhere, and no gradient passes there.
    places = indices.clamp(0, plane[0] * plane[1] - 1)
    picked = images.flatten(-2).gather(-1, places.flatten(-2)).view_as(indices)
    empty = _windows_without_cell(layer, plane)
    return picked if empty is None else picked.masked_fill(empty, 0)


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
    "max_pool2d": Rule(_of_max_pool2d, _tangent_of_max_pool2d, (0,), 1),
    "max_pool2d_with_indices": Rule(
        _of_max_pool2d_with_indices, _tangent_of_max_pool2d_with_indices, (-1,), 1
    ),
    **{
        name: Rule(backward, _linear(name, kept), kept, layer)
        for name, backward, kept, layer in (
            ("convolution_bias", _of_convolution_bias, (), 1),
            ("max_pool2d_backward", _of_max_pool2d_backward, (1,), 3),
            ("avg_pool2d", _of_avg_pool2d, (), 1),
            ("avg_pool2d_backward", _of_avg_pool2d_backward, (), 2),
            ("max_unpool2d", _of_max_unpool2d, (1,), 2),
            ("max_unpool2d_backward", _of_max_unpool2d_backward, (1,), 2),
        )
    },
}


def _function(name: str, rule: Rule) -> Any:
    """Return the operator as torch.func's transforms take it."""
    members = {
        "forward": getattr(torch.ops.convpool, name),
        "setup_context": rule.setup_context,
        "backward": rule.to_all,
        "jvp": rule.of_all,
        "vmap": batched(name),
    }
    return _class(name, (torch.autograd.Function,), members)


def _class(name: str, bases: tuple[type, ...], members: dict[str, Callable[..., Any]]) -> Any:
    return type(name, bases, {key: staticmethod(value) for key, value in members.items()})


def _kernel(name: str, rule: Rule) -> Callable[..., Any]:
    """Return the operator for the dispatcher's key of gradients.

    `torch.library.register_autograd` makes the same, but drops tangents without a word.
    """
    operator = getattr(torch.ops.convpool, name).default

    def below(*arguments: Any) -> Any:
        *given, keys = arguments
        with torch._C._AutoDispatchBelowAutograd():
            return operator.redispatch(keys & torch._C._after_autograd_keyset, *given)

    def forward(ctx: Any, *arguments: Any) -> Any:
        # Grad mode is off here, but not for the levels of torch.func around this one.
        with torch.enable_grad(), _set_fwd_grad_enabled(True):
            result = below(*arguments)
        rule.setup_context(ctx, arguments[:-1], result)
        return result

    def backward(ctx: Any, *gradients: Tensor) -> Gradients:
        return (*rule.to_all(ctx, *gradients), None)

    members = {"forward": forward, "backward": backward, "jvp": rule.of_all}
    recorder = _class(name, (SingleLevel,), members)

    def kernel(keys: Any, *arguments: Any) -> Any:
        if transforms() is not None:  # in torch.compile
            with enable_single_level_autograd_function():
                return recorder.apply(*arguments, keys)
        if has_tangents() or (torch.is_grad_enabled() and torch._C._any_requires_grad(*arguments)):
            return recorder.apply(*arguments, keys)
        return below(*arguments, keys)

    return kernel


def register() -> None:
    """Tell PyTorch how the operators are differentiated and batched."""
    for name, rule in RULES.items():
        LIBRARY.impl(name, _kernel(name, rule), "Autograd", with_keyset=True)
        torch.library.register_vmap(f"convpool::{name}", batched(name), lib=LIBRARY)
        FUNCTIONS[name] = _function(name, rule)
