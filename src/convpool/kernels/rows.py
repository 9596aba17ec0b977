"""Tuples of vectors: how they are loaded, turned and stored; `sums` computes with them.

Like `simd`, for the products of convolutions. A tuple of vectors stays in registers, as a vector
does.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convpool.kernels.simd import (
    I32,
    I64,
    Vector,
    call,
    constants,
    inside,
    pointer,
    shuffle,
)


@intrinsic(prefer_literal=True)
def load(_context, like, _address, lanes):
    """Load `lanes` numbers of the element type of `like` from an address."""
    vector = Vector(like.dtype, lanes.literal_value)

    def generate(_context, builder, _signature, values):
        return emit_load(builder, values[1], vector)

    return vector(like, types.intp, lanes), generate


@intrinsic
def store(_context, vector, _address):
    """Store a vector to an address."""

    def generate(context, builder, _signature, values):
        _store(builder, values[0], values[1], vector)
        return context.get_dummy_value()

    return types.void(vector, types.intp), generate


@intrinsic
def load_number(_context, like, _address):
    """Load a number of the element type of `like` from an address."""
    vector = Vector(like.dtype, 1)

    def generate(_context, builder, _signature, values):
        return emit_load(builder, values[1], vector, vector.llvm.element)

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
def fields(_context, _address, record):
    """Load a named tuple of 64-bit integers, one after the other from an address."""
    names = record.instance_class
    numbers = types.NamedUniTuple(types.intp, len(names._fields), names)

    def generate(context, builder, _signature, values):
        loaded = [
            emit_load(builder, builder.add(values[0], I64(8 * field)), Vector(types.intp, 1), I64)
            for field in range(numbers.count)
        ]
        return context.make_tuple(builder, numbers, loaded)

    return numbers(types.intp, record), generate


@intrinsic
def prefetch(_context, _address):
    """Ask for the line at an address, into the second cache."""

    def generate(context, builder, _signature, values):
        pointer = builder.inttoptr(values[0], ir.IntType(8).as_pointer())
        how = I32(0), I32(2), I32(1)  # to read, kept in the second cache, data
        call(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, *how)
        return context.get_dummy_value()

    return types.void(types.intp), generate


@intrinsic
def stream(_context, vector, _address):
    """Store a vector to an aligned address past the caches, in no order until `fence`."""

    def generate(context, builder, _signature, values):
        stored = builder.store(values[0], pointer(builder, values[1], vector))
        stored.align = vector.lanes * vector.itemsize
        stored.set_metadata("nontemporal", builder.module.add_metadata([I32(1)]))
        return context.get_dummy_value()

    return types.void(vector, types.intp), generate


@intrinsic
def fence(_context):
    """Let everything that was stored be seen by other threads."""

    def generate(context, builder, _signature, _values):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic(prefer_literal=True)
def every(_context, vector, step, lanes):
    """Return a vector of each step-th of another's lanes, from the first on."""
    result = Vector(vector.dtype, lanes.literal_value)

    def generate(_context, builder, _signature, values):
        chosen = [lane * step.literal_value for lane in range(result.lanes)]
        return shuffle(builder, values[0], chosen)

    return result(vector, step, lanes), generate


