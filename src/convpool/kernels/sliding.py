"""Vector operations of depthwise convolutions over planes: one channel's rows in, one's out.

Like `simd`. A tile is a few rows of a vector of pixels; its sums stay in registers while all rows
of the input that it meets are loaded, each once for each column of taps.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convpool.kernels.rows import emit_load
from convpool.kernels.simd import I32, I64, Vector, call, inside, pointer, shuffle, splat_of
from convpool.kernels.windows import unpacked

Phases = tuple[tuple[tuple[int, int], ...], ...]


def phases_of(taps: int, step: int, rest: int, descending: int) -> Phases:
    """Return for each phase of an axis its pairs of a tap and the neighbour that it meets.

    Neighbours are counted from the lowest one that any tap meets. With `descending` the first tap
    meets the last neighbour, and of each `step` positions each has a share of the taps: as along an
    axis of a transposed convolution whose padding leaves `rest` of a step.

    Example:
        >>> phases_of(3, 2, 1, 1)
        (((1, 0),), ((0, 1), (2, 0)))
    """
    if not descending:
        return (tuple((tap, tap) for tap in range(taps)),)
    phases = [
        [
            (tap, (phase + rest - tap) // step)
            for tap in range(taps)
            if (phase + rest - tap) % step == 0
        ]
        for phase in range(step)
    ]
    lowest = min(shift for phase in phases for _, shift in phase)
    return tuple(tuple((tap, shift - lowest) for tap, shift in phase) for phase in phases)


def extent_of(phases: Phases) -> int:
    """Return the last neighbour that a tap meets."""
    return max(place for phase in phases for _, place in phase)


@intrinsic(prefer_literal=True)
def splats(_context, like, _address, lanes, count):
    """Return `count` vectors, the r-th with the r-th number at an address in all lanes."""
    vectors = types.UniTuple(Vector(like.dtype, lanes.literal_value), count.literal_value)

    def generate(context, builder, _signature, values):
        vector = vectors.dtype
        made = []
        for row in range(vectors.count):
            place = builder.add(values[1], I64(row * vector.itemsize))
            number = emit_load(builder, place, Vector(like.dtype, 1), vector.llvm.element)
            made.append(splat_of(builder, number, vector.lanes))
        return context.make_tuple(builder, vectors, made)

    return vectors(like, types.intp, lanes, count), generate


@intrinsic(prefer_literal=True)
def existing_rows(_context, _plane, _step, _first, _height, _zeros, count):
    """Return the addresses of `count` rows of a plane from row `first` on.

    A row that the plane doesn't have is that of zeros.
    """
    places = types.UniTuple(types.intp, count.literal_value)

    def generate(context, builder, _signature, values):
        plane, step, first, height, zeros = values[:5]
        made = []
        for r in range(places.count):
            row = builder.add(first, I64(r))
            place = builder.add(plane, builder.mul(row, step))
            made.append(builder.select(builder.icmp_unsigned("<", row, height), place, zeros))
        return context.make_tuple(builder, places, made)

    return places(*(types.intp,) * 5, count), generate


@intrinsic(prefer_literal=True)
def slide(_context, rows, _column, _width, weights, down, across, count, exact):
    """Return `count` positions' rows of sums, of each phase one after the other.

    `rows` are the addresses of the rows that they meet, `column` is the first one that the first
    position meets, of `width`. `weights` are as `splats` makes them. `down` and `across` are
    packed: (taps, step, rest, stride, descending). What lies beside the rows is 0. If `exact` is 1,
    sums are float64, rounded at the end.
    """
    taps_y, step_y, rest_y, stride_y, descending = unpacked(down, 5)
    taps_x, step_x, rest_x, stride_x, _ = unpacked(across, 5)
    vertical = phases_of(taps_y, step_y, rest_y, descending)
    horizontal = phases_of(taps_x, step_x, rest_x, descending)
    vector, positions = weights.dtype, count.literal_value
    wide = Vector(vector.dtype, vector.lanes * step_x)
    result = types.UniTuple(wide, positions * step_y)

    def generate(context, builder, _signature, values):
        places, taps = (cgutils.unpack_tuple(builder, values[k]) for k in (0, 3))
        columns = _columns(
            builder, vector, values[1], values[2], extent_of(horizontal) + 1, stride_x
        )
        summed = Vector(types.float64, vector.lanes) if exact.literal_value else vector
        taps = [_widened(builder, tap, summed) for tap in taps]
        zero = ir.Constant(summed.llvm, None)
        sums = [[zero] * step_x for _ in range(result.count)]
        order = range(len(places))
        # So each sum adds up its taps in their order, as all other ways do.
        for row in reversed(order) if descending else order:
            loaded = _pixels(builder, columns, places[row], stride_x)
            pixels = [_widened(builder, pixel, summed) for pixel in loaded]
            for line in range(result.count):
                position, phase = divmod(line, step_y)
                for tap_y, place_y in vertical[phase]:
                    if position * stride_y + place_y != row:
                        continue
                    for part, met in enumerate(horizontal):
                        for tap_x, place_x in met:
                            weight = taps[tap_y * taps_x + tap_x]
                            sums[line][part] = _multiply_add(
                                builder, summed, weight, pixels[place_x], sums[line][part]
                            )
        sums = [[_rounded(builder, part, vector) for part in line] for line in sums]
        made = [line[0] if step_x == 1 else _interleaved(builder, *line) for line in sums]
        return context.make_tuple(builder, result, made)

    return result(rows, types.intp, types.intp, weights, down, across, count, exact), generate


@intrinsic(prefer_literal=True)
def add_to_all(_context, rows, vectors):
    """Add the one vector of a tuple to each of another."""

    def generate(context, builder, _signature, values):
        (added,) = cgutils.unpack_tuple(builder, values[1])
        made = [builder.fadd(row, added) for row in cgutils.unpack_tuple(builder, values[0])]
        return context.make_tuple(builder, rows, made)

    return rows(rows, vectors), generate


@intrinsic(prefer_literal=True)
def correlate(_context, sums, gradient, rows, _column, widths, window, shape):
    """Add to each tap's vector of sums the products of rows of gradients and of what they meet.

    `gradient` is the address of the first gradient, and the distances from row to row and from
    filter to filter. `rows` are the addresses of the rows of the input, of which the first gradient
    meets those from `column` on. `widths` are how many gradients there are from here to the end of
    a row, and columns of the input. `window` is packed: (taps down, stride, taps across, stride),
    and `shape`: (filters, rows of gradients). The sums are those of each filter's taps.
    """
    down, stride_y, across, stride_x = unpacked(window, 4)
    filters, count = unpacked(shape, 2)
    vector, taps = sums.dtype, down * across

    def generate(context, builder, _signature, values):
        totals, place, places, widths = (
            cgutils.unpack_tuple(builder, values[k]) for k in (0, 1, 2, 4)
        )
        left, width = widths
        wide = Vector(vector.dtype, vector.lanes * stride_x)
        # Of what no gradient meets, even infinity mustn't be seen.
        counted = builder.mul(left, I64(stride_x))
        met = inside(builder, I64(0), counted, wide.lanes)
        columns = _columns(builder, vector, values[3], width, across, stride_x)
        for column in columns:
            column.mask = builder.and_(column.mask, met)
        here = _Columns(builder, vector, I64(0), left)
        gradients = []
        for number in range(filters * count):
            of_filter, row = divmod(number, count)
            distance = builder.add(
                builder.mul(place[1], I64(row)), builder.mul(place[2], I64(of_filter))
            )
            gradients.append(here.load(builder.add(place[0], distance)))
        for row, address in enumerate(places):
            pixels = _pixels(builder, columns, address, stride_x)
            for number, value in enumerate(gradients):
                of_filter, position = divmod(number, count)
                tap_y = row - position * stride_y
                if not 0 <= tap_y < down:
                    continue
                for tap_x in range(across):
                    tap = of_filter * taps + tap_y * across + tap_x
                    totals[tap] = _multiply_add(builder, vector, value, pixels[tap_x], totals[tap])
        return context.make_tuple(builder, sums, totals)

    return sums(sums, gradient, rows, types.intp, widths, window, shape), generate


@intrinsic
def total(_context, rows):
    """Return the sum of as many vectors as a power of two: of pairs, then of pairs of those."""

    def generate(_context, builder, _signature, values):
        left = cgutils.unpack_tuple(builder, values[0])
        while len(left) > 1:
            pairs = zip(left[::2], left[1::2], strict=True)
            left = [builder.fadd(one, other) for one, other in pairs]
        return left[0]

    return rows.dtype(rows), generate


class _Columns:
    """Where in a row a vector is loaded, and the mask of the lanes that lie in the row."""

    def __init__(self, builder, vector, column, width) -> None:
        self.vector, self.builder = vector, builder
        self.distance = builder.mul(column, I64(vector.itemsize))
        self.mask = inside(builder, column, width, vector.lanes)

    def load(self, row):
        """Emit the load from a row's address."""
        builder, vector = self.builder, self.vector
        return call(
            builder,
            f"llvm.masked.load.{vector.suffix}.p0",
            vector.llvm,
            pointer(builder, builder.add(row, self.distance), vector),
            I32(vector.itemsize),
            self.mask,
            ir.Constant(vector.llvm, None),
        )


