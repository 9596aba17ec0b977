"""How a gradient by weights is cut for AMX, and when that pays."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.amx import PIECES, ROWS, available, configuration
from convpool.kernels.convolution.blocking import even, up
from convpool.kernels.convolution.cuts import sources
from convpool.kernels.convolution.geometry import is_flat
from convpool.kernels.convolution.panel import (
    BY_EVERY_FOURTH,
    BY_EVERY_SECOND,
    BY_NUMBER,
    BY_VECTOR,
    Reading,
)
from convpool.kernels.convolution.record import Record as Panel
from convpool.kernels.jit import Program
from convpool.kernels.weight_gradient.amx.operands import STEP
from convpool.kernels.weight_gradient.amx.planes import in_planes
from convpool.kernels.weight_gradient.amx.program import FILTERS, STEP_BYTES, sum_program
from convpool.kernels.weight_gradient.amx.record import Operands
from convpool.kernels.weight_gradient.blocking import ALL_SUMS, UNITS, Blocking, Problem
from convpool.kernels.weight_gradient.chosen import ChosenCuts
from convpool.kernels.weight_gradient.program import finish_program
from convpool.kernels.weight_gradient.record import Record

Array = NDArray[Any]

_LINE, _FLOAT, _HALF = 64, 4, 2
_POSITIONS = 1152, 768, 512, 384, 256  # of a block, at most: those that are summed in one go
_SCRATCH = 1280 << 10  # bytes of operands, and of a unit's sums, in the second cache
_SUMS = 1 << 20
_LOST = 2.0**-80  # sums from which on products that count as 0 don't matter


@dataclass(frozen=True)
class Grid:
    """Where a layer's positions lie: rows of `pitch`, images of `of_image`."""

    direct: bool
    """Whether pixels are split from the images; else from panels, by residue of the stride."""
    pitch: int
    of_image: int
    of_slot: int
    slots: int
    left: int

    @property
    def positions(self) -> int:
        """Of a channel."""
        return self.slots * self.of_slot


