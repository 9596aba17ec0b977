"""Vectors as values of Numba: small typed operations from which the kernels are written.

A `Vector` is an LLVM vector, which LLVM keeps in registers however wide it is: 32 lanes of float32
are two registers of AVX-512, four of AVX2 and eight of SSE. Operations are module-level intrinsics
and take their constants as literal ints, since an intrinsic made inside a function changes its name
from one process to the next and would never be found in Numba's cache on disk.

The only file of the package that speaks LLVM.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.registry import cpu_target
from numba.extending import intrinsic, register_model

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_ELEMENTS = {
    "bool": (ir.IntType(1), "i1", 1),
    "int8": (ir.IntType(8), "i8", 1),
    "uint8": (ir.IntType(8), "i8", 1),
    "int16": (ir.IntType(16), "i16", 2),
    "uint16": (ir.IntType(16), "i16", 2),
    "int32": (_I32, "i32", 4),
    "uint32": (_I32, "i32", 4),
    "int64": (_I64, "i64", 8),
    "uint64": (_I64, "i64", 8),
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
        self.is_float = isinstance(dtype, types.Float)
        super().__init__(name=f"Vector({dtype}, {lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector) -> None:
        super().__init__(manager, vector, vector.llvm)


@intrinsic(prefer_literal=True)
def load_row(_context, like, _address, _first, _width, lanes, fill):
    """Load `lanes` numbers of the element type of `like` from an address.

    Lane l holds what is at position first + l of a row if that lies in 0..width, else `fill`;
    nothing outside the row is read.
    """
    vector = Vector(like.dtype, lanes.literal_value)

    def generate(context, builder, _signature, values):
        mask = _inside(builder, values[2], values[3], vector.lanes)
        filling = context.cast(builder, values[5], fill, vector.dtype)
        return _call(
            builder,
            f"llvm.masked.load.{vector.suffix}.p0",
            vector.llvm,
            _pointer(builder, values[1], vector),
            _I32(vector.itemsize),
            mask,
            _splat(builder, filling, vector.lanes),
        )

    return vector(like, types.intp, types.intp, types.intp, lanes, fill), generate


@intrinsic
def store_row(_context, vector, _address, _count):
    """Store the first `count` lanes of a vector to an address."""

    def generate(context, builder, _signature, values):
        mask = _inside(builder, _I64(0), values[2], vector.lanes)
        _call(
            builder,
            f"llvm.masked.store.{vector.suffix}.p0",
            ir.VoidType(),
            values[0],
            _pointer(builder, values[1], vector),
            _I32(vector.itemsize),
            mask,
        )
        return context.get_dummy_value()

    return types.void(vector, types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def splat(_context, _number, like):
    """Return a vector of int32, as wide as `like`, that holds a number in every lane."""

    def generate(_context, builder, _signature, values):
        return _splat(builder, builder.trunc(values[0], _I32), like.lanes)

    return Vector(types.int32, like.lanes)(types.intp, like), generate


@intrinsic(prefer_literal=True)
def larger(_context, one, other, keep_nan):
    """Return the mask of the lanes in which `one` is larger than `other`.

    NaN is never larger, unless `keep_nan` is 1: then it is larger than everything.
    """

    def generate(_context, builder, _signature, values):
        return _larger(builder, one, values[0], values[1], keep_nan.literal_value)

    return Vector(types.boolean, one.lanes)(one, other, keep_nan), generate


@intrinsic
def choose(_context, mask, one, other):
    """Return, lane by lane, `one` where the mask says so, else `other`."""

    def generate(_context, builder, _signature, values):
        return builder.select(*values)

    return one(mask, one, other), generate


@intrinsic(prefer_literal=True)
def largest_of_windows(_context, vector, taps, step, lanes, keep_nan):
    """Return a vector whose lane l is the largest of another's l*step to l*step + taps - 1.

    Lanes whose window goes beyond the vector hold whatever is there: the caller doesn't store them.
    """
    result = Vector(vector.dtype, lanes.literal_value)

    def generate(_context, builder, _signature, values):
        chosen = _windows(vector, taps.literal_value, step.literal_value, result.lanes)
        largest = _shuffle(builder, values[0], chosen[0])
        for lanes_of_tap in chosen[1:]:
            shifted = _shuffle(builder, values[0], lanes_of_tap)
            wins = _larger(builder, vector, shifted, largest, keep_nan.literal_value)
            largest = builder.select(wins, shifted, largest)
        return largest

    return result(vector, taps, step, lanes, keep_nan), generate


@intrinsic(prefer_literal=True)
def first_largest_of_windows(_context, vector, rows, taps, step, lanes, keep_nan):
    """Return what `largest_of_windows` does, and in which row and at which tap it stood.

    `rows` says in which row each of the vector's lanes was found. Of equal values the first counts,
    in the order of rows and then taps; with `keep_nan`, of several NaN the last.
    """
    result = Vector(vector.dtype, lanes.literal_value)
    numbers = Vector(types.int32, result.lanes)
    found = types.Tuple((result, numbers, numbers))

    def generate(context, builder, _signature, values):
        chosen = _windows(vector, taps.literal_value, step.literal_value, result.lanes)
        best, row = (_shuffle(builder, value, chosen[0]) for value in values[:2])
        at = _constants([0] * result.lanes)
        for tap, lanes_of_tap in enumerate(chosen[1:], start=1):
            other, other_row = (_shuffle(builder, value, lanes_of_tap) for value in values[:2])
            earlier = builder.icmp_signed("<", other_row, row)
            tied = builder.and_(_compare(builder, vector, "==", other, best), earlier)
            wins = builder.or_(_compare(builder, vector, ">", other, best), tied)
            if keep_nan.literal_value:
                last = builder.or_(builder.fcmp_ordered("ord", best, best), builder.not_(earlier))
                is_nan = builder.fcmp_unordered("uno", other, other)
                wins = builder.or_(wins, builder.and_(is_nan, last))
            best = builder.select(wins, other, best)
            row = builder.select(wins, other_row, row)
            at = builder.select(wins, _constants([tap] * result.lanes), at)
        return context.make_tuple(builder, found, (best, row, at))

    return found(vector, rows, taps, step, lanes, keep_nan), generate


@intrinsic(prefer_literal=True)
def flat_indices(_context, rows, taps, _width, _first, step):
    """Return the int64 vector rows * width + max(0, first + lane * step + taps).

    A negative column is padding, and named only where all values under a window are the lowest:
    then the first real one counts, which is in column 0.
    """
    result = Vector(types.int64, rows.lanes)

    def generate(_context, builder, _signature, values):
        lanes = rows.lanes
        width32, first32 = (
            _splat(builder, builder.trunc(value, _I32), lanes) for value in values[2:4]
        )
        steps = _constants([lane * step.literal_value for lane in range(lanes)])
        column = builder.add(builder.add(first32, steps), values[1])
        zero = _constants([0] * lanes)
        column = builder.select(builder.icmp_signed("<", column, zero), zero, column)
        flat = builder.add(builder.mul(values[0], width32), column)
        return builder.sext(flat, result.llvm)

    return result(rows, taps, types.intp, types.intp, step), generate


@intrinsic
def address(_context, array):
    """Return the address of an array's first element, as a signed number that can be added to."""

    def generate(context, builder, signature, values):
        struct = cgutils.create_struct_proxy(array)(context, builder, values[0])
        return builder.ptrtoint(struct.data, _I64)

    return types.intp(array), generate


