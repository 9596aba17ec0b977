"""Which tiles a unit takes: of how many images, in how many rows and columns; and what that costs.

A tile's numbers don't depend on the others of its block. So blocks are chosen for each batch and
number of threads, and the bits stay the same: few blocks read the weights less often, many keep all
threads busy.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from convpool.kernels.amx import ROWS
from convpool.kernels.convolution.blocking import Machine, even, up
from convpool.kernels.convolution.winograd.matrices import LANES, STEP, STEP_OF_TILE

LINE, _PAGE = 64, 4096
_HELD = 1400 << 10  # bytes that stay in the second cache, from one block of filters to the next
_CACHE = 768 << 10, 2 << 20  # bytes of which all, and next to none, stay
_SUMS = 1800 << 10  # bytes of sums held at a time, if values don't stay
_VALUES = 6 << 20  # bytes of a block's values at most
_TILES = 112  # of a block at most
MOST_ACROSS = _TILES // 2
"""Tiles of a row whose columns may take turns; rows aren't cut before they have so many."""
_IMAGES = (1, 2, 3, 4, 6, 8, 12, 16, 28)
_LEAST_ROWS = 13  # of a register of AMX: with fewer, products wait for those before
_MANY = 16


@dataclass(frozen=True)
class Block:
    """The tiles of a unit."""

    images: int
    down: int
    """Rows of tiles of each image."""
    across: int

    @property
    def tiles(self) -> int:
        """Their number."""
        return self.images * self.down * self.across


ONE = Block(1, 1, 1)


@dataclass(frozen=True)
class Choice:
    """How a batch's work is cut."""

    block: Block
    shares: int
    """Units that take the same tiles, each for some of the filters."""
    cycles: float
    """Of the thread that has most to do."""


