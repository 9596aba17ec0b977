"""Numbers as three digits to the base 256, times a scale: as tiles of AMX hold them as int8.

A number is round(number / scale), of 24 bits, so that the largest of those that share the scale
uses them all. Of the nine products of two numbers' digits six are taken: what is left out is below
2^-22 of the product of the two largest ones. Sums of them in int32 are exact. Like `amx`.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from convpool.kernels.rows import emit_load
from convpool.kernels.simd import I32, I64, Vector, call, constants, shuffle, splat_of

LARGEST = 8355700
"""The largest number: below 127 * 65793, by more than a product with a scale is rounded."""
_I8, _FLOAT = ir.IntType(8), ir.FloatType()
_OFFSET, _SIGNS = 0x808080, 0x80
_TINY, _HUGE = 127 - 40 << 23, 127 + 40 << 23  # as bits: sizes beyond which nothing is trusted


@intrinsic
def larger_size(_context, total, one):
    """Return, lane by lane, the larger of `total` and the size of a float32 number, as bits."""

    def generate(_context, builder, _signature, values):
        size = builder.bitcast(values[1], total.llvm)
        size = builder.and_(size, splat_of(builder, I32(0x7FFFFFFF), total.lanes))
        return call(builder, f"llvm.umax.{total.suffix}", total.llvm, values[0], size)

    return total(total, one), generate


@intrinsic
def no_size(_context, like):
    """Return what `larger_size` begins with, for vectors of a kind."""
    vector = Vector(types.uint32, like.lanes)
    return vector(like), lambda *_: ir.Constant(vector.llvm, None)


@intrinsic
def largest_lane(_context, total):
    """Return the largest of all lanes, in each of them."""

    def generate(_context, builder, _signature, values):
        size = call(builder, f"llvm.vector.reduce.umax.{total.suffix}", I32, values[0])
        return splat_of(builder, size, total.lanes)

    return total(total), generate


@intrinsic
def first_lane(_context, one):
    """Return a vector's first number."""

    def generate(_context, builder, _signature, values):
        return builder.extract_element(values[0], I32(0))

    return one.dtype(one), generate


@intrinsic
def is_wild(_context, total):
    """Tell whether a lane is neither 0 nor between 2^-40 and 2^40: very small, large, or NaN."""

    def generate(_context, builder, _signature, values):
        size, lanes = values[0], total.lanes
        others = builder.sub(size, splat_of(builder, I32(1), lanes))  # 0 becomes the largest
        small = builder.icmp_unsigned("<", others, splat_of(builder, I32(_TINY), lanes))
        large = builder.icmp_unsigned(">", size, splat_of(builder, I32(_HUGE), lanes))
        bits = builder.bitcast(builder.or_(small, large), ir.IntType(lanes))
        return builder.icmp_unsigned("!=", bits, bits.type(0))

    return types.boolean(total), generate


@intrinsic
def scales(_context, total):
    """Return the scales of numbers up to sizes, and what numbers are multiplied with."""
    vector = Vector(types.float32, total.lanes)
    pair = types.UniTuple(vector, 2)

    def generate(context, builder, _signature, values):
        least = splat_of(builder, I32(_TINY), total.lanes)
        size = call(builder, f"llvm.umax.{total.suffix}", total.llvm, values[0], least)
        size = builder.bitcast(size, vector.llvm)
        largest = splat_of(builder, ir.Constant(_FLOAT, LARGEST), total.lanes)
        made = builder.fdiv(size, largest), builder.fdiv(largest, size)
        return context.make_tuple(builder, pair, made)

    return pair(total), generate


@intrinsic
def store_quads(_context, one, _two, _three, _four, _factor, _address, _digit):
    """Store the digits of four vectors, each lane's side by side; digits lie `digit` bytes apart.

    That of the highest value comes first.
    """
    vector = one

    def generate(context, builder, _signature, values):
        *numbers, factor, address, distance = values
        given = [_bytes(builder, vector, number, factor) for number in numbers]
        lanes = vector.lanes
        upper: list[ir.Value] = []
        lower: list[ir.Value] = []
        for two in (given[:2], given[2:]):
            for found, bytes_of_two in ((upper, (2, 1)), (lower, (0, 0))):
                order = [
                    4 * (lane + lanes * number) + byte
                    for lane in range(lanes)
                    for byte in bytes_of_two
                    for number in range(2)
                ]
                found.append(_halves(builder, _of_two(builder, two, order)))
        for digit, (words, half) in enumerate(((upper, 0), (upper, 1), (lower, 0))):
            order = [
                2 * (lane + lanes * number) + half for lane in range(lanes) for number in range(2)
            ]
            _store(builder, _of_two(builder, words, order), address, distance, digit)
        return context.get_dummy_value()

    return types.void(*(one,) * 5, types.intp, types.intp), generate


