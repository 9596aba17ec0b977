"""Numba's compiler without what kernels have no use for: more than half of its work.

- Passes that treat closures, arrays as expressions, objects and literals: kernels have none.
- A block becomes LLVM's code and no more; it is optimised once, within the program that it is
  linked to. Numba optimises each function when it is lowered, again by itself, and twice more in
  each function that calls it, and makes machine code of it that nobody runs.
- A program is optimised in one go. Numba's first round is for counts of references.
- An argument's type is its kind alone. Numba compiles a function anew for each constant that it is
  called with.
- Machine code is made by a thread, while the next program is typed and lowered: see `machine_code`.
- What a call's types lead to is found once (`call_types`), references to numbers aren't counted
  (`lowering`), and `min` and `max` aren't functions to be compiled (`extremes`).

Measured with an empty cache (2 cores, Xeon with AMX), seconds of a first call: a 3x3 layer of 64
channels by Numba alone 4.8, without what is in the first four lines 2.9, and now 1.65; 1x1 3.1, 1.8
and 1.3, strided 3.6, 2.2 and 1.4. The kernels are as fast as before.
"""

# Numba's own classes are untyped.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc,has-type"

from functools import cached_property
from typing import Any

import llvmlite.binding as llvm
from numba import _dynfunc, types
from numba.core import typed_passes as typed
from numba.core import untyped_passes as untyped
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.ir_utils import build_definitions
from numba.core.ssa import reconstruct_ssa

from convpool.kernels.call_types import CallTypes
from convpool.kernels.extremes import replace_extremes
from convpool.kernels.lowering import KernelLower
from convpool.kernels.machine_code import MachineCode

_UNTYPED = (
    untyped.TranslateByteCode,
    untyped.FixupArgs,
    untyped.IRProcessing,
    untyped.RewriteSemanticConstants,
    untyped.DeadBranchPrune,
)


class _Passes(PassManager):
    """Passes, one after the other: those that leave something to be put in order do so themselves.

    Numba does so, and looks for what mustn't be there, after each of them.
    """

    def _runPass(self, _index, one, state):  # noqa: N802 (as in Numba)
        one.analysis = self._analysis
        one.run_pass(state)


@register_pass(mutates_CFG=True, analysis_only=False)
class _GenericRewrites(untyped.GenericRewrites):
    _name = "generic_rewrites_and_extremes"

    def run_pass(self, state):
        replace_extremes(state.func_ir)
        return super().run_pass(state)


@register_pass(mutates_CFG=True, analysis_only=False)
class _ReconstructSSA(untyped.ReconstructSSA):
    _name = "reconstruct_ssa_only"

    def run_pass(self, state):
        state.func_ir = reconstruct_ssa(state.func_ir)
        self._patch_locals(state)
        state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _TypeInference(typed.NopythonTypeInference):
    _name = "remembering_type_inference"

    def run_pass(self, state):
        context = state.typingctx
        state.typingctx = CallTypes(context)
        try:
            return super().run_pass(state)
        finally:
            state.typingctx = context


@register_pass(mutates_CFG=True, analysis_only=False)
class _StripPhis(typed.PreLowerStripPhis):
    _name = "strip_phis_only"

    def run_pass(self, state):
        state.func_ir = self._strip_phi_nodes(state.func_ir)
        state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return True


class _Code(JITCodeLibrary):
    """LLVM's code, which isn't optimised function by function."""

    def _optimize_functions(self, ll_module):
        ll_module.data_layout = self._codegen._data_layout


class _LinkedCode(_Code):
    """Code that is only linked: with all blocks that it needs, when a program is made of it."""

    def finalize(self):
        self._raise_if_finalized()
        self._finalized = True

    def link_blocks(self):
        """Link what this and its blocks call, each once."""
        for library in _needed(self):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(_code_of(library), preserve=True)

    @cached_property
    def own_code(self):
        """What may be linked to several programs; nothing else is made of it, so it's no copy."""
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == llvm.Linkage.external:
                function.linkage = "linkonce_odr"
        return self._final_module

    def _get_module_for_linking(self):
        """Return it with its blocks, for functions that Numba links, as those in parallel."""
        if self._shared_module is None:
            whole = self.own_code.clone()
            for library in _needed(self):
                whole.link_in(_code_of(library), preserve=True)
            self._shared_module = whole
        return self._shared_module


