"""Small calls at once: images of a shape and order that came before, by their place alone.

To choose a way and to write down where everything lies takes 5 us, as long as some layers of a
hundred thousand products. So the first call of a kind leaves its record, and those after it ask for
memory and are one builtin.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.convolution.sequence import Step
from convpool.kernels.jit import entry_point
from convpool.kernels.places import MOST_WORDS, Place, address_at, call_units_with_copy

Array = NDArray[Any]


class Repeated:
    """A step that no other thread shares, on images in the order N, C, H, W."""

    __slots__ = ("_about", "_call", "_held", "_scratch_bytes", "_source")

    def __init__(
        self, step: Step, shape: tuple[int, ...], dtype: np.dtype[Any], held: object
    ) -> None:
        """Prepare calls whose result has a shape; `held` is what has to live as long."""
        self._held = step, held
        self._about = step.program.address, step.told, len(step.told), step.units
        self._scratch_bytes = step.scratch_bytes
        self._source = memory.source_of(shape, dtype)
        self._call = _call()

    def __call__(self, images: Array) -> Array:
        """Return the result. Shape, type and order of the images aren't checked."""
        output, scratch = self._source(), memory.scratch(self._scratch_bytes)
        self._call(*self._about, images, output, scratch)
        memory.give_back(scratch)
        return output


def repeated(
    step: Step | None, shape: tuple[int, ...], dtype: np.dtype[Any], held: object
) -> Repeated | None:
    """Return a step as such a call; None if an image may have to be done again in another way."""
    if step is None or step.flags or step.threads or len(step.told) > MOST_WORDS:
        return None
    return Repeated(step, shape, dtype, held)


@cache
def _call() -> Callable[..., int]:
    numbers = types.intp, types.intp
    return entry_point(_carry_out, (types.intp, Place(), *numbers, *(Place(),) * 3))


def _carry_out(program, record, words, units, images, output, scratch):
    places = address_at(images), address_at(output), address_at(scratch)
    return call_units_with_copy(program, address_at(record), words, units, places)