@intrinsic
def store_row_of_digits(_context, one, _two, _three, _four, _factor, _address, _digit):
    """Store the digits of four vectors side by side, likewise."""
    vector = one

    def generate(context, builder, _signature, values):
        *numbers, factor, address, distance = values
        given = [_bytes(builder, vector, number, factor) for number in numbers]
        count = 4 * vector.lanes
        for digit, byte in enumerate((2, 1, 0)):
            chosen = [shuffle(builder, each, range(byte, count, 4)) for each in given]
            halves = [
                _of_two(builder, pair, range(2 * vector.lanes)) for pair in (chosen[:2], chosen[2:])
            ]
            _store(builder, _of_two(builder, halves, range(count)), address, distance, digit)
        return context.get_dummy_value()

    return types.void(*(one,) * 5, types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def joined_sums(_context, _address, _row, _order, _columns, _rows, count):
    """Return rows of sums of products as float32, from those of three orders.

    The arguments:
        address: of the sums of order 0, of the digits of the highest value.
        row, order: bytes from row to row, and from one order to the next.
        columns, rows: addresses of the columns' scales, and of the rows'.
        count: of rows; as many as columns.
    """
    vector = Vector(types.float32, count.literal_value)
    square = types.UniTuple(vector, vector.lanes)

    def generate(context, builder, _signature, values):
        order, columns, rows = values[2:5]
        scale = emit_load(builder, columns, vector)
        base = splat_of(builder, ir.Constant(_FLOAT, 256.0), vector.lanes)
        vectors = []
        for row in range(vector.lanes):
            place = builder.add(values[0], builder.mul(values[1], I64(row)))
            total = None
            for number in range(3):
                here = builder.add(place, builder.mul(order, I64(number)))
                whole = emit_load(builder, here, Vector(types.int32, vector.lanes))
                found = builder.sitofp(whole, vector.llvm)
                if total is None:
                    total = found
                else:
                    name = f"llvm.fma.{vector.suffix}"
                    total = call(builder, name, vector.llvm, total, base, found)
            each = emit_load(builder, builder.add(rows, I64(4 * row)), vector, _FLOAT)
            total = builder.fmul(total, scale)
            vectors.append(builder.fmul(total, splat_of(builder, each, vector.lanes)))
        return context.make_tuple(builder, square, vectors)

    return square(*(types.intp,) * 5, count), generate


def _bytes(builder, vector, number, factor):
    """Return round(number * factor), and what makes all digits positive, as bytes."""
    whole = ir.VectorType(I32, vector.lanes)
    name = f"llvm.lrint.v{vector.lanes}i32.{vector.suffix}"
    found = call(builder, name, whole, builder.fmul(number, factor))
    found = builder.add(found, splat_of(builder, I32(_OFFSET), vector.lanes))
    return builder.bitcast(found, ir.VectorType(_I8, 4 * vector.lanes))


def _halves(builder, value):
    """Return bytes as numbers of 16 bits."""
    return builder.bitcast(value, ir.VectorType(ir.IntType(16), value.type.count // 2))


def _of_two(builder, two, places):
    """Return lanes of two vectors, those of the second counted after those of the first."""
    one, other = two
    return builder.shuffle_vector(one, other, constants(places))


def _store(builder, value, address, distance, digit):
    """Store a digit of all lanes, without what made it positive: from -128 to 127."""
    whole = ir.VectorType(_I8, value.type.count * value.type.element.width // 8)
    signs = splat_of(builder, _I8(_SIGNS), whole.count)
    place = builder.add(address, builder.mul(distance, I64(digit)))
    signed = builder.xor(builder.bitcast(value, whole), signs)
    builder.store(signed, builder.inttoptr(place, whole.as_pointer())).align = 1
