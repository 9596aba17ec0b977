"""Numbers as they stand in cells and equations, and the equation of a frame."""

import math
from collections.abc import Sequence

_LONGEST = 80
"""Signs of a sum: nine products of small numbers, which take two lines of 320 pixels."""
_SIGNS = 5
"""Signs of a whole number that is written out."""


def number_text(value: float, signs: int = _SIGNS) -> str:
    """Write a number in about as many signs as fit a cell: rounded, or as 1.2e9.

    Example:
        >>> [number_text(v) for v in (3.0, -0.0, 1 / 3, -0.0213, -12.3456, 1234567890)]
        ['3', '0', '0.333', '-0.02', '-12.3', '1.23e9']
        >>> number_text(-123456.0), number_text(2.5e-7), number_text(float("-inf"))
        ('-1.2e5', '2.5e-7', '-inf')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return str(float(value))
    if value == int(value) and len(str(int(value))) <= signs:
        return str(int(value))
    plain, power = _decimal(value, signs), _power(value, signs)
    if len(plain) <= signs and _error(plain, value) <= max(0.05, _error(power, value)):
        return plain
    return power


def _decimal(value: float, signs: int) -> str:
    """Round to three significant digits, fewer where there is no room for them."""
    before = len(str(int(abs(value)))) + (value < 0)
    digits = max(0, signs - before - 1)
    leading = 0 if abs(value) >= 1 else -math.floor(math.log10(abs(value))) - 1
    wanted = max(0, 3 - len(str(int(abs(value))))) if abs(value) >= 1 else 3 + leading
    text = f"{value:.{min(digits, wanted)}f}"
    return _trimmed(text)


def _error(text: str, value: float) -> float:
    """Return what rounding changed, as a part of the number."""
    return abs(float(text) - value) / abs(value)


def _power(value: float, signs: int) -> str:
    for digits in (2, 1, 0):
        mantissa, exponent = f"{value:.{digits}e}".split("e")
        text = f"{_trimmed(mantissa)}e{int(exponent)}"
        if len(text) <= signs + 1:
            return text
    return text


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def factor_text(value: float) -> str:
    """Write a number as a factor or a later summand: negative ones in brackets.

    Example:
        >>> factor_text(-2), factor_text(2)
        ('(-2)', '2')
    """
    text = number_text(value)
    return f"({text})" if text.startswith("-") else text


def joined(parts: Sequence[str], sign: str, room: int = _LONGEST) -> str:
    """Join with a sign between, leaving out the middle where it would be longer than `room`.

    Example:
        >>> joined([f"{i}×{i}" for i in range(9)], " + ", room=30)
        '0×0 + 1×1 + … + 7×7 + 8×8'
    """
    text = sign.join(parts)
    kept = len(parts)
    while len(text) > room and kept > 2:
        kept -= 1
        front = (kept + 1) // 2
        text = sign.join([*parts[:front], "…", *parts[len(parts) - (kept - front) :]])
    return text
