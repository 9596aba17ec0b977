"""How a convolution is cut into blocks and tiles: chosen by the layer and the image's shape alone.

The sums of a tile are held in registers as `count` vectors of `lanes` numbers, while one loop runs
over the products (channel by channel, tap by tap) of a segment: a vector is loaded, and for each of
the `count` rows a number is loaded, multiplied with the vector and added. There are two ways:

- across filters: a vector holds one tap of `lanes` filters, the numbers are `count` pixels;
- across pixels: a vector holds `lanes` pixels, the numbers are one tap of `count` filters.

The first needs its sums transposed to be stored as planes, the second wastes lanes on small planes
and, with few filters, shares no load. `cycles` says what each costs, and the cheaper one is taken.

A block of the output is made chunk by chunk of channels. A chunk's input, with its padding, lies in
a panel; the sums of the block's filters lie beside it until the last chunk is added. Sums in
segments of some hundred products, added to each other, keep the rounding errors of long sums small.
"""

from dataclasses import dataclass, replace

from convpool.kernels.convolution.geometry import Line
from convpool.kernels.convolution.skipping import left

SEGMENT = 144
"""Products that are summed in one go."""
_FLAT_SEGMENT = 128  # of one tap a channel: each brings lines of its own into the first cache
_SHORTEST = 16  # that is strict: shorter segments take longer to add up than to sum
_PANEL, _SUMS = 64 << 10, 256 << 10  # bytes of a block's input and sums: beside each other in L2
_FAR_SUMS = 512 << 10  # if taps are far apart
# The tiles that there are; each is compiled by itself. Across pixels, more filters than 6 at a time
# would take more addresses of weights than x86-64 has registers for.
_ACROSS_FILTERS = (1, 2, 4, 6, 7, 8, 11, 14)
_ACROSS_PIXELS = (
    *((1, 1), (1, 6), (2, 2), (2, 4), (2, 6)),
    *((4, 1), (4, 2), (4, 4), (4, 6), (8, 1), (8, 2)),
)
_PACKED = (2, 8), (2, 12)  # with packed weights, which take one address
_PIXELS = 256  # of a block, so that the threads have several blocks each
_UNITS = 4  # pieces of work wanted of one image, so that the threads are done at about one time


@dataclass(frozen=True)
class Machine:
    """What matters of the CPU for tiles."""

    vector: int
    """Bytes of a register."""
    registers: int


@dataclass(frozen=True)
class Blocking:
    """The cuts of one layer on one shape of image, in elements."""

    across_filters: bool
    lanes: int
    count: int
    rows: int
    """Positions of a phase, vertically and horizontally, in a block."""
    columns: int
    channels: int
    """Channels of a chunk."""
    filter_blocks: int
    """Blocks of filters whose sums are held at a time."""
    flattened: bool = False
    """Whether tiles of pixels run on from row to row of the panel."""
    packed: bool = False
    """Whether across pixels, too, the weights of a block of filters lie side by side."""

    @property
    def filters(self) -> int:
        """Filters of one block of filters."""
        return self.lanes if self.across_filters else self.count


