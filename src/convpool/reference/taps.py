"""Where the taps of a kernel meet two images: the big one that is padded, the small one it makes.

Convolution, its transpose and both their gradients are the same sum over taps, read in different
directions. For tap t, pixel i of the small image meets pixel i*s + t*d - p_lo of the big one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from convpool.arithmetic import Axis, Stamp, Window

Axes = tuple[Window, Window] | tuple[Stamp, Stamp]
Region = tuple[slice, slice, slice, slice]


@dataclass(frozen=True)
class Meeting:
    """One tap (y, x) with the regions of the two images that meet under it, as index tuples."""

    y: int
    x: int
    big: Region
    small: Region


def meetings(axes: Axes) -> Iterator[Meeting]:
    """Yield every tap in row-major order; pixels that meet padding are left out of the regions.

    Example:
        >>> same = Window(size=5, kernel=3, before=1, after=1)
        >>> first = next(meetings((same, same)))
        >>> first.big[2], first.small[2]
        (slice(0, 4, 1), slice(1, 5, None))
    """
    every = slice(None)
    rows, columns = (_slices(axis) for axis in axes)
    for y, (big_rows, small_rows) in enumerate(rows):
        for x, (big_columns, small_columns) in enumerate(columns):
            yield Meeting(
                y,
                x,
                big=(every, every, big_rows, big_columns),
                small=(every, every, small_rows, small_columns),
            )


def _slices(axis: Axis) -> list[tuple[slice, slice]]:
    """For each tap, return the slices of the big and of the small image along one axis."""
    pairs = []
    for tap in range(axis.kernel):
        small = axis.inside(tap)
        big = slice(0, 0)
        if small:
            last = axis.position(small[-1], tap)
            big = slice(axis.position(small[0], tap), last + 1, axis.stride)
        pairs.append((big, slice(small.start, small.stop)))
    return pairs