@intrinsic(prefer_literal=True)
def load(_context, like, _address, lanes):
    """Load `lanes` numbers of the element type of `like` from an address."""
    vector = Vector(like.dtype, lanes.literal_value)

    def generate(_context, builder, _signature, values):
        return _load(builder, values[1], vector)

    return vector(like, types.intp, lanes), generate


@intrinsic
def store(_context, vector, _address):
    """Store a vector to an address."""

    def generate(context, builder, _signature, values):
        _store(builder, *values, vector)
        return context.get_dummy_value()

    return types.void(vector, types.intp), generate


@intrinsic
def load_number(_context, like, _address):
    """Load a number of the element type of `like` from an address."""
    vector = Vector(like.dtype, 1)

    def generate(_context, builder, _signature, values):
        return _load(builder, values[1], vector, vector.llvm.element)

    return like.dtype(like, types.intp), generate


@intrinsic
def store_number(_context, number, _address):
    """Store a number to an address."""

    def generate(context, builder, _signature, values):
        place = builder.inttoptr(values[1], values[0].type.as_pointer())
        builder.store(values[0], place).align = Vector(number, 1).itemsize
        return context.get_dummy_value()

    return types.void(number, types.intp), generate


@intrinsic
def call_unit(_context, _program, _record, _unit, _thread):
    """Call the function (record, unit, thread) at an address."""

    def generate(context, builder, _signature, values):
        function = ir.FunctionType(ir.VoidType(), [_I64] * 3)
        builder.call(builder.inttoptr(values[0], function.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.void(*(types.intp,) * 4), generate


@intrinsic
def fields(_context, _address, record):
    """Load a named tuple of 64-bit integers, one after the other from an address."""
    names = record.instance_class
    numbers = types.NamedUniTuple(types.intp, len(names._fields), names)

    def generate(context, builder, _signature, values):
        loaded = [
            _load(builder, builder.add(values[0], _I64(8 * field)), Vector(types.intp, 1), _I64)
            for field in range(numbers.count)
        ]
        return context.make_tuple(builder, numbers, loaded)

    return numbers(types.intp, record), generate


@intrinsic
def prefetch(_context, _address):
    """Ask for the line at an address, into the second cache."""

    def generate(context, builder, _signature, values):
        pointer = builder.inttoptr(values[0], ir.IntType(8).as_pointer())
        how = _I32(0), _I32(2), _I32(1)  # to read, kept in the second cache, data
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, *how)
        return context.get_dummy_value()

    return types.void(types.intp), generate


@intrinsic(prefer_literal=True)
def every(_context, vector, step, lanes):
    """Return a vector of a vector's lanes 0, step, 2*step, …"""
    result = Vector(vector.dtype, lanes.literal_value)

    def generate(_context, builder, _signature, values):
        (chosen,) = _windows(vector, 1, step.literal_value, result.lanes)
        return _shuffle(builder, values[0], chosen)

    return result(vector, step, lanes), generate


@intrinsic(prefer_literal=True)
def zeros(_context, like, lanes, count):
    """Return a tuple of `count` vectors of zeros, of the element type of `like`."""
    vectors = types.UniTuple(Vector(like.dtype, lanes.literal_value), count.literal_value)

    def generate(context, builder, _signature, _values):
        zero = ir.Constant(vectors.dtype.llvm, None)
        return context.make_tuple(builder, vectors, [zero] * vectors.count)

    return vectors(like, lanes, count), generate


@intrinsic
def multiply_add(_context, sums, vector, _address):
    """Add to the r-th of a tuple of vectors `vector` times the r-th number at an address."""

    def generate(context, builder, _signature, values):
        def add(row, total):
            place = builder.add(values[2], _I64(row * vector.itemsize))
            number = _load(builder, place, Vector(vector.dtype, 1), vector.llvm.element)
            number = _splat(builder, number, vector.lanes)
            name = f"llvm.fmuladd.{vector.suffix}"  # without FMA: a product and a sum
            return _call(builder, name, vector.llvm, number, values[1], total)

        return _by_row(context, builder, sums, values[0], add)

    return sums(sums, vector, types.intp), generate


@intrinsic(prefer_literal=True)
def rows_at(_context, _address, _step, _last, count):
    """Return `count` addresses: address + r * step, and for r after the last that of the last."""
    places = types.UniTuple(types.intp, count.literal_value)

    def generate(context, builder, _signature, values):
        return context.make_tuple(builder, places, _clamped_rows(builder, values[:3], places.count))

    return places(types.intp, types.intp, types.intp, count), generate


@intrinsic
def multiply_add_rows(_context, sums, vector, places, _distance):
    """Add to the r-th of a tuple of vectors `vector` times the number at places[r] + distance."""

    def generate(context, builder, _signature, values):
        addresses = cgutils.unpack_tuple(builder, values[2])

        def add(row, total):
            place = builder.add(addresses[row], values[3])
            number = _load(builder, place, Vector(vector.dtype, 1), vector.llvm.element)
            number = _splat(builder, number, vector.lanes)
            name = f"llvm.fmuladd.{vector.suffix}"
            return _call(builder, name, vector.llvm, number, values[1], total)

        return _by_row(context, builder, sums, values[0], add)

    return sums(sums, vector, places, types.intp), generate


@intrinsic
def add_stored(_context, sums, _address, _step):
    """Add to each of a tuple of vectors the one that lies at address + row * step."""

    def generate(context, builder, _signature, values):
        def add(row, total):
            return builder.fadd(_load(builder, _row(builder, values, row), sums.dtype), total)

        return _by_row(context, builder, sums, values[0], add)

    return sums(sums, types.intp, types.intp), generate


@intrinsic
def store_all(_context, rows, _address, _step):
    """Store a tuple of vectors, the r-th at address + r * step."""

    def generate(context, builder, _signature, values):
        for row, value in enumerate(cgutils.unpack_tuple(builder, values[0])):
            _store(builder, value, _row(builder, values, row), rows.dtype)
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def load_all(_context, like, _address, _step, lanes, count):
    """Load `count` vectors of `lanes` numbers, the r-th from address + r * step."""
    rows = types.UniTuple(Vector(like.dtype, lanes.literal_value), count.literal_value)

    def generate(context, builder, _signature, values):
        loaded = [
            _load(builder, _row(builder, values, row), rows.dtype) for row in range(rows.count)
        ]
        return context.make_tuple(builder, rows, loaded)

    return rows(like, types.intp, types.intp, lanes, count), generate


@intrinsic(prefer_literal=True)
def load_rows(_context, like, _address, _step, _last, _width, lanes, count):
    """Load the first `width` lanes of `count` vectors, the r-th from address + r * step.

    The other lanes are 0. Vectors after the `last` are loaded from where the last one is.
    """
    rows = types.UniTuple(Vector(like.dtype, lanes.literal_value), count.literal_value)

    def generate(context, builder, _signature, values):
        places = _clamped_rows(builder, values[1:4], rows.count)
        loaded = _load_places(builder, places, values[4], rows.dtype)
        return context.make_tuple(builder, rows, loaded)

    return rows(like, *(types.intp,) * 4, lanes, count), generate


@intrinsic
def transpose(_context, rows):
    """Exchange rows and lanes of as many vectors as they have lanes."""

    def generate(context, builder, _signature, values):
        square = cgutils.unpack_tuple(builder, values[0])
        return context.make_tuple(builder, rows, _transpose(builder, square))

    return rows(rows), generate


@intrinsic(prefer_literal=True)
def add_numbers(_context, rows, _address, by_row):
    """Add numbers that lie at an address: the r-th to vector r, or the l-th to all lanes l."""

    def generate(context, builder, _signature, values):
        def add(row, value):
            place = builder.add(values[1], _I64(row * rows.dtype.itemsize))
            number = _load(builder, place, Vector(rows.dtype.dtype, 1), rows.dtype.llvm.element)
            return builder.fadd(value, _splat(builder, number, rows.dtype.lanes))

        if by_row.literal_value:
            return _by_row(context, builder, rows, values[0], add)
        numbers = _load(builder, values[1], rows.dtype)
        return _by_row(
            context, builder, rows, values[0], lambda _row, value: builder.fadd(value, numbers)
        )

    return rows(rows, types.intp, by_row), generate


@intrinsic
def add_rows(_context, rows, _address, _step, _last, _width):
    """Add vectors that are loaded as by `load_rows`."""

    def generate(context, builder, _signature, values):
        places = _clamped_rows(builder, values[1:4], rows.count)
        loaded = _load_places(builder, places, values[4], rows.dtype)
        return _by_row(
            context, builder, rows, values[0], lambda row, value: builder.fadd(value, loaded[row])
        )

    return rows(rows, *(types.intp,) * 4), generate


@intrinsic
def store_rows(_context, rows, _address, _step, _last, _width):
    """Store the first `width` lanes of vectors 0 to `last`, the r-th at address + r * step."""

    def generate(context, builder, _signature, values):
        vector = rows.dtype
        places = _clamped_rows(builder, values[1:4], rows.count)
        mask = _inside(builder, _I64(0), values[4], vector.lanes)
        stored = list(zip(cgutils.unpack_tuple(builder, values[0]), places, strict=True))
        # From the end: what is stored in the last one's place too many times is overwritten by it.
        for value, place in reversed(stored):
            _call(
                builder,
                f"llvm.masked.store.{vector.suffix}.p0",
                ir.VoidType(),
                value,
                _pointer(builder, place, vector),
                _I32(vector.itemsize),
                mask,
            )
        return context.get_dummy_value()

    return types.void(rows, *(types.intp,) * 4), generate


@intrinsic
def add_expanded(_context, rows, _address, _step, _last, _bits):
    """Add numbers that lie side by side from address + r * step on, to lanes that bits choose.

    The bits are at an address, one for each lane. Vectors after the `last` are as in `load_rows`.
    """

    def generate(context, builder, _signature, values):
        vector = rows.dtype
        mask = _mask_at(builder, values[4], vector.lanes)
        places = _clamped_rows(builder, values[1:4], rows.count)
        name = f"llvm.masked.expandload.{vector.suffix}"
        zero = ir.Constant(vector.llvm, None)

        def add(row, value):
            pointer = builder.inttoptr(places[row], vector.llvm.element.as_pointer())
            return builder.fadd(value, _call(builder, name, vector.llvm, pointer, mask, zero))

        return _by_row(context, builder, rows, values[0], add)

    return rows(rows, *(types.intp,) * 4), generate


@intrinsic
def store_compressed(_context, rows, _address, _step, _last, _bits):
    """Store side by side, from address + r * step on, the lanes that bits choose."""

    def generate(context, builder, _signature, values):
        vector = rows.dtype
        mask = _mask_at(builder, values[4], vector.lanes)
        places = _clamped_rows(builder, values[1:4], rows.count)
        stored = list(zip(cgutils.unpack_tuple(builder, values[0]), places, strict=True))
        for value, place in reversed(stored):  # as in `store_rows`
            pointer = builder.inttoptr(place, vector.llvm.element.as_pointer())
            name = f"llvm.masked.compressstore.{vector.suffix}"
            _call(builder, name, ir.VoidType(), value, pointer, mask)
        return context.get_dummy_value()

    return types.void(rows, *(types.intp,) * 4), generate


@intrinsic
def activate(_context, rows, _slope, _ceiling):
    """Multiply what is negative by a slope, and cut what exceeds a ceiling; NaN stays.

    A slope of 0 gives 0 for every negative number, minus infinity too.
    """
    number = rows.dtype.dtype

    def generate(context, builder, _signature, values):
        vector = rows.dtype
        slope, ceiling = (_splat(builder, value, vector.lanes) for value in values[1:])
        zero = ir.Constant(vector.llvm, None)
        flat = builder.fcmp_ordered("==", slope, zero)

        def bend(_row, value):
            lowered = builder.select(flat, zero, builder.fmul(value, slope))
            bent = builder.select(builder.fcmp_ordered("<", value, zero), lowered, value)
            return builder.select(builder.fcmp_ordered(">", bent, ceiling), ceiling, bent)

        return _by_row(context, builder, rows, values[0], bend)

    return rows(rows, number, number), generate


@intrinsic
def any_nan(_context, one, other):
    """Return 0 if no lane of either vector is NaN, else another number."""

    def generate(_context, builder, _signature, values):
        if not one.is_float:
            return _I64(0)
        mask = builder.fcmp_unordered("uno", *values)
        lanes = builder.bitcast(mask, ir.IntType(one.lanes))
        found = builder.icmp_unsigned("!=", lanes, ir.IntType(one.lanes)(0))
        return builder.zext(found, _I64)

    return types.intp(one, other), generate


def _by_row(context, builder, rows, values, operation):
    """Return the tuple of what an operation makes of each of a tuple of vectors."""
    made = [
        operation(row, value) for row, value in enumerate(cgutils.unpack_tuple(builder, values))
    ]
    return context.make_tuple(builder, rows, made)


def _row(builder, values, row):
    """Return values[1] + row * values[2]: the address of a row."""
    return builder.add(values[1], builder.mul(values[2], _I64(row)))


def _load(builder, place, vector, element=None):
    pointer = builder.inttoptr(place, (element or vector.llvm).as_pointer())
    loaded = builder.load(pointer)
    loaded.align = vector.itemsize
    return loaded


def _clamped_rows(builder, numbers, count):
    """Return addresses address + min(row, last) * step."""
    first, step, last = numbers
    places = [first]
    for row in range(1, count):
        next_one = builder.add(places[-1], step)
        places.append(
            builder.select(builder.icmp_signed("<", last, _I64(row)), places[-1], next_one)
        )
    return places


def _mask_at(builder, place, lanes):
    """Load a mask from an address, a bit for each lane."""
    bits = builder.load(builder.inttoptr(place, ir.IntType(lanes).as_pointer()))
    bits.align = 1
    return builder.bitcast(bits, ir.VectorType(ir.IntType(1), lanes))


def _load_places(builder, places, width, vector):
    """Load a vector from each place, its first `width` lanes; the others are 0."""
    mask = _inside(builder, _I64(0), width, vector.lanes)
    zero = ir.Constant(vector.llvm, None)
    name = f"llvm.masked.load.{vector.suffix}.p0"
    alignment = _I32(vector.itemsize)
    return [
        _call(builder, name, vector.llvm, _pointer(builder, place, vector), alignment, mask, zero)
        for place in places
    ]


def _store(builder, value, place, vector):
    stored = builder.store(value, _pointer(builder, place, vector))
    stored.align = vector.itemsize


def _transpose(builder, square):
    """Exchange ever smaller blocks across the diagonal; the lanes are a power of two."""
    size = len(square)
    block = size // 2
    while block:
        upper, lower = [], []
        for lane in range(size):
            is_left = (lane // block) % 2 == 0
            upper.append(lane if is_left else size + lane - block)
            lower.append(lane + block if is_left else size + lane)
        exchanged = list(square)
        for row in range(size):
            if (row // block) % 2 == 0:
                pair = square[row], square[row + block]
                exchanged[row] = builder.shuffle_vector(*pair, _constants(upper))
                exchanged[row + block] = builder.shuffle_vector(*pair, _constants(lower))
        square = exchanged
        block //= 2
    return square


def _larger(builder, vector, one, other, keep_nan):
    wins = _compare(builder, vector, ">", one, other)
    return builder.or_(wins, builder.fcmp_unordered("uno", one, one)) if keep_nan else wins


def _compare(builder, vector, relation, one, other):
    """Compare two values of a vector type; relations with NaN are false."""
    if vector.is_float:
        return builder.fcmp_ordered(relation, one, other)
    signed = getattr(vector.dtype, "signed", False)
    return (builder.icmp_signed if signed else builder.icmp_unsigned)(relation, one, other)


def _windows(vector, taps, step, lanes):
    """Return, for each tap, which lanes of a vector it takes from window to window."""
    last = vector.lanes - 1
    return [[min(tap + lane * step, last) for lane in range(lanes)] for tap in range(taps)]


def _shuffle(builder, value, lanes):
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), _constants(lanes))


def _call(builder, name, result, *values):
    signature = ir.FunctionType(result, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), values)


def _pointer(builder, address, vector):
    return builder.inttoptr(address, vector.llvm.as_pointer())


def _constants(numbers):
    vector = ir.VectorType(_I32, len(numbers))
    return ir.Constant(vector, [int(number) for number in numbers])


def _splat(builder, value, lanes):
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    one = builder.insert_element(undefined, value, _I32(0))
    return builder.shuffle_vector(one, undefined, _constants([0] * lanes))


def _inside(builder, first, count, lanes):
    """Return the mask of the lanes l for which 0 <= first + l < count, below 2^31."""
    positions = builder.add(
        _splat(builder, builder.trunc(first, _I32), lanes), _constants(range(lanes))
    )
    limit = _splat(builder, builder.trunc(count, _I32), lanes)
    return builder.icmp_unsigned("<", positions, limit)


def registers():
    """Return the bytes of a vector register of the CPU that is compiled for, and their number."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    if "+avx512f" in features:
        return 64, 32
    return (32, 16) if "+avx" in features else (16, 16)
