"""What goes into each output cell of the layers whose input cells write to their output."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from convpool.arithmetic import Stamp
from convpool.pictures.frames.equation import place_equation, sum_equation
from convpool.pictures.frames.frame import Array, Place, Term, bias_of
from convpool.pictures.frames.tale import Tale
from convpool.spec import ConvTranspose2dSpec

Stamps = tuple[Stamp, Stamp]


@dataclass(frozen=True, eq=False)
class Stamping(Tale):
    """Sums of stamped kernels: an output cell's terms are the products that reach it."""

    spec: ConvTranspose2dSpec
    axes: Stamps
    image: Array
    weight: Array
    bias: Array | None

    def count(self, target: Place, /) -> int:
        """Return how many terms an output cell has; there may be none."""
        rows, columns = self._reaching
        return self._per_group * len(rows[target[1]]) * len(columns[target[2]])

    def terms(self, target: Place, /) -> tuple[Term, ...]:
        """Return them, channel by channel, tap by tap."""
        filters = self.spec.out_channels // self.spec.groups
        group, place = divmod(target[0], filters)
        first = group * self._per_group
        rows, columns = self._reaching
        found, running = [], 0.0
        for channel in range(first, first + self._per_group):
            for tap_row, row in rows[target[1]]:
                for tap_column, column in columns[target[2]]:
                    cell, tap = (channel, row, column), (tap_row, tap_column)
                    value = self.image.item(cell)
                    weight = self.weight.item(channel, place, *tap)
                    running += value * weight
                    found.append(Term(cell, cell, tap, value, weight, value * weight, running))
        return tuple(found)

    @property
    def _per_group(self) -> int:
        return self.spec.in_channels // self.spec.groups

    @cached_property
    def _reaching(self) -> tuple[list[list[tuple[int, int]]], list[list[tuple[int, int]]]]:
        """For each output row and column, the taps that reach it and the input's row or column."""
        vertical, horizontal = (_reaching(axis) for axis in self.axes)
        return vertical, horizontal

    def equation(
        self, target: Place, terms: Sequence[Term], step: int | None, result: float, /
    ) -> str:
        """Return the sum in words."""
        return sum_equation(terms, step, result, bias_of(self.bias, target))


def _reaching(axis: Stamp) -> list[list[tuple[int, int]]]:
    found: list[list[tuple[int, int]]] = [[] for _ in range(axis.output)]
    for tap in range(axis.kernel):
        for pixel in axis.inside(tap):
            found[axis.position(pixel, tap)].append((tap, pixel))
    return found


@dataclass(frozen=True, eq=False)
class Placing(Tale):
    """Values put where their indices say; where several name one cell, the last one stays."""

    axes: Stamps
    image: Array
    indices: Array

    def count(self, target: Place, /) -> int:
        """Return how many values name an output cell."""
        return len(self._naming.get(target, ()))

    def terms(self, target: Place, /) -> tuple[Term, ...]:
        """Return them; a tap lies outside the kernel where indices aren't those of this pooling."""
        found = []
        for cell in self._naming.get(target, ()):
            tap_row, tap_column = (
                position - axis.position(pixel, 0)
                for axis, pixel, position in zip(self.axes, cell[1:], target[1:], strict=True)
            )
            value = self.image.item(cell)
            found.append(Term(cell, cell, (tap_row, tap_column), value, None, value, value))
        return tuple(found)

    def outcome(self, target: Place, terms: Sequence[Term], /) -> tuple[int | None, int | None]:
        """Return the index that the values have; no value is better than another."""
        return None, target[1] * self.axes[1].output + target[2] if terms else None

    @cached_property
    def _naming(self) -> dict[Place, list[Place]]:
        """For each output cell, the input cells whose index names it."""
        found: dict[Place, list[Place]] = defaultdict(list)
        width = self.axes[1].output
        _, height, columns = self.image.shape
        for number, index in enumerate(self.indices.ravel().tolist()):
            cell = (
                number // (height * columns),
                number // columns % height,
                number % columns,
            )
            found[cell[0], index // width, index % width].append(cell)
        return found

    def equation(
        self, target: Place, terms: Sequence[Term], step: int | None, result: float, /
    ) -> str:
        """Return what is put there, in words."""
        index = target[1] * self.axes[1].output + target[2]
        return place_equation(terms, step, result, index)
