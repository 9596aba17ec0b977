"""How numbers are written in the terminal."""

from collections.abc import Sequence
from fractions import Fraction


def axes_text(values: Sequence[int | Fraction]) -> str:
    """Write one number where both axes agree, otherwise vertical×horizontal.

    Example:
        >>> axes_text((4, 4)), axes_text((Fraction(1, 2), 2))
        ('4', '1/2×2')
    """
    vertical, horizontal = values
    return str(vertical) if vertical == horizontal else f"{vertical}×{horizontal}"


def bytes_text(count: int) -> str:
    """Write a number of bytes in binary units.

    Example:
        >>> bytes_text(37632), bytes_text(12)
        ('36.8 KiB', '12 B')
    """
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{count} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