@dataclass(frozen=True)
class Tiling:
    """What cutting a layer's tiles into blocks depends on."""

    points: int
    """Rows, and columns, of values in a tile."""
    down: int
    """Rows of tiles of an image."""
    across: int
    channels: int
    """Of a group, as the filters."""
    filters: int
    groups: int
    itemsize: int
    machine: Machine
    matrices: bool
    """Whether the products are those of matrices, on AMX."""
    count: int
    """Tiles whose sums are in registers at a time, if they aren't."""
    turns: int = 1
    """Parts of an image whose rows take turns; each has `down` rows of tiles, or one less."""
    apart: int = 1
    """Tiles whose columns take turns."""

    @property
    def register(self) -> int:
        """Numbers in one."""
        return self.machine.vector // self.itemsize

    @property
    def lanes(self) -> int:
        """Filters of a block of filters."""
        if self.matrices:
            return LANES
        return self.register * (1 if self.filters <= self.register else 2)

    @property
    def filter_blocks(self) -> int:
        """Their number."""
        return -(-self.filters // self.lanes)

    @property
    def weight_channels(self) -> int:
        """Channels of the weights."""
        return up(self.channels, STEP) if self.matrices else self.channels

    @cached_property
    def weights_plane(self) -> int:
        """Bytes of a block of filters' weights in one plane."""
        return off_pages(self.weight_channels * self.lanes * self.itemsize)

    @property
    def tile(self) -> int:
        """Bytes from tile to tile of a plane of values; no power of two, to use all of a cache."""
        if self.matrices:
            return STEP_OF_TILE
        return up(self.channels * self.itemsize, self.machine.vector) + LINE

    def step(self, tiles: int) -> int:
        """Return the bytes from one step's channels to the next one's, in a plane."""
        return off_pages(self.room(tiles) * self.tile)

    def plane(self, tiles: int) -> int:
        """Return the bytes from plane to plane of so many tiles' values.

        On AMX a step's tiles lie side by side: so they are stored, and with what lies between them
        storing takes up to twice as long.
        """
        steps = self.weight_channels // STEP if self.matrices else 1
        return off_pages(steps * self.step(tiles))

    def rows(self, tiles: int) -> int:
        """Return the tiles in a register of AMX, of which there are two at a time."""
        pairs = -(-tiles // (2 * ROWS))
        return -(-tiles // (2 * pairs))

    def room(self, tiles: int) -> int:
        """Return for how many tiles there must be room."""
        return up(tiles, 2 * self.rows(tiles)) if self.matrices else tiles + self.count

    def values(self, tiles: int) -> int:
        """Return the bytes of so many tiles' values."""
        return self.points**2 * self.plane(tiles)

    def together(self, tiles: int) -> int:
        """Return how many blocks of filters' sums are held at a time."""
        planes = self.points**2
        sums = planes * self.room(tiles) * self.lanes * self.itemsize
        if self.values(tiles) + sums + planes * self.weights_plane <= _HELD:
            return 1
        return even(self.filter_blocks, max(1, _SUMS // sums))

    def best(self, batch: int, threads: int) -> Choice:
        """Return the choice that takes the fewest cycles."""
        batch *= self.turns
        fitting = [block for block in self._blocks(batch) if self.values(block.tiles) <= _VALUES]
        least = Block(1, 1, min(self.apart, self.across))
        shares = {1, min(threads, self.filter_blocks)}
        return min(
            (
                Choice(block, share, self._cycles(block, share, batch, threads))
                for block in fitting or [least]
                for share in shares
            ),
            key=lambda choice: (choice.cycles, choice.shares),
        )

    @cached_property
    def cycles(self) -> float:
        """About how many an image's group takes: one alone, which counts twice, and among many."""
        alone, among_many = self.best(1, 1), self.best(_MANY, 1)
        return (2 * alone.cycles + among_many.cycles / _MANY) / 3 / self.groups

    def _blocks(self, batch: int) -> list[Block]:
        """Return what there is to choose from; rows are cut in pieces only where they are long."""
        across = min(up(even(self.across, MOST_ACROSS), self.apart), self.across)
        downs = {even(self.down, most) for most in range(1, self.down + 1)}
        blocks = [Block(1, down, across) for down in sorted(downs)]
        if across == self.across:
            blocks += [Block(images, self.down, across) for images in _IMAGES if images <= batch]
        return [block for block in blocks if block.tiles <= _TILES]

    def _cycles(self, block: Block, shares: int, batch: int, threads: int) -> float:
        """Return about how many the thread with most units takes."""
        blocks = -(-self.filter_blocks // shares)
        rows = -(-self.down // block.down)
        columns = self.groups * -(-self.filter_blocks // blocks) * -(-self.across // block.across)
        images = -(-batch // block.images)
        last = replace(block, down=self.down - (rows - 1) * block.down)
        full, less = self._unit(block, blocks), self._unit(last, blocks)
        total = images * columns * ((rows - 1) * full + less)
        return min(total, -(-images * rows * columns // threads) * full)

    def _unit(self, block: Block, blocks: int) -> float:
        """Return about how many cycles a unit takes, for some blocks of filters.

        Fitted to some 200 cuts of 40 layers: 580 to transform a tile of 6x6 for a vector of
        channels, and half of that for one of filters; for each channel of a block of filters 5 and
        what the products of its tiles take, at least the 12.5 that loading the weights from the
        third cache takes, or on AMX, for 32 channels, 460 and 500 for each 32 tiles; and where the
        second cache doesn't hold it all, one for 12 bytes of values and sums, stored or loaded.
        """
        tiles, planes = block.tiles, self.points**2
        weights, (least, most) = blocks * planes * self.weights_plane, _CACHE
        filters = min(self.filters, blocks * self.lanes)
        vectors = -(-self.weight_channels // self.register) - (-filters // self.register) / 2
        cycles = 580 * tiles * vectors * planes / 36
        of_block = planes * self.weight_channels
        if self.matrices:
            pairs = -(-tiles // (2 * ROWS)) * max(self.rows(tiles), _LEAST_ROWS) / ROWS
            cycles += blocks * of_block / STEP * (500 * pairs + 460)
        else:
            rounds = -(-tiles // self.count) * (self.count + 0.5)
            vectors = self.lanes / self.register / 2
            least_of_one = 12.5 if weights > most else 0
            cycles += blocks * of_block * max(least_of_one, 0.88 * rounds * vectors + 5)
        values, together = self.values(tiles), self.together(tiles)
        sums = planes * self.lanes * self.itemsize * self.room(tiles)
        held = values + weights + sums * together
        spilled = min(1.0, max(0.0, (held - least) / (most - least)))
        moved = 2 * values
        if together > 1:
            moved = values * (1 + -(-blocks // together)) + 2 * blocks * sums
        return cycles + spilled * moved / 12


def off_pages(size: int) -> int:
    """Return a distance of whole lines that isn't one of whole pages, which would crowd a set."""
    size = up(size, LINE)
    return size + LINE if size % _PAGE == 0 else size
