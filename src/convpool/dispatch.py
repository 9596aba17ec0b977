"""Plan, then run: which engine carries out an operation, decided once per layer and kept.

The engines stand in order, most special first and the reference last. Each either accepts a request
or answers with the reason why not; only such a refusal falls through to the next one, and an error
inside an engine is an error. The request holds neither batch size nor thread count, so an image's
result never depends on its company.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from convpool import kernels, reference
from convpool.arithmetic import Shape
from convpool.request import Array, Operator, Request
from convpool.spec import LayerSpec


@dataclass(frozen=True)
class Engine:
    """One way to carry out operations."""

    name: str
    refusal: Callable[[Request], str | None]
    """Returns why the engine can't take a request, or None if it can."""
    prepare: Callable[[Request], Callable[..., Any]]
    """Returns the function of the arrays that carries out a request, if need be without `out`."""


@dataclass(frozen=True)
class Plan:
    """The engine chosen for a request, and why those before it were not."""

    request: Request
    engine: str
    refusals: tuple[tuple[str, str], ...]
    run: Operator
    """The function of the arrays; the layer is in it. That of a convolution is a
    `ConvolutionOperator`."""

    @property
    def way(self) -> str:
        """How the engine computes it, in a few words, where it has several ways."""
        return getattr(self.run, "way", "")

    def explain(self) -> str:
        """Return the choice as text, one line an engine.

        Example:
            >>> from convpool.spec import AvgPool2dSpec
            >>> print(plan("avg_pool2d", AvgPool2dSpec(2), (3, 32, 32), "int64").explain())
            avg_pool2d of AvgPool2d(kernel_size=2, stride=2, padding=0)
            on (3, 32, 32) int64
            refused: kernels (no kernel for int64)
            chosen: reference
        """
        request = self.request
        lines = [
            f"{request.operation} of {request.spec}",
            f"on {request.image_shape} {request.dtype}",
            *(f"refused: {name} ({reason})" for name, reason in self.refusals),
            f"chosen: {self.engine}" + (f" ({self.way})" if self.way else ""),
        ]
        return "\n".join(lines)


ENGINES: tuple[Engine, ...] = (
    Engine("kernels", kernels.refusal, kernels.prepare),
    Engine("reference", lambda _request: None, reference.prepare),
)


@lru_cache(maxsize=4096)
def plan(operation: str, spec: LayerSpec, image_shape: Shape, dtype: str) -> Plan:
    """Return the plan for an operation of a layer on images of shape (C, H, W).

    The arguments are those of `Request`. The arrays must have been checked already.
    """
    request = Request(operation, spec, image_shape, dtype)
    refusals: list[tuple[str, str]] = []
    for engine in ENGINES:
        reason = engine.refusal(request)
        if reason is None:
            return Plan(request, engine.name, tuple(refusals), _filling(engine.prepare(request)))
        refusals.append((engine.name, reason))
    raise AssertionError(f"the last engine refused {request}: {refusals}")


@dataclass(frozen=True)
class _Copied:
    """An operator that only returns arrays of its own, made to fill one that is given."""

    function: Callable[..., Any]

    @property
    def prompt(self) -> object:
        return getattr(self.function, "prompt", None)

    def __call__(self, *arrays: Any, out: Array | None = None) -> Any:
        result = self.function(*arrays)
        if out is None:
            return result
        out[...] = result
        return out


def _filling(function: Callable[..., Any]) -> Operator:
    takes_out = "out" in inspect.signature(function).parameters
    return function if takes_out else _Copied(function)
