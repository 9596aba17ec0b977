"""The operators on tensors: the functions of `functional`, under the same names.

Each has up to four ways. Tensors that are plain memory go to the kernels at once (`tensors.py`), or
if only a gradient is wanted, by `recording.py`. Others of the CPU go through PyTorch's dispatcher
(`operators.py`), which serves transforms and compilers. Those that no kernel takes go to PyTorch's
own operator (`native.py`).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from convpool.bridge import native, recording
from convpool.bridge.library import call
from convpool.bridge.operators import numbers
from convpool.bridge.prompting import Found, of_convolution, of_images, prompted, run
from convpool.bridge.tensors import (
    COMPARED,
    FLOATS,
    PLAIN,
    any_autocast,
    arrays_of,
    check_dtypes,
    check_tensors,
    filled,
    on_arrays,
    on_images,
)
from convpool.errors import ArgumentTypeError
from convpool.functional.apply import convolve, pool, unpool
from convpool.functional.calls import Calls
from convpool.functional.layers import (
    avg_pool2d_calls,
    conv2d_calls,
    conv2d_spec,
    conv_transpose2d_calls,
    conv_transpose2d_spec,
    max_pool2d_calls,
    max_unpool2d_calls,
)
from convpool.precisions import checked, under
from convpool.spec import AvgPool2dSpec, MaxPool2dSpec, MaxUnpool2dSpec
from convpool.spec.arguments import IntOrPair, PaddingLike


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: PaddingLike | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
    out: Tensor | None = None,
    precision: str | None = None,
) -> Tensor:
    """Apply a convolution, as `functional.conv2d` does; a result in channels-last if an input is.

    Example:
        >>> conv2d(torch.ones(1, 1, 3), torch.ones(1, 1, 1, 2))
        tensor([[[2., 2.]]])
    """
    layer = stride, padding, dilation, groups, padding_mode, bias is not None
    return _convolution(conv2d_spec, layer, (input, weight, bias), out, precision)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: PaddingLike = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
    *,
    out: Tensor | None = None,
    precision: str | None = None,
) -> Tensor:
    """Apply a transposed convolution, as `functional.conv_transpose2d` does.

    Example:
        >>> conv_transpose2d(torch.ones(1, 1, 2), torch.tensor([[[[1.0, 2.0]]]]))
        tensor([[[1., 3., 2.]]])
    """
    layer = stride, padding, output_padding, groups, dilation, bias is not None
    return _convolution(conv_transpose2d_spec, layer, (input, weight, bias), out, precision)


def max_pool2d(
    input: Tensor,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: PaddingLike = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    out: Tensor | None = None,
) -> Any:
    """Take the largest value under each window, as `functional.max_pool2d` does.

    Example:
        >>> max_pool2d(torch.tensor([[[1, 5], [4, 3]]]), 2, return_indices=True)
        (tensor([[[5]]]), tensor([[[1]]]))
    """
    stride = _stride(stride)
    window = kernel_size, stride, padding, dilation
    if not is_dynamo_compiling():
        records = torch.is_grad_enabled() and isinstance(input, Tensor) and input.requires_grad
        # The gradient needs the indices.
        calls = max_pool2d_calls(*window, return_indices or records, ceil_mode)
        found = None if out is not None else prompted(calls, of_images, None, input)
        if found is not None and not records and (made := run(found)) is not None:
            return made
        arrays = None if found is not None and records else arrays_of(COMPARED, input)[0]
        if not records and arrays is not None:
            return _run(partial(pool, calls), arrays, out)
        if out is None and (found is not None or arrays is not None):
            pooled = recording.MaxPool2d.apply(input, found or arrays, calls)
            return pooled if return_indices else pooled[0]
    _no_out(out)
    check_tensors(input=input)
    spec = _layer(MaxPool2dSpec, *window, return_indices, ceil_mode)
    if not is_covered(input, COMPARED):
        return native.max_pool2d(spec, input)
    if not return_indices and not (torch.is_grad_enabled() and input.requires_grad):
        return call("max_pool2d", input, *numbers(spec))
    pooled = call("max_pool2d_with_indices", input, *numbers(spec))
    return pooled if return_indices else pooled[0]


def avg_pool2d(
    input: Tensor,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: PaddingLike = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Take the mean under each window, as `functional.avg_pool2d` does.

    Example:
        >>> avg_pool2d(torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]), 2)
        tensor([[[3.]]])
    """
    window = kernel_size, _stride(stride), padding
    layer = *window, ceil_mode, count_include_pad, divisor_override
    if not is_dynamo_compiling():
        arrays, records = arrays_of(FLOATS, input)
        if arrays is not None and not (records and out is not None):
            calls = avg_pool2d_calls(*layer)
            means: Tensor
            if records:
                means = recording.AvgPool2d.apply(input, arrays, calls)
            else:
                means = _run(partial(pool, calls), arrays, out)
            return means
    _no_out(out)
    check_tensors(input=input)
    spec = _layer(AvgPool2dSpec, *layer)
    if not is_covered(input, FLOATS):
        return native.avg_pool2d(spec, input)
    output: Tensor = call("avg_pool2d", input, *numbers(spec))
    return output


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: PaddingLike = 0,
    output_size: Sequence[int] | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Put each value where `max_pool2d` found it, as `functional.max_unpool2d` does.

    Example:
        >>> max_unpool2d(torch.tensor([[[5]]]), torch.tensor([[[1]]]), 2)
        tensor([[[0, 5],
                 [0, 0]]])
    """
    layer = kernel_size, _stride(stride), padding
    if not is_dynamo_compiling():
        arrays, records = arrays_of(COMPARED, input, indices)
        if arrays is not None and not (records and out is not None):
            calls = max_unpool2d_calls(*layer)
            places: Tensor
            if records:
                given = arrays, calls, output_size
                places = recording.MaxUnpool2d.apply(input, indices, *given)
            else:
                places = _run(partial(unpool, calls, output_size=output_size), arrays, out)
            return places
    _no_out(out)
    check_tensors(input=input, indices=indices)
    spec = _layer(MaxUnpool2dSpec, *layer)
    if not is_covered(input, COMPARED):
        return native.max_unpool2d(spec, input, indices, output_size)
    output: Tensor = call("max_unpool2d", input, indices, *numbers(spec), output_size)
    return output


_Tensors = tuple[Tensor, Tensor, Tensor | None]


def _convolution(
    build: Callable[..., Any],
    layer: tuple[Any, ...],
    tensors: _Tensors,
    out: Tensor | None,
    precision: str | None,
) -> Tensor:
    """Carry out a convolution or a transposed one, a layer of the weights' shape and `layer`."""
    if precision is not None:
        checked("precision", precision)
    if not is_dynamo_compiling():
        sums = _convolved(build, layer, tensors, out, precision)
        if sums is not None:
            return sums
    _no_out(out)
    images, weight, bias = tensors
    check_tensors(input=images, weight=weight, bias=bias)
    spec = _layer(build, tuple(map(int, weight.shape)), *layer)
    if not any_autocast():
        check_dtypes(input=images, weight=weight, bias=bias)
    if not is_covered(images, FLOATS, casts=True):
        return native.convolution(spec, *tensors)
    name = "conv2d" if build is conv2d_spec else "conv_transpose2d"
    output: Tensor = call(name, *tensors, *numbers(spec), precision)
    return output


