"""The operators on tensors: the functions of `functional`, under the same names.

Each has up to three ways. Tensors that are plain memory go to the kernels at once (`tensors.py`).
Others of the CPU go through PyTorch's dispatcher (`operators.py`), which records gradients and
serves transforms and compilers. Those that no kernel takes go to PyTorch's own operator
(`native.py`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from convpool import functional
from convpool.bridge import native
from convpool.bridge.library import call, record
from convpool.bridge.operators import four
from convpool.bridge.tensors import (
    COMPARED,
    FLOATS,
    Way,
    arrays_of,
    check_dtypes,
    check_tensors,
    filled,
    on_arrays,
    way_of,
)
from convpool.errors import ArgumentTypeError
from convpool.functional.calls import Calls, remembered
from convpool.functional.layers import conv2d_spec, conv_transpose2d_spec
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
) -> Tensor:
    """Apply a convolution, as `functional.conv2d` does; a result in channels-last if an input is.

    Example:
        >>> conv2d(torch.ones(1, 1, 3), torch.ones(1, 1, 1, 2))
        tensor([[[2., 2.]]])
    """
    if not is_dynamo_compiling():
        arrays = arrays_of(FLOATS, input, weight, bias)
        if arrays is not None:
            rest, mode = (stride, padding, dilation, groups), {"padding_mode": padding_mode}
            if out is not None:
                return filled(out, functional.conv2d, arrays, *rest, **mode)
            result: Tensor = on_arrays(functional.conv2d, arrays, *rest, **mode)
            return result
    _no_out(out)
    records = _records(FLOATS, input, weight, bias)
    if not records:
        check_tensors(input=input, weight=weight, bias=bias)
    layer = tuple(map(int, weight.shape)), stride, padding, dilation, groups, padding_mode
    spec = _layer(conv2d_spec, *layer, bias is not None)
    if not records:
        if not is_covered(input, FLOATS, casts=True):
            return native.conv2d(spec, input, weight, bias)
        _check_alike(input, weight, bias)
    steps = spec.stride, four(spec.pads), spec.dilation
    way = record if records else call
    output: Tensor = way("conv2d", input, weight, bias, *steps, groups, padding_mode)
    return output


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
) -> Tensor:
    """Apply a transposed convolution, as `functional.conv_transpose2d` does.

    Example:
        >>> conv_transpose2d(torch.ones(1, 1, 2), torch.tensor([[[[1.0, 2.0]]]]))
        tensor([[[1., 3., 2.]]])
    """
    if not is_dynamo_compiling():
        arrays = arrays_of(FLOATS, input, weight, bias)
        if arrays is not None:
            rest = stride, padding, output_padding, groups, dilation
            if out is not None:
                return filled(out, functional.conv_transpose2d, arrays, *rest)
            result: Tensor = on_arrays(functional.conv_transpose2d, arrays, *rest)
            return result
    _no_out(out)
    check_tensors(input=input, weight=weight, bias=bias)
    layer = tuple(map(int, weight.shape)), stride, padding, output_padding, groups, dilation
    spec = _layer(conv_transpose2d_spec, *layer, bias is not None)
    if not is_covered(input, FLOATS, casts=True):
        return native.conv_transpose2d(spec, input, weight, bias)
    _check_alike(input, weight, bias)
    steps = spec.stride, four(spec.pads), spec.output_padding, groups, spec.dilation
    output: Tensor = call("conv_transpose2d", input, weight, bias, *steps)
    return output


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
    if not is_dynamo_compiling():
        arrays = arrays_of(COMPARED, input)
        if arrays is not None:
            layer = kernel_size, stride, padding, dilation, ceil_mode, return_indices
            if out is None:
                return on_arrays(functional.max_pool2d, arrays, *layer)
            return filled(out, functional.max_pool2d, arrays, *layer)
    _no_out(out)
    records = _records(COMPARED, input)
    if not records:
        check_tensors(input=input)
    spec = _layer(MaxPool2dSpec, kernel_size, stride, padding, dilation, return_indices, ceil_mode)
    if not records and not is_covered(input, COMPARED):
        return native.max_pool2d(spec, input)
    rest = spec.kernel_size, spec.stride, four(spec.pads), spec.dilation, spec.ceil_mode
    if not return_indices and not (torch.is_grad_enabled() and input.requires_grad):
        return call("max_pool2d", input, *rest)
    way = record if records else call
    pooled = way("max_pool2d_with_indices", input, *rest)  # the gradient needs the indices
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
    stride = _stride(stride)
    if not is_dynamo_compiling():
        arrays = arrays_of(FLOATS, input)
        if arrays is not None:
            layer = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
            if out is None:
                result: Tensor = on_arrays(functional.avg_pool2d, arrays, *layer)
                return result
            return filled(out, functional.avg_pool2d, arrays, *layer)
    _no_out(out)
    check_tensors(input=input)
    spec = _layer(
        AvgPool2dSpec, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    if not is_covered(input, FLOATS):
        return native.avg_pool2d(spec, input)
    window = spec.kernel_size, spec.stride, four(spec.pads)
    rest = spec.ceil_mode, spec.count_include_pad, spec.divisor_override
    output: Tensor = call("avg_pool2d", input, *window, *rest)
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
    stride = _stride(stride)
    if not is_dynamo_compiling():
        arrays = arrays_of(COMPARED, input, indices)
        if arrays is not None:
            layer = kernel_size, stride, padding, output_size
            if out is None:
                result: Tensor = on_arrays(functional.max_unpool2d, arrays, *layer)
                return result
            return filled(out, functional.max_unpool2d, arrays, *layer)
    _no_out(out)
    check_tensors(input=input, indices=indices)
    spec = _layer(MaxUnpool2dSpec, kernel_size, stride, padding)
    if not is_covered(input, COMPARED):
        return native.max_unpool2d(spec, input, indices, output_size)
    window = spec.kernel_size, spec.stride, four(spec.pads)
    output: Tensor = call("max_unpool2d", input, indices, *window, output_size)
    return output


def _records(dtypes: frozenset[torch.dtype], *tensors: Tensor | None) -> bool:
    """Tell whether a gradient is wanted and nothing else goes on, so that no more need be asked."""
    return not is_dynamo_compiling() and way_of(tensors, dtypes) is Way.RECORDED


def _stride(stride: IntOrPair | None) -> IntOrPair | None:
    """Return a pooling's stride; PyTorch also takes an empty one for that of the kernel."""
    return None if isinstance(stride, (tuple, list)) and not stride else stride


def _layer(build: Callable[..., Any], *arguments: Any) -> Any:
    """Return a layer, one that is kept if its arguments were met before."""
    if is_dynamo_compiling():  # which traces a layer's construction, but no cache
        return build(*arguments)
    return _KEPT[build](*arguments).layer


_KEPT: dict[Callable[..., Any], Callable[..., Calls]] = {
    build: remembered(build)
    for build in (
        conv2d_spec,
        conv_transpose2d_spec,
        MaxPool2dSpec,
        AvgPool2dSpec,
        MaxUnpool2dSpec,
    )
}


def is_covered(input: Tensor, dtypes: frozenset[torch.dtype], *, casts: bool = False) -> bool:
    """Tell whether the kernels take a tensor, after autocast's cast for operators that it casts."""
    if not input.is_cpu and not input.is_meta:
        return False
    dtype = input.dtype
    if casts and input.is_cpu and torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
    return dtype in dtypes


def _check_alike(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    if not torch.is_autocast_enabled("cpu"):
        check_dtypes(input=input, weight=weight, bias=bias)


def _no_out(out: object) -> None:
    if out is not None:
        raise ArgumentTypeError(
            "out", out, "left out, but for ordinary CPU tensors without a gradient"
        )
