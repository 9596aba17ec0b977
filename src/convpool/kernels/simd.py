"""Vectors as values of Numba: small typed operations from which the kernels are written.

A `Vector` is an LLVM vector, which LLVM keeps in registers however wide it is: 32 lanes of float32
are two registers of AVX-512, four of AVX2 and eight of SSE. Operations are module-level intrinsics
and take their constants as literal ints, since an intrinsic made inside a function changes its name
from one process to the next and would never be found in Numba's cache on disk.

`simd`, `rows`, `sums`, `combining`, `sliding`, `abreast`, `amx`, `pieces`, `digits`, `windows`,
`spreading`, `half` and `places` are the only files that speak LLVM; `extremes` and `lowering` speak
it for the compiler.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.registry import cpu_target
from numba.extending import intrinsic, register_model

from convpool.kernels import half

I32, I64 = ir.IntType(32), ir.IntType(64)
_ELEMENTS = {
    "bool": (ir.IntType(1), "i1", 1),
    "int8": (ir.IntType(8), "i8", 1),
    "uint8": (ir.IntType(8), "i8", 1),
    "int16": (ir.IntType(16), "i16", 2),
    "uint16": (ir.IntType(16), "i16", 2),
    "int32": (I32, "i32", 4),
    "uint32": (I32, "i32", 4),
    "int64": (I64, "i64", 8),
    "uint64": (I64, "i64", 8),
    "float16": (ir.IntType(16), "i16", 2),  # keys of them, see `half`
    "float32": (ir.FloatType(), "f32", 4),
    "float64": (ir.DoubleType(), "f64", 8),
}


class Vector(types.Type):
    """The Numba type of `lanes` numbers of one type, side by side; of bools, it is a mask."""

    def __init__(self, dtype, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        element, suffix, self.itemsize = _ELEMENTS[str(dtype)]
        self.llvm = ir.VectorType(element, lanes)
        self.suffix = f"v{lanes}{suffix}"
        self.has_keys = dtype == types.float16
        self.is_float = isinstance(dtype, types.Float) and not self.has_keys
        super().__init__(name=f"Vector({dtype}, {lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector) -> None:
        super().__init__(manager, vector, vector.llvm)


DROP_NAN, KEEP_NAN, SUM = 0, 1, 2
"""What is done with two vectors: the larger numbers, where NaN is never larger or always, or sums.
"""
HALF = 4
"""Added to what is done where int16 numbers are the bits of float16.

Numba's parallel loops take no arrays of float16.
"""


@intrinsic(prefer_literal=True)
def load_row(_context, like, _address, _first, _width, lanes, operation):
    """Load `lanes` numbers of the element type of `like` from an address.

    Lane l holds what is at position first + l of a row if that lies in 0..width, else what the
    operation leaves as it is; nothing outside the row is read.
    """
    vector = vector_for(like.dtype, lanes.literal_value, operation.literal_value)

    def generate(_context, builder, _signature, values):
        mask = inside(builder, values[2], values[3], vector.lanes)
        return load(builder, like.dtype, operation.literal_value, values[1], mask)

    return vector(like, types.intp, types.intp, types.intp, lanes, operation), generate


@intrinsic
def store_row(_context, vector, _address, _count, like):
    """Store the first `count` lanes of a vector to an address, as the element type of `like`."""

    def generate(context, builder, _signature, values):
        mask = inside(builder, I64(0), values[2], vector.lanes)
        store(builder, vector, like.dtype, values[0], values[1], mask)
        return context.get_dummy_value()

    return types.void(vector, types.intp, types.intp, like), generate


@intrinsic
def address(_context, array):
    """Return the address of an array's first element, as a signed number that can be added to."""

    def generate(context, builder, _signature, values):
        struct = cgutils.create_struct_proxy(array)(context, builder, values[0])
        return builder.ptrtoint(struct.data, I64)

    return types.intp(array), generate


