"""The gradients on tensors: the functions of `functional.gradients`, differentiable themselves."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from torch import Tensor

from convpool import functional
from convpool.bridge.library import call
from convpool.bridge.operators import numbers
from convpool.bridge.tensors import check_tensors
from convpool.functional.layers import conv2d_spec, conv_transpose2d_spec
from convpool.spec import AvgPool2dSpec, MaxPool2dSpec

Numbering = Callable[[Mapping[str, Any]], tuple[Any, ...]]


def _on_tensors(name: str, leading: tuple[str, ...], numbering: Numbering) -> Callable[..., Tensor]:
    """Return a function of `functional.gradients` for tensors.

    `leading` are its arguments before those of the layer, as the operator of the same name takes
    them, and `numbering` makes the operator's other ones of all that was given.
    """
    function = getattr(functional, name)
    signature = inspect.signature(function)

    @wraps(function)
    def gradient(*arguments: Any, **named: Any) -> Tensor:
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        given = bound.arguments
        check_tensors(**{key: given[key] for key in leading if not key.endswith("size")})
        result: Tensor = call(name, *(given[key] for key in leading), *numbering(given))
        return result

    return gradient


def _weight_shape(given: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(given["weight"].shape if "weight" in given else given["weight_size"])


def _of_conv2d(given: Mapping[str, Any]) -> tuple[Any, ...]:
    keys = "stride", "padding", "dilation", "groups", "padding_mode"
    spec = conv2d_spec(_weight_shape(given), *(given[key] for key in keys))
    return (*numbers(spec), None)  # the running context's precision


def _of_conv_transpose2d(given: Mapping[str, Any]) -> tuple[Any, ...]:
    keys = "stride", "padding", "output_padding", "groups", "dilation"
    spec = conv_transpose2d_spec(_weight_shape(given), *(given[key] for key in keys))
    return (*numbers(spec), None)


def _of_max_pool2d(given: Mapping[str, Any]) -> tuple[Any, ...]:
    kernel, stride, ceil_mode = given["kernel_size"], given["stride"], given["ceil_mode"]
    padding, dilation = given["padding"], given["dilation"]
    return numbers(MaxPool2dSpec(kernel, stride, padding, dilation, ceil_mode=ceil_mode))


def _of_avg_pool2d(given: Mapping[str, Any]) -> tuple[Any, ...]:
    keys = "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"
    return numbers(AvgPool2dSpec(*(given[key] for key in keys)))


_BY_INPUT = ("input_size", "weight", "grad_output")
_BY_WEIGHT = ("input", "weight_size", "grad_output")

conv2d_input = _on_tensors("conv2d_input", _BY_INPUT, _of_conv2d)
conv2d_weight = _on_tensors("conv2d_weight", _BY_WEIGHT, _of_conv2d)
conv_transpose2d_input = _on_tensors("conv_transpose2d_input", _BY_INPUT, _of_conv_transpose2d)
conv_transpose2d_weight = _on_tensors("conv_transpose2d_weight", _BY_WEIGHT, _of_conv_transpose2d)
max_pool2d_backward = _on_tensors(
    "max_pool2d_backward", ("grad_output", "indices", "input_size"), _of_max_pool2d
)
avg_pool2d_backward = _on_tensors(
    "avg_pool2d_backward", ("grad_output", "input_size"), _of_avg_pool2d
)
max_unpool2d_backward = _on_tensors(
    "max_unpool2d_backward", ("grad_output", "indices"), lambda _given: ()
)
