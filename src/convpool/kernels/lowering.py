"""From typed operations to LLVM's, for numbers, vectors and tuples of them.

Numba counts references to everything: it loads what is overwritten, and clears what is done with.
For what has no references that is left out here, as are names for debuggers.
"""

# Numba's own classes are untyped.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from numba.core import cgutils, ir
from numba.core.lowering import Lower

from convpool.kernels.call_types import CallTypes


class KernelLower(Lower):
    """Numba's, without what kernels have no use for."""

    def init(self):
        """Begin, with nothing known."""
        super().init()
        self._call_types = CallTypes(self.context.typing_context)
        self._counted: dict[object, bool] = {}

    def lower_block(self, block):
        """Lower a block: the most frequent of its operations without detours."""
        self.pre_block(block)
        for inst in block.body:
            self.loc = inst.loc
            if isinstance(inst, ir.Del):
                self.delvar(inst.value)
            elif isinstance(inst, ir.Assign) and not isinstance(inst.value, ir.Arg):
                value = self.lower_assign(self.typeof(inst.target.name), inst)
                self.storevar(value, inst.target.name)
            else:
                self.lower_inst(inst)
        self.post_block(block)

    def lower_binop(self, resty, expr, op):
        """Lower an operation on two values, whose signature is known already."""
        if expr.static_lhs is not ir.UNDEFINED or expr.static_rhs is not ir.UNDEFINED:
            return super().lower_binop(resty, expr, op)
        kinds = self.fndesc.calltypes[expr].args
        sides = [
            self.context.cast(self.builder, self.loadvar(side.name), self.typeof(side.name), kind)
            for side, kind in zip((expr.lhs, expr.rhs), kinds, strict=True)
        ]
        function = self._call_types.resolve_value_type(op)
        signature = self._call_types.resolve_function_type(function, kinds, {})
        made = self.context.get_function(function, signature)(self.builder, sides)
        return self.context.cast(self.builder, made, signature.return_type, resty)

    def storevar(self, value, name, argidx=None):
        """Give a variable a value."""
        kind = self.typeof(name)
        if self._counts(kind):
            super().storevar(value, name, argidx=argidx)
            return
        self._alloca_var(name, kind)
        if name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
        else:
            self.builder.store(value, self.getvar(name))

    def delvar(self, name):
        """Forget a variable."""
        if self._counts(self.typeof(name)):
            super().delvar(name)

    def incref(self, typ, val):
        """Count a reference."""
        if self._counts(typ):
            super().incref(typ, val)

    def decref(self, typ, val):
        """Count one less."""
        if self._counts(typ):
            super().decref(typ, val)

    def alloca_lltype(self, name, lltype, datamodel=None):  # noqa: ARG002 (as in Numba)
        """Make room for a variable, of which no debugger is told."""
        return cgutils.alloca_once(self.builder, lltype, name=name, zfill=False)

    def _counts(self, kind):
        """Tell whether references to values of a type are counted."""
        counts = self._counted.get(kind)
        if counts is None:
            counts = self.context.data_model_manager[kind].contains_nrt_meminfo()
            self._counted[kind] = counts
        return counts