def _columns(builder, vector, first, width, count, stride):
    """Return where the vectors that `count` neighbouring taps meet are loaded, `stride` at once."""
    wide = Vector(vector.dtype, vector.lanes * stride)
    places = (builder.add(first, I64(place)) for place in range(0, count, stride))
    return [_Columns(builder, wide, place, width) for place in places]


def _pixels(builder, columns, row, stride):
    """Return, of a row, every stride-th pixel from that on which each tap meets first."""
    loaded = [column.load(row) for column in columns]
    if stride == 1:
        return loaded
    lanes = columns[0].vector.lanes
    return [
        shuffle(builder, value, range(first, lanes, stride))
        for value in loaded
        for first in range(stride)
    ]


def _multiply_add(builder, vector, one, other, total):
    name = f"llvm.fmuladd.{vector.suffix}"
    return call(builder, name, vector.llvm, one, other, total)


def _widened(builder, value, vector):
    return value if value.type == vector.llvm else builder.fpext(value, vector.llvm)


def _rounded(builder, value, vector):
    return value if value.type == vector.llvm else builder.fptrunc(value, vector.llvm)


def _interleaved(builder, one, other):
    """Return a vector of the lanes of two in turn."""
    lanes = one.type.count
    chosen = [lane + which * lanes for lane in range(lanes) for which in (0, 1)]
    constant = ir.Constant(ir.VectorType(I32, 2 * lanes), chosen)
    return builder.shuffle_vector(one, other, constant)