@dataclass(frozen=True)
class Problem:
    """A group's part of a layer on one shape of image."""

    vertical: Line
    horizontal: Line
    channels: int
    filters: int
    itemsize: int
    strict: bool = False
    """Whether short sums are cut as well, and not only long ones."""

    @property
    def phases(self) -> int:
        """Number of phases in the plane."""
        return len(self.vertical.phases) * len(self.horizontal.phases)

    @property
    def taps(self) -> int:
        """Taps of all phases together."""
        vertical, horizontal = (
            sum(len(phase.taps) for phase in line.phases)
            for line in (self.vertical, self.horizontal)
        )
        return vertical * horizontal

    @property
    def chunk(self) -> int:
        """Channels of a chunk: about a segment's products, in chunks of one size."""
        segment = _FLAT_SEGMENT if self.taps == 1 else SEGMENT
        if self.strict:
            products = self.channels * self.taps // self.phases
            segment = min(segment, max(_SHORTEST, products // 8))
        most = max(1, segment * self.phases // max(1, self.taps))
        return -(-self.channels // -(-self.channels // most))

    def is_far(self, columns: int) -> bool:
        """Return whether taps are so far apart that the panel of one row is too large.

        Then blocks have many rows: for each block weights are read, and what lies between.
        """
        extent = self.vertical.extent
        return extent > 0 and (1 + extent) * self._line(columns) > _PANEL

    def _line(self, columns: int) -> int:
        """Bytes of a chunk's rows of the panel for a row of positions."""
        line = len(self.horizontal.residues) * (columns + self.horizontal.extent)
        return line * self.chunk * self.itemsize * len(self.vertical.residues)

    def rows(self, columns: int, pixels: int) -> int:
        """Return the rows of a block, limited by its pixels and by the size of its input."""
        fitting = _PANEL // self._line(columns) - self.vertical.extent
        most = max(1, min(pixels // columns, fitting))
        if self.is_far(columns):
            most = max(most, 2 * self.vertical.extent)
        return -(-self.vertical.longest // -(-self.vertical.longest // most))


def up(number: int, step: int) -> int:
    """Return the least multiple of a step that isn't below a number."""
    return -(-number // step) * step


def even(total: int, most: int) -> int:
    """Return the size of pieces of about one size, of at most `most` but at least 1."""
    return -(-total // -(-total // max(1, most)))


def block(problem: Problem, machine: Machine, *, planar: bool) -> Blocking:
    """Return the cheaper of the two ways; across pixels only planes can be written.

    Both add up the same products in the same order, so that a result doesn't show which was taken.
    Packing isn't counted: where it takes long, the other way was slower by as much (512 filters
    of 3x3 over 512 channels of 7x7).
    """
    ways = [_across_filters(problem, machine)]
    if problem.phases == 1 and planar:
        ways.append(_across_pixels(problem, machine))
    return min(ways, key=lambda way: cycles(way, problem, machine))


def _across_filters(problem: Problem, machine: Machine) -> Blocking:
    vertical, horizontal = problem.vertical, problem.horizontal
    lanes = 2 * machine.vector // problem.itemsize
    most = (machine.registers - 3) // 2  # a vector is two registers, and one holds the number
    width = horizontal.longest
    count = min(
        (count for count in _ACROSS_FILTERS if count <= most),
        key=lambda count: (-(-width // count) * (count + 1), count),
    )
    tiles = -(-width // count)
    pieces = -(-tiles // max(1, _PIXELS // count))
    columns = min(width, -(-tiles // pieces) * count)
    rows = problem.rows(columns, _PIXELS)
    total = -(-problem.filters // lanes)
    pixels = rows * vertical.step * -(-columns // count) * count * horizontal.step
    room = _FAR_SUMS if problem.is_far(columns) else _SUMS
    held = max(1, min(total, room // (lanes * pixels * problem.itemsize)))
    blocks = -(-vertical.longest // rows) * -(-width // columns)
    held = max(1, min(held, total * blocks // _UNITS))
    return Blocking(True, lanes, count, rows, columns, problem.chunk, held)


def _across_pixels(problem: Problem, machine: Machine) -> Blocking:
    register = machine.vector // problem.itemsize
    width = problem.horizontal.longest
    plane = problem.vertical.longest * (width + problem.horizontal.extent)
    is_small = machine.registers == 32 and plane <= 4 * _PIXELS and problem.vertical.longest > 1
    ways = []
    kinds = [(tile, False) for tile in _ACROSS_PIXELS] + [(tile, True) for tile in _PACKED]
    for (vectors, count), packed in kinds:
        # Sums, the vectors of a product, and one that holds a number.
        if (count + 1) * vectors + 1 <= machine.registers:
            lanes = vectors * register
            chunk = problem.chunk
            fitting = (32 << 10) // (chunk * problem.itemsize * problem.vertical.reach)
            columns = min(width, max(lanes, fitting // lanes * lanes))
            rows = problem.rows(columns, 4 * _PIXELS)
            total = -(-problem.filters // count)
            cuts = lanes, count, rows, columns, chunk, total
            ways.append(Blocking(False, *cuts, packed=packed))
            if is_small and rows == problem.vertical.longest and columns == width:
                ways.append(replace(ways[-1], flattened=True))
    return min(ways, key=lambda way: cycles(way, problem, machine))


def cycles(way: Blocking, problem: Problem, machine: Machine) -> float:
    """Return about how many cycles an image's group takes, two products of a register a cycle."""
    vertical, horizontal = problem.vertical, problem.horizontal
    products = problem.channels * problem.taps / problem.phases
    blocks = -(-vertical.longest // way.rows) * -(-horizontal.longest // way.columns)
    filter_blocks = -(-problem.filters // way.filters)
    reading = blocks * problem.channels * _reading(way, problem, machine)
    if way.across_filters:
        outputs = vertical.output * horizontal.output * problem.filters
        tiles = blocks * way.rows * vertical.step * -(-way.columns // way.count) * horizontal.step
        products *= left(problem, way.count)
        return filter_blocks * tiles * products * (way.count + 1) + 1.2 * outputs + reading
    if way.flattened:
        pitch = way.columns + horizontal.extent
        tiles, store = -(-way.rows * pitch // way.lanes), 6
    else:
        tiles, store = blocks * way.rows * -(-way.columns // way.lanes), 2
    vectors = way.lanes * problem.itemsize // machine.vector
    sums, loads = vectors * way.count / 2, (2 * vectors + way.count) / 2
    latency = 4 if way.count * vectors < 8 else 0
    tile = products * (max(sums, loads, latency) + 0.5) + vectors * way.count * store + 20
    # Measured, it takes more than this, as vectors of pixels are seldom where lines begin.
    more = 1.1 if way.packed else 1.15
    return more * (filter_blocks * tiles * tile + reading)


def _reading(way: Blocking, problem: Problem, machine: Machine) -> int:
    """Return about how many cycles it takes to copy a channel of a block into the panel.

    With a stride, pixels are picked from vectors, and each residue has rows of its own: a third
    of the time of 16 filters of 3x3 over 16 channels.
    """
    vertical, horizontal = problem.vertical, problem.horizontal
    register = machine.vector // problem.itemsize
    if vertical.stride == horizontal.stride == 1:
        return 6 * way.rows * -(-way.columns // register)
    grids = len(vertical.residues) * len(horizontal.residues)
    columns = way.columns + horizontal.extent
    return 14 * grids * (way.rows + vertical.extent) * -(-columns // register)
