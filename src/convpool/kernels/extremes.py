"""The lesser and the greater of two numbers, as Numba computes them.

Numba compiles Python's `min` and `max` as functions, each anew for other types, by all of its
passes: 25 ms each time.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

import operator

from numba import types
from numba.core import ir
from numba.core.ir_utils import get_definition, guard
from numba.extending import intrinsic


@intrinsic
def lesser(context, one, other):
    """Return the other number if it is less, else the one."""
    return _chosen(context, one, other, operator.lt)


@intrinsic
def greater(context, one, other):
    """Return the other number if it is greater, else the one."""
    return _chosen(context, one, other, operator.gt)


def _chosen(context, one, other, relation):
    kind = context.unify_types(one, other)

    def generate(context, builder, _signature, values):
        first, second = (
            context.cast(builder, value, given, kind)
            for value, given in zip(values, (one, other), strict=True)
        )
        compare = context.get_function(relation, types.boolean(kind, kind))
        return builder.select(compare(builder, (second, first)), second, first)

    return kind(one, other), generate


def replace_extremes(function):
    """Have a function, as Numba reads it, call these where it calls `min` or `max` of two."""
    for block in function.blocks.values():
        for call in block.find_exprs("call"):
            found = guard(get_definition, function, call.func)
            if isinstance(found, ir.Global) and len(call.args) == 2:
                if found.value is min:
                    found.value = lesser
                elif found.value is max:
                    found.value = greater
