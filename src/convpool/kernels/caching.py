"""The cache of compiled kernels on disk.

Measured facts behind it (Numba 0.68):
- A function's cache key holds its bytecode and closure but not whether it was compiled parallel, so
  the two twins of a kernel need two files.
- Numba notices edits of a function's own file only; the cache folder's name holds a hash of all
  kernels, of the CPU and of the versions instead.
- A truncated cache file raises when it is loaded: it is deleted and compiled anew.
- Numba numbers the files of a function's signatures in an index. Two processes that compile two of
  them at once take the same number: of 3,000 such pairs, some 60 lost one of the two, and 2 led
  from one signature to the machine code of the other, for good. Here each has a name of its own.
"""

# Numba's own classes are untyped.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

import hashlib
import os
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
from numba.core import caching
from numba.core.runtime import rtsys

ENVIRONMENT = "CONVPOOL_CACHE_DIR"
"""Environment variable with the folder for compiled kernels; by default ~/.cache/convpool."""

TWIN = "__convpool_twin__"
"""Attribute of a function: its name in the cache."""


@cache
def cache_folder() -> Path:
    """Return the folder of kernels compiled from these sources, for this CPU, by these versions."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    # The target says CPU and features, NUMBA_CPU_NAME and NUMBA_CPU_FEATURES taken into account.
    target = numba.core.registry.cpu_target.target_context.codegen().magic_tuple()
    facts = (numba.__version__, version("llvmlite"), sys.version, target)
    digest.update(repr(facts).encode())
    given = os.environ.get(ENVIRONMENT)
    home = Path(given) if given else Path.home() / ".cache" / "convpool"
    return home / digest.hexdigest()[:16]


class _Locator(caching._CacheLocator):
    def __init__(self, function: Any) -> None:
        self._function = function

    def ensure_cache_path(self) -> None:
        Path(self.get_cache_path()).mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        return "the folder's name says it"

    def get_disambiguator(self) -> str:
        return getattr(self._function, TWIN)

    @classmethod
    def from_function(cls, function: Any, _file: str) -> "_Locator":
        return cls(function)


class _CacheImpl(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012 (as in Numba)


class _Files(caching.IndexDataCacheFile):
    """A file for each signature, whose number is a hash of the key; no index.

    Files are written beside and then take their name, so processes need not know of each other.
    """

    def save(self, key: Any, data: Any) -> None:
        self._save_data(self._name(key), data)

    def load(self, key: Any) -> Any:
        with suppress(OSError):
            return self._load_data(self._name(key))
        return None

    def _name(self, key: Any) -> str:
        digest = hashlib.sha256(repr(key).encode()).digest()
        return self._data_name(int.from_bytes(digest[:8], "big"))


class KernelCache(caching.FunctionCache):
    """Numba's cache; a damaged file means compiling again, a full disk going on without."""

    _impl_class = _CacheImpl

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _Files(self.cache_path, self._impl.filename_base, stamp)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return sig, codegen.magic_tuple(), constants(self._py_func)

    def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: D102
        try:
            # Machine code counts references. Numba's own way gathers all that it can compile, too,
            # which takes as long as to load a convolution.
            rtsys.initialize(target_context)
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)
        except Exception:  # noqa: BLE001 (whatever unpickling a damaged file may raise)
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: D102
        try:
            super().save_overload(sig, data)
        except Exception:  # noqa: BLE001 (a read-only or full disk, or code that can't be kept)
            self.disable()

    def _forget(self) -> None:
        for path in cache_folder().glob(f"{self._impl.filename_base}.*"):
            with suppress(OSError):  # on a read-only disk it stays, and is passed over every time
                path.unlink(missing_ok=True)


def constants(function: Any) -> tuple[str, ...]:
    """Return what a function is compiled with beside its arguments: the values that it encloses.

    The name of an enclosed function says its constants in turn.
    """
    cells = (cell.cell_contents for cell in function.__closure__ or ())
    return tuple(
        value.py_func.__qualname__ if hasattr(value, "py_func") else repr(value) for value in cells
    )
