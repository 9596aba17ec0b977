"""Tensors as arrays and back, without copies, and when that may be done behind PyTorch's back.

A call through PyTorch's dispatcher takes 2 us before anything is computed, and 5 with gradients
recorded. Tensors in plain memory whose calls nobody intercepts are given to the kernels as they are
instead: the checks here take 0.3 us, and 0.2 more for each tensor.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from numpy import ndarray
from numpy.typing import NDArray
from torch import Tensor, from_numpy
from torch.autograd import forward_ad

from convpool.bridge.layout import arranged, runs_channels_last
from convpool.errors import ArgumentError, ArgumentTypeError, DtypeError
from convpool.threads import get_num_threads, using

Array = NDArray[Any]

FLOATS = frozenset({torch.float16, torch.float32, torch.float64})
"""Element types of which the kernels add up; others go to PyTorch's own operators."""
COMPARED = FLOATS | {
    *(torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
    *(torch.uint8, torch.uint16, torch.uint32, torch.uint64),
}
"""Element types that the kernels compare and copy."""

PLAIN = frozenset({Tensor, torch.nn.Parameter})
"""Classes of tensors that nobody intercepts."""
_dispatch_modes = torch._C._len_torch_dispatch_stack
_function_modes = torch._C._len_torch_function_stack
transforms = torch._C._functorch.peek_interpreter_stack
any_autocast = torch._C._is_any_autocast_enabled
_traces = torch._C._get_tracing_state


def has_tangents() -> bool:
    """Tell whether tensors may carry a tangent, of a derivative in forward mode."""
    return forward_ad._current_level >= 0


def is_intercepted() -> bool:
    """Tell whether a mode, a transform (vmap, grad), autocast or a tracer wants to see calls.

    So do tensors with a tangent, while there can be some.
    """
    if _dispatch_modes() or _function_modes() or any_autocast() or forward_ad._current_level >= 0:
        return True
    return transforms() is not None or _traces() is not None


def arrays_of(
    dtypes: frozenset[torch.dtype], *tensors: Tensor | None
) -> tuple[list[Any] | None, bool]:
    """Return the tensors' memory as arrays, and whether a gradient is wanted.

    The third one may be None, as a bias is, and stays that.

    There are no arrays if calls are intercepted, or if a tensor isn't an ordinary one on the CPU
    with one of the element types.
    """
    if is_intercepted():
        return None, False
    arrays: list[Any] = []
    wanted = False
    try:
        for tensor in tensors:
            if type(tensor) in PLAIN and tensor.dtype in dtypes and tensor.is_cpu:  # type: ignore[union-attr]
                arrays.append(tensor.numpy(force=True))  # type: ignore[union-attr]
                wanted = wanted or tensor.requires_grad  # type: ignore[union-attr]
            elif tensor is None and len(arrays) == 2:
                arrays.append(None)
            else:
                return None, False
    except (TypeError, RuntimeError):  # sparse, quantized, ...
        return None, False
    return arrays, wanted and torch.is_grad_enabled()


def array_of(dtypes: frozenset[torch.dtype], tensor: Tensor) -> Any:
    """Return one tensor's memory likewise, or None if a gradient is wanted."""
    if (
        type(tensor) not in PLAIN
        or tensor.dtype not in dtypes
        or not tensor.is_cpu
        or is_intercepted()
    ):
        return None
    if tensor.requires_grad and torch.is_grad_enabled():
        return None
    try:
        return tensor.numpy(force=True)
    except (TypeError, RuntimeError):
        return None


def on_arrays(function: Callable[..., Any], arrays: Sequence[Any], *rest: Any, **named: Any) -> Any:
    """Return what a function makes of arrays as a tensor, or as a tuple of them.

    As many threads take part as PyTorch would use.
    """
    count = torch.get_num_threads()
    if count == get_num_threads():
        result = function(*arrays, *rest, **named)
    else:
        result = using(count, function, *arrays, *rest, **named)
    ordered = True
    for array in arrays:
        if type(array) is ndarray and array.ndim > 2 and array.strides[-3] == array.itemsize:
            ordered = False  # perhaps: it is channels-last, or has one channel or pixel
    return _tensors(result, arrays, ordered=ordered)


def on_images(function: Callable[[Array], Any], images: Array) -> Any:
    """Return what `on_arrays` would for images (N, C, H, W) or (C, H, W), in half the time."""
    count = torch.get_num_threads()
    result = function(images) if count == get_num_threads() else using(count, function, images)
    ordered = images.strides[-3] != images.itemsize
    if ordered and type(result) is ndarray and result.size:
        return from_numpy(result)
    return _tensors(result, (images,), ordered=ordered)


def filled(
    out: Tensor, function: Callable[..., Any], arrays: list[Any], *rest: Any, **named: Any
) -> Tensor:
    """Return `out`, filled with what a function makes of arrays."""
    target, records = arrays_of(COMPARED, out) if isinstance(out, Tensor) else (None, False)
    if target is None or records:
        raise ArgumentTypeError("out", out, "an ordinary tensor on the CPU, without a gradient")
    on_arrays(function, arrays, *rest, out=target[0], **named)
    torch.autograd.graph.increment_version(out)
    return out


def check_tensors(**tensors: object) -> None:
    """Refuse what isn't a dense tensor, and tensors that don't lie on one device.

    Raises:
        ArgumentTypeError: it isn't a tensor.
        ArgumentError: it is sparse, or on another device than the first one.
    """
    first: Tensor | None = None
    for argument, value in tensors.items():
        if value is None and argument == "bias":
            continue
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(argument, value, "a tensor, as the other arrays")
        if value.layout not in (torch.strided, torch._mkldnn):  # type: ignore[attr-defined]
            raise ArgumentError(f"layout of {argument}", value.layout, "torch.strided")
        first = value if first is None else first
        if value.device != first.device:
            raise ArgumentError(
                f"device of {argument}", str(value.device), f"the first tensor's, {first.device}"
            )


def check_dtypes(**tensors: Tensor | None) -> None:
    """Refuse tensors of other element types than the first one's."""
    expected = next(iter(tensors.values()))
    for argument, tensor in tensors.items():
        if tensor is not None and expected is not None and tensor.dtype != expected.dtype:
            raise DtypeError(argument, tensor.dtype, f"the input's, {expected.dtype}")


def _tensors(result: Any, inputs: Sequence[Any], *, ordered: bool) -> Any:
    if type(result) is tuple:
        return tuple([_tensor(array, inputs, ordered=ordered) for array in result])
    return _tensor(result, inputs, ordered=ordered)


def _tensor(array: Array, inputs: Sequence[Any], *, ordered: bool) -> Tensor:
    """Return an array as a tensor whose memory runs in the order that PyTorch's would."""
    tensor = from_numpy(array)
    if ordered and array.size:
        return tensor
    last = any(
        isinstance(given, ndarray) and runs_channels_last(given.shape, given.strides)
        for given in inputs
    )
    return arranged(tensor, last=last)
