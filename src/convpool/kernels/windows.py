"""Vector operations of pooling: strips of rows come in, windows side by side go out.

A group is several output rows that are computed as one vector, side by side, where each fills only
a part of one. Lane g*(lanes/group) + l of a group's vector belongs to column l of its row g.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from numba import types
from numba.extending import intrinsic

from convpool.kernels import simd
from convpool.kernels.simd import I32, I64, Vector, vector_for

_PACKED_BITS = 9


def packed(*numbers: int) -> int:
    """Return one int for a few numbers from 0 to 511, since only an int stays literal.

    In loops that run in parallel, Numba passes tuples on from outside.
    """
    return sum(number << _PACKED_BITS * place for place, number in enumerate(numbers))


def unpacked(literal, count):
    """Return the numbers that were packed into a literal int.

    Example:
        >>> unpacked(types.literal(packed(3, 2, 32)), 3)
        (3, 2, 32)
    """
    whole, mask = literal.literal_value, (1 << _PACKED_BITS) - 1
    return tuple(whole >> _PACKED_BITS * place & mask for place in range(count))


NO_CELL = 2**31 - 1
"""The index of what is no cell of an image."""


@intrinsic(prefer_literal=True)
def load_rows(_context, like, _image, _across, window, shape):
    """Return what `finish_rows` needs of a group's rows, and the mask of lanes that met NaN.

    Where windows move by one column that is each window's result within the row, else the strips.

    `image` is (address of a plane, its bytes a row, its rows, the first row to load, rows from one
    to the next), `across` is (column of the first lane, columns of the plane). `window` is (taps,
    columns from one window to the next, lanes of the strips where that isn't 1), `shape` is (lanes
    of the windows, rows of a group, operation, whether there may be rows that don't exist). Of
    those the nearest is loaded for maxima and none for sums.
    """
    taps, step, strip = unpacked(window, 3)
    lanes, group, operation, padded = unpacked(shape, 4)
    vector = vector_for(like.dtype, lanes if step == 1 else strip, operation)
    mask = Vector(types.boolean, vector.lanes)
    result = types.Tuple((vector, mask))

    def generate(context, builder, _signature, values):
        loaded = [
            _strips(
                builder,
                like.dtype,
                values[1],
                values[2],
                (vector.lanes, group, operation, padded),
                tap,
            )
            for tap in range(taps if step == 1 else 1)
        ]
        # Neighbouring taps hold the same columns but one: the first and the last hold all.
        nan = simd.has_nan(builder, vector, loaded[0], loaded[-1])
        return context.make_tuple(
            builder, result, (_reduced(builder, vector, loaded, operation), nan)
        )

    return result(like, _NUMBERS5, _NUMBERS2, window, shape), generate


@intrinsic(prefer_literal=True)
def finish_rows(_context, rows, window, shape):
    """Return the results of windows from what `load_rows` returned, reduced over their rows."""
    taps, step, _ = unpacked(window, 3)
    lanes, group, operation, _ = unpacked(shape, 4)
    result = Vector(rows.dtype, lanes)

    def generate(_context, builder, _signature, values):
        if step == 1:
            return values[0]
        windows = _spread(builder, values[0], (taps, step), (lanes, group))
        return _reduced(builder, rows, windows, operation)

    return result(rows, window, shape), generate


@intrinsic(prefer_literal=True)
def load_first_largest(_context, like, _image, _across, window, shape):
    """Return each window's largest value within a group's rows, where it is, and the lanes of NaN.

    Where it is, is a flat index of the plane, int32. Of equal values the first counts; where NaN is
    kept, of several NaN the last. Arguments are as for `load_rows`.
    """
    taps, step, strip = unpacked(window, 3)
    lanes, group, operation, padded = unpacked(shape, 4)
    vector = vector_for(like.dtype, lanes, operation)
    numbers = Vector(types.int32, lanes)
    mask = Vector(types.boolean, lanes)
    result = types.Tuple((vector, numbers, mask))

    def generate(context, builder, _signature, values):
        image, across = values[1:3]
        if step == 1:
            windows = [
                _strips(builder, like.dtype, image, across, (lanes, group, operation, padded), tap)
                for tap in range(taps)
            ]
        else:
            loaded = _strips(builder, like.dtype, image, across, (strip, group, operation, padded))
            windows = _spread(builder, loaded, (taps, step), (lanes, group))
        best, nan = windows[0], simd.has_nan(builder, vector, windows[0], windows[-1])
        column = _columns(builder, across, (lanes, group), step)
        # Padding before the row is named only where all values are the lowest: then column 0 is.
        at = _clamped(builder, column)
        for tap, other in enumerate(windows[1:], start=1):
            wins = simd.is_larger(builder, vector, other, best, operation)
            best = builder.select(wins, other, best)
            if step > 1 and tap < taps - 1:
                nan = builder.or_(nan, simd.has_nan(builder, vector, other, other))
            here = builder.add(column, simd.constants([tap] * lanes))
            at = builder.select(wins, here, at)
        at = builder.add(at, _row_starts(builder, image, across, (lanes, group, padded)))
        return context.make_tuple(builder, result, (best, at, nan))

    return result(like, _NUMBERS5, _NUMBERS2, window, shape), generate


@intrinsic(prefer_literal=True)
def zeros(_context, lanes):
    """Return the int32 vector of zeros."""
    result = Vector(types.int32, lanes.literal_value)

    def generate(_context, _builder, _signature, _values):
        return simd.constants([0] * result.lanes)

    return result(lanes), generate


@intrinsic
def widen(_context, numbers):
    """Return int32 numbers as int64."""
    result = Vector(types.int64, numbers.lanes)

    def generate(_context, builder, _signature, values):
        return builder.sext(values[0], result.llvm)

    return result(numbers), generate


@intrinsic(prefer_literal=True)
def store_group(_context, vector, _address, like, group, columns):
    """Store the first columns of each row of a group, one row after the other."""
    short = vector.lanes // group.literal_value
    count = group.literal_value * columns.literal_value

    def generate(context, builder, _signature, values):
        chosen = [
            member * short + column
            for member in range(group.literal_value)
            for column in range(columns.literal_value)
        ]
        dense = simd.shuffle(builder, values[0], chosen + [0] * (vector.lanes - count))
        mask = simd.inside(builder, I64(0), I64(count), vector.lanes)
        simd.store(builder, vector, like.dtype, dense, values[1], mask)
        return context.get_dummy_value()

    return types.void(vector, types.intp, like, group, columns), generate


@intrinsic(prefer_literal=True)
def load_whole(_context, like, _address, shape):
    """Load a vector that `store_whole` stored; `shape` is (lanes, operation)."""
    vector = vector_for(like.dtype, *unpacked(shape, 2))

    def generate(_context, builder, _signature, values):
        place = simd.pointer(builder, values[1], vector)
        return builder.load(place, align=vector.itemsize)

    return vector(like, types.intp, shape), generate


@intrinsic
def store_whole(_context, vector, _address):
    """Store all lanes of a vector to an address of scratch memory, as they are."""

    def generate(context, builder, _signature, values):
        place = simd.pointer(builder, values[1], vector)
        builder.store(values[0], place, align=vector.itemsize)
        return context.get_dummy_value()

    return types.void(vector, types.intp), generate


@intrinsic
def row_indices(_context, like, _start, _first, _width):
    """Return the int32 vector of start + first + lane, as wide as `like`.

    Where first + lane is outside 0..width, it holds the largest int32: no cell.
    """
    numbers = Vector(types.int32, like.lanes)

    def generate(_context, builder, _signature, values):
        start = builder.trunc(builder.add(values[1], values[2]), I32)
        steps = simd.constants(range(like.lanes))
        at = builder.add(simd.splat_of(builder, start, like.lanes), steps)
        mask = simd.inside(builder, values[2], values[3], like.lanes)
        return builder.select(mask, at, simd.constants([NO_CELL] * like.lanes))

    return numbers(like, types.intp, types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def precedes(_context, one, _one_at, other, _other_at, operation):
    """Return the mask of the lanes in which `one` is found rather than `other`, in whatever order.

    That is the larger one, of equal ones the first; where NaN is kept, the last NaN.
    """

    def generate(_context, builder, _signature, values):
        value, at, best, best_at = values[:4]
        earlier = builder.icmp_signed("<", at, best_at)
        tied = builder.and_(simd.compare(builder, one, "==", value, best), earlier)
        wins = builder.or_(simd.compare(builder, one, ">", value, best), tied)
        if simd.keeps_nan(operation.literal_value):
            nan, best_nan = (simd.has_nan(builder, one, it, it) for it in (value, best))
            not_earlier_nan = builder.or_(builder.not_(best_nan), builder.not_(earlier))
            wins = builder.or_(builder.and_(wins, builder.not_(best_nan)), nan)
            wins = builder.and_(wins, not_earlier_nan)
        return wins

    return Vector(types.boolean, one.lanes)(one, _one_at, other, _other_at, operation), generate


@intrinsic(prefer_literal=True)
def fold(_context, vector, operation):
    """Return a vector of one lane: what all lanes are reduced to, the upper half onto the lower."""
    one = Vector(vector.dtype, 1)

    def generate(_context, builder, _signature, values):
        (best,) = values[:1]
        while (half := best.type.count // 2) > 0:
            below, above = (
                simd.shuffle(builder, best, range(first, first + half)) for first in (0, half)
            )
            halved = Vector(vector.dtype, half)
            best = simd.combined(builder, halved, above, below, operation.literal_value)
        return best

    return one(vector, operation), generate


@intrinsic
def divide_all(_context, vector, _number):
    """Divide a vector of sums by a number."""

    def generate(_context, builder, _signature, values):
        number = values[1]
        if vector.dtype != types.float64:
            number = builder.fptrunc(number, vector.llvm.element)
        return builder.fdiv(values[0], simd.splat_of(builder, number, vector.lanes))

    return vector(vector, types.float64), generate


@intrinsic
def divide(_context, vector, _number, _address):
    """Divide a vector of sums by a number times the float64 at an address, one for each lane."""

    def generate(_context, builder, _signature, values):
        double = Vector(types.float64, vector.lanes)
        column = builder.load(simd.pointer(builder, values[2], double), align=8)
        number = simd.splat_of(builder, values[1], vector.lanes)
        divisor = builder.fmul(column, number)
        if vector.dtype != types.float64:
            divisor = builder.fptrunc(divisor, vector.llvm)
        return builder.fdiv(values[0], divisor)

    return vector(vector, types.float64, types.intp), generate


_NUMBERS2, _NUMBERS5 = (types.UniTuple(types.intp, count) for count in (2, 5))


def _unpacked(builder, value, count):
    return [builder.extract_value(value, place) for place in range(count)]


def _strips(builder, dtype, image, across, shape, tap=0):
    lanes, group, operation, padded = shape
    source, pitch, height, y, rise = _unpacked(builder, image, 5)
    first, width = _unpacked(builder, across, 2)
    first = builder.add(first, I64(tap))
    item = Vector(dtype, 1).itemsize
    strips = []
    columns = simd.inside(builder, first, width, lanes // group)
    start = builder.add(source, builder.mul(first, I64(item)))
    for member in range(group):
        row, mask = builder.add(y, builder.mul(rise, I64(member))), columns
        if padded:
            row, exists = _nearest(builder, row, height)
        if padded and simd.adds(operation):
            mask = builder.and_(mask, simd.splat_of(builder, exists, lanes // group))
        address = builder.add(start, builder.mul(row, pitch))
        strips.append(simd.load(builder, dtype, operation, address, mask))
    return _side_by_side(builder, strips)


def _spread(builder, strip, window, shape):
    """Lanes whose column goes beyond the strip hold whatever is there: they aren't stored."""
    (taps, step), (lanes, group) = window, shape
    long, short = strip.type.count // group, lanes // group
    return [
        simd.shuffle(
            builder,
            strip,
            [
                member * long + min(tap + lane * step, long - 1)
                for member in range(group)
                for lane in range(short)
            ],
        )
        for tap in range(taps)
    ]


def _reduced(builder, vector, taps, operation):
    best = taps[0]
    for other in taps[1:]:
        best = simd.combined(builder, vector, other, best, operation)
    return best


def _columns(builder, across, shape, step):
    """Return the column that the first tap of each window stands on."""
    lanes, group = shape
    first, _ = _unpacked(builder, across, 2)
    steps = [column * step for column in range(lanes // group)] * group
    start = simd.splat_of(builder, builder.trunc(first, I32), lanes)
    return builder.add(start, simd.constants(steps))


def _clamped(builder, column):
    zero = simd.constants([0] * column.type.count)
    return builder.select(builder.icmp_signed("<", column, zero), zero, column)


def _row_starts(builder, image, across, shape):
    """Return the flat index at which each of a group's rows starts."""
    lanes, group, padded = shape
    _, _, height, y, rise = _unpacked(builder, image, 5)
    _, width = _unpacked(builder, across, 2)
    starts = []
    for member in range(group):
        row = builder.add(y, builder.mul(rise, I64(member)))
        if padded:
            row, _ = _nearest(builder, row, height)
        start = builder.trunc(builder.mul(row, width), I32)
        starts.append(simd.splat_of(builder, start, lanes // group))
    return _side_by_side(builder, starts)


def _nearest(builder, row, height):
    """Return the row of an image that is nearest to one, and whether it is that one."""
    last = builder.sub(height, I64(1))
    negative = builder.icmp_signed("<", row, I64(0))
    beyond = builder.icmp_signed(">", row, last)
    nearest = builder.select(negative, I64(0), builder.select(beyond, last, row))
    return nearest, builder.icmp_signed("==", nearest, row)


def _side_by_side(builder, vectors):
    while len(vectors) > 1:
        lanes = simd.constants(range(2 * vectors[0].type.count))
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [builder.shuffle_vector(one, other, lanes) for one, other in pairs]
    return vectors[0]
