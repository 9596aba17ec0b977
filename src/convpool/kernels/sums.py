"""What is computed with tuples of vectors: the sums of a tile, and what is added to them."""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convpool.kernels.rows import (
    clamped_rows,
    emit_load,
    emit_rows,
    mask_at,
    places_in,
    row_address,
)
from convpool.kernels.simd import I64, Vector, call, splat_of


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
            place = builder.add(values[2], I64(row * vector.itemsize))
            number = emit_load(builder, place, Vector(vector.dtype, 1), vector.llvm.element)
            number = splat_of(builder, number, vector.lanes)
            name = f"llvm.fmuladd.{vector.suffix}"  # without FMA: a product and a sum
            return call(builder, name, vector.llvm, number, values[1], total)

        return _by_row(context, builder, sums, values[0], add)

    return sums(sums, vector, types.intp), generate


@intrinsic
def multiply_add_each(_context, sums, vector, _address):
    """Add to the r-th of a tuple of vectors `vector` times the r-th of those at an address."""

    def generate(context, builder, _signature, values):
        def add(row, total):
            step = vector.lanes * vector.itemsize
            other = emit_load(builder, builder.add(values[2], I64(row * step)), vector)
            name = f"llvm.fmuladd.{vector.suffix}"
            return call(builder, name, vector.llvm, other, values[1], total)

        return _by_row(context, builder, sums, values[0], add)

    return sums(sums, vector, types.intp), generate


@intrinsic
def multiply_add_rows(_context, sums, vector, places, _distance):
    """Add to the r-th of a tuple of vectors `vector` times the number at places[r] + distance."""

    def generate(context, builder, _signature, values):
        addresses = cgutils.unpack_tuple(builder, values[2])

        def add(row, total):
            place = builder.add(addresses[row], values[3])
            number = emit_load(builder, place, Vector(vector.dtype, 1), vector.llvm.element)
            number = splat_of(builder, number, vector.lanes)
            name = f"llvm.fmuladd.{vector.suffix}"
            return call(builder, name, vector.llvm, number, values[1], total)

        return _by_row(context, builder, sums, values[0], add)

    return sums(sums, vector, places, types.intp), generate


@intrinsic
def add_stored(_context, sums, _address, _step):
    """Add to each of a tuple of vectors the one that lies at address + row * step."""

    def generate(context, builder, _signature, values):
        def add(row, total):
            return builder.fadd(
                emit_load(builder, row_address(builder, values, row), sums.dtype), total
            )

        return _by_row(context, builder, sums, values[0], add)

    return sums(sums, types.intp, types.intp), generate


@intrinsic
def add_places(_context, rows, _address, _table):
    """Add vectors that are loaded as by `load_places`."""

    def generate(context, builder, _signature, values):
        places = places_in(builder, values[1], values[2], rows.count)

        def add(row, value):
            return builder.fadd(value, emit_load(builder, places[row], rows.dtype))

        return _by_row(context, builder, rows, values[0], add)

    return rows(rows, types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def add_numbers(_context, rows, _address, by_row):
    """Add numbers that lie at an address: the r-th to vector r, or the l-th to all lanes l."""

    def generate(context, builder, _signature, values):
        def add(row, value):
            place = builder.add(values[1], I64(row * rows.dtype.itemsize))
            number = emit_load(builder, place, Vector(rows.dtype.dtype, 1), rows.dtype.llvm.element)
            return builder.fadd(value, splat_of(builder, number, rows.dtype.lanes))

        if by_row.literal_value:
            return _by_row(context, builder, rows, values[0], add)
        numbers = emit_load(builder, values[1], rows.dtype)
        return _by_row(
            context, builder, rows, values[0], lambda _row, value: builder.fadd(value, numbers)
        )

    return rows(rows, types.intp, by_row), generate


@intrinsic
def add_rows(_context, rows, _address, _step, _last, _width):
    """Add vectors that are loaded as by `load_rows`."""

    def generate(context, builder, _signature, values):
        places = clamped_rows(builder, values[1:4], rows.count)
        loaded = emit_rows(builder, places, values[4], rows.dtype)
        return _by_row(
            context, builder, rows, values[0], lambda row, value: builder.fadd(value, loaded[row])
        )

    return rows(rows, *(types.intp,) * 4), generate


@intrinsic
def add_expanded(_context, rows, _address, _step, _last, _bits):
    """Add numbers that lie side by side from address + r * step on, to lanes that bits choose.

    The bits are at an address, one for each lane. Vectors after the `last` are as in `load_rows`.
    """

    def generate(context, builder, _signature, values):
        vector = rows.dtype
        mask = mask_at(builder, values[4], vector.lanes)
        places = clamped_rows(builder, values[1:4], rows.count)
        name = f"llvm.masked.expandload.{vector.suffix}"
        zero = ir.Constant(vector.llvm, None)

        def add(row, value):
            pointer = builder.inttoptr(places[row], vector.llvm.element.as_pointer())
            return builder.fadd(value, call(builder, name, vector.llvm, pointer, mask, zero))

        return _by_row(context, builder, rows, values[0], add)

    return rows(rows, *(types.intp,) * 4), generate


@intrinsic
def activate(_context, rows, _slope, _ceiling):
    """Multiply what is negative by a slope, and cut what exceeds a ceiling; NaN stays.

    A slope of 0 gives 0 for every negative number, minus infinity too.
    """
    number = rows.dtype.dtype

    def generate(context, builder, _signature, values):
        vector = rows.dtype
        slope, ceiling = (splat_of(builder, value, vector.lanes) for value in values[1:])
        zero = ir.Constant(vector.llvm, None)
        flat = builder.fcmp_ordered("==", slope, zero)

        def bend(_row, value):
            lowered = builder.select(flat, zero, builder.fmul(value, slope))
            bent = builder.select(builder.fcmp_ordered("<", value, zero), lowered, value)
            return builder.select(builder.fcmp_ordered(">", bent, ceiling), ceiling, bent)

        return _by_row(context, builder, rows, values[0], bend)

    return rows(rows, number, number), generate


def _by_row(context, builder, rows, values, operation):
    """Return the tuple of what an operation makes of each of a tuple of vectors."""
    made = [
        operation(row, value) for row, value in enumerate(cgutils.unpack_tuple(builder, values))
    ]
    return context.make_tuple(builder, rows, made)
