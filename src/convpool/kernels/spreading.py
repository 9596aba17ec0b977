"""Vector operations of pooling's gradients: from windows side by side to the cells under them.

Like `simd`. Lane l of a block's vectors belongs to its l-th window, whose first column is l times
the stride to the right of the block's.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from convpool.kernels import simd
from convpool.kernels.simd import I32, I64, Vector
from convpool.kernels.windows import unpacked


@intrinsic
def narrow(_context, numbers):
    """Return the lower 32 bits of int64 numbers, by one shuffle of two registers."""
    result = Vector(types.int32, numbers.lanes)

    def generate(_context, builder, _signature, values):
        halves = builder.bitcast(values[0], ir.VectorType(I32, 2 * result.lanes))
        return simd.shuffle(builder, halves, range(0, 2 * result.lanes, 2))

    return result(numbers), generate


@intrinsic(prefer_literal=True)
def before_windows(_context, _origin, step, lanes):
    """Return the int32 vector of -(origin + l * step), to be added to a block's indices."""
    result = Vector(types.int32, lanes.literal_value)

    def generate(_context, builder, _signature, values):
        start = builder.neg(builder.trunc(values[0], I32))
        steps = simd.constants([lane * step.literal_value for lane in range(result.lanes)])
        return builder.sub(simd.splat_of(builder, start, result.lanes), steps)

    return result(types.intp, step, lanes), generate


@intrinsic
def beyond_int32(_context, numbers):
    """Return the mask of the int64 numbers that are negative or 2^31 or more."""
    mask = Vector(types.boolean, numbers.lanes)

    def generate(_context, builder, _signature, values):
        limit = ir.Constant(numbers.llvm, [1 << 31] * numbers.lanes)
        return builder.icmp_unsigned(">=", values[0], limit)

    return mask(numbers), generate


@intrinsic(prefer_literal=True)
def spread(_context, like, _address, block, row, window):
    """Store a row of the cells under a block's windows: a window's number where its index is.

    `like` is the element type, the address that of column 0, `block` (numbers, how far their
    indices are from the row's first cells, mask of the windows found so far), `row` (column of the
    block's first window, columns of the plane) and `window` (taps, stride, whether there are
    windows that reach beyond a row). All other cells under the windows are 0, and columns that the
    plane doesn't have aren't stored. Returns the mask of the windows found so far or here.
    """
    taps, step, overhangs = unpacked(window, 3)
    numbers, _, found = block
    lanes = numbers.lanes

    def generate(_context, builder, _signature, values):
        number, place, met = (builder.extract_value(values[2], k) for k in range(3))
        first, width = (builder.extract_value(values[3], k) for k in range(2))
        zero, chosen = ir.Constant(numbers.llvm, None), []
        for tap in range(taps):
            hit = builder.icmp_signed("==", place, simd.constants([tap] * lanes))
            if overhangs:  # one column further than the last is another row's cell
                column = builder.add(first, I64(tap))
                hit = builder.and_(hit, _exist(builder, column, width, (lanes, step)))
            met = builder.or_(met, hit)
            chosen.append(builder.select(hit, number, zero))
        for part in range(step):
            value = _interleaved(builder, [*chosen, *[zero] * (step - taps)], part)
            column = builder.add(first, I64(part * lanes))
            mask = simd.inside(builder, column, width, lanes)
            there = builder.add(values[1], builder.mul(column, I64(numbers.itemsize)))
            simd.store(builder, numbers, like.dtype, value, there, mask)
        return met

    return found(like, types.intp, block, row, window), generate


@intrinsic(prefer_literal=True)
def share_row(_context, like, _address, _sums, row, window, lanes):
    """Store a row of the cells under a block's windows, each the sum of its windows' numbers.

    `like` is an array of their type, the address that of column 0. Before and after the address of
    the numbers lie as many as there are windows over a cell, in the windows' order. `row` is as for
    `spread`, and `window` is (taps, stride).
    """
    taps, step = unpacked(window, 2)
    numbers = Vector(like.dtype, lanes.literal_value)

    def generate(context, builder, _signature, values):
        item, parts = numbers.itemsize, []
        first, width = (builder.extract_value(values[3], k) for k in range(2))
        for tap in range(step):
            total = ir.Constant(numbers.llvm, None)
            for back in reversed(range(len(range(tap, taps, step)))):
                place = builder.sub(values[2], I64(back * item))
                loaded = builder.load(simd.pointer(builder, place, numbers), align=item)
                total = builder.fadd(total, loaded)
            parts.append(total)
        for part in range(step):
            column = builder.add(first, I64(part * numbers.lanes))
            mask = simd.inside(builder, column, width, numbers.lanes)
            there = builder.add(values[1], builder.mul(column, I64(item)))
            value = _interleaved(builder, parts, part)
            simd.store(builder, numbers, like.dtype, value, there, mask)
        return context.get_dummy_value()

    return types.void(like, types.intp, types.intp, row, window, lanes), generate


@intrinsic
def none_found(_context, like):
    """Return the empty mask of as many lanes as a vector has."""
    mask = Vector(types.boolean, like.lanes)

    def generate(_context, _builder, _signature, _values):
        return ir.Constant(mask.llvm, None)

    return mask(like), generate


@intrinsic
def lost(_context, found, _first, _count):
    """Return the mask of the lanes before count - first that aren't in another mask."""

    def generate(_context, builder, _signature, values):
        wanted = simd.inside(builder, values[1], values[2], found.lanes)
        return builder.and_(builder.not_(values[0]), wanted)

    return found(found, types.intp, types.intp), generate


@intrinsic
def positive_zeros(_context, numbers):
    """Return numbers, but 0 for -0: as if they had been added to 0."""

    def generate(_context, builder, _signature, values):
        return builder.fadd(values[0], ir.Constant(numbers.llvm, None))

    return numbers(numbers), generate


def _exist(builder, column, width, shape):
    """Return the mask of the windows for which column + l * step is one of the plane's."""
    lanes, step = shape
    start = simd.splat_of(builder, builder.trunc(column, I32), lanes)
    columns = builder.add(start, simd.constants([lane * step for lane in range(lanes)]))
    limit = simd.splat_of(builder, builder.trunc(width, I32), lanes)
    return builder.icmp_unsigned("<", columns, limit)


def _interleaved(builder, vectors, part):
    """Return a part, of as many as there are vectors, of their lanes in turn."""
    lanes, count = vectors[0].type.count, len(vectors)
    wanted = [divmod(part * lanes + lane, count) for lane in range(lanes)]
    value = simd.shuffle(builder, vectors[0], [lane for lane, _ in wanted])
    for source in range(1, count):
        chosen = [lanes + lane if whose == source else i for i, (lane, whose) in enumerate(wanted)]
        value = builder.shuffle_vector(value, vectors[source], simd.constants(chosen))
    return value
