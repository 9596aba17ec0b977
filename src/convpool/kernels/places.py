"""What Python hands to compiled code in least time: where arrays lie.

Numba finds out an array's type, shape and strides in each call, 0.1 us for each. A program knows
them from its record and needs the address alone, which is read here from the array, in 0.01 us.
Like `simd`.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import NativeValue, intrinsic, register_model, unbox

from convpool.kernels.simd import I64

RECORD_WORDS = 32
"""Of a record that is copied for a call."""
MOST_WORDS = 128
"""Of one whose length is told."""

_BYTE = ir.IntType(8)
_HEADER = object.__basicsize__
"""Bytes of any object before those of its kind: an array's first ones are its address."""


class Place(types.Type):
    """The Numba type of an address, given as an int or as the NumPy array that lies there."""

    def __init__(self) -> None:
        super().__init__(name="Place")


@register_model(Place)
class _PlaceModel(models.PrimitiveModel):
    def __init__(self, manager, place) -> None:
        super().__init__(manager, place, I64)


@unbox(Place)
def _read_place(_place, given, context):
    builder = context.builder
    result = cgutils.alloca_once(builder, I64)
    kind = builder.bitcast(context.pyapi.get_type(given), _BYTE.as_pointer())
    whole = builder.bitcast(context.pyapi.get_c_object("PyLong_Type"), kind.type)
    with builder.if_else(builder.icmp_unsigned("==", kind, whole)) as (is_number, is_array):
        with is_number:
            number = context.pyapi.long_as_longlong(given)
            builder.store(number, result)
        with is_array:
            held = builder.gep(builder.bitcast(given, kind.type), [I64(_HEADER)])
            builder.store(builder.load(builder.bitcast(held, I64.as_pointer())), result)
    return NativeValue(builder.load(result))


@intrinsic
def address_at(_context, place):
    """Return a place as a number that can be added to."""
    return types.intp(place), lambda _context, _builder, _signature, values: values[0]


@intrinsic
def call_with_copy(_context, _program, _record, _result, places):
    """Call a program (record, unit, thread) for unit 0, with a copy of a record.

    The copy's first words are the places. Returns its word `result`.
    """

    def generate(_context, builder, _signature, values):
        program, template, word, given = values
        words = ir.VectorType(I64, RECORD_WORDS)
        copy = cgutils.alloca_once(builder, words)
        copied = builder.load(builder.inttoptr(template, words.as_pointer()), align=8)
        builder.store(copied, copy, align=8)
        start = builder.ptrtoint(copy, I64)
        for place in range(places.count):
            there = builder.inttoptr(builder.add(start, I64(8 * place)), I64.as_pointer())
            builder.store(builder.extract_value(given, place), there)
        function = ir.FunctionType(ir.VoidType(), [I64] * 3)
        callee = builder.inttoptr(program, function.as_pointer())
        builder.call(callee, [start, I64(0), I64(0)])
        there = builder.add(start, builder.mul(word, I64(8)))
        return builder.load(builder.inttoptr(there, I64.as_pointer()))

    return types.intp(*(types.intp,) * 3, places), generate


@intrinsic
def call_units_with_copy(_context, _program, _record, _words, _units, places):
    """Call a program (record, unit, thread) for some units, with a copy of a record of `words`.

    The copy's first words are the places. Returns 0.
    """

    def generate(_context, builder, _signature, values):
        program, template, count, units, given = values
        copy = cgutils.alloca_once(builder, ir.ArrayType(I64, MOST_WORDS))
        start = builder.ptrtoint(copy, I64)
        source = builder.inttoptr(template, I64.as_pointer())
        cgutils.raw_memcpy(builder, copy, source, count, I64(8))
        for place in range(places.count):
            there = builder.inttoptr(builder.add(start, I64(8 * place)), I64.as_pointer())
            builder.store(builder.extract_value(given, place), there)
        function = ir.FunctionType(ir.VoidType(), [I64] * 3)
        callee = builder.inttoptr(program, function.as_pointer())
        with cgutils.for_range(builder, units) as loop:
            builder.call(callee, [start, loop.index, I64(0)])
        return I64(0)

    return types.intp(*(types.intp,) * 4, places), generate
