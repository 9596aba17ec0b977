"""How a gradient by weights is cut for short convolutions, and how long that takes."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.convolution.blocking import even, up
from convpool.kernels.jit import Program
from convpool.kernels.weight_gradient.blocking import (
    ALL_SUMS,
    UNITS,
    Blocking,
    Problem,
    lanes_for,
)
from convpool.kernels.weight_gradient.chosen import ChosenCuts
from convpool.kernels.weight_gradient.record import Record
from convpool.kernels.weight_gradient.short.program import PLANES, finish_program, sum_program
from convpool.kernels.weight_gradient.short.record import Tiles
from convpool.kernels.weight_gradient.short.transforms import POINTS

Array = NDArray[Any]

_LINE = 64
_COUNT = 8  # numbers of a tile of registers
_TILES = 36, 72  # of a block, at most: what is summed in one go
_SCRATCH = 1400 << 10  # bytes of a unit's operands and sums, in the second cache


@dataclass(frozen=True)
class ShortCuts(ChosenCuts):
    """How the work is cut for products at points."""

    @property
    def _sizes(self) -> tuple[int, int]:
        """Outputs and taps of a tile, in each direction."""
        taps = self.problem.kernel[0]
        return POINTS + 1 - taps, taps

    @property
    def _grid(self) -> tuple[int, int]:
        """Rows and columns of tiles of an image."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        m, _ = self._sizes
        return -(-vertical.output // m), -(-horizontal.output // m)

    @property
    def _lanes(self) -> int:
        return lanes_for(self.problem.filters, self.machine, self.problem.itemsize)

    @property
    def _register(self) -> int:
        return self.machine.vector // self.problem.itemsize

    def ways(self) -> list[Blocking]:
        """Return the ways to cut: those that fit the second cache, or else the smallest."""
        problem = self.problem
        register = self._register
        all_chunks = -(-problem.channels // register)
        all_blocks = -(-problem.filters // self._lanes)
        down, across = self._grid
        m, _ = self._sizes
        ways = []
        for most in _TILES:
            rows = even(down, max(1, most // across))
            images = max(1, min(self.batch, most // (rows * across))) if rows == down else 1
            for held, blocks in product(range(1, min(4, all_chunks) + 1), range(1, 5)):
                chunk = even(all_chunks, held) * register
                way = Blocking(
                    self._lanes,
                    _COUNT,
                    chunk,
                    PLANES,
                    chunk // _COUNT,
                    images,
                    rows * m,
                    problem.horizontal.output,
                    min(blocks, all_blocks),
                    -(-problem.channels // chunk),
                    1,
                )
                ways.append(replace(way, parts=self._parts(way)))
        fitting = [way for way in ways if self._bytes(way) <= _SCRATCH]
        return fitting or [min(ways, key=self._bytes)]

    def _parts(self, way: Blocking) -> int:
        problem = self.problem
        units = problem.groups * -(-problem.filters // (way.lanes * way.held_blocks))
        sums = problem.groups * up(problem.filters, way.lanes) * way.chunk * way.held_chunks
        sums *= PLANES * problem.itemsize
        return max(1, min(-(-UNITS // units), self._blocks(way) // 2, ALL_SUMS // sums))

    def _blocks(self, way: Blocking) -> int:
        return -(-self.batch // way.images) * -(-self._grid[0] // (way.rows // self._sizes[0]))

    def _tiles(self, way: Blocking) -> int:
        return way.images * (way.rows // self._sizes[0]) * self._grid[1]

    def _bytes(self, way: Blocking) -> int:
        """Bytes of what is used again and again."""
        filters = way.held_blocks * way.lanes
        numbers = self._tiles(way) * (way.chunk + filters) + way.chunk * filters
        return PLANES * numbers * self.problem.itemsize

    def cycles_of(self, way: Blocking) -> float:
        """About how many cycles it takes.

        A third more than instructions take by themselves, as for most of nine layers of 16 to 512
        channels: 26 products a cycle and 200 cycles for the tiles of a plane, one for each number
        that is made of pixels and gradients, a fifth of one to add to a sum in memory.
        """
        problem = self.problem
        tiles, chunks = self._tiles(way), way.held_chunks
        filters = way.held_blocks * way.lanes
        units = -(-problem.filters // filters) * problem.groups
        cycles = PLANES * tiles * chunks * way.chunk * filters / 26
        cycles += PLANES * chunks * way.held_blocks * 200
        cycles += PLANES * tiles * (0.9 * chunks * way.chunk + 0.7 * filters)
        cycles += 0.2 * PLANES * chunks * way.chunk * filters
        alone = 1.5 if units * way.parts == 1 else 1.0  # one thread, and the others idle
        return 1.33 * alone * cycles * units * self._blocks(way)

    @property
    def panel_columns(self) -> int:
        """Pixels from row to row of the panel."""
        m, r = self._sizes
        return self._grid[1] * m + r - 1

    @cached_property
    def tables(self) -> dict[str, Array]:
        """The tables to which the record points."""
        tiles = self._tiles(self.blocking)
        return {
            **super().tables,
            "positions": np.arange(tiles, dtype=np.int64) * self._value_tile,
            "strips": np.zeros(1, np.int64),
        }

    @property
    def _value_tile(self) -> int:
        """Bytes from tile to tile of pixels: of lines an odd number, to use all sets of a cache."""
        return up(self.blocking.chunk * self.problem.itemsize, 2 * _LINE) + _LINE

    @cached_property
    def record(self) -> Array:
        """A gradient's record, and what the programs need beside it."""
        known, way, item = super().record, self.blocking, self.problem.itemsize
        tiles, vector = self._tiles(way), way.lanes * item
        m, r = self._sizes
        columns = self._grid[1] * m
        slope_plane, value_plane = tiles * vector + _LINE, tiles * self._value_tile
        sizes = {
            "straight": way.rows * columns * vector,
            "halfway": POINTS * max(self.panel_columns, POINTS) * self.machine.vector,
            "values": PLANES * value_plane,
            "slopes": way.held_blocks * PLANES * slope_plane,
        }
        rows = way.rows + r - 1
        panel = rows * self.panel_columns * way.chunk * item
        places, place = {}, up(panel + self.machine.vector, _LINE)
        for name, size in sizes.items():
            places[name] = place
            place += up(size, _LINE)
        told = Tiles(
            **places,
            columns=self._grid[1],
            value_tile=self._value_tile,
            value_plane=value_plane,
            slope_plane=slope_plane,
            slope_block=PLANES * slope_plane,
            sums_plane=way.chunk * vector,
        )
        known[Record._fields.index("scratch_bytes")] = place + _LINE
        return np.concatenate([known, np.array(told, np.int64)])

    def trusts(self, doubts: Array, result: Array) -> bool:  # noqa: ARG002 (others ask)
        """Tell whether all sums are finite."""
        return not doubts[1]

    @cached_property
    def programs(self) -> tuple[Program, Program]:
        """The programs: that of the sums, and that which finishes."""
        lanes, register = self._lanes, self._register
        return (
            sum_program(self.number, lanes, _COUNT, register, *self._sizes),
            finish_program(self.number, lanes, register, *self._sizes),
        )


def fits(problem: Problem) -> bool:
    """Tell whether a gradient can be computed so: 3x3 or 5x5 taps side by side, of stride 1."""
    axes = problem.vertical, problem.horizontal
    taps = problem.kernel[0]
    are_side_by_side = all((axis.stride, axis.reach) == (1, taps) for axis in axes)
    return not problem.apart and problem.kernel in {(3, 3), (5, 5)} and are_side_by_side
