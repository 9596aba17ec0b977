"""Bound layers on tensors: `functional.bind` keeps arrays, and its layers bring tensors here."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from convpool.bridge.tensors import COMPARED, Array, arrays_of, check_tensors, filled, on_arrays
from convpool.errors import ArgumentError, ArgumentTypeError, DtypeError

_ORDINARY = "an ordinary tensor, outside of autocast, modes and transforms, for a bound layer"


def array(argument: str, tensor: Tensor) -> Array:
    """Return a tensor's numbers, in its memory, for who copies them.

    Raises:
        ArgumentError: it is sparse, or isn't on the CPU.
        DtypeError: NumPy has no such numbers, or no kernel takes them.
        ArgumentTypeError: it has no memory of its own, as in transforms.

    Example:
        >>> import torch
        >>> array("bias", torch.nn.Parameter(torch.ones(2)))
        array([1., 1.], dtype=float32)
    """
    check_tensors(**{argument: tensor})
    if not tensor.is_cpu:
        raise ArgumentError(f"device of {argument}", str(tensor.device), "cpu")
    if tensor.dtype not in COMPARED:
        raise DtypeError(argument, tensor.dtype, "one that NumPy has, such as float32")
    try:
        numbers: Array = tensor.numpy(force=True)
    except (TypeError, RuntimeError):
        raise ArgumentTypeError(argument, tensor, _ORDINARY) from None
    return numbers


def call_bound(
    bound: Callable[..., Array], input: Tensor, out: Tensor | None, residual: Tensor | None
) -> Any:
    """Return what a bound layer makes of a tensor as a tensor, `out` if that is given."""
    images = _ordinary("input", input)
    named = {} if residual is None else {"residual": _ordinary("residual", residual)}
    if out is not None:
        return filled(out, bound, [images], **named)
    return on_arrays(bound, [images], **named)


def _ordinary(argument: str, tensor: Tensor) -> Array:
    """Return a tensor's memory if a layer may read it that gives no gradients."""
    arrays, records = arrays_of(COMPARED, tensor) if isinstance(tensor, Tensor) else (None, False)
    if records:
        expected = "False, or the call under torch.no_grad(), for a bound layer"
        raise ArgumentError(f"requires_grad of {argument}", True, expected)
    if arrays is None:
        array(argument, tensor)  # which most often names the reason
        raise ArgumentTypeError(argument, tensor, _ORDINARY)
    memory: Array = arrays[0]
    return memory
