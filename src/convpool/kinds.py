"""Which arrays the functions take beside NumPy's, and where the functions for those are.

A kind of array is known by the package that its class comes from. So whoever brings one registers
that, nothing is imported before such an array arrives, and no floor knows the ones above it.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

_LOADERS: dict[str, Callable[[], ModuleType]] = {}
_FUNCTIONS: dict[type, ModuleType] = {}


def register(package: str, load: Callable[[], ModuleType]) -> None:
    """Say what returns the module with the functions for arrays of a package."""
    _LOADERS[package] = load


def functions_for(value: object) -> Any:
    """Return the module with the functions for an array, or None if its kind isn't registered.

    Classes that are derived from those of a package count as its own.

    Example:
        >>> functions_for([1.5]) is None
        True
    """
    kind = type(value)
    if kind in _FUNCTIONS:
        return _FUNCTIONS[kind]
    for base in kind.__mro__:
        load = _LOADERS.get(base.__module__.partition(".")[0])
        if load is not None:
            _FUNCTIONS[kind] = load()
            return _FUNCTIONS[kind]
    return None
