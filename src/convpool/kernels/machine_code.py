"""Machine code of a program, made by a thread beside the one that compiles the next.

LLVM needs two fifths of a first call. Python's lock isn't held meanwhile, and what LLVM works on
lies in a context of its own, so Numba may go on with other code. Only llvmlite has a lock that lets
one caller in at a time, whatever his context: the two long calls go past it.
"""

# llvmlite is untyped.
# mypy: disable-error-code="no-untyped-call,no-any-return,misc"

from ctypes import string_at
from threading import Thread
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import ffi
from numba.core import config
from numba.core.llvm_bindings import create_pass_builder

Made = tuple[bytes, bytes]
"""An object file, and the optimised code that it was made of, as bitcode."""


class MachineCode:
    """Machine code in the making."""

    def __init__(self, codegen: Any, bitcode: bytes) -> None:
        self._codegen, self._bitcode = codegen, bitcode
        self._made: Made | None = None
        self._thread = Thread(target=self._make)
        self._thread.start()

    def result(self) -> Made:
        """Wait for it. A thread that failed, or wasn't taken along by a fork, is stood in for."""
        self._thread.join()
        return self._made or self._make()

    def _make(self) -> Made:
        self._made = _compiled(self._codegen, self._bitcode)
        return self._made


def _compiled(codegen: Any, bitcode: bytes) -> Made:
    context = llvm.create_context()
    module = llvm.parse_bitcode(bitcode, context)
    # A target's machine is changed by use: this is one like Numba's, whose triple the code has.
    options: dict[str, Any] = {"opt": config.OPT}
    codegen._customize_tm_options(options)
    machine = llvm.Target.from_triple(module.triple).create_target_machine(**options)
    builder = create_pass_builder(
        machine,
        opt=config.OPT,
        loop_vectorize=config.LOOP_VECTORIZE,
        slp_vectorize=config.SLP_VECTORIZE,
    )
    passes = builder.getModulePassManager()
    _unlocked("LLVMPY_RunNewModulePassManager")(passes, module, builder)
    made = _object_file(machine, module), module.as_bitcode()
    for one in (passes, builder, module, machine, context):
        one.close()
    return made


def _object_file(machine: Any, module: Any) -> bytes:
    with ffi.OutputString() as error:
        buffer = _unlocked("LLVMPY_TargetMachineEmitToMemory")(machine, module, 1, error)
        if not buffer:
            raise RuntimeError(str(error))
    try:
        return string_at(
            ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer)
        )
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def _unlocked(name: str) -> Any:
    """Return a function of LLVM's without llvmlite's lock, if it has one."""
    function = getattr(ffi.lib, name)
    return getattr(function, "_cfn", function)
