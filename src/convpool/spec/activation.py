"""What may follow a convolution at once, while its numbers are at hand: a clamp with a slope."""

import math
from dataclasses import dataclass
from numbers import Real

from convpool.errors import ArgumentError, ArgumentTypeError


@dataclass(frozen=True)
class Activation:
    """y = x for x > 0 and slope * x elsewhere, then at most the ceiling; NaN stays NaN.

    A slope of 1 and an infinite ceiling change nothing; slope 0 is ReLU, which makes +0 of every
    negative number, minus infinity too; slope 0 and ceiling 6 is ReLU6; others are leaky ReLUs.

    Raises:
        ArgumentError, ArgumentTypeError: naming the argument, its value and what would be right.

    Example:
        >>> Activation(slope=0.0, ceiling=6.0)
        Activation(slope=0.0, ceiling=6.0)
    """

    slope: float = 1.0
    """What numbers that aren't positive are multiplied by."""
    ceiling: float = math.inf
    """The largest number that comes out."""

    def __post_init__(self) -> None:
        slope = _number("negative_slope", self.slope, "a finite number")
        if not math.isfinite(slope):
            raise ArgumentError("negative_slope", slope, "a finite number")
        ceiling = _number("ceiling", self.ceiling, "a number larger than 0")
        if not ceiling > 0:
            raise ArgumentError("ceiling", ceiling, "a number larger than 0")
        object.__setattr__(self, "slope", slope + 0.0)  # -0.0 is 0.0
        object.__setattr__(self, "ceiling", ceiling)

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return self.slope == 1.0 and self.ceiling == math.inf


def _number(argument: str, value: object, expected: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(argument, value, expected)
    try:
        return float(value)
    except OverflowError:
        raise ArgumentError(argument, value, expected) from None
