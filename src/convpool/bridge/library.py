"""The operators in PyTorch's dispatcher, `torch.ops.convpool.*`.

On the CPU an operator is the NumPy function of the same name, on memory that is shared. On fake
tensors it is sizes alone, so `torch.compile` and `torch.export` see one node. Gradients are in
`gradients.py`, vmap in `batching.py`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling
from torch.library import Library

from convpool.bridge.layout import any_channels_last, new
from convpool.bridge.operators import OPERATORS, Operator
from convpool.bridge.tensors import COMPARED, arrays_of, has_tangents, on_arrays, transforms

LIBRARY = Library("convpool", "DEF")

FUNCTIONS: dict[str, type[torch.autograd.Function]] = {}
"""The operators for torch.func's transforms, which don't look into the dispatcher."""

_FRONT = torch._C.DispatchKey.FuncTorchDynamicLayerFrontMode
_excludes = torch._C._dispatch_tls_is_dispatch_key_excluded
_AUTOCAST = (torch.float32, torch.float16, torch.bfloat16)


def call(name: str, *arguments: Any) -> Any:
    """Call an operator, whoever listens; by the shortest way, if nobody does."""
    if is_dynamo_compiling():
        return getattr(torch.ops.convpool, name)(*arguments)
    if transforms() is not None or has_tangents():
        # In torch.compile a transform has the dispatcher's operator, and asks for its gradients.
        way = getattr(torch.ops.convpool, name) if _excludes(_FRONT) else FUNCTIONS[name].apply
        return way(*arguments)
    tensors = [value for value in arguments if isinstance(value, Tensor)]
    arrays, records = arrays_of(COMPARED, *tensors)
    if arrays is None or records:
        return getattr(torch.ops.convpool, name)(*arguments)
    memory = iter(arrays)
    given = [next(memory) if isinstance(value, Tensor) else _plain(value) for value in arguments]
    return on_arrays(OPERATORS[name].compute, given)


def _on_cpu(operator: Operator) -> Callable[..., Any]:
    """Return what carries an operator out on CPU tensors."""

    def run(*arguments: Any) -> Any:
        dtype = next(value.dtype for value in arguments if isinstance(value, Tensor))
        if dtype not in COMPARED:  # bfloat16, which NumPy doesn't know: stored, not computed in
            result = run(*(_cast(value, torch.float32, (dtype,)) for value in arguments))
            if isinstance(result, tuple):
                return result[0].to(dtype), result[1]
            return result.to(dtype)
        return on_arrays(operator.compute, [_plain(value) for value in arguments])

    return run


def _plain(value: Any) -> Any:
    """Return a tensor as an array, a list as a tuple, and anything else as it is."""
    if isinstance(value, Tensor):
        return value.numpy(force=True)
    return tuple(value) if type(value) is list or type(value) is torch.Size else value


def _on_fake(operator: Operator) -> Callable[..., Any]:
    """Return what an operator makes of tensors that have a shape alone."""

    def fake(*arguments: Any) -> Any:
        tensors = [value for value in arguments if isinstance(value, Tensor)]
        last, dtype = any_channels_last(tensors), tensors[0].dtype
        shapes = operator.sizes(*arguments)
        results = [
            new(tensors[0], shape, kind, last=last)
            for shape, kind in zip(shapes, (dtype, torch.int64), strict=False)
        ]
        return results[0] if len(results) == 1 else tuple(results)

    return fake


def _in_autocast(name: str) -> Callable[..., Any]:
    """Return what casts a convolution's tensors under autocast, as PyTorch does."""
    here = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCPU)

    def cast(*arguments: Any) -> Any:
        dtype = torch.get_autocast_dtype("cpu")
        with torch._C._ExcludeDispatchKeyGuard(here):
            return call(name, *(_cast(value, dtype, _AUTOCAST) for value in arguments))

    return cast


def _cast(value: Any, dtype: torch.dtype, of: tuple[torch.dtype, ...]) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.dtype in of else value


for _name, _operator in OPERATORS.items():
    _results = "(Tensor, Tensor)" if _name.endswith("with_indices") else "Tensor"
    _schema = f"{_name}({_operator.arguments}) -> {_results}"
    LIBRARY.define(_schema, tags=torch.Tag.pt2_compliant_tag)
    LIBRARY.impl(_name, _on_cpu(_operator), "CPU")
    torch.library.register_fake(f"convpool::{_name}", _on_fake(_operator), lib=LIBRARY)
    if _name in ("conv2d", "conv_transpose2d"):
        LIBRARY.impl(_name, _in_autocast(_name), "AutocastCPU")
