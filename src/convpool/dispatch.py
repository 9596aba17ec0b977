"""Plan, then run: which engine carries out an operation, decided once per layer and kept.

The engines stand in order, most special first and the reference last. Each either accepts a request
or answers with the reason why not; only such a refusal falls through to the next one, and an error
inside an engine is an error. The request holds neither batch size nor thread count, so an image's
result never depends on its company.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from convpool import reference
from convpool.arithmetic import Shape
from convpool.spec import LayerSpec

Operator = Callable[..., Any]


@dataclass(frozen=True)
class Request:
    """What is to be done: an operation of a layer on images (C, H, W) of an element type."""

    operation: str
    spec: LayerSpec
    image_shape: Shape
    dtype: str


@dataclass(frozen=True)
class Engine:
    """One way to carry out operations."""

    name: str
    operations: Mapping[str, Operator]
    refusal: Callable[[Request], str | None]
    """Returns why the engine can't take a request, or None if it can."""


@dataclass(frozen=True)
class Plan:
    """The engine chosen for a request, and why those before it were not."""

    request: Request
    engine: str
    refusals: tuple[tuple[str, str], ...]
    run: Operator

    def explain(self) -> str:
        """Return the choice as text, one line an engine.

        Example:
            >>> from convpool.spec import MaxPool2dSpec
            >>> print(plan("max_pool2d", MaxPool2dSpec(2), (3, 32, 32), "float32").explain())
            max_pool2d of MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
            on (3, 32, 32) float32
            chosen: reference
        """
        request = self.request
        lines = [
            f"{request.operation} of {request.spec}",
            f"on {request.image_shape} {request.dtype}",
            *(f"refused: {name} ({reason})" for name, reason in self.refusals),
            f"chosen: {self.engine}",
        ]
        return "\n".join(lines)


ENGINES: tuple[Engine, ...] = (
    Engine(
        name="reference",
        operations={name: getattr(reference, name) for name in reference.__all__},
        refusal=lambda _request: None,
    ),
)


@lru_cache(maxsize=4096)
def plan(operation: str, spec: LayerSpec, image_shape: Shape, dtype: str) -> Plan:
    """Return the plan for an operation of a layer on images of shape (C, H, W).

    `image_shape` and `dtype` are those of the layer's input in the forward direction, for its
    gradients too. The arrays must have been checked already.
    """
    request = Request(operation, spec, image_shape, dtype)
    refusals: list[tuple[str, str]] = []
    for engine in ENGINES:
        reason = engine.refusal(request)
        if reason is None:
            return Plan(request, engine.name, tuple(refusals), engine.operations[operation])
        refusals.append((engine.name, reason))
    raise AssertionError(f"the last engine refused {request}: {refusals}")
