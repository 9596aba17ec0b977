"""Which arrays the functions take beside NumPy's, and where the functions for those are.

A kind of array is known by the package that its class comes from. So whoever brings one registers a
name, nothing is imported before such an array arrives, and no floor knows the ones above it.
"""

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {}
_FUNCTIONS: dict[type, Any] = {}


def register(package: str, home: str) -> None:
    """Say which module has the functions for arrays of a package, classes derived included."""
    _HOMES[package] = home


def functions_for(value: object) -> Any:
    """Return the module with the functions for an array, or None if its kind isn't registered.

    Example:
        >>> functions_for([1.5]) is None
        True
    """
    kind = type(value)
    if kind in _FUNCTIONS:
        return _FUNCTIONS[kind]
    for base in kind.__mro__:
        home = _HOMES.get(base.__module__.partition(".")[0])
        if home is not None:
            _FUNCTIONS[kind] = import_module(home)
            return _FUNCTIONS[kind]
    return None