@intrinsic(prefer_literal=True)
def store_dealt(_context, vector, step, _address, _distance, _width):
    """Store a vector's lanes as `step` rows: lane l to row l % step, at address + row * distance.

    Of each row, no more than `width` lanes.
    """

    def generate(context, builder, _signature, values):
        row = Vector(vector.dtype, vector.lanes // step.literal_value)
        mask = inside(builder, I64(0), values[4], row.lanes)
        for first in range(step.literal_value):
            chosen = range(first, vector.lanes, step.literal_value)
            place = builder.add(values[2], builder.mul(values[3], I64(first)))
            call(
                builder,
                f"llvm.masked.store.{row.suffix}.p0",
                ir.VoidType(),
                shuffle(builder, values[0], list(chosen)),
                pointer(builder, place, row),
                I32(row.itemsize),
                mask,
            )
        return context.get_dummy_value()

    return types.void(vector, step, *(types.intp,) * 3), generate


@intrinsic(prefer_literal=True)
def rows_at(_context, _address, _step, _last, count):
    """Return `count` addresses: address + r * step, and for r after the last that of the last."""
    places = types.UniTuple(types.intp, count.literal_value)

    def generate(context, builder, _signature, values):
        return context.make_tuple(builder, places, clamped_rows(builder, values[:3], places.count))

    return places(types.intp, types.intp, types.intp, count), generate


@intrinsic
def store_all(_context, rows, _address, _step):
    """Store a tuple of vectors, the r-th at address + r * step."""

    def generate(context, builder, _signature, values):
        for row, value in enumerate(cgutils.unpack_tuple(builder, values[0])):
            _store(builder, value, row_address(builder, values, row), rows.dtype)
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def load_all(_context, like, _address, _step, lanes, count):
    """Load `count` vectors of `lanes` numbers, the r-th from address + r * step."""
    rows = types.UniTuple(Vector(like.dtype, lanes.literal_value), count.literal_value)

    def generate(context, builder, _signature, values):
        loaded = [
            emit_load(builder, row_address(builder, values, row), rows.dtype)
            for row in range(rows.count)
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
        places = clamped_rows(builder, values[1:4], rows.count)
        loaded = emit_rows(builder, places, values[4], rows.dtype)
        return context.make_tuple(builder, rows, loaded)

    return rows(like, *(types.intp,) * 4, lanes, count), generate


@intrinsic(prefer_literal=True)
def load_places(_context, like, _address, _table, lanes, count):
    """Load `count` vectors of `lanes` numbers, the r-th from address + table[r].

    The table is given by the address of its 64-bit numbers.
    """
    rows = types.UniTuple(Vector(like.dtype, lanes.literal_value), count.literal_value)

    def generate(context, builder, _signature, values):
        places = places_in(builder, values[1], values[2], rows.count)
        loaded = [emit_load(builder, place, rows.dtype) for place in places]
        return context.make_tuple(builder, rows, loaded)

    return rows(like, types.intp, types.intp, lanes, count), generate


@intrinsic
def transpose(_context, rows):
    """Exchange rows and lanes of as many vectors as they have lanes."""

    def generate(context, builder, _signature, values):
        square = cgutils.unpack_tuple(builder, values[0])
        return context.make_tuple(builder, rows, transposed(builder, square))

    return rows(rows), generate


@intrinsic
def interleave(_context, rows):
    """Return one vector of the lanes of a tuple of vectors: first all first ones, and so on.

    Of three vectors it has the lanes of four: LLVM takes masks apart that aren't a power of two.
    """
    one = rows.dtype
    result = Vector(one.dtype, one.lanes << (rows.count - 1).bit_length())

    def generate(_context, builder, _signature, values):
        vectors = cgutils.unpack_tuple(builder, values[0])
        zeros = [ir.Constant(one.llvm, None)] * (result.lanes // one.lanes - rows.count)
        joined = joined_vectors(builder, [*vectors, *zeros])
        order = [
            number * one.lanes + lane for lane in range(one.lanes) for number in range(rows.count)
        ]
        rest = range(rows.count * one.lanes, result.lanes)
        return shuffle(builder, joined, [*order, *rest])

    return result(rows), generate


@intrinsic
def store_rows(_context, rows, _address, _step, _last, _width):
    """Store the first `width` lanes of vectors 0 to `last`, the r-th at address + r * step."""

    def generate(context, builder, _signature, values):
        vector = rows.dtype
        places = clamped_rows(builder, values[1:4], rows.count)
        mask = inside(builder, I64(0), values[4], vector.lanes)
        stored = list(zip(cgutils.unpack_tuple(builder, values[0]), places, strict=True))
        # From the end: what is stored in the last one's place too many times is overwritten by it.
        for value, place in reversed(stored):
            call(
                builder,
                f"llvm.masked.store.{vector.suffix}.p0",
                ir.VoidType(),
                value,
                pointer(builder, place, vector),
                I32(vector.itemsize),
                mask,
            )
        return context.get_dummy_value()

    return types.void(rows, *(types.intp,) * 4), generate


@intrinsic
def store_compressed(_context, rows, _address, _step, _last, _bits):
    """Store side by side, from address + r * step on, the lanes that bits choose."""

    def generate(context, builder, _signature, values):
        vector = rows.dtype
        mask = mask_at(builder, values[4], vector.lanes)
        places = clamped_rows(builder, values[1:4], rows.count)
        stored = list(zip(cgutils.unpack_tuple(builder, values[0]), places, strict=True))
        for value, place in reversed(stored):  # as in `store_rows`
            pointer = builder.inttoptr(place, vector.llvm.element.as_pointer())
            name = f"llvm.masked.compressstore.{vector.suffix}"
            call(builder, name, ir.VoidType(), value, pointer, mask)
        return context.get_dummy_value()

    return types.void(rows, *(types.intp,) * 4), generate


def row_address(builder, values, row):
    """Return values[1] + row * values[2]: the address of a row."""
    return builder.add(values[1], builder.mul(values[2], I64(row)))


def places_in(builder, address, table, count):
    """Return address + table[r] for each r."""
    entries = (builder.add(table, I64(8 * row)) for row in range(count))
    number = Vector(types.intp, 1)
    return [builder.add(address, emit_load(builder, entry, number, I64)) for entry in entries]


def emit_load(builder, place, vector, element=None):
    """Emit the vector at an address, or with `element` the number there."""
    pointer = builder.inttoptr(place, (element or vector.llvm).as_pointer())
    loaded = builder.load(pointer)
    loaded.align = vector.itemsize
    return loaded


def clamped_rows(builder, numbers, count):
    """Return addresses address + min(row, last) * step."""
    first, step, last = numbers
    places = [first]
    for row in range(1, count):
        next_one = builder.add(places[-1], step)
        places.append(
            builder.select(builder.icmp_signed("<", last, I64(row)), places[-1], next_one)
        )
    return places


def joined_vectors(builder, vectors):
    """Emit one vector of all lanes of vectors, whose number is a power of two."""
    while len(vectors) > 1:
        lanes = 2 * vectors[0].type.count
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [builder.shuffle_vector(*pair, constants(range(lanes))) for pair in pairs]
    return vectors[0]


def mask_at(builder, place, lanes):
    """Load a mask from an address, a bit for each lane."""
    bits = builder.load(builder.inttoptr(place, ir.IntType(lanes).as_pointer()))
    bits.align = 1
    return builder.bitcast(bits, ir.VectorType(ir.IntType(1), lanes))


def emit_rows(builder, places, width, vector):
    """Load a vector from each place, its first `width` lanes; the others are 0."""
    mask = inside(builder, I64(0), width, vector.lanes)
    zero = ir.Constant(vector.llvm, None)
    name = f"llvm.masked.load.{vector.suffix}.p0"
    alignment = I32(vector.itemsize)
    return [
        call(builder, name, vector.llvm, pointer(builder, place, vector), alignment, mask, zero)
        for place in places
    ]


def _store(builder, value, place, vector):
    stored = builder.store(value, pointer(builder, place, vector))
    stored.align = vector.itemsize


def transposed(builder, square):
    """Exchange ever smaller blocks across the diagonal; of long rows, of each square of them."""
    size, lanes = len(square), square[0].type.count
    block = size // 2
    while block:
        upper, lower = [], []
        for lane in range(lanes):
            is_left = (lane // block) % 2 == 0
            upper.append(lane if is_left else lanes + lane - block)
            lower.append(lane + block if is_left else lanes + lane)
        exchanged = list(square)
        for row in range(size):
            if (row // block) % 2 == 0:
                pair = square[row], square[row + block]
                exchanged[row] = builder.shuffle_vector(*pair, constants(upper))
                exchanged[row + block] = builder.shuffle_vector(*pair, constants(lower))
        square = exchanged
        block //= 2
    return square
