"""What goes wrong, in classes: every message names the argument, its value and what would be right.

PyTorch answers the same mistake with ValueError in a module's constructor and with RuntimeError in
the function, so a wrong value here is both, and code written against PyTorch catches it either way.
"""

import reprlib
from typing import Self

_LONGEST = 120  # characters of a value in a message
_BRIEF = reprlib.Repr()  # unlike repr, quick where lists hold each other many times over
_BRIEF.maxlevel = 4
_BRIEF.maxtuple = _BRIEF.maxlist = _BRIEF.maxdict = _BRIEF.maxset = 12
_BRIEF.maxstring = _BRIEF.maxlong = _BRIEF.maxother = 4 * _LONGEST


class ConvpoolError(Exception):
    """Base of every error that convpool raises on purpose."""


class NamedArgumentError(ConvpoolError):
    """An error about one argument; `args` holds its parts so that it survives pickling."""

    def __init__(self, argument: str, value: object, expected: str) -> None:
        super().__init__(argument, value, expected)

    def __str__(self) -> str:
        argument, value, expected = self.args
        return f"{argument} is {shown(value)}, but must be {expected}"

    def within(self, place: str) -> Self:
        """Return the same error with the place named where the argument stands.

        Example:
            >>> str(ArgumentError("stride", 0, "at least 1").within("layer 2"))
            'layer 2: stride is 0, but must be at least 1'
        """
        argument, value, expected = self.args
        return type(self)(f"{place}: {argument}", value, expected)


class ArgumentError(NamedArgumentError, ValueError, RuntimeError):
    """An argument has a value, or arguments have a combination of values, that cannot work.

    Example:
        >>> str(ArgumentError("stride", 0, "a whole number of at least 1"))
        'stride is 0, but must be a whole number of at least 1'
    """


class ArgumentTypeError(NamedArgumentError, TypeError):
    """An argument is of a kind that can never work, such as text where a number belongs."""

    def __str__(self) -> str:
        argument, value, expected = self.args
        return f"{argument} is {shown(value)} ({type(value).__name__}), but must be {expected}"


class DtypeError(NamedArgumentError, TypeError, NotImplementedError):
    """The operator doesn't exist for this element type (PyTorch raises NotImplementedError)."""

    def __str__(self) -> str:
        argument, dtype, expected = self.args
        return f"{argument} has dtype {dtype}, but must have {expected}"


class DataError(ConvpoolError, OSError):
    """Work failed on something outside the program: a file, a folder, an archive, the network."""


def shown(value: object) -> str:
    """Return the value as an error message shows it: its repr, cut at 120 characters.

    Whatever the value is, this returns, and soon.

    Example:
        >>> shown((1, 2))
        '(1, 2)'
    """
    try:
        text = _BRIEF.repr(value)
    except ValueError:  # Python doesn't print ints of more than 4,300 digits
        text = f"{type(value).__name__} too long to print"
    if not isinstance(value, str):
        text = " ".join(text.split())  # an array's repr has lines
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