def _convolved(
    build: Callable[..., Any],
    layer: tuple[Any, ...],
    tensors: _Tensors,
    out: Tensor | None,
    precision: str | None,
) -> Tensor | None:
    """Return the convolution of tensors in plain memory that nobody intercepts, else None."""
    calls, found = _small_convolution(build, layer, tensors) if out is None else (None, None)
    given: Any = found
    records = found is not None and _wants_gradient(*tensors)
    sums: Tensor | None = None
    if found is not None and not records:
        sums = run(found)
    if sums is not None:
        return sums
    if not records:
        given, records = arrays_of(FLOATS, *tensors)
    if given is None or (records and out is not None):
        return None
    calls = calls or _KEPT[build](tuple(tensors[1].shape), *layer)
    if records:
        sums = recording.Convolution.apply(*tensors, given, (calls, precision))
    else:
        sums = _run(partial(under, precision, convolve, calls), given, out)
    return sums


def _small_convolution(
    build: Callable[..., Any], layer: tuple[Any, ...], tensors: _Tensors
) -> tuple[Calls | None, Found | None]:
    """Return the layer's calls, if they are known, and what takes the tensors at once, if any."""
    weight = tensors[1]
    if type(weight) not in PLAIN:
        return None, None
    calls = _KEPT[build](tuple(weight.shape), *layer)
    return calls, prompted(calls, of_convolution, None, *tensors) if calls.offers else None


def _wants_gradient(images: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    if not torch.is_grad_enabled():
        return False
    return weight.requires_grad or images.requires_grad or (bias is not None and bias.requires_grad)


def _run(function: Callable[..., Any], arrays: list[Any], out: Tensor | None) -> Any:
    """Return what a function makes of arrays, or `out` filled with it."""
    if out is not None:
        return filled(out, function, arrays)
    if len(arrays) == 1 and arrays[0].ndim > 2:
        return on_images(function, arrays[0])
    return on_arrays(function, arrays)


def _stride(stride: IntOrPair | None) -> IntOrPair | None:
    """Return a pooling's stride; PyTorch also takes an empty one for that of the kernel."""
    return None if isinstance(stride, (tuple, list)) and not stride else stride


def _layer(build: Callable[..., Any], *arguments: Any) -> Any:
    """Return a layer, one that is kept if its arguments were met before."""
    if is_dynamo_compiling():  # which traces a layer's construction, but no cache
        return build(*arguments)
    return _KEPT[build](*arguments).layer


_KEPT: dict[Callable[..., Any], Callable[..., Calls]] = {
    conv2d_spec: conv2d_calls,
    conv_transpose2d_spec: conv_transpose2d_calls,
    MaxPool2dSpec: max_pool2d_calls,
    AvgPool2dSpec: avg_pool2d_calls,
    MaxUnpool2dSpec: max_unpool2d_calls,
}


def is_covered(input: Tensor, dtypes: frozenset[torch.dtype], *, casts: bool = False) -> bool:
    """Tell whether the kernels take a tensor, after autocast's cast for operators that it casts."""
    if not (input.is_cpu or input.is_meta) or input.layout != torch.strided or input.is_nested:
        return False
    dtype = input.dtype
    if casts and input.is_cpu and torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
    return dtype in dtypes


def _no_out(out: object) -> None:
    if out is not None:
        raise ArgumentTypeError(
            "out", out, "left out, but for ordinary CPU tensors without a gradient"
        )
