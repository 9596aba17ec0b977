"""The definitions as the dispatch wants them: with a layer in them, and filling an array."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

from convpool.reference.precision import Array
from convpool.request import NO_ACTIVATION, Request
from convpool.spec import Activation


@dataclass(frozen=True)
class Definition:
    """One of the definitions, for one layer."""

    function: Callable[..., Any]
    request: Request

    def __call__(self, *arrays: Any, out: Array | None = None) -> Any:
        """Return the result, in `out` if it is given."""
        return _into(out, self.function(self.request.spec, *arrays))


class Packed(NamedTuple):
    """Weights and bias as they are: the definition takes them in no special layout."""

    weight: Array
    bias: Array | None


@dataclass(frozen=True)
class ConvolutionDefinition(Definition):
    """The definition of a convolution, also in two halves."""

    @property
    def packing(self) -> Hashable:
        """Any operator of the layer takes what another one packed."""
        return "reference", self.request.spec, self.request.dtype

    def pack(
        self,
        weight: Array,
        bias: Array | None,
        *,
        once: bool = False,  # noqa: ARG002 (others ask)
    ) -> Packed:
        """Return copies."""
        return Packed(weight.copy(), None if bias is None else bias.copy())

    def run(
        self,
        input: Array,
        packed: Packed,
        *,
        out: Array | None = None,
        residual: Array | None = None,
        activation: Activation = NO_ACTIVATION,
    ) -> Array:
        """Return activation(convolution + bias + residual), rounded once."""
        weight, bias = packed
        result = self.function(self.request.spec, input, weight, bias, residual, activation)
        filled: Array = _into(out, result)
        return filled


def _into(out: Array | None, result: Any) -> Any:
    if out is None:
        return result
    out[...] = result
    return out
