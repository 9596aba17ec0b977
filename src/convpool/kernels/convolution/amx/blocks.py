"""What a block of a layer on AMX is: its positions, tiles, taps, and the bytes of its pixels."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.amx import PIECES
from convpool.kernels.convolution.amx.outputs import MADE
from convpool.kernels.convolution.amx.weights import FILTERS, STEP, STEP_BYTES
from convpool.kernels.convolution.blocking import Blocking, even, up
from convpool.kernels.convolution.sharing import SharingCuts

Array = NDArray[Any]

_FLOAT, _LINE, _VECTOR = 4, 64, 16
_PANEL = 256 << 10  # bytes of it for a chunk of channels
_POSITIONS = 1024  # of a block
SEGMENT = 36
"""Steps that are summed in one go: their weights are 216 KB."""
STRICT_SEGMENT = 12


@dataclass(frozen=True)
class AmxBlocks(SharingCuts):
    """The blocks of a layer whose products are those of matrices."""

    most: int
    """Bytes of a block's pixels, if there can be so few."""
    multiple: int
    """What the number of blocks is a multiple of, if there can be so many."""
    step: ClassVar[int] = STEP
    """Products of a step."""
    joint_rows: ClassVar[int] = 2
    """Rows of products whose pieces lie together in four bytes."""

    @cached_property
    def folded(self) -> bool:
        """Whether the rows of products are all taps of all channels, instead of channels."""
        problem = self.problem
        if problem.phases > 1:
            return False
        apart = problem.taps * up(problem.channels, STEP)
        together = up(problem.taps * problem.channels, STEP)
        blocks = -(-problem.filters // FILTERS)
        # In cycles a position: 12 a step and block of filters, a third to split a number.
        return 12 * blocks * apart / STEP + apart / problem.taps / 3 > (
            12 * blocks * together / STEP + together / 3
        )

    @cached_property
    def rows_of_products(self) -> int:
        """Rows of products, a multiple of those of a step."""
        problem = self.problem
        return up(problem.channels * (problem.taps if self.folded else 1), self.step)

    @cached_property
    def blocking(self) -> Blocking:
        """Blocks of whole rows, if they fit; else of parts of them."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        slots = len(vertical.residues) * len(horizontal.residues)
        extent = vertical.extent
        if self.folded:  # taps have rows of products of their own
            slots, extent = 1, 0
        position = self.rows_of_products // self.joint_rows * PIECES * _FLOAT  # its bytes
        fitting = self.most // position // slots
        columns = horizontal.longest
        if vertical.longest == 1:  # a plane of pixels that don't meet is one long row
            columns = self._evenly(columns, min(max(fitting, FILTERS), _POSITIONS))
            columns = min(horizontal.longest, up(columns, _VECTOR))
        elif (1 + extent) * (columns + horizontal.extent) > max(fitting, 2 * _POSITIONS // slots):
            columns = even(columns, max(2 * FILTERS, fitting // (1 + extent) - horizontal.extent))
            columns = min(horizontal.longest, up(columns, FILTERS))
        pitch = columns + horizontal.extent
        rows = max(1, min(_POSITIONS // columns, fitting // pitch - extent))
        rows = self._evenly(vertical.longest, rows)
        chunk = self.problem.channels
        if not self.folded:
            panel = (rows + vertical.extent) * pitch * slots * _FLOAT
            chunk = min(up(chunk, STEP), max(STEP, _PANEL // panel // STEP * STEP))
        whole = columns == horizontal.longest and vertical.longest > 1
        whole = whole and (self.planar or self.problem.phases > 1)
        blocks = -(-self.problem.filters // FILTERS)
        return Blocking(False, _VECTOR, FILTERS, rows, columns, chunk, blocks, whole)

    def _evenly(self, total: int, most: int) -> int:
        """Return the size of pieces of about one size, of `most` at most, in a fitting number."""
        size = even(total, most)
        while size > 1 and -(-total // size) % self.multiple:
            size -= 1
        return even(total, size)

    @property
    def pieces(self) -> int:
        """Bytes of a block's pixels."""
        return self.rows_of_products // self.joint_rows * PIECES * self.pair_row

    @property
    def weights_bytes(self) -> int:
        """Bytes of a group's packed weights."""
        return self.blocking.filter_blocks * self.steps * STEP_BYTES

    @property
    def is_plain(self) -> bool:
        """Whether the channels of an image can be the rows of products."""
        problem = self.problem
        return problem.taps == problem.phases == 1 and problem.vertical.longest == 1

    @property
    def steps(self) -> int:
        """Steps of 32 products."""
        return self.rows_of_products // self.step * (1 if self.folded else self.problem.taps)

    @property
    def width(self) -> int:
        """Numbers in a row of products."""
        tiles = int(self.tiles[-1, 0]) // _FLOAT + _VECTOR
        if self.folded:
            return tiles
        farthest = max(int(offsets.max(initial=0)) for _, offsets in self.taps)
        return up(farthest // _FLOAT + tiles, _VECTOR)

    @property
    def number_of_tiles(self) -> int:
        """Tiles of 16 positions in a block."""
        return len(self.tiles)

    @cached_property
    def tiles(self) -> Array:
        """A row for each tile of 16 positions: see `Pieces.tiles`."""
        way = self.blocking
        if way.flattened:
            count = -(-((way.rows - 1) * self.pitch + way.columns) // _VECTOR)
            places = np.arange(count * _VECTOR).reshape(count, _VECTOR)
            rows, columns = np.divmod(places, self.pitch)
            stored = (columns < way.columns) & (rows < way.rows)
            first = stored.argmax(1)
            each = np.arange(count)
            bits = (stored << np.arange(_VECTOR)).sum(1)
            made = [places[:, 0] * _FLOAT, rows[each, first], columns[each, first], bits]
        else:
            rows, columns = np.mgrid[: way.rows, : way.columns : _VECTOR].reshape(2, -1)
            places = (rows * self.pitch + columns) * _FLOAT
            made = [places, rows, columns, np.full(len(rows), (1 << _VECTOR) - 1)]
        return np.ascontiguousarray(np.stack(made, 1), np.int64)

    @cached_property
    def taps(self) -> list[tuple[Array, Array]]:
        """Of each phase: where its taps lie in a channel's weights, and in the panel; in bytes."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        width = self.spec.kernel_size[1]
        found = []
        for row_phase, column_phase in product(vertical.phases, horizontal.phases):
            both = list(product(row_phase.taps, column_phase.taps))
            weights = [(y * width + x) * _FLOAT for (y, _), (x, _) in both]
            places = [self._offset(y, x) for (_, y), (_, x) in both]
            found.append((np.array(weights, np.int64), np.array(places, np.int64)))
        return found

    @cached_property
    def pair_row(self) -> int:
        """Bytes from pair to pair of rows: of lines an odd number, to use all sets of a cache."""
        return up(self.width * _FLOAT, 2 * _LINE) + _LINE

    @property
    def joint(self) -> int:
        """Groups in a unit."""
        return 1

    @cached_property
    def segment(self) -> int:
        """Steps that are summed in one go, in pieces of about one size."""
        return self.segment_of(self.steps)

    def segment_of(self, steps: int) -> int:
        """Return how many of a phase's steps are summed in one go."""
        return even(steps, STRICT_SEGMENT if self.problem.strict else SEGMENT)

    @property
    def sums_bytes(self) -> int:
        """Bytes of the sums of segments."""
        return -(-self.number_of_tiles // 2) * MADE if self.steps > self.segment else 0

    @property
    def blocks(self) -> int:
        """Blocks of the output."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        way = self.blocking
        return -(-vertical.longest // way.rows) * -(-horizontal.longest // way.columns)
