"""What the types of a call's arguments lead to, found once.

Numba asks for the sum of two integers, say, hundreds of times, and each time goes through all that
is called a sum.
"""

# Numba's own classes are untyped.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from typing import Any

from numba import types

_found: dict[Any, Any] = {}


class CallTypes:
    """Numba's context of types, which remembers."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function, arguments, named):
        """Return the signature of a call; those of functions in Python, which compile, anew."""
        if named or isinstance(function, types.Dispatcher | types.RecursiveCall):
            return self._context.resolve_function_type(function, arguments, named)
        key = function, tuple(arguments)
        found = _found.get(key)
        if found is None:
            found = self._context.resolve_function_type(function, arguments, named)
            _found[key] = found
        return found
