"""How kernels are compiled: flags, a cache of the package's own on disk, threads, forks.

Measured facts behind it (Numba 0.68):
- A function's cache key holds its bytecode and closure but not whether it was compiled parallel, so
  the two twins of a kernel need two files.
- Numba notices edits of a function's own file only; the cache folder's name holds a hash of all
  kernels, of the CPU and of the versions instead.
- A truncated cache file raises when it is loaded: it is deleted and compiled anew.
- Numba numbers the files of a function's signatures in an index. Two processes that compile two of
  them at once take the same number: of 3,000 such pairs, some 60 lost one of the two, and 2 led
  from one signature to the machine code of the other, for good. Here each has a name of its own.
- After a fork, OpenMP's threads are gone and a parallel region in the child hangs: the child runs
  the serial twin.
"""

# Numba's own classes are untyped.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

import hashlib
import os
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import get_thread_id, prange, types
from numba.core import caching
from numba.core.ccallback import CFunc

from convpool.kernels.compiling import BlockCompiler, ProgramCompiler, by_kind
from convpool.kernels.simd import address, call_unit
from convpool.threads import get_num_threads

ENVIRONMENT = "CONVPOOL_CACHE_DIR"
"""Environment variable with the folder for compiled kernels; by default ~/.cache/convpool."""

_TWIN = "__convpool_twin__"
_FLAGS = {"nogil": True, "boundscheck": False, "error_model": "numpy"}
_REORDERING = {"reassoc", "contract", "nsz"}
"""What lets LLVM add up in vectors; NaN and infinity stay what they are."""


class Kernel:
    """A kernel's two twins, one with parallel loops and one without, each compiled on first use."""

    def __init__(
        self, body: Callable[..., Any], *, variant: str, serial: Callable[..., Any] | None = None
    ) -> None:
        self._parallel = _compiled(body, variant, parallel=True)
        self.serial = _compiled(serial or body, variant, parallel=False)
        """The twin without threads; to call it takes 0.2 us less than to call the kernel."""

    def __call__(self, *arguments: Any, threads: bool) -> Any:
        """Run it, with threads if the work is worth them and there are any."""
        if not threads or _Threads.lost or (count := get_num_threads()) == 1:
            return self.serial(*arguments)
        with _Threads.guard():
            # Numba's number is one of the calling thread, and may be meant for its other functions.
            before = numba.get_num_threads()
            count = min(count, numba.config.NUMBA_NUM_THREADS)
            if before == count:
                return self._parallel(*arguments)
            numba.set_num_threads(count)
            try:
                return self._parallel(*arguments)
            finally:
                numba.set_num_threads(before)


class Program:
    """A kernel as one compiled function of (record, unit, thread), and the loop that calls it.

    The record is an array of 64-bit numbers: addresses, sizes, strides. A unit is one piece of the
    work that needs no other. The loop over units is compiled once for all programs, parallel and
    serial; so a program is compiled once, without Numba's parallel machinery, which takes longer
    than the kernels themselves.
    """

    def __init__(self, body: Callable[..., Any], *, variant: str) -> None:
        self._body = _twin(body, variant)
        self._address = 0

    def __call__(self, record: Any, units: int, *, threads: bool) -> None:
        """Run units 0 to units - 1, with threads if the work is worth them and there are any."""
        if not self._address:
            self._compile()
        _loop(self._address, record, units, threads=threads)

    def _compile(self) -> None:
        function: Any = CFunc(
            self._body, ((types.intp,) * 3, types.void), {}, dict(_FLAGS), ProgramCompiler
        )
        function._cache = _KernelCache(self._body)
        function.compile()
        self._function, self._address = function, function.address


def _parallel_units(program, record, units):
    for unit in prange(units):
        # Numba counts without a sign, and makes a float of that and a signed number.
        call_unit(program, address(record), np.intp(unit), np.intp(get_thread_id()))


def _serial_units(program, record, units):
    # Not to ask for the thread here is more than an economy: read from the cache, the answer would
    # be missing, since only parallel code starts what gives it.
    for unit in range(units):
        call_unit(program, address(record), unit, 0)


