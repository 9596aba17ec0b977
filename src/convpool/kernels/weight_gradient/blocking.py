"""How a gradient by weights is cut: chosen by the layer, the images' shape and their number.

A weight's gradient is a sum over all pixels of a batch: of the gradient of its filter times the
input that it met. The sums of a tile are held in registers as `count` vectors of `lanes` filters,
while one loop runs over a segment of pixels: for each, a vector of filters is loaded, and `count`
numbers of the input, which are neighbours in a panel whose channels lie side by side: channels of
one tap, and where taps are neighbours too, of one row of taps. That is a strip.

With one channel and one filter a group, a vector of the input takes the place of a number: then
groups play the part of filters, and a strip is a row of taps.

Blocks of pixels are dealt out to parts, each of which has sums of its own. How many there are
depends on the layer and the number of images alone, so that the bits of the result do too.
"""

from dataclasses import dataclass

from convpool.kernels.convolution.blocking import SEGMENT, Machine, even
from convpool.kernels.convolution.geometry import Line

# The tiles that there are; each is compiled by itself.
_COUNTS = (1, 4, 6, 8, 9, 12, 14)
_ROWS = (1, 3, 5, 7)  # of taps, where channels are apart
_PIXELS = 2 * SEGMENT  # of a block
_CHUNK = 48  # channels at most: of 64, the lines of a segment's pixels crowd a few sets of L1
_TURNED, _SUMS = 256 << 10, 640 << 10  # bytes of a block's gradient and of a unit's sums, in L2
_DENSE = 2  # stride
UNITS = 24  # pieces of work wanted
ALL_SUMS = 16 << 20  # bytes of all parts' sums, at most


@dataclass(frozen=True)
class Problem:
    """A group's part of a layer on one shape of image: a convolution's, in its terms."""

    vertical: Line
    horizontal: Line
    channels: int
    filters: int
    groups: int
    itemsize: int
    apart: bool = False
    """Whether each filter has a channel of its own; groups are then vectors of them."""

    @property
    def kernel(self) -> tuple[int, int]:
        """Taps of both axes."""
        return len(self.vertical.phases[0].taps), len(self.horizontal.phases[0].taps)

    @property
    def are_neighbours(self) -> bool:
        """Whether the taps of a row are neighbours in the panel."""
        places = self.places[1]
        return places == list(range(places[0], places[0] + len(places)))

    @property
    def residues(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The residues of rows and of columns that a panel holds: those that taps meet.

        Of every second column it holds both, since to read them all at once takes half as long.
        """
        all_columns = self.horizontal.stride <= _DENSE
        columns = tuple(range(self.horizontal.stride)) if all_columns else self.horizontal.residues
        return self.vertical.residues, columns

    @property
    def places(self) -> tuple[list[int], list[int]]:
        """Where taps lie in a panel, in rows and in columns from where a position begins."""
        down, across = (
            _places(line, residues)
            for line, residues in zip((self.vertical, self.horizontal), self.residues, strict=True)
        )
        return down, across


@dataclass(frozen=True)
class Blocking:
    """The cuts."""

    lanes: int
    count: int
    chunk: int
    """Channels in a panel."""
    strips: int
    tiles: int
    """Of a strip."""
    images: int
    """Of a block, and rows and columns of the output."""
    rows: int
    columns: int
    held_blocks: int
    """Blocks of filters in a unit."""
    held_chunks: int
    parts: int

    @property
    def entries(self) -> int:
        """Vectors of sums of a chunk."""
        return self.strips * self.tiles * self.count


def lanes_for(filters: int, machine: Machine, itemsize: int) -> int:
    """Return how many filters are taken at a time: two registers of them, or one."""
    register = machine.vector // itemsize
    return register if filters <= register else 2 * register


def block(problem: Problem, machine: Machine, batch: int) -> Blocking:
    """Return the cuts for a number of images, at least one."""
    lanes = lanes_for(problem.filters, machine, problem.itemsize)
    chunk, strips, count, tiles = _tiles(problem, lanes, machine)
    images, rows, columns = _pixels(problem)
    width = lanes * problem.itemsize
    held_blocks = even(-(-problem.filters // lanes), _TURNED // (_PIXELS * width))
    sums = strips * tiles * count * width
    chunks = -(-problem.channels // chunk)
    filter_blocks = -(-problem.filters // lanes)
    if problem.apart:
        chunks = held_chunks = 1
    else:
        held_chunks = even(chunks, _SUMS // (held_blocks * sums))
    units = problem.groups * -(-filter_blocks // held_blocks) * -(-chunks // held_chunks)
    blocks = -(-batch // images)
    blocks *= -(-problem.vertical.output // rows) * -(-problem.horizontal.output // columns)
    all_sums = problem.groups * filter_blocks * chunks * sums
    parts = max(1, min(-(-UNITS // units), blocks // 4, ALL_SUMS // all_sums))
    return Blocking(
        lanes, count, chunk, strips, tiles, images, rows, columns, held_blocks, held_chunks, parts
    )


def _tiles(problem: Problem, lanes: int, machine: Machine) -> tuple[int, int, int, int]:
    """Return channels of a panel, strips, numbers of a tile and tiles of a strip."""
    down, across = problem.kernel
    strips, taps = (down, across) if problem.are_neighbours else (down * across, 1)
    registers = lanes * problem.itemsize // machine.vector
    most = min(max(_COUNTS), (machine.registers - 3) // registers)
    counts = [count for count in (_ROWS if problem.apart else _COUNTS) if count <= most]
    if problem.apart:
        count = min(counts, key=lambda count: (-(-taps // count) * (count + 1), count))
        return lanes, strips, count, -(-taps // count)
    least = -(-problem.channels // _CHUNK)
    ways = []
    for chunks in range(least, min(problem.channels, 2 * least + 4) + 1):
        chunk = -(-problem.channels // chunks)
        for count in counts:
            tiles = -(-chunk * taps // count)
            # A number more for what each tile and each pixel of a panel costs beside.
            cost = -(-problem.channels // chunk) * (tiles * (count + 1) + 2)
            ways.append((cost, -chunk, count, tiles))
    _, chunk, count, tiles = min(ways)
    return -chunk, strips, count, tiles


def _pixels(problem: Problem) -> tuple[int, int, int]:
    """Return images, rows and columns of a block."""
    height, width = problem.vertical.output, problem.horizontal.output
    columns = even(width, _PIXELS)
    rows = even(height, _PIXELS // columns) if columns == width else 1
    images = max(1, _PIXELS // (rows * columns)) if rows == height and columns == width else 1
    return images, rows, columns


def _places(line: Line, residues: tuple[int, ...]) -> list[int]:
    pairs = (line.place(shift) for _, shift in line.phases[0].taps)
    return [place * len(residues) + residues.index(residue) for residue, place in pairs]
