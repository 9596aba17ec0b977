"""Cuts whose blocks a count of cycles chooses, and whose results may have to be computed again."""

from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from convpool.kernels.weight_gradient.blocking import Blocking
from convpool.kernels.weight_gradient.cuts import Cuts
from convpool.kernels.weight_gradient.record import Record

Array = NDArray[Any]


class ChosenCuts(Cuts):
    """What gradients by AMX and by short convolutions share.

    Their programs are told more than a `Record`. It lies after that, and begins with the address of
    two numbers: 1 if a number is tiny, and 1 if a sum isn't finite.
    """

    def ways(self) -> list[Blocking]:
        """Return the ways to cut."""
        raise NotImplementedError

    def cycles_of(self, way: Blocking) -> float:
        """Return about how many cycles one takes."""
        raise NotImplementedError

    @property
    def are_neighbours(self) -> bool:
        """Whether taps of a row lie side by side in the sums."""
        return False

    @cached_property
    def blocking(self) -> Blocking:
        """The cheapest of the ways."""
        return min(self.ways(), key=self.cycles_of)

    @property
    def cycles(self) -> float:
        """About how many cycles it takes."""
        return self.cycles_of(self.blocking)

    @cached_property
    def known(self) -> Record:
        """The record, by name."""
        return Record(*self.record[: len(Record._fields)].tolist())

    def told(self, arrays: tuple[Array, ...], doubts: Array, *, is_column: bool) -> Array:
        """Return the record of a call."""
        record = super().told(arrays, doubts, is_column=is_column)
        record[len(Record._fields)] = doubts.ctypes.data
        return record