@intrinsic
def call_unit(_context, _program, _record, _unit, _thread):
    """Call the function (record, unit, thread) at an address."""

    def generate(context, builder, _signature, values):
        function = ir.FunctionType(ir.VoidType(), [I64] * 3)
        builder.call(builder.inttoptr(values[0], function.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.void(*(types.intp,) * 4), generate


@intrinsic
def work_together(_context, _share, _program, _record, _units, _threads):
    """Have Numba's threads call `share` with (first, shares, steps, job).

    Numba goes through arrays in parallel. Here the array is the numbers of threads: an element is
    its address. Those that begin at `first` are for this call; `job` has the last four arguments.
    """

    def generate(context, builder, _signature, values):
        share, *job = values
        first = cgutils.alloca_once_value(builder, I64(0))
        shares = cgutils.alloca_once_value(builder, job[-1])
        steps = cgutils.alloca_once_value(builder, I64(1))
        told = cgutils.alloca_once_value(builder, cgutils.pack_array(builder, job, I64))
        pointer = ir.IntType(8).as_pointer()
        function = ir.FunctionType(ir.VoidType(), [pointer] * 5 + [I64] * 3)
        callee = cgutils.get_or_insert_function(builder.module, function, "numba_parallel_for")
        pointers = [builder.bitcast(place, pointer) for place in (first, shares, steps, told)]
        share = builder.inttoptr(share, pointer)
        builder.call(callee, [share, *pointers, I64(0), I64(1), job[-1]])
        return context.get_dummy_value()

    return types.void(*(types.intp,) * 5), generate


@intrinsic(prefer_literal=True)
def splat(_context, _number, like):
    """Return a vector of int32, as wide as `like`, that holds a number in every lane."""

    def generate(_context, builder, _signature, values):
        return splat_of(builder, builder.trunc(values[0], I32), like.lanes)

    return Vector(types.int32, like.lanes)(types.intp, like), generate


@intrinsic(prefer_literal=True)
def larger(_context, one, other, operation):
    """Return the mask of the lanes in which `one` is larger than `other`.

    NaN is never larger, unless the operation keeps it: then it is larger than everything.
    """

    def generate(_context, builder, _signature, values):
        return is_larger(builder, one, values[0], values[1], operation.literal_value)

    return Vector(types.boolean, one.lanes)(one, other, operation), generate


@intrinsic(prefer_literal=True)
def combine(_context, one, other, operation):
    """Return, lane by lane, the larger of two numbers or their sum; of equal ones, the other."""

    def generate(_context, builder, _signature, values):
        return combined(builder, one, values[0], values[1], operation.literal_value)

    return one(one, other, operation), generate


@intrinsic(prefer_literal=True)
def neutral(_context, like, lanes, operation):
    """Return the vector that an operation leaves other vectors as they are with."""
    vector = vector_for(like.dtype, lanes.literal_value, operation.literal_value)

    def generate(_context, _builder, _signature, _values):
        return half.constant(vector.llvm, neutral_number(vector, operation.literal_value))

    return vector(like, lanes, operation), generate


@intrinsic
def nan_lanes(_context, one, other):
    """Return the mask of the lanes in which either of two vectors holds NaN."""
    mask = Vector(types.boolean, one.lanes)

    def generate(_context, builder, _signature, values):
        return has_nan(builder, one, *values)

    return mask(one, other), generate


@intrinsic
def either(_context, one, other):
    """Return the lanes that are in one mask or in another."""

    def generate(_context, builder, _signature, values):
        return builder.or_(*values)

    return one(one, other), generate


@intrinsic
def any_lane(_context, mask):
    """Return 1 if there is any lane in a mask, else 0."""

    def generate(_context, builder, _signature, values):
        whole = ir.IntType(mask.lanes)
        lanes = builder.bitcast(values[0], whole)
        return builder.zext(builder.icmp_unsigned("!=", lanes, whole(0)), I64)

    return types.intp(mask), generate


@intrinsic
def choose(_context, mask, one, other):
    """Return, lane by lane, `one` where the mask says so, else `other`."""

    def generate(_context, builder, _signature, values):
        return builder.select(*values)

    return one(mask, one, other), generate


def vector_for(dtype, lanes, operation):
    """Return the type of the vector that numbers of a type are loaded into for an operation."""
    if not operation & HALF:
        return Vector(dtype, lanes)
    return Vector(types.float32 if adds(operation) else types.float16, lanes)


def adds(operation: int) -> bool:
    """Tell whether an operation adds up, whatever the numbers are."""
    return operation & ~HALF == SUM


def keeps_nan(operation):
    """Tell whether an operation finds the larger numbers and keeps NaN."""
    return operation & ~HALF == KEEP_NAN


def neutral_number(vector, operation):
    """Return the number that an operation leaves others as they are with."""
    if adds(operation):
        return 0
    if vector.is_float:
        return float("-inf")
    if vector.has_keys:
        return -half.INFINITY
    bits = 8 * vector.itemsize
    return -(1 << bits - 1) if getattr(vector.dtype, "signed", False) else 0


def load(builder, dtype, operation, address, mask):
    """Emit a load of the lanes in a mask; the others get what the operation leaves as it is."""
    stored = Vector(dtype, mask.type.count)
    if operation & HALF:
        filling = 0 if adds(operation) else half.LOWEST_BITS
    else:
        filling = neutral_number(stored, operation)
    loaded = call(
        builder,
        f"llvm.masked.load.{stored.suffix}.p0",
        stored.llvm,
        pointer(builder, address, stored),
        I32(stored.itemsize),
        mask,
        half.constant(stored.llvm, filling),
    )
    if not operation & HALF:
        return loaded
    return (half.to_float32 if adds(operation) else half.keys)(builder, loaded)


def store(builder, vector, dtype, value, address, mask):
    """Emit a store of the lanes in a mask."""
    stored = Vector(dtype, vector.lanes)
    if vector.has_keys:
        value = half.from_keys(builder, value)
    elif vector.is_float and not stored.is_float:
        value = half.from_float32(builder, value)
    call(
        builder,
        f"llvm.masked.store.{stored.suffix}.p0",
        ir.VoidType(),
        value,
        pointer(builder, address, stored),
        I32(stored.itemsize),
        mask,
    )


def combined(builder, vector, one, other, operation):
    """Emit the larger of two vectors or their sum."""
    if adds(operation):
        return (builder.fadd if vector.is_float else builder.add)(one, other)
    larger = builder.select(compare(builder, vector, ">", one, other), one, other)
    if keeps_nan(operation):  # one comparison less than with the mask of `is_larger`
        return builder.select(has_nan(builder, vector, one, one), one, larger)
    return larger


def is_larger(builder, vector, one, other, operation):
    """Emit the mask of the lanes in which one vector is larger, or holds NaN that is kept."""
    wins = compare(builder, vector, ">", one, other)
    return builder.or_(wins, has_nan(builder, vector, one, one)) if keeps_nan(operation) else wins


def has_nan(builder, vector, one, other):
    """Emit the mask of the lanes in which either of two vectors holds NaN."""
    if vector.is_float:
        return builder.fcmp_unordered("uno", one, other)
    if vector.has_keys:
        nan = half.constant(vector.llvm, half.NAN_KEY)
        is_nan = [builder.icmp_signed("==", value, nan) for value in (one, other)]
        return builder.or_(*is_nan)
    return half.constant(ir.VectorType(ir.IntType(1), vector.lanes), 0)


def compare(builder, vector, relation, one, other):
    """Emit the comparison of two vectors; relations with NaN are false, but for keys."""
    if vector.is_float:
        return builder.fcmp_ordered(relation, one, other)
    signed = vector.has_keys or getattr(vector.dtype, "signed", False)
    return (builder.icmp_signed if signed else builder.icmp_unsigned)(relation, one, other)


def shuffle(builder, value, lanes):
    """Emit the vector of the given lanes of another."""
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), constants(lanes))


