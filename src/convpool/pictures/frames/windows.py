"""What goes into each output cell of the layers that slide a window over their input."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from convpool.arithmetic import Stamp, Window, source_index
from convpool.pictures.frames.equation import (
    maximum_equation,
    mean_equation,
    sum_equation,
)
from convpool.pictures.frames.frame import Array, Place, Term, bias_of
from convpool.pictures.frames.tale import Tale
from convpool.spec import AvgPool2dSpec, Conv2dSpec

Windows = tuple[Window, Window]


@dataclass(frozen=True, eq=False)
class Convolution(Tale):
    """Weighted sums over all channels of a filter's group.

    Products with zero padding are zero whatever the weight, as in the reference.
    """

    spec: Conv2dSpec
    axes: Windows
    image: Array
    weight: Array
    bias: Array | None

    def count(self, _target: Place, /) -> int:
        """Return how many terms an output cell has."""
        return math.prod(self.spec.weight_shape[1:])

    def terms(self, target: Place, /) -> tuple[Term, ...]:
        """Return them, channel by channel."""
        per_group = self.spec.in_channels // self.spec.groups
        group = target[0] // (self.spec.out_channels // self.spec.groups)
        found, running = [], 0.0
        for place in range(per_group):
            channel = group * per_group + place
            window = (channel, *target[1:])
            for tap, cell, source in _cells(self.axes, window, self.spec.padding_mode):
                value = 0.0 if source is None else self.image.item(source)
                weight = self.weight.item(target[0], place, *tap)
                product = 0.0 if source is None else value * weight
                running += product
                found.append(Term(cell, source, tap, value, weight, product, running))
        return tuple(found)

    def equation(
        self, target: Place, terms: Sequence[Term], step: int | None, result: float, /
    ) -> str:
        """Return the sum in words."""
        return sum_equation(terms, step, result, bias_of(self.bias, target))


@dataclass(frozen=True, eq=False)
class Mean(Tale):
    """Means of windows; what doesn't count has the weight zero.

    The sum so far is divided, not each value by itself, so that it is the reference's to the bit.
    """

    spec: AvgPool2dSpec
    axes: Windows
    image: Array

    def count(self, _target: Place, /) -> int:
        """Return how many terms an output cell has."""
        return math.prod(self.spec.kernel_size)

    def terms(self, target: Place, /) -> tuple[Term, ...]:
        """Return them, tap by tap."""
        divisor = self.divisor(target)
        found, total = [], 0.0
        for tap, cell, source in _cells(self.axes, target):
            value = 0.0 if source is None else self.image.item(source)
            weight = 1 / divisor if source is not None or self._counts(cell) else 0.0
            total += value
            found.append(Term(cell, source, tap, value, weight, value / divisor, total / divisor))
        return tuple(found)

    def divisor(self, target: Place) -> int:
        """Return what the sum of a window is divided by."""
        if self.spec.divisor_override is not None:
            return self.spec.divisor_override
        vertical, horizontal = (
            axis.cells(window, with_padding=self.spec.count_include_pad)
            for axis, window in zip(self.axes, target[1:], strict=True)
        )
        return vertical * horizontal

    def _counts(self, cell: Place) -> bool:
        """Tell whether a cell that isn't on the input is counted: on padding, but not beyond."""
        return self.spec.count_include_pad and all(
            position < axis.size + axis.after
            for position, axis in zip(cell[1:], self.axes, strict=True)
        )

    def equation(
        self, target: Place, terms: Sequence[Term], step: int | None, result: float, /
    ) -> str:
        """Return the mean in words."""
        return mean_equation(terms, step, result, self.divisor(target))


@dataclass(frozen=True, eq=False)
class Maximum(Tale):
    """The largest value of windows; what isn't on the input counts as minus infinity."""

    axes: Windows
    image: Array
    indices: Array

    def count(self, _target: Place, /) -> int:
        """Return how many terms an output cell has."""
        return self.axes[0].kernel * self.axes[1].kernel

    def terms(self, target: Place, /) -> tuple[Term, ...]:
        """Return them, tap by tap."""
        found, running = [], -math.inf
        for tap, cell, source in _cells(self.axes, target):
            value = -math.inf if source is None else self.image.item(source)
            if value > running or math.isnan(value):
                running = value
            found.append(Term(cell, source, tap, value, None, value, running))
        return tuple(found)

    def equation(
        self, target: Place, terms: Sequence[Term], step: int | None, result: float, /
    ) -> str:
        """Return the maximum in words."""
        chosen, index = self.outcome(target, terms)
        place = "in no cell" if chosen is None else f"at index {index}"
        return maximum_equation(terms, step, result, place)

    def outcome(self, target: Place, terms: Sequence[Term], /) -> tuple[int | None, int | None]:
        """Return the winner so far: the first of equal ones, the last NaN, none off the input."""
        chosen = None
        for number, term in enumerate(terms):
            if term.source is not None and (
                chosen is None or term.value > terms[chosen].value or math.isnan(term.value)
            ):
                chosen = number
        if chosen is None:  # PyTorch names the cell at which the search began
            return None, self.indices.item(target)
        _, row, column = terms[chosen].source or terms[chosen].cell
        return chosen, row * self.axes[1].size + column


@dataclass(frozen=True, eq=False)
class Lacking(Tale):
    """The first window of a geometry that doesn't fit; cells that aren't there hold NaN."""

    axes: Windows | tuple[Stamp, Stamp]
    image: Array

    def count(self, target: Place, /) -> int:
        """Return how many cells the window would need; stamps need none."""
        return len(self.terms(target))

    def terms(self, _target: Place, /) -> tuple[Term, ...]:
        """Return them, tap by tap."""
        vertical, horizontal = self.axes
        if isinstance(vertical, Stamp) or isinstance(horizontal, Stamp):
            return ()
        return tuple(
            Term(cell, source, tap, value, None, math.nan, math.nan)
            for tap, cell, source in _cells((vertical, horizontal), (0, 0, 0))
            for value in (self._value(cell, source),)
        )

    def equation(
        self, _target: Place, _terms: Sequence[Term], _step: int | None, _result: float, /
    ) -> str:
        """Return nothing: the notes say why there is no number."""
        return "no window fits"

    def _value(self, cell: Place, source: Place | None) -> float:
        if source is not None:
            return float(self.image.item(source))
        there = all(
            -axis.before <= position < axis.size + axis.after
            for position, axis in zip(cell[1:], self.axes, strict=True)
        )
        return 0.0 if there else math.nan


def _cells(
    axes: Windows, target: Place, mode: str = "zeros"
) -> Iterator[tuple[tuple[int, int], Place, Place | None]]:
    """Yield each tap of a window with the cell under it and the input cell that has its value."""
    channel, *windows = target
    rows, columns = (
        [
            (tap, position, source_index(position, axis.size, mode))
            for tap in range(axis.kernel)
            for position in (axis.position(window, tap),)
        ]
        for axis, window in zip(axes, windows, strict=True)
    )
    for tap_row, row, source_row in rows:
        for tap_column, column, source_column in columns:
            source = (
                None
                if source_row is None or source_column is None
                else (channel, source_row, source_column)
            )
            yield (tap_row, tap_column), (channel, row, column), source
