"""How convolutions of float32 may be computed: fast, or as exactly as one product after the other.

"fast" allows short convolutions with few products (Winograd's), whose rounding errors are some five
times larger, and numbers that share a scale; "strict" doesn't. The choice belongs to the running
context: a thread, or a task.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from convpool.errors import ArgumentError

Value = TypeVar("Value")

FAST, STRICT = "fast", "strict"
ENVIRONMENT = "CONVPOOL_PRECISION"
"""Environment variable with the precision where none was chosen."""


def precision(mode: str) -> AbstractContextManager[None]:
    """Return a context in which convolutions are computed with a precision.

    Args:
        mode: "fast": a float32 convolution of 3x3 taps and stride 1 may take short convolutions,
            and one of 1x1 integers that share a scale by position and by filter (errors up to 1e-5
            of the output's root mean square, measured on normal numbers and up to 512 channels).
            "strict": all products are summed (about 1.5e-6), by functions as by
            bound layers, to the same bits. All others are computed alike in both.

    Raises:
        ArgumentError: there is no such mode.

    Example:
        >>> with precision("strict"):
        ...     get_precision()
        'strict'
        >>> get_precision()
        'fast'
    """
    checked("mode", mode)

    @contextmanager
    def chosen() -> Iterator[None]:
        before = _CHOSEN.set(mode)
        try:
            yield
        finally:
            _CHOSEN.reset(before)

    return chosen()


def under(mode: str | None, function: Callable[..., Value], *arguments: Any, **named: Any) -> Value:
    """Return what a function returns with a caller's argument `precision`.

    None stands for the running context's.

    Raises:
        ArgumentError: there is no such mode.

    Example:
        >>> under("strict", get_precision)
        'strict'
    """
    if mode is None:
        return function(*arguments, **named)
    token = _CHOSEN.set(checked("precision", mode))
    try:
        return function(*arguments, **named)
    finally:
        _CHOSEN.reset(token)


def get_precision() -> str:
    """Return the precision of the running context.

    At first that is CONVPOOL_PRECISION if it is set, else "fast".
    """
    return _CHOSEN.get() or _DEFAULT


def checked(argument: str, mode: object) -> str:
    """Return a mode, if it is one.

    Raises:
        ArgumentError: it isn't.
    """
    if mode in (FAST, STRICT):
        return str(mode)
    raise ArgumentError(argument, mode, f"{FAST!r} or {STRICT!r}")


_CHOSEN: ContextVar[str] = ContextVar("convpool_precision", default="")
_DEFAULT = checked(ENVIRONMENT, os.environ.get(ENVIRONMENT, FAST))
