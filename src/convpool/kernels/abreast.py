"""Vector operations of depthwise convolutions with channels side by side.

Like `simd`. A vector holds one pixel, or one weight, of as many channels as it has lanes; the sums
of some neighbouring positions stay in registers.
"""

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
    joined_vectors,
    row_address,
    transposed,
)
from convpool.kernels.simd import I32, I64, Vector, call, inside, pointer, shuffle
from convpool.kernels.windows import unpacked

UPPER, LOWER = 1, 2
"""Which of two rows of positions meet a row of pixels; both, if added."""


@intrinsic(prefer_literal=True)
def add_taps(_context, sums, _pixels, _weights, _other, shape, rows):
    """Add to sums of neighbouring positions the products of a row of pixels and one of weights.

    The arguments:
        sums: those of a row of positions or, if two meet the same pixels, of both.
        pixels: address of the first pixel that a row's first position meets.
        weights, other: addresses of a row of weights for the upper, and for the lower positions.
        shape: packed: taps of a row, stride, the first pixel that there is and the end of those,
            positions, and 1 if the first tap meets the last pixel.
        rows: `UPPER`, `LOWER` or their sum.
    """
    taps, stride, begin, end, count, descending = unpacked(shape, 6)
    vector, met = sums.dtype, rows.literal_value
    step = vector.lanes * vector.itemsize

    def generate(context, builder, _signature, values):
        totals = cgutils.unpack_tuple(builder, values[0])
        chosen = [line for line, bit in enumerate((UPPER, LOWER)) if met & bit]
        weights = {
            (line, tap): emit_load(builder, builder.add(values[2 + line], I64(tap * step)), vector)
            for line in chosen
            for tap in range(taps)
        }
        places = range(begin, min(end, (count - 1) * stride + taps))
        # Pixel by pixel: only one is held in a register beside the weights and the sums. As in all
        # other ways, each sum adds up its taps in their order.
        for place in reversed(places) if descending else places:
            pixel = emit_load(builder, builder.add(values[1], I64(place * step)), vector)
            for line in chosen:
                for position in range(count):
                    tap = place - position * stride
                    if 0 <= tap < taps:
                        name, number = f"llvm.fmuladd.{vector.suffix}", line * count + position
                        which = taps - 1 - tap if descending else tap
                        factors = weights[line, which], pixel, totals[number]
                        totals[number] = call(builder, name, vector.llvm, *factors)
        return context.make_tuple(builder, sums, totals)

    return sums(sums, *(types.intp,) * 3, shape, rows), generate


@intrinsic(prefer_literal=True)
def load_turned(_context, like, _address, _step, _last, _width, lanes, columns, whole):
    """Load `columns` numbers of `lanes` rows, the r-th from address + r * step: a vector of each.

    If `whole` isn't 1, rows after the `last` are loaded from where the last one is, and columns
    from `width` on are 0. With fewer columns than lanes, numbers find half of their way when the
    rows' pieces are put together, and fewer shuffles are left.
    """
    rows, piece = lanes.literal_value, Vector(like.dtype, columns.literal_value)
    vectors = types.UniTuple(Vector(like.dtype, rows), piece.lanes)

    def generate(context, builder, _signature, values):
        if whole.literal_value:
            places = [row_address(builder, values, row) for row in range(rows)]
            loaded = [emit_load(builder, place, piece) for place in places]
        else:
            loaded = emit_rows(builder, clamped_rows(builder, values[1:4], rows), values[4], piece)
        joined = [
            joined_vectors(builder, loaded[first :: piece.lanes]) for first in range(piece.lanes)
        ]
        return context.make_tuple(builder, vectors, transposed(builder, joined))

    return vectors(like, *(types.intp,) * 4, lanes, columns, whole), generate


@intrinsic(prefer_literal=True)
def store_turned(_context, vectors, _address, _step, _last, _width, whole):
    """Store vectors as the columns of rows, where `load_turned` would load them from."""
    rows, piece = vectors.dtype.lanes, Vector(vectors.dtype.dtype, vectors.count)

    def generate(context, builder, _signature, values):
        joined = transposed(builder, cgutils.unpack_tuple(builder, values[0]))
        mask = inside(builder, I64(0), values[4], piece.lanes)
        clamped = clamped_rows(builder, values[1:4], rows)
        for row in reversed(range(rows)):  # what isn't the last one's is overwritten by it
            first = row // piece.lanes * piece.lanes
            lanes = list(range(first, first + piece.lanes))
            part = shuffle(builder, joined[row % piece.lanes], lanes)
            if whole.literal_value:
                place = pointer(builder, row_address(builder, values, row), piece)
                builder.store(part, place).align = piece.itemsize
            else:
                name = f"llvm.masked.store.{piece.suffix}.p0"
                place = pointer(builder, clamped[row], piece)
                call(builder, name, ir.VoidType(), part, place, I32(piece.itemsize), mask)
        return context.get_dummy_value()

    return types.void(vectors, *(types.intp,) * 4, whole), generate


@intrinsic
def add_each(_context, vectors, _others):
    """Add to each of a tuple of vectors that of another one."""

    def generate(context, builder, _signature, values):
        pairs = zip(*(cgutils.unpack_tuple(builder, value) for value in values), strict=True)
        made = [builder.fadd(one, other) for one, other in pairs]
        return context.make_tuple(builder, vectors, made)

    return vectors(vectors, vectors), generate


@intrinsic(prefer_literal=True)
def half(_context, vectors, which):
    """Return the first half of a tuple of vectors (0), or the second one (1)."""
    count = vectors.count // 2
    result = types.UniTuple(vectors.dtype, count)

    def generate(context, builder, _signature, values):
        chosen = cgutils.unpack_tuple(builder, values[0])[which.literal_value * count :][:count]
        return context.make_tuple(builder, result, chosen)

    return result(vectors, which), generate
