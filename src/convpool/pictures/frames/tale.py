"""How the frames of a layer are made, whatever the layer."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from convpool.pictures.frames.frame import Array, Frame, Place, Term, bias_of


class Tale(ABC):
    """What goes into each output cell of one layer with its numbers."""

    @abstractmethod
    def count(self, target: Place, /) -> int:
        """Return how many terms an output cell has."""

    @abstractmethod
    def terms(self, target: Place, /) -> tuple[Term, ...]:
        """Return the terms of an output cell, channel by channel, tap by tap."""

    @abstractmethod
    def equation(
        self, target: Place, terms: Sequence[Term], step: int | None, result: float, /
    ) -> str:
        """Return in words what is computed: at a step, or as a whole."""

    def outcome(self, _target: Place, _terms: Sequence[Term], /) -> tuple[int | None, int | None]:
        """Return which of the terms so far wins and the flat index that goes with it, if any."""
        return None, None


@dataclass(frozen=True, eq=False)
class Telling:
    """Makes the frames of some output channels by their number; `fine` ones term by term.

    Args:
        tale: of the layer.
        output: (K, OH, OW), what comes out.
        bias: one a filter, or None.
        channels: those whose frames are told.
    """

    tale: Tale
    output: Array
    bias: Array | None
    channels: range

    @property
    def count(self) -> int:
        """Number of output cells."""
        height, width = self.output.shape[1:]
        return len(self.channels) * int(height * width)

    @property
    def fine_count(self) -> int:
        """Number of terms of all output cells, one for each cell without any."""
        return self._ends[-1] if self._ends else 0

    def frame(self, number: int) -> Frame:
        """Return the frame of an output cell."""
        target = self._target(number)
        return self._told(target, self.tale.terms(target), None)

    def fine_frame(self, number: int) -> Frame:
        """Return the frame of a term."""
        place = bisect_right(self._ends, number)
        target = self._target(place)
        terms = self.tale.terms(target)
        if not terms:
            return self._told(target, terms, None)
        return self._told(target, terms, number - (self._ends[place - 1] if place else 0))

    @cached_property
    def _ends(self) -> list[int]:
        """For each output cell the number of the first fine frame after it."""
        counts = (self.tale.count(self._target(number)) for number in range(self.count))
        return list(accumulate(max(1, count) for count in counts))

    def _target(self, number: int) -> Place:
        _, height, width = self.output.shape
        rows, column = divmod(number, width)
        channel, row = divmod(rows, height)
        return self.channels[channel], row, column

    def _told(self, target: Place, terms: tuple[Term, ...], step: int | None) -> Frame:
        result = float(self.output[target])
        so_far = terms if step is None else terms[: step + 1]
        chosen, flat_index = self.tale.outcome(target, so_far)
        return Frame(
            target,
            terms,
            step,
            result,
            bias_of(self.bias, target),
            chosen,
            flat_index,
            self.tale.equation(target, terms, step, result),
        )
