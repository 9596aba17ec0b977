"""Checks one argument of a layer and returns it in its one normal form.

The normal forms: a count is an int, a per-axis setting a pair (height, width), a padding either one
of PyTorch's words or the four sides ((top, bottom), (left, right)).
"""

import operator
from collections.abc import Sequence
from typing import SupportsIndex, TypeGuard

from convpool.errors import ArgumentError, ArgumentTypeError

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]
IntOrPair = SupportsIndex | Sequence[SupportsIndex]
PaddingLike = IntOrPair | Sequence[Sequence[SupportsIndex]]

_PAIR = "or a pair of them (height, width)"
_FOUR_SIDES = "or the four sides ((top, bottom), (left, right))"


def integer(argument: str, value: object, expected: str) -> int:
    """Return the value as an int.

    NumPy's integers pass, since they are whole numbers; bool, float and text don't, since PyTorch's
    functions refuse them too.

    Raises:
        ArgumentTypeError: the value isn't a whole number.

    Example:
        >>> integer("divisor_override", -2, "a whole number")
        -2
    """
    if type(value) is int:  # asking for SupportsIndex takes ten times as long
        return value
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise ArgumentTypeError(argument, value, expected)
    try:
        return operator.index(value)
    except TypeError:  # e.g. a NumPy array of several elements
        raise ArgumentTypeError(argument, value, expected) from None


def whole(argument: str, value: object, minimum: int, also: str = "") -> int:
    """Return the value as an int of at least `minimum`.

    Raises:
        ArgumentTypeError: the value isn't a whole number.
        ArgumentError: it is smaller than `minimum`.

    Example:
        >>> whole("groups", 2, minimum=1)
        2
    """
    expected = f"a whole number of at least {minimum}{also and ' ' + also}"
    number = integer(argument, value, expected)
    if number < minimum:
        raise ArgumentError(argument, number, expected)
    return number


def pair(argument: str, value: object, minimum: int) -> Pair:
    """Return the pair (height, width) for one number or for a sequence of one or two.

    Example:
        >>> pair("stride", 2, minimum=1)
        (2, 2)
    """
    if not _is_sequence(value):
        number = whole(argument, value, minimum, _PAIR)
        return number, number
    if len(value) not in (1, 2):
        raise ArgumentError(argument, value, f"a whole number of at least {minimum} {_PAIR}")
    return (
        whole(f"{argument}[0]", value[0], minimum),
        whole(f"{argument}[{len(value) - 1}]", value[-1], minimum),
    )


def sides(argument: str, value: object) -> Sides:
    """Return ((top, bottom), (left, right)) for a number, a pair or the four sides.

    Example:
        >>> sides("padding", (1, 2))
        ((1, 1), (2, 2))
        >>> sides("padding", ((0, 1), (0, 1)))
        ((0, 1), (0, 1))
    """
    if _is_sequence(value) and any(_is_sequence(item) for item in value):
        if len(value) != 2 or not all(_is_sequence(item) and len(item) == 2 for item in value):
            raise ArgumentError(
                argument, value, f"a whole number of at least 0, a pair of them {_FOUR_SIDES}"
            )
        return pair(f"{argument}[0]", value[0], 0), pair(f"{argument}[1]", value[1], 0)
    if not _is_sequence(value):
        whole(argument, value, 0, f"{_PAIR} {_FOUR_SIDES}")
    vertical, horizontal = pair(argument, value, 0)
    return (vertical, vertical), (horizontal, horizontal)


def flag(argument: str, value: object) -> bool:
    """Return the value if it is True or False; PyTorch refuses 0 and 1 here as well."""
    if not isinstance(value, bool):
        raise ArgumentTypeError(argument, value, "True or False")
    return value


def choice(argument: str, value: object, choices: Sequence[str]) -> str:
    """Return the value if it is one of the choices."""
    expected = f"one of {', '.join(repr(item) for item in choices)}"
    if not isinstance(value, str):
        raise ArgumentTypeError(argument, value, expected)
    if value not in choices:
        raise ArgumentError(argument, value, expected)
    return value


def store(spec: object, **fields: object) -> None:
    """Store checked values on a frozen dataclass that is being constructed."""
    for field, value in fields.items():
        object.__setattr__(spec, field, value)


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, (tuple, list))
