"""Numbers as three pieces of bfloat16, as tiles of AMX hold them, and what is too small for that.

Like `amx`, which multiplies pieces. A piece whose number is below 2^-126 counts as 0 there: so the
least of the numbers is followed, and sums are looked at where it is tiny.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convpool.kernels.amx import PIECES
from convpool.kernels.rows import emit_load, mask_at, row_address
from convpool.kernels.simd import I32, I64, Vector, call, constants, shuffle, splat_of

_I8 = ir.IntType(8)
# Negative exponents of two: of numbers whose products are checked, and of sums that are too small.
# The latter leaves room for tiny numbers, of which smaller pieces are lost, times very large ones.
_TINY, _LOST = 50, 40


@intrinsic(prefer_literal=True)
def no_number(_context, lanes):
    """Return what `least` begins with."""
    vector = Vector(types.uint32, lanes.literal_value)

    def generate(_context, _builder, _signature, _values):
        return ir.Constant(vector.llvm, [-1] * vector.lanes)

    return vector(lanes), generate


@intrinsic
def least(_context, total, one):
    """Return, lane by lane, the lesser of `total` and the size of a float32 number that isn't 0."""

    def generate(_context, builder, _signature, values):
        return _lesser(builder, total, *values)

    return total(total, one), generate


@intrinsic
def least_of(_context, total, vectors):
    """Return what `least` does of all of a tuple of vectors."""

    def generate(_context, builder, _signature, values):
        found = values[0]
        for value in cgutils.unpack_tuple(builder, values[1]):
            found = _lesser(builder, total, found, value)
        return found

    return total(total, vectors), generate


@intrinsic
def is_tiny(_context, total):
    """Tell whether any number was, of which products may be below all that there are."""

    def generate(_context, builder, _signature, values):
        smallest = call(builder, f"llvm.vector.reduce.umin.{total.suffix}", I32, values[0])
        return builder.icmp_unsigned("<", smallest, I32(2 * (127 - _TINY) << 23))

    return types.boolean(total), generate


@intrinsic
def any_lost(_context, sums, _last, _bits):
    """Tell whether a sum is so small that products may have counted as 0.

    Of rows 0 to `last`, and of the lanes that bits at an address choose.
    """
    vector = sums.dtype

    def generate(_context, builder, _signature, values):
        chosen = mask_at(builder, values[2], vector.lanes)
        found = none = ir.Constant(chosen.type, None)
        for row, value in enumerate(cgutils.unpack_tuple(builder, values[0])):
            is_small = builder.and_(chosen, _is_lost(builder, vector, value))
            is_row = builder.icmp_signed("<=", I64(row), values[1])
            found = builder.or_(found, builder.select(is_row, is_small, none))
        return _any(builder, found)

    return types.boolean(sums, types.intp, types.intp), generate


@intrinsic
def any_lost_of(_context, sums):
    """Tell the same of all lanes of a tuple of vectors."""

    def generate(_context, builder, _signature, values):
        found = ir.Constant(ir.VectorType(ir.IntType(1), sums.dtype.lanes), None)
        for value in cgutils.unpack_tuple(builder, values[0]):
            found = builder.or_(found, _is_lost(builder, sums.dtype, value))
        return _any(builder, found)

    return types.boolean(sums), generate


@intrinsic
def store_pairs(_context, one, other, _address, _plane):
    """Store the pieces of two vectors of float32 as pairs, a piece `plane` bytes after another."""

    def generate(context, builder, _signature, values):
        _store_pairs(builder, one, values[:2], *values[2:])
        return context.get_dummy_value()

    return types.void(one, other, types.intp, types.intp), generate


@intrinsic
def store_all_pairs(_context, rows, _address, _step, _plane):
    """Store the pieces of each two of a tuple of vectors as pairs, as `store_pairs` does.

    Those of the first two lie at an address, and those of the next two `step` bytes on.
    """
    vector = rows.dtype

    def generate(context, builder, _signature, values):
        vectors = cgutils.unpack_tuple(builder, values[0])
        for row, pair in enumerate(zip(vectors[::2], vectors[1::2], strict=True)):
            _store_pairs(builder, vector, pair, row_address(builder, values, row), values[3])
        return context.get_dummy_value()

    return types.void(rows, *(types.intp,) * 3), generate


@intrinsic
def store_halves(_context, one, _address, _plane):
    """Store the pieces of a vector of float32 one beside the other, a piece `plane` bytes on."""

    def generate(context, builder, _signature, values):
        both = ir.VectorType(ir.IntType(16), 2 * one.lanes)
        for number, piece in enumerate(_pieces(builder, one, values[0])):
            place = builder.add(values[1], builder.mul(values[2], I64(number)))
            upper = shuffle(builder, builder.bitcast(piece, both), range(1, 2 * one.lanes, 2))
            _store(builder, upper, place)
        return context.get_dummy_value()

    return types.void(one, types.intp, types.intp), generate


