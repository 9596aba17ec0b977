"""Sums over arithmetic sequences, in a time that doesn't depend on their length."""


def clipped_sum(*, count: int, step: int, start: int, divisor: int, limit: int) -> int:
    """Return the sum of floor((start + i*step) / divisor), clipped to 0..limit, for i below count.

    `step` and `divisor` are at least 1, `start` is any whole number.

    Example:
        >>> clipped_sum(count=4, step=2, start=-3, divisor=2, limit=1)  # -2, -1, 0, 1 clipped
        1
    """
    first = _clip(-((start - divisor) // step), count)  # from here on the terms are at least 1
    full = _clip(-((start - limit * divisor) // step), count)  # from here on at least the limit
    full = max(first, full)
    between = floor_sum(full - first, step, start + first * step, divisor)
    return between + (count - full) * limit


def floor_sum(count: int, step: int, start: int, divisor: int) -> int:
    """Return the sum of floor((start + i*step) / divisor) for i below count; start at least 0.

    The whole parts of step and start are summed at once; what remains counts lattice points below
    a line, which is the same sum with step and divisor exchanged, as in Euclid's algorithm.

    Example:
        >>> floor_sum(4, 3, 1, 2)  # 0 + 2 + 3 + 5
        10
    """
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (step // divisor) + count * (start // divisor)
        step, start = step % divisor, start % divisor
        # The line's height at the end: so many lattice rows lie below it.
        count, start = divmod(step * count + start, divisor)
        step, divisor = divisor, step
    return total


def _clip(number: int, limit: int) -> int:
    return max(0, min(number, limit))
