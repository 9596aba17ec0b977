"""Small calls at once: arrays whose shapes, types and order were met before, by their places alone.

A layer of a few hundred products takes less than what surrounds it: to choose the operator, to look
at each array, to write down where all are. So an operator makes a `Prompt` of a program and a
record for arrays of certain shapes, in order; then a call asks for memory and is one builtin.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.jit import Program, entry_point
from convpool.kernels.places import RECORD_WORDS, Place, address_at, call_with_copy

Array = NDArray[Any]

PLACES = 5
"""Words of a record that are places: the result, a second one, and three arrays that are read."""


class Prompt:
    """A program that is called for one unit, in the calling thread: a `request.Prompt`."""

    __slots__ = ("_call", "_indices", "_item", "_output", "_program", "_record", "_result")

    def __init__(
        self,
        program: Program,
        numbers: Sequence[int],
        made: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        result: int = -1,
        indices: bool = False,
    ) -> None:
        """Prepare a call.

        Args:
            program: what is called.
            numbers: its record but for the places.
            made: shape of the result.
            dtype: its element type, and that of the first array.
            result: the word of the record that isn't 0 after the call if something was in the way;
                by default the one after the numbers, which isn't written.
            indices: whether there is a second result, int64.
        """
        self._record = np.zeros(RECORD_WORDS, np.int64)
        self._record[PLACES : PLACES + len(numbers)] = numbers
        self._result = PLACES + len(numbers) if result < 0 else result
        self._output = memory.source_of(made, dtype)
        self._indices = memory.source_of(made, np.dtype(np.int64)) if indices else None
        self._item = dtype.itemsize
        self._program = program.address
        self._call = _call()

    def __call__(self, first: Any, second: Any = 0, third: Any = 0) -> Any:
        """Return the result, or the pair of them, for arrays or addresses; 0 is no array.

        None if it can't be found at once: an address isn't a multiple of an element, or the program
        says so. Shapes, types and strides are those that this was made for, which isn't checked.
        """
        output: Any = self._output()
        indices: Any = 0 if self._indices is None else self._indices()
        about = self._program, self._record, self._result, self._item
        if self._call(*about, output, indices, first, second, third):  # 0.1 us less than `into`
            return None
        return output if self._indices is None else (output, indices)

    def into(self, output: Any, indices: Any, first: Any, second: Any, third: Any) -> int:
        """Fill results that there are; return what isn't 0 if that couldn't be."""
        about = self._program, self._record, self._result, self._item
        return self._call(*about, output, indices, first, second, third)


@cache
def _call() -> Callable[..., int]:
    numbers = types.intp, types.intp
    return entry_point(_call_unless_odd, (types.intp, Place(), *numbers, *(Place(),) * PLACES))


def _call_unless_odd(program, record, result, item, output, indices, first, second, third):
    places = (
        address_at(output),
        address_at(indices),
        address_at(first),
        address_at(second),
        address_at(third),
    )
    odd = places[0] | places[1] | places[2] | places[3] | places[4]
    if odd & (item - 1):
        return 1
    return call_with_copy(program, address_at(record), result, places)