def call(builder, name, result, *values):
    """Emit a call of a function of LLVM's own."""
    signature = ir.FunctionType(result, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), values)


def pointer(builder, address, vector):
    """Emit the pointer to a vector at an address."""
    return builder.inttoptr(address, vector.llvm.as_pointer())


def constants(numbers):
    """Return the constant int32 vector of numbers."""
    vector = ir.VectorType(I32, len(numbers))
    return ir.Constant(vector, [int(number) for number in numbers])


def splat_of(builder, value, lanes):
    """Emit the vector that holds a number in every lane."""
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    one = builder.insert_element(undefined, value, I32(0))
    return builder.shuffle_vector(one, undefined, constants([0] * lanes))


def inside(builder, first, count, lanes):
    """Return the mask of the lanes l for which 0 <= first + l < count, below 2^31."""
    positions = builder.add(
        splat_of(builder, builder.trunc(first, I32), lanes), constants(range(lanes))
    )
    limit = splat_of(builder, builder.trunc(count, I32), lanes)
    return builder.icmp_unsigned("<", positions, limit)


def registers() -> tuple[int, int]:
    """Return the bytes of a vector register of the CPU that is compiled for, and their number."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    if "+avx512f" in features:
        return 64, 32
    return (32, 16) if "+avx" in features else (16, 16)
