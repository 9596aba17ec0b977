"""The functions on ordinary tensors of which a gradient is wanted, when nothing else goes on.

Their calls are prepared (`functional/calls.py`), forward and backward, and don't go through
PyTorch's dispatcher: for small layers that takes half the time. Where gradients are to be
differentiated again, the rules of `gradients.py` take over.

"""

from functools import partial
from typing import Any

from torch import Tensor, from_numpy, is_grad_enabled
from torch.compiler import is_dynamo_compiling

from convpool.bridge.gradients import RULES, Gradients, SingleLevel
from convpool.bridge.operators import numbers
from convpool.bridge.prompting import Found, prompted, run
from convpool.bridge.tensors import COMPARED, Array, arrays_of, on_arrays
from convpool.functional.adjoints import (
    by_bias,
    by_input,
    by_weight,
    of_maxima,
    of_means,
    of_unpooled,
    prompt_of_maxima,
)
from convpool.functional.apply import convolve, pool, unpool
from convpool.precisions import under
from convpool.spec import ConvolutionSpec


class Convolution(SingleLevel):
    """A convolution, or a transposed one, of weights that are being trained: in batches.

    Like those below it is applied to the tensors, to their arrays or what takes them at once, and
    to the layer's `Calls`, here with the precision that was asked for.
    """

    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None, given: Any, about: Any
    ) -> Tensor:
        """Return the output."""
        ctx.about = about
        ctx.save_for_backward(input, weight)
        if type(given) is tuple:
            prompt, places = given  # as `run` does; 0.1 us
            array = prompt(*places)
            if array is not None:
                return from_numpy(array)
            given = _arrays(input, weight, bias)
        calls, precision = about
        function = partial(under, precision, convolve, calls, often=True)
        made: Tensor = on_arrays(function, given)
        return made

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        """Return the gradients by input, weight and bias."""
        (calls, mode), wants = ctx.about, ctx.needs_input_grad
        arrays = prepared(ctx, gradient)
        if arrays is None:
            ctx.calls, ctx.precision = calls, mode
            return (*_by_rule(ctx, calls.name, gradient), None, None)
        images, weight, given = arrays
        to_input = partial(under, mode, by_input, calls, images.shape)
        to_weight = partial(under, mode, by_weight, calls)
        return (
            on_arrays(to_input, (weight, given)) if wants[0] else None,
            on_arrays(to_weight, (images, given)) if wants[1] else None,
            on_arrays(by_bias, (given,)) if wants[2] else None,
            None,
            None,
        )


class MaxPool2d(SingleLevel):
    """Max pooling with indices."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, given: Found | list[Array], calls: Any) -> Any:
        """Return the maxima and their indices."""
        made = _at_once(given)
        if made is None:
            arrays = given if isinstance(given, list) else _arrays(input)
            made = on_arrays(partial(pool, calls), arrays)
        values, indices = made
        ctx.save_for_backward(indices)
        ctx.mark_non_differentiable(indices)
        ctx.set_materialize_grads(False)  # there would be zeros for the indices
        ctx.size, ctx.calls = input.shape, calls
        return values, indices

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, _: None) -> Gradients:
        """Return the gradient by the input."""
        if gradient is None:
            return None, None, None
        (saved,) = ctx.saved_tensors
        by_images = _of_small_maxima(ctx, gradient, saved)
        if by_images is None:
            arrays = arrays_seen(saved, gradient)
            if arrays is None:
                by_rule = _by_rule(ctx, "max_pool2d_with_indices", gradient, None)
                return (*by_rule, None, None)
            indices, given = arrays
            size = tuple(ctx.size)
            function = partial(of_maxima, ctx.calls, input_size=size)
            by_images = on_arrays(function, (given, indices))
        return by_images, None, None


def _at_once(given: Found | list[Array]) -> Any:
    """Return what is made at once; None if it must be made of arrays."""
    return run(given) if isinstance(given, tuple) else None


def _arrays(*tensors: Tensor | None) -> list[Any]:
    return [None if tensor is None else tensor.numpy(force=True) for tensor in tensors]


def _of_small_maxima(ctx: Any, gradient: Tensor, indices: Tensor) -> Tensor | None:
    """Return max pooling's gradient if it is made at once, and isn't differentiated again."""
    if is_dynamo_compiling() or (gradient.requires_grad and is_grad_enabled()):
        return None
    found = prompted(ctx.calls, prompt_of_maxima, tuple(ctx.size), gradient, indices)
    output: Tensor | None = None if found is None else run(found)
    return output


class AvgPool2d(SingleLevel):
    """Average pooling."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, arrays: list[Array], calls: Any) -> Tensor:
        """Return the means."""
        ctx.size, ctx.calls = input.shape, calls
        output: Tensor = on_arrays(partial(pool, calls), arrays)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        """Return the gradient by the input."""
        arrays = prepared(ctx, gradient)
        if arrays is None:
            return (*_by_rule(ctx, "avg_pool2d", gradient), None, None)
        by_images = partial(of_means, ctx.calls, input_size=tuple(ctx.size))
        return on_arrays(by_images, arrays), None, None


class MaxUnpool2d(SingleLevel):
    """Unpooling; it is given the `output_size` too."""

    @staticmethod
    def forward(ctx: Any, _: Tensor, indices: Tensor, *rest: Any) -> Tensor:
        """Return each value at its index."""
        arrays, calls, output_size = rest
        ctx.save_for_backward(indices)
        output: Tensor = on_arrays(partial(unpool, calls, output_size=output_size), arrays)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        """Return the gradient by the input."""
        arrays = prepared(ctx, gradient)
        if arrays is None:
            by_images = RULES["max_unpool2d"].backward(ctx, gradient)
        else:
            by_images = (on_arrays(of_unpooled, arrays[::-1]),)
        return (*by_images, None, None, None, None)


def prepared(ctx: Any, gradient: Tensor) -> list[Array] | None:
    """Return what was saved and the gradient as arrays; None if a rule is to be followed."""
    return arrays_seen(*ctx.saved_tensors, gradient)


def arrays_seen(*tensors: Tensor) -> list[Array] | None:
    """Return tensors of a backward call as arrays; None if a rule is to be followed."""
    if is_dynamo_compiling():  # it follows gradients, too, with compiled autograd
        return None
    arrays, records = arrays_of(COMPARED, *tensors)
    return None if records else arrays


def _by_rule(ctx: Any, operator: str, *gradients: Tensor | None) -> Gradients:
    """Return the gradients by operators of the dispatcher, for whoever wants to see them."""
    ctx.layer = numbers(ctx.calls.layer)
    if isinstance(ctx.calls.layer, ConvolutionSpec):
        ctx.layer = *ctx.layer, ctx.precision
    return RULES[operator].backward(ctx, *gradients)