@dataclass(frozen=True)
class AmxCuts(ChosenCuts):
    """How the work is cut for products of matrices."""

    def ways(self) -> list[Blocking]:
        """Return the ways to cut: those that fit the second cache, or else the smallest."""
        problem = self.problem
        taps = prod(problem.kernel)
        all_chunks, all_blocks = -(-problem.channels // ROWS), -(-problem.filters // FILTERS)
        ways = []
        for images, rows, columns in {self._pixels(most) for most in _POSITIONS}:
            for chunks, blocks in product(_shares(all_chunks), _shares(all_blocks)):
                way = Blocking(
                    FILTERS, ROWS, ROWS, taps, 1, images, rows, columns, blocks, chunks, 1
                )
                ways.append(replace(way, parts=self._parts(way)))
        fitting = [way for way in ways if self._fits(way)]
        return fitting or [min(ways, key=lambda way: self._operands(way)[-1])]

    def _pixels(self, most: int) -> tuple[int, int, int]:
        """Return images, rows and columns of a block of at most so many positions."""
        height, width = self.problem.vertical.output, self.problem.horizontal.output
        if self._is_flat:
            columns = even(width, most)
            return max(1, min(self.batch, most // width)), 1, columns
        grid = self._grid(1, height, width)
        if grid.of_image <= most:
            return min(self.batch, most // grid.of_image), height, width
        return 1, even(height, most // grid.pitch), width

    def _grid(self, images: int, rows: int, columns: int) -> Grid:
        """Return where the positions of a block lie."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        deep, wide = rows + vertical.extent, columns + horizontal.extent
        above, left = -vertical.lowest, -horizontal.lowest
        below = (vertical.output - 1) + vertical.reach - above - vertical.size
        right = (horizontal.output - 1) + horizontal.reach - left - horizontal.size
        strides = vertical.stride, horizontal.stride
        if self.mode == "zeros" and strides == (1, 1) and min(above, left, below, right) >= 0:
            # What pads a row on the left pads the one before on the right, and so with images.
            pitch = max(columns, wide - min(left, right))
            of_image = max(rows, deep - min(above, below)) * pitch
            if columns < horizontal.output or rows < vertical.output:
                of_image = deep * pitch
            return Grid(True, pitch, of_image, (images - 1) * of_image + deep * pitch, 1, left)
        slots = len(vertical.residues) * len(horizontal.residues)
        return Grid(False, wide, deep * wide, images * deep * wide + 2 * STEP, slots, 0)

    @property
    def _is_flat(self) -> bool:
        """Whether planes are one row of pixels that don't meet."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        return vertical.output == 1 and is_flat(vertical) and is_flat(horizontal)

    def _parts(self, way: Blocking) -> int:
        problem = self.problem
        units = problem.groups * -(-problem.filters // (FILTERS * way.held_blocks))
        units *= -(-problem.channels // (ROWS * way.held_chunks))
        sums = problem.groups * up(problem.filters, FILTERS) * up(problem.channels, ROWS)
        sums *= way.strips * _FLOAT
        return max(1, min(-(-UNITS // units), self._blocks(way) // 2, ALL_SUMS // sums))

    def _blocks(self, way: Blocking) -> int:
        height, width = self.problem.vertical.output, self.problem.horizontal.output
        return -(-self.batch // way.images) * -(-height // way.rows) * -(-width // way.columns)

    def _fits(self, way: Blocking) -> bool:
        sums = way.held_blocks * FILTERS * way.held_chunks * ROWS * way.strips * _FLOAT
        return self._operands(way)[-1] <= _SCRATCH and sums <= _SUMS

    def _operands(self, way: Blocking) -> tuple[int, int, int, int]:
        """Return steps, bytes of a channel's and of a filter's row, and of all operands."""
        grid = self._grid(way.images, way.rows, way.columns)
        positions = (way.images - 1) * grid.of_image + (way.rows - 1) * grid.pitch + way.columns
        steps = -(-positions // STEP)
        # Taps are read to the end of the last step, and what lies behind a row is written.
        pixel_row = _odd((grid.positions + 2 * STEP) * _HALF)
        straight_row = _odd((steps + 2) * STEP * _FLOAT)
        size = (PIECES * way.held_chunks * pixel_row + straight_row) * ROWS
        return steps, pixel_row, straight_row, size + way.held_blocks * steps * STEP_BYTES

    def cycles_of(self, way: Blocking) -> float:
        """About how many cycles it takes: fitted to 40 layers of 16 to 2,048 channels.

        That was right to 15 % for all but six of them. 30 cycles an instruction, with what loads
        its operands, of taps from two lines a row 34, and 500 for a product's sums; 1.05 for a
        pixel to be split, 2.6 where a panel is filled before, and 1.15 for a gradient: of wide
        planes, what it takes to read them.
        """
        problem = self.problem
        grid = self._grid(way.images, way.rows, way.columns)
        steps = self._operands(way)[0]
        tiles = -(-way.held_chunks * way.strips // 2) * way.held_blocks
        each = 30.0 if way.strips == 1 else 34.0
        cycles = tiles * (steps * 24 * each + 500)
        cycles += way.held_chunks * ROWS * grid.positions * (1.05 if grid.direct else 2.6)
        cycles += way.held_blocks * FILTERS * steps * STEP * 1.15
        units = -(-problem.filters // (FILTERS * way.held_blocks))
        units *= -(-problem.channels // (ROWS * way.held_chunks))
        return cycles * units * self._blocks(way) * problem.groups

    @cached_property
    def tables(self) -> dict[str, Array]:
        """The tables to which a gradient's record points."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        return {
            "source_rows": sources(vertical, self.mode),
            "source_columns": sources(horizontal, self.mode),
            "residues": np.array(vertical.residues + horizontal.residues, np.int64),
            "places": self._places(),
        }

    @cached_property
    def grid(self) -> Grid:
        """Where the positions of a whole block lie."""
        way = self.blocking
        return self._grid(way.images, way.rows, way.columns)

    @cached_property
    def more_tables(self) -> dict[str, Array]:
        """The tables of `Operands`."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        grid = self.grid
        offsets = []
        for _, y in vertical.phases[0].taps:
            for _, x in horizontal.phases[0].taps:
                (slot_y, q), (slot_x, i) = vertical.place(y), horizontal.place(x)
                slot = vertical.residues.index(slot_y) * len(horizontal.residues)
                slot += horizontal.residues.index(slot_x)
                offsets.append(slot * grid.of_slot + q * grid.pitch + i)
        return {
            "shapes": configuration(ROWS, ROWS),
            "offsets": np.array(offsets, np.int64) * _HALF,
        }

    @cached_property
    def record(self) -> Array:
        """A gradient's record, what the program needs beside it, and the panel's record."""
        known, way, grid, panel = super().record, self.blocking, self.grid, self._panel
        tables = self.more_tables
        steps, pixel_row, straight_row, _ = self._operands(way)
        sizes = {
            "pixels": PIECES * way.held_chunks * ROWS * pixel_row,
            "straight": ROWS * straight_row,
            "turned": way.held_blocks * steps * STEP_BYTES,
            "made": 2 * ROWS * FILTERS * _FLOAT,
            "panel": 0 if grid.direct else ROWS * panel.channel_gap + panel.slack,
        }
        places, place = {}, 0
        for name, size in sizes.items():
            places[name] = place
            place += up(size, _LINE)
        told = Operands(
            **places,
            shapes=tables["shapes"].ctypes.data,
            offsets=tables["offsets"].ctypes.data,
            taps=way.strips,
            height=self.problem.vertical.size,
            lowest_y=self.problem.vertical.lowest,
            run=0 if self._is_flat else self.problem.horizontal.size,
            pitch=grid.pitch,
            of_image=grid.of_image,
            of_slot=grid.of_slot,
            left=grid.left,
            pixel_row=pixel_row,
            pixel_piece=way.held_chunks * ROWS * pixel_row,
            straight_row=straight_row,
            steps=steps,
        )
        known[Record._fields.index("scratch_bytes")] = place + _LINE
        return np.concatenate([known, np.array(told, np.int64), np.array(panel, np.int64)])

    @cached_property
    def _panel(self) -> Panel:
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        tables, grid, way = self.tables, self.grid, self.blocking
        rows = way.rows + vertical.extent
        return Panel(
            source_rows=tables["source_rows"].ctypes.data,
            source_columns=tables["source_columns"].ctypes.data,
            residues=tables["residues"].ctypes.data,
            padded_rows=len(tables["source_rows"]),
            padded_columns=len(tables["source_columns"]),
            stride_y=vertical.stride,
            stride_x=horizontal.stride,
            lowest_x=horizontal.lowest,
            width=horizontal.size,
            slots_y=len(vertical.residues),
            slots_x=len(horizontal.residues),
            panel_rows=rows,
            pitch=grid.pitch,
            channel_gap=_odd(grid.slots * rows * grid.pitch * _FLOAT + _LINE),
            slack=2 * _LINE,
        )

    def readable(self, images: Array) -> Array:
        """Return images, or a gradient, with the pixels of a row side by side."""
        return in_planes(images, self.number, self.machine.vector // _FLOAT)

    def told(self, arrays: tuple[Array, ...], doubts: Array, *, is_column: bool) -> Array:
        """Return the record of a call."""
        record = super().told(arrays, doubts, is_column=is_column)
        first = len(Record._fields) + len(Operands._fields)
        for name in ("channel_stride", "row_stride", "column_stride"):
            there, here = first + Panel._fields.index(name), Record._fields.index(name)
            record[there] = record[here]
        return record

    def trusts(self, doubts: Array, result: Array) -> bool:
        """Tell whether all sums are finite, and none so small that products are missing."""
        has_tiny, not_finite = doubts
        return not not_finite and not (has_tiny and np.abs(result).min() < _LOST)

    @cached_property
    def programs(self) -> tuple[Program, Program]:
        """The programs: that of the sums, and that which finishes."""
        register = self.machine.vector // _FLOAT
        how: Reading | None = None
        if not self.grid.direct:
            by_step = {1: BY_VECTOR, 2: BY_EVERY_SECOND, 4: BY_EVERY_FOURTH}
            step = self.problem.horizontal.stride
            how = by_step.get(step, BY_NUMBER), int(self.mode != "zeros")
        return (
            sum_program(self.number, register, how),
            finish_program(self.number, FILTERS, register),
        )


def fits(problem: Problem) -> bool:
    """Tell whether a gradient can be computed so: float32, rows not too wide, a CPU with AMX."""
    narrow = problem.vertical.output == 1 or problem.horizontal.output <= max(_POSITIONS)
    return problem.itemsize == _FLOAT and narrow and not problem.apart and available()


def _shares(total: int) -> list[int]:
    """Return the sizes of equal shares of a number of things."""
    return sorted({-(-total // shares) for shares in range(1, total + 1)})


def _odd(size: int) -> int:
    """Return a number of bytes, of lines an odd number, to use all sets of a cache."""
    return up(size, 2 * _LINE) + _LINE
