"""Which number is black and which is white: one scale for all maps of a layer, kept over its steps.

A scale chosen anew for every picture would show a layer that fades to nothing as one that does not
change. So the scale is a value: made from a layer's first batch, then used for all that follow.
"""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from convpool.errors import ArgumentError, DtypeError

Colour = tuple[int, int, int]  # red, green and blue, 0..255

# Half the distance between low and high is divided by, so it must not round to zero.
_SMALLEST_HIGH = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class ColourScale:
    """The linear map from values to grey: `low` is black (0), `high` is white (255).

    Args:
        low: the value shown as black, in the units of the maps.
        high: the value shown as white, above `low`.

    Raises:
        ArgumentError: where a bound is not finite, or `high` is not above `low`.

    Example:
        >>> ColourScale(-2.0, 2.0).to_bytes(np.array([-3.0, -2.0, 0.0, 1.0, 2.0])).tolist()
        [0, 0, 128, 191, 255]
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            if not math.isfinite(getattr(self, name)):
                raise ArgumentError(name, getattr(self, name), "a finite number")
        if not self.high / 2 - self.low / 2 > 0:
            raise ArgumentError("high", self.high, f"above low, which is {self.low}")

    @classmethod
    def of(cls, maps: npt.NDArray[Any]) -> Self:
        """Choose one scale for all the maps of a layer.

        Values within 0..1 are shown as they are, on (0, 1). Where any value is negative the scale
        is (-m, m) with m the largest magnitude, so that zero is mid-grey; otherwise it is
        (0, largest). NaN and infinite values have no say. Nothing at all gives (0, 1).

        Args:
            maps: numbers of any shape, usually (N, C, H, W); floats, integers or booleans.

        Raises:
            DtypeError: where the elements are not real numbers.

        Example:
            >>> ColourScale.of(np.array([-0.5, 2.0]))
            ColourScale(low=-2.0, high=2.0)
            >>> ColourScale.of(np.array([0.25, 0.75]))
            ColourScale(low=0.0, high=1.0)
        """
        lowest, highest = _finite_range(real("maps", maps))
        if lowest >= 0 and highest <= 1:
            return cls(0.0, 1.0)
        if lowest < 0:
            magnitude = max(-lowest, highest, _SMALLEST_HIGH)
            return cls(-magnitude, magnitude)
        return cls(0.0, highest)

    def to_bytes(self, maps: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return the maps as grey values 0..255, of the same shape.

        Values below `low` and minus infinity are black, values above `high` and infinity white.
        NaN is black too: a picture of grey values has no colour left for it.

        Raises:
            DtypeError: where the elements are not real numbers.

        Example:
            >>> ColourScale(0.0, 1.0).to_bytes(np.array([[0.0, 0.5, 1.0, float("nan")]]))
            array([[  0, 128, 255,   0]], dtype=uint8)
        """
        # Halves, because high - low of the largest floats is infinite.
        half_span = self.high / 2 - self.low / 2
        values = np.clip(real("maps", maps).astype(np.float64), self.low, self.high)
        parts = (values / 2 - self.low / 2) / half_span
        return np.rint(np.nan_to_num(parts, nan=0.0) * 255).astype(np.uint8)


def real(argument: str, maps: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array if it holds real numbers.

    Raises:
        DtypeError: where it holds anything else, such as complex numbers or text.

    Example:
        >>> real("maps", np.array([True, False])).shape
        (2,)
    """
    if maps.dtype.kind not in "biuf":
        raise DtypeError(argument, maps.dtype, "real numbers: floats, integers or booleans")
    return maps


def _finite_range(maps: npt.NDArray[Any]) -> tuple[float, float]:
    """The smallest and the largest finite value, (0, 0) where there is none."""
    if maps.size == 0:
        return 0.0, 0.0
    lowest, highest = float(maps.min()), float(maps.max())
    if math.isfinite(lowest) and math.isfinite(highest):
        return lowest, highest
    finite = maps[np.isfinite(maps)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
