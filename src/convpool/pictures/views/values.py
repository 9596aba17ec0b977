"""Numbers in cells: how they are written, and how deep a cell is coloured.

A shade is the value over the largest magnitude of its kind, so 0 has the neutral middle of the
scale, and inputs, weights, products and outputs each use all of it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np

from convpool.pictures.frames import Film
from convpool.pictures.frames.text import number_text

_NAMES = {math.inf: "∞", -math.inf: "−∞"}


class Kind(StrEnum):
    """What numbers of a picture share a scale."""

    INPUT = "input"
    WEIGHT = "weight"
    PRODUCT = "product"
    OUTPUT = "output"


def cell_text(value: float) -> str:
    """Return a number as a cell has it: in few signs, NaN and infinities by their names.

    Example:
        >>> [cell_text(v) for v in (0.5, 1234567890, float("nan"), float("-inf"))]
        ['0.5', '1.23e9', 'NaN', '−∞']
    """
    if math.isnan(value):
        return "NaN"
    return _NAMES.get(value) or number_text(value)


@dataclass(frozen=True)
class Shades:
    """The largest finite magnitude of each kind of number; 0 where there is none.

    Example:
        >>> shades = Shades({Kind.INPUT: 4.0})
        >>> shades.of(Kind.INPUT, -2.0), shades.of(Kind.INPUT, math.inf)
        (-0.5, 1.0)
    """

    largest: dict[Kind, float]

    @classmethod
    def within(cls, film: Film) -> Self:
        """Return those of a film; products are at most the largest input times weight."""
        largest = {Kind.INPUT: _largest(film.input)}
        if not film.fits:
            return cls(largest)
        largest[Kind.OUTPUT] = _largest(film.output)
        if film.weight is not None:
            largest[Kind.WEIGHT] = _largest(film.weight)
        else:
            weights = [abs(t.weight) for t in film.frames[0].terms if t.weight is not None]
            if not weights:  # maxima are inputs
                return cls({**largest, Kind.OUTPUT: largest[Kind.INPUT]})
            largest[Kind.WEIGHT] = max(weights)
        return cls({**largest, Kind.PRODUCT: largest[Kind.INPUT] * largest[Kind.WEIGHT]})

    def product_texts(self, film: Film) -> set[str]:
        """Return the texts of the weights, and about the longest that products can have."""
        if film.weight is None:
            return {"-0.123"}
        found = {*texts((film.weight,)), cell_text(-self.largest[Kind.PRODUCT])}
        whole = all((np.rint(array) == array).all() for array in (film.input, film.weight))
        return found if whole else {*found, "-0.123"}

    def of(self, kind: Kind, value: float) -> float | None:
        """Return a value's place on the scale, -1 to 1; None for NaN, which has none."""
        if math.isnan(value):
            return None
        largest = self.largest.get(kind) or 1.0
        return max(-1.0, min(1.0, value / largest))


def texts(arrays: Iterable[np.ndarray]) -> set[str]:
    """Return the different texts of the numbers in some arrays."""
    return {cell_text(value) for array in arrays for value in np.unique(array).tolist()}


def _largest(array: np.ndarray) -> float:
    finite = array[np.isfinite(array)]
    return float(np.abs(finite).max()) if finite.size else 0.0