def _needed(library):
    """Return the libraries that one needs, directly or not."""
    found = dict.fromkeys(library._linking_libraries)
    for one in library._linking_libraries:
        if isinstance(one, _LinkedCode):  # Numba's own are linked already
            found |= _needed(one)
    return found


def _code_of(library):
    return (
        library.own_code if isinstance(library, _LinkedCode) else library._get_module_for_linking()
    )


class _ProgramCode(_LinkedCode):
    """Code that is optimised in one go, blocks and all."""

    def finalize(self):
        self.link_blocks()
        self._linking_libraries = []
        JITCodeLibrary.finalize(self)

    def _get_module_for_linking(self):
        return JITCodeLibrary._get_module_for_linking(self)

    def _optimize_final_module(self):
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


class _UnitCode(_LinkedCode):
    """Code of which another thread makes machine code, from when it is complete."""

    def finalize(self):
        super().finalize()
        self.link_blocks()
        self._machine_code = MachineCode(self._codegen, self._final_module.as_bitcode())

    @cached_property
    def _made(self):
        made = self._machine_code.result()
        self._final_module = llvm.parse_bitcode(made[1])
        self._finalize_dynamic_globals()
        return made

    @property
    def has_dynamic_globals(self):
        return bool(self._made and self._dynamic_globals)

    def serialize_using_object_code(self):
        return self.name, "object", self._made


_TYPED = (
    _GenericRewrites,
    _ReconstructSSA,
    _TypeInference,
    _StripPhis,
    typed.IRLegalization,
    typed.AnnotateTypes,
)


class _Lowering(typed.NativeLowering):
    @property
    def lowering_class(self):
        return KernelLower


@register_pass(mutates_CFG=True, analysis_only=False)
class _BlockLowering(_Lowering):
    _name = "block_lowering"

    def run_pass(self, state):
        context, name = state.targetctx, state.func_id.func_qualname
        state.library = _LinkedCode(context.codegen(), name)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state.cr
        # Callers know a function by the object that Python would call.
        module = lowered.fndesc.lookup_module()
        key = _dynfunc.make_function(module, name, "", 0, lowered.env, (state.library,))
        context.insert_user_function(key, lowered.fndesc, [state.library])
        state.cr = lowered._replace(cfunc=key)
        return True


class _ApartLower(KernelLower):
    def setup_function(self, fndesc):
        super().setup_function(fndesc)
        self.function.attributes.add("noinline")


@register_pass(mutates_CFG=True, analysis_only=False)
class _ApartLowering(_BlockLowering):
    _name = "apart_lowering"

    @property
    def lowering_class(self):
        return _ApartLower


@register_pass(mutates_CFG=True, analysis_only=False)
class _ProgramLowering(_Lowering):
    _name = "program_lowering"

    def run_pass(self, state):
        state.library = _ProgramCode(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return super().run_pass(state)


@register_pass(mutates_CFG=True, analysis_only=False)
class _UnitLowering(_Lowering):
    _name = "unit_lowering"

    def run_pass(self, state):
        state.library = _UnitCode(state.targetctx.codegen(), state.func_id.func_qualname)
        return super().run_pass(state)


class _KernelCompiler(Compiler):
    lowering: Any

    def define_pipelines(self):
        passes = _Passes("kernel")
        for one in (*_UNTYPED, *_TYPED, self.lowering, typed.NoPythonBackend):
            passes.add_pass(one, one.__name__)
        passes.finalize()
        return [passes]


class BlockCompiler(_KernelCompiler):
    """Compiles what is linked to a program."""

    lowering = _BlockLowering


class ApartCompiler(_KernelCompiler):
    """Compiles a block that stays a function of its own, so that callers don't change its code."""

    lowering = _ApartLowering


class ProgramCompiler(_KernelCompiler):
    """Compiles what becomes machine code."""

    lowering = _ProgramLowering


class UnitCompiler(_KernelCompiler):
    """Compiles what becomes machine code meanwhile."""

    lowering = _UnitLowering


def by_kind(dispatcher: Any) -> Any:
    """Return a dispatcher of Numba's, changed to compile for kinds of arguments, not for values."""
    template = dispatcher.get_call_template

    def get_call_template(args, kws):
        return template(tuple(map(_kind, args)), {name: _kind(one) for name, one in kws.items()})

    dispatcher.get_call_template = get_call_template
    return dispatcher


def _kind(kind: types.Type) -> types.Type:
    if isinstance(kind, types.Tuple | types.UniTuple):
        return types.BaseTuple.from_types([_kind(one) for one in kind])
    return types.unliteral(kind)
