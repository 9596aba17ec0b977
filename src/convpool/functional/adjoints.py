"""The gradients of a layer's calls on arrays: what the functions of `gradients` come down to.

As in `apply`, what depends on the layer, the shape and the type alone is in a `Call`. The names of
arguments are those of the functions.
"""

from typing import Any

from numpy import ndarray

from convpool.arithmetic import Shape
from convpool.dispatch import plan
from convpool.functional.arrays import (
    COMPARED,
    Array,
    as_batch,
    check_array,
    check_indices,
    ready,
)
from convpool.functional.calls import Call, Calls, remembered
from convpool.request import Prompt
from convpool.spec import Conv2dSpec, MaxUnpool2dSpec

# A sum over pixels asks nothing of the convolution, and a gather nothing of the unpooling.
_any_convolution = remembered(lambda channels: Conv2dSpec(channels, channels, 1), from_exact=True)
_ANY_UNPOOLING = MaxUnpool2dSpec(1)


def by_input(
    calls: Calls,
    input_size: Shape,
    weight: Array,
    grad_output: Array,
    residual: Array | None = None,
) -> Array:
    """Return the gradient of a convolution by its images; a residual of their shape is added."""
    call = calls.gradient(calls.name + "_input", input_size, "weight", weight)
    gradient = call.batch(call.fit("grad_output", grad_output, call.output_shape))
    arrays = input_size[-2:], gradient, call.fit("weight", weight, calls.weight_shape)
    if residual is None:
        return _single(call, call.operator(*arrays))
    operator: Any = call.operator
    if getattr(operator, "adds", False):
        return _single(call, operator(*arrays, residual=call.batch(ready(residual))))
    result: Array = operator(*arrays)
    result += call.batch(residual)
    return _single(call, result)


def by_weight(calls: Calls, input: Array, grad_output: Array) -> Array:
    """Return the gradient of a convolution by its weights."""
    call = calls.gradient(calls.name + "_weight", input.shape, "input", input)
    gradient = call.batch(call.fit("grad_output", grad_output, call.output_shape))
    result: Array = call.operator(call.batch(ready(input)), gradient)
    return result


def by_bias(grad_output: Array) -> Array:
    """Return the gradient of a convolution by its bias, (C,) for (N, C, H, W) or (C, H, W)."""
    images = as_batch("grad_output", grad_output)
    calls = _any_convolution(images.shape[1])
    call = calls.gradient("convolution_bias", images.shape, "grad_output", images)
    result: Array = call.operator(ready(images))
    return result


def of_maxima(calls: Calls, grad_output: Array, indices: Array, input_size: Shape) -> Array:
    """Return the gradient of max pooling by its input."""
    key = None
    if type(grad_output) is type(indices) is ndarray:
        order = grad_output.strides, indices.strides
        key = input_size, grad_output.shape, indices.shape, *order, grad_output.dtype, indices.dtype
        prompt = calls.prompts.get(key)
        if prompt is not None and (made := prompt(grad_output, indices)) is not None:
            found: Array = made
            return found
    call = calls.gradient("max_pool2d_backward", input_size, "grad_output", grad_output)
    gradient = call.batch(call.fit("grad_output", grad_output, call.output_shape))
    check_indices(indices, call.output_shape)
    if key is not None and calls.asks_for(key):
        calls.remember(key, call.prompt(input_size, grad_output, indices))
    return _single(call, call.operator(input_size[-2:], gradient, call.batch(ready(indices))))


def prompt_of_maxima(
    calls: Calls, input_size: Shape, grad_output: Array, indices: Array
) -> Prompt | None:
    """Return what makes the gradient of max pooling at once, of arrays like these."""
    call = calls.gradient("max_pool2d_backward", input_size, "grad_output", grad_output)
    call.fit("grad_output", grad_output, call.output_shape)
    check_indices(indices, call.output_shape)
    return call.prompt(input_size, grad_output, indices)


def of_means(calls: Calls, grad_output: Array, input_size: Shape) -> Array:
    """Return the gradient of average pooling by its input."""
    call = calls.gradient("avg_pool2d_backward", input_size, "grad_output", grad_output)
    gradient = call.batch(call.fit("grad_output", grad_output, call.output_shape))
    return _single(call, call.operator(input_size[-2:], gradient))


def of_unpooled(grad_output: Array, indices: Array) -> Array:
    """Return the gradient of unpooling by its input."""
    check_array("grad_output", grad_output, COMPARED)
    gradient = as_batch("grad_output", grad_output)
    check_array("indices", indices, ("int64",))
    check_indices(indices, (*grad_output.shape[:-2], *indices.shape[-2:]))
    pooled = as_batch("indices", indices)
    run = plan(
        "max_unpool2d_backward", _ANY_UNPOOLING, pooled.shape[1:], grad_output.dtype.name
    ).run
    result: Array = run(ready(gradient), ready(pooled))
    return result.reshape(indices.shape)


def _single(call: Call, images: Any) -> Array:
    """Return the images, or the one that there is."""
    result: Array = images[0] if call.is_single else images
    return result