class _Threads:
    """What this process knows of Numba's threads."""

    lost = False
    """Whether they stayed behind in the process that this one was forked from."""
    _used = False
    _lock = threading.Lock()

    @classmethod
    def guard(cls) -> Any:
        """Return a lock where callers must not enter at once, else something that does nothing.

        Numba's own workqueue aborts under concurrent callers; OpenMP and TBB don't. Which layer
        there is shows after the first call.
        """
        if not cls._used:
            cls._used = True
            # Numba tells OpenMP how many threads the caller uses from now on, in other libraries as
            # well: PyTorch would use all of them again. So a caller comes that isn't seen again.
            starter = threading.Thread(target=numba.get_num_threads)
            starter.start()
            starter.join()
            return cls._lock
        return nullcontext() if _layer() in ("omp", "tbb") else cls._lock

    @classmethod
    def after_fork(cls) -> None:
        """Remember in the child that the threads are gone, if there were any."""
        cls.lost = cls.lost or cls._used
        cls._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Threads.after_fork)


def _layer() -> str:
    try:
        return numba.threading_layer()
    except ValueError:  # the first parallel call is still under way in another thread
        return "unknown"


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
        return getattr(self._function, _TWIN)

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


class _KernelCache(caching.FunctionCache):
    """Numba's cache; a damaged file means compiling again, a full disk going on without."""

    _impl_class = _CacheImpl

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _Files(self.cache_path, self._impl.filename_base, stamp)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return sig, codegen.magic_tuple(), _constants(self._py_func)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # noqa: BLE001 (whatever unpickling a damaged file may raise)
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception:  # noqa: BLE001 (a read-only or full disk, or code that can't be kept)
            self.disable()

    def _forget(self) -> None:
        for path in cache_folder().glob(f"{self._impl.filename_base}.*"):
            with suppress(OSError):  # on a read-only disk it stays, and is passed over every time
                path.unlink(missing_ok=True)


def block(body: Callable[..., Any], *, reorders: bool = False) -> Any:
    """Return a function that kernels call, compiled on its own and linked to each of them.

    Blocks keep compilation short: inlined into the loops of a kernel, the same code takes Numba
    several times as long.

    With `reorders`, sums may be added up in another order than is written; as such a block is
    optimised by itself, it is one order for both twins of a kernel.
    """
    flags: dict[str, Any] = (
        {"fastmath": _REORDERING} if reorders else {"pipeline_class": BlockCompiler}
    )
    flags |= _FLAGS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return by_kind(numba.njit(**flags)(_named(body)))


def _constants(function: Any) -> tuple[str, ...]:
    """Return what a function is compiled with beside its arguments: the values that it encloses.

    The name of an enclosed function says its constants in turn.
    """
    cells = (cell.cell_contents for cell in function.__closure__ or ())
    return tuple(
        value.py_func.__qualname__ if hasattr(value, "py_func") else repr(value) for value in cells
    )


def _twin(body: Callable[..., Any], variant: str) -> Any:
    """Return the same function under a name of its own for the cache."""
    twin = _named(body)
    setattr(twin, _TWIN, variant)
    return twin


def _named(body: Callable[..., Any]) -> Any:
    """Return the same function under a name that tells it from others of the same source.

    Machine code read from the cache brings its names along. Of two functions of one name, the first
    would be called for both.
    """
    named: Any = type(body)(
        body.__code__, body.__globals__, body.__name__, body.__defaults__, body.__closure__
    )
    constants = hashlib.sha256(repr(_constants(body)).encode()).hexdigest()[:12]
    named.__name__ = f"{body.__name__}_{constants}"
    named.__qualname__ = f"{body.__qualname__}_{constants}"
    return named


def _compiled(body: Callable[..., Any], variant: str, *, parallel: bool) -> Any:
    twin = _twin(body, f"{variant}-{'parallel' if parallel else 'serial'}")
    how: Any = {"parallel": True} if parallel else {"pipeline_class": ProgramCompiler}
    dispatcher = numba.njit(**how, **_FLAGS)(twin)
    dispatcher._cache = _KernelCache(twin)
    return dispatcher


_loop = Kernel(_parallel_units, variant="units", serial=_serial_units)
