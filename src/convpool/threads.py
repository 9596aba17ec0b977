"""How many threads the kernels use: one number for the whole process, whichever thread calls.

Numba's own setting belongs to the calling thread alone, and changing it would import Numba; so the
number is kept here, and each kernel applies it.
"""

import os
from collections.abc import Callable
from threading import get_ident
from typing import Any, TypeVar

from convpool.errors import ArgumentError
from convpool.spec.arguments import integer

Value = TypeVar("Value")

LAUNCHED = "NUMBA_NUM_THREADS"
"""Environment variable with the number of threads that Numba starts; by default one a core."""
PREFERRED = "OMP_NUM_THREADS"
"""Environment variable with the number that programs should use, as PyTorch does too."""


def set_num_threads(n: int) -> None:
    """Set how many threads the kernels use, from every Python thread.

    Args:
        n: at least 1, and at most the number of cores that this process may run on (or what the
            environment variable NUMBA_NUM_THREADS said when it started).

    Raises:
        ArgumentError: n is out of range.
        ArgumentTypeError: n isn't a whole number.

    Example:
        >>> before = get_num_threads()
        >>> set_num_threads(1)
        >>> get_num_threads()
        1
        >>> set_num_threads(before)
    """
    expected = f"a whole number from 1 to {MOST}"
    number = integer("n", n, expected)
    if not 1 <= number <= MOST:
        raise ArgumentError("n", number, expected)
    _setting[0] = number


def get_num_threads() -> int:
    """Return how many threads the kernels use.

    At first that is OMP_NUM_THREADS if it is set, else all that there are.
    """
    return _lent.get(get_ident(), _setting[0]) if _lent else _setting[0]


def using(n: int, function: Callable[..., Value], *arguments: Any, **named: Any) -> Value:
    """Return what a function returns with n threads, or as many as there are.

    Only calls from this Python thread use them. (A context manager takes 0.4 us longer.)

    Example:
        >>> using(1, get_num_threads)
        1
    """
    caller = get_ident()
    before = _lent.get(caller)
    _lent[caller] = min(MOST, n)
    try:
        return function(*arguments, **named)
    finally:
        if before is None:
            del _lent[caller]
        else:
            _lent[caller] = before


def _from_environment(name: str) -> int | None:
    """Return the number in an environment variable; a list (nested regions) counts by its first."""
    text = os.environ.get(name, "").split(",")[0].strip()[:9]
    return (int(text) or None) if text.isascii() and text.isdigit() else None


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


MOST = _from_environment(LAUNCHED) or _cores()
"""How many threads there can be. Scratch for each of them is made for this many: another Python
thread may change the number between that and the kernel."""

_setting = [min(_from_environment(PREFERRED) or MOST, MOST)]

_lent: dict[int, int] = {}
"""What Python threads use instead, by their identity, for as long as they say so."""