@intrinsic
def store_split(_context, rows, _address, _step):
    """Store the pieces of each of a tuple of vectors, the r-th's from address + r * step on.

    Vectors are of 32 numbers, and a piece of one follows another.
    """
    vector = rows.dtype

    def generate(context, builder, _signature, values):
        wide = ir.VectorType(ir.IntType(16), 2 * vector.lanes)
        upper = constants(range(1, wide.count, 2))
        for row, value in enumerate(cgutils.unpack_tuple(builder, values[0])):
            place = row_address(builder, values, row)
            for piece in _pieces(builder, vector, value):
                halves = builder.bitcast(piece, wide)
                halves = builder.shuffle_vector(halves, ir.Constant(wide, None), upper)
                _store(builder, halves, place)
                place = builder.add(place, I64(2 * vector.lanes))
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def gather(_context, like, _address, _table, lanes):
    """Load number l from address + table[l], or 0 where that is negative: int32, in bytes."""
    vector = Vector(like.dtype, lanes.literal_value)

    def generate(_context, builder, _signature, values):
        places = emit_load(builder, values[2], Vector(types.int32, vector.lanes))
        return _gathered(builder, values[1], places, vector)

    return vector(like, types.intp, types.intp, lanes), generate


@intrinsic(prefer_literal=True)
def gather_rows(_context, like, _address, _rows, _table, lanes):
    """Load as many vectors as lanes, the r-th as by `gather` from address + rows[r].

    It is 0 where that is negative. Both tables hold int32, in bytes.
    """
    vector = Vector(like.dtype, lanes.literal_value)
    square = types.UniTuple(vector, vector.lanes)

    def generate(context, builder, _signature, values):
        numbers = Vector(types.int32, vector.lanes)
        places = emit_load(builder, values[3], numbers)
        missing = ir.Constant(numbers.llvm, [-1] * vector.lanes)
        vectors = []
        for row in range(vector.lanes):
            entry = builder.add(values[2], I64(4 * row))
            begin = emit_load(builder, entry, Vector(types.int32, 1), I32)
            there = builder.select(builder.icmp_signed(">=", begin, I32(0)), places, missing)
            here = builder.add(values[1], builder.sext(begin, I64))
            vectors.append(_gathered(builder, here, there, vector))
        return context.make_tuple(builder, square, vectors)

    return square(like, types.intp, types.intp, types.intp, lanes), generate


def _gathered(builder, address, places, vector):
    """Emit the numbers at address + places[l], or 0 where that is negative."""
    mask = builder.icmp_signed(">=", places, ir.Constant(places.type, None))
    wide = ir.VectorType(I64, vector.lanes)
    each = builder.add(splat_of(builder, address, vector.lanes), builder.sext(places, wide))
    pointers = builder.inttoptr(each, ir.VectorType(_I8.as_pointer(), vector.lanes))
    name = f"llvm.masked.gather.{vector.suffix}.v{vector.lanes}p0"
    zero = ir.Constant(vector.llvm, None)
    return call(builder, name, vector.llvm, pointers, I32(vector.itemsize), mask, zero)


def _pieces(builder, vector, value):
    """Return the pieces of a vector of float32: each in the upper half of its 32 bits."""
    bits = ir.VectorType(I32, vector.lanes)
    upper = splat_of(builder, I32(0xFFFF0000), vector.lanes)
    pieces = []
    for _ in range(PIECES):
        pieces.append(builder.and_(builder.bitcast(value, bits), upper))
        value = builder.fsub(value, builder.bitcast(pieces[-1], vector.llvm))
    return pieces


def _store_pairs(builder, vector, pair, address, plane):
    pieces = (_pieces(builder, vector, value) for value in pair)
    for number, (low, high) in enumerate(zip(*pieces, strict=True)):
        shifted = builder.lshr(low, splat_of(builder, I32(16), vector.lanes))
        place = builder.add(address, builder.mul(plane, I64(number)))
        _store(builder, builder.or_(shifted, high), place)


def _lesser(builder, total, least, value):
    bits = builder.bitcast(value, total.llvm)
    size = builder.sub(builder.add(bits, bits), splat_of(builder, I32(1), total.lanes))
    return call(builder, f"llvm.umin.{total.suffix}", total.llvm, least, size)


def _is_lost(builder, vector, value):
    limit = splat_of(builder, ir.Constant(vector.llvm.element, 2.0**-_LOST), vector.lanes)
    size = call(builder, f"llvm.fabs.{vector.suffix}", vector.llvm, value)
    return builder.fcmp_ordered("<", size, limit)


def _any(builder, mask):
    bits = builder.bitcast(mask, ir.IntType(mask.type.count))
    return builder.icmp_unsigned("!=", bits, bits.type(0))


def _store(builder, value, place):
    builder.store(value, builder.inttoptr(place, value.type.as_pointer())).align = 2
