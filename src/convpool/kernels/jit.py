"""How kernels are compiled, and called by one thread or by several.

Numba's parallel loops are for kernels over arrays. A program needs none: one function, compiled
once, has Numba's threads carry out the units of any program. That compiles in a third of the time,
and a call takes 3 us instead of 6.
"""

# Numba's own classes are untyped.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

import hashlib
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock

from convpool.kernels.caching import TWIN, KernelCache, constants
from convpool.kernels.compiling import (
    ApartCompiler,
    BlockCompiler,
    ProgramCompiler,
    UnitCompiler,
    by_kind,
)
from convpool.kernels.rows import load_number
from convpool.kernels.simd import address, call_unit, work_together
from convpool.kernels.team import Team

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
        if not threads or (count := Team.size()) == 1:
            return self.serial(*arguments)
        with Team.guard():
            # Numba's number is one of the calling thread, and may be meant for its other functions.
            before = numba.get_num_threads()
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
    work that needs no other.
    """

    def __init__(self, body: Callable[..., Any], *, variant: str) -> None:
        self._body, self._variant = body, variant
        self._address = 0

    @cached_property
    def _function(self) -> "_Function":
        return _Function(self._body, self._variant, 3)

    def prepare(self) -> None:
        """Begin to compile it: the last half of that is done while the caller goes on."""
        if not self._address:
            self._function.begin()

    def __call__(self, record: Any, units: int, *, threads: bool) -> None:
        """Run units 0 to units - 1, with threads if the work is worth them and there are any."""
        address = self._address or self.address
        if not threads or units < 2 or (count := Team.size()) == 1:
            _in_turn(address, record, units)
            return
        with Team.guard():
            before = numba.get_num_threads()
            _together(_share().address, address, record, units, count)
            if before != count:  # each thread was told its number, the caller's too
                numba.set_num_threads(before)

    @property
    def address(self) -> int:
        """Where the compiled function lies."""
        if not self._address:
            self._function.compile()
            self._address = self._function.address
        return self._address


def run_all(steps: Any) -> None:
    """Run programs one after the other, without a step of Python in between.

    Args:
        steps: a row of 64-bit numbers for each: the addresses of program and record, how many units
            there are, and whether threads share them.
    """
    if not steps[:, 3].any() or (count := Team.size()) == 1:
        _steps_in_turn(steps)
        return
    with Team.guard():
        before = numba.get_num_threads()
        _steps_together(_share().address, steps, count)
        if before != count:
            numba.set_num_threads(before)


def _serial_steps(steps):
    for i in range(len(steps)):
        for unit in range(steps[i, 2]):
            call_unit(steps[i, 0], steps[i, 1], unit, 0)


def _parallel_steps(share, steps, threads):
    for i in range(len(steps)):
        program, record, units = steps[i, 0], steps[i, 1], steps[i, 2]
        if steps[i, 3]:
            work_together(share, program, record, units, threads)
        else:
            for unit in range(units):
                call_unit(program, record, unit, 0)


def _serial_units(program, record, units):
    for unit in range(units):
        call_unit(program, address(record), unit, 0)


def _parallel_units(share, program, record, units, threads):
    work_together(share, program, address(record), units, threads)


@cache
def _share() -> Any:
    """Return what each thread runs: shares of the units, as many as Numba hands it."""

    def share(first, shares, _steps, job):
        program, record = load_number(np.int64, job), load_number(np.int64, job + 8)
        units, threads = load_number(np.int64, job + 16), load_number(np.int64, job + 24)
        begin = load_number(np.int64, first)
        for thread in range(begin, begin + load_number(np.int64, shares)):
            for unit in range(units * thread // threads, units * (thread + 1) // threads):
                call_unit(program, record, unit, thread)

    function = _Function(share, "share", 4)
    function.compile()
    return function


def block(body: Callable[..., Any], *, reorders: bool = False) -> Any:
    """Return a function that kernels call, compiled on its own and linked to each of them.

    Blocks keep compilation short: inlined into the loops of a kernel, the same code takes Numba
    several times as long.

    With `reorders`, sums may be added up in another order than is written; as such a block isn't
    inlined, it is one order for both twins of a kernel.
    """
    flags: dict[str, Any] = {"pipeline_class": BlockCompiler}
    if reorders:
        flags = {"pipeline_class": ApartCompiler, "fastmath": _REORDERING}
    flags |= _FLAGS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return by_kind(numba.njit(**flags)(_named(body)))


def _twin(body: Callable[..., Any], variant: str) -> Any:
    """Return the same function under a name of its own for the cache."""
    twin = _named(body)
    setattr(twin, TWIN, variant)
    return twin


def _named(body: Callable[..., Any]) -> Any:
    """Return the same function under a name that tells it from others of the same source.

    Machine code read from the cache brings its names along. Of two functions of one name, the first
    would be called for both.
    """
    named: Any = type(body)(
        body.__code__, body.__globals__, body.__name__, body.__defaults__, body.__closure__
    )
    digest = hashlib.sha256(repr(constants(body)).encode()).hexdigest()[:12]
    named.__name__ = f"{body.__name__}_{digest}"
    named.__qualname__ = f"{body.__qualname__}_{digest}"
    return named


def _compiled(body: Callable[..., Any], variant: str, *, parallel: bool, nogil: bool = True) -> Any:
    twin = _twin(body, f"{variant}-{'parallel' if parallel else 'serial'}")
    how: Any = {"parallel": True} if parallel else {"pipeline_class": ProgramCompiler}
    dispatcher = numba.njit(**{**_FLAGS, **how, "nogil": nogil})(twin)
    dispatcher._cache = KernelCache(twin)
    return dispatcher


_CFunction: Any = CFunc


class _Function(_CFunction):
    """A compiled function of some numbers, which has an address."""

    def __init__(self, body: Callable[..., Any], variant: str, arguments: int) -> None:
        twin = _twin(body, variant)
        signature = (types.intp,) * arguments, types.void
        super().__init__(twin, signature, {}, dict(_FLAGS), UnitCompiler)
        self._cache = KernelCache(twin)
        self._begun: Any = None

    def begin(self) -> None:
        """Load it; or compile it, but for the machine code, which another thread makes."""
        with global_compiler_lock:
            if self._begun is None:
                self._begun = self._cache.load_overload(self._sig, self._targetdescr.target_context)
            if self._begun is None:
                self._begun = self._compile_uncached()
                self._begun.library.finalize()

    def compile(self) -> None:
        """Make it ready; what was compiled is kept, and loaded as the next process does."""
        with global_compiler_lock:
            self.begin()
            ready = self._begun
            if ready.entry_point is None:
                self._cache.save_overload(self._sig, ready)
                ready = CompileResult._rebuild(self._targetdescr.target_context, *ready._reduce())
                self._begun = ready
            self._library, self._wrapper_name = ready.library, ready.fndesc.llvm_cfunc_wrapper_name
            self._wrapper_address = self._library.get_pointer_to_function(self._wrapper_name)


def entry_point(body: Callable[..., Any], kinds: tuple[types.Type, ...]) -> Callable[..., Any]:
    """Return a compiled function of arguments of some kinds, which nobody checks, as a builtin.

    To call it takes 0.06 us: Numba's way to it, 0.1 us for each argument, isn't taken. It keeps the
    interpreter's lock, which takes as long to give away.
    """
    dispatcher = _compiled(body, body.__name__, parallel=False, nogil=False)
    dispatcher.compile(kinds)
    entry: Callable[..., Any] = dispatcher.overloads[kinds].entry_point
    return entry


_in_turn = _compiled(_serial_units, "units", parallel=False)
_together = _compiled(_parallel_units, "units-shared", parallel=False)
_steps_in_turn = _compiled(_serial_steps, "steps", parallel=False)
_steps_together = _compiled(_parallel_steps, "steps-shared", parallel=False)
