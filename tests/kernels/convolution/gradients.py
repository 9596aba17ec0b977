"""Random calls of the convolutions' gradients: the layers and images of `cases`."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool import kernels, reference
from convpool.arithmetic import output_shape
from convpool.kernels import memory
from convpool.kernels.jit import Program
from convpool.request import Request
from convpool.spec import Conv2dSpec, ConvolutionSpec
from tests.kernels.convolution.cases import Case, Plane, laid_out, programs_of, some

Array = NDArray[Any]

PROGRAMS = {"input": 6, "weight": 10}
"""That the random calls of a kind may need, of each of the two layers."""


@dataclass(frozen=True)
class Gradient:
    """One call of a gradient by "input" or by "weight"."""

    kind: str
    spec: ConvolutionSpec
    plane: Plane
    gradient: Array
    other: Array
    """The weight, of a gradient by input, and the other way round."""
    out: str = ""
    """How the memory of a given array runs, if one is given."""

    def __str__(self) -> str:
        arrays = ", ".join(
            f"{array.dtype} {array.shape}, strides {array.strides}"
            for array in (self.gradient, self.other)
        )
        return f"{self.spec} by {self.kind} on {self.plane}, {arrays}, out {self.out!r}"

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays."""
        return "gradient", "other"

    @property
    def request(self) -> Request:
        name = "conv2d" if isinstance(self.spec, Conv2dSpec) else "conv_transpose2d"
        shape = self.spec.in_channels, *self.plane
        return Request(f"{name}_{self.kind}", self.spec, shape, self.gradient.dtype.name)

    @property
    def arguments(self) -> tuple[Any, ...]:
        if self.kind == "input":
            return self.plane, self.gradient, self.other
        return self.other, self.gradient

    def expected(self) -> Array:
        """What the reference returns."""
        return cast("Array", getattr(reference, self.request.operation)(self.spec, *self.arguments))

    def run(self) -> Array:
        """What the kernels return."""
        out = None
        if self.out:
            shape = self.spec.weight_shape
            if self.kind == "input":
                shape = len(self.gradient), self.spec.in_channels, *self.plane
            is_last = self.out == "channels last"
            out = memory.empty(shape, self.gradient.dtype, channels_last=is_last)
        result = kernels.prepare(self.request)(*self.arguments, out=out)
        assert out is None or result is out
        return cast("Array", result)

    def programs(self) -> list[Program]:
        """Return the programs that it needs, without running them."""
        return programs_of(self.run)


@cache
def gradients(kind: str, count: int = 200) -> tuple[Gradient, ...]:
    """Return random calls of a kind, always the same ones."""
    return tuple(_drawn(kind, count))


def gradient_of(case: Case, kind: str, random: np.random.Generator) -> Gradient:
    """Return a call of a layer's gradient, for a random gradient of its output."""
    shape = output_shape(case.spec, case.input.shape)
    gradient = laid_out(random, random.standard_normal(shape).astype(case.input.dtype))
    plane = case.input.shape[2], case.input.shape[3]
    other = case.weight if kind == "input" else case.input
    return Gradient(kind, case.spec, plane, gradient, other, case.out)


def _drawn(kind: str, count: int) -> Iterator[Gradient]:
    random = np.random.default_rng(1)
    for name in ("conv2d", "conv_transpose2d"):
        known: set[Program] = set()
        left = count
        for case in some(name):
            call = gradient_of(case, kind, random)
            if kernels.refusal(call.request) is not None:
                continue
            needed = known.union(call.programs())
            if len(needed) <= PROGRAMS[kind]:
                known = needed
                left -= 1
                yield call
            if not left:
                break
