"""How a convolution of 3x3 or 5x5 taps is cut into blocks of tiles, and when that pays."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.amx import available, configuration
from convpool.kernels.convolution import filters as packing
from convpool.kernels.convolution.blocking import Blocking, Problem, block, cycles, even, up
from convpool.kernels.convolution.cuts import Cuts
from convpool.kernels.convolution.geometry import Line
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.sharing import SharingCuts
from convpool.kernels.convolution.winograd.blocks import (
    LINE,
    MOST_ACROSS,
    ONE,
    Block,
    Tiling,
    off_pages,
)
from convpool.kernels.convolution.winograd.matrices import STEP, STEP_OF_WEIGHTS
from convpool.kernels.convolution.winograd.program import (
    TARGET,
    WEIGHING_SCRATCH,
    Weighing,
    program,
    weighing_program,
)
from convpool.kernels.convolution.winograd.record import HEAD, Tiles
from convpool.kernels.jit import Program
from convpool.threads import MOST

Array = NDArray[Any]

OUTPUTS = {3: (4, 2), 5: (2,)}
"""Rows, and columns, of outputs in a tile, by those of taps."""
_PANEL, _SECOND_CACHE = 64 << 10, 1400 << 10  # bytes
_TILES = 64  # of a block, when the number of sums in registers is chosen
_WORKS = 64  # batches whose blocks are kept
IMAGES = 4
"""That come at a time where weights are packed for them."""
_FEWEST = 8  # channels and filters: with 3, transforms of vectors a quarter full take twice as long
_MOST_STEPS = 36  # summed in one go on AMX
_COUNTS = (4, 6, 7, 8)  # tiles whose sums are in registers at a time


@dataclass(frozen=True)
class WinogradCuts(SharingCuts):
    """The cuts of a layer whose tiles are transformed."""

    outputs: int
    """Rows, and columns, of outputs in a tile."""
    matrices: bool
    """Whether the products are those of matrices, on AMX."""
    block: Block = ONE
    """The tiles of a unit, if `work` doesn't choose others."""

    @cached_property
    def short(self) -> tuple[int, int]:
        """Outputs of a tile, and taps, in a row and in a column."""
        return self.outputs, len(self.problem.vertical.phases[0].taps)

    @cached_property
    def tiling(self) -> Tiling:
        """What tiles there are, and what they take."""
        problem, machine = self.problem, self.machine
        height, width = problem.vertical.output, problem.horizontal.output
        step_y, step_x = self.steps
        down = -(-height // (step_y * self.outputs))
        whole, left = divmod(width, step_x * self.outputs)
        across = whole * step_x + min(left, step_x)
        columns = even(across, _TILES)
        tiles = columns * even(down, _TILES // columns)
        count = min(
            (count for count in _COUNTS if count <= (machine.registers - 3) // 2),
            key=lambda count: (-(-tiles // count) * (count + 1), count),
        )
        return Tiling(
            points=sum(self.short) - 1,
            down=down,
            across=across,
            channels=problem.channels,
            filters=problem.filters,
            groups=self.spec.groups,
            itemsize=problem.itemsize,
            machine=machine,
            matrices=self.matrices,
            count=count,
            turns=min(step_y, height),
            apart=step_x,
        )

    @cached_property
    def steps(self) -> tuple[int, int]:
        """Rows, and columns, from tap to tap: of a dilated layer, tiles that take turns."""
        return _spacing(self.problem.vertical), _spacing(self.problem.horizontal)

    @cached_property
    def blocking(self) -> Blocking:
        """Blocks of whole tiles."""
        problem, tiling = self.problem, self.tiling
        outputs, taps = self.short
        rows, columns = self.block.down * outputs, up(self.block.across, tiling.apart) * outputs
        row = (rows + taps - 1) * (columns + (taps - 1) * tiling.apart) * problem.itemsize
        together = STEP if self.matrices else tiling.register
        chunk = max(1, _PANEL // (row * together)) * together
        return Blocking(
            across_filters=True,
            lanes=tiling.lanes,
            count=tiling.count,
            rows=rows,
            columns=columns,
            channels=min(chunk, problem.channels),
            filter_blocks=tiling.filter_blocks,
        )

    @property
    def cycles(self) -> float:
        """About how many cycles an image's group takes."""
        return self.tiling.cycles

    def work(self, batch: int, threads: int) -> tuple[Array, int]:
        """Return the record, and the number of units, of the blocks that suit them best."""
        ready = self._works.get((batch, threads))
        if ready is None:
            choice = self.tiling.best(batch, threads)
            way = self._chosen_ways.setdefault(choice.block, replace(self, block=choice.block))
            record = way.record.copy()
            held = -(-way.tiling.filter_blocks // choice.shares)
            record[Record._fields.index("held")] = held
            units = -(-batch * self.tiling.turns // choice.block.images) * way.units
            ready = record, units * -(-way.tiling.filter_blocks // held)
            if len(self._works) < _WORKS:
                self._works[batch, threads] = ready
        return ready

    @cached_property
    def _works(self) -> dict[tuple[int, int], tuple[Array, int]]:
        return {}

    @cached_property
    def _chosen_ways(self) -> dict[Block, "WinogradCuts"]:
        """Those whose tables are in use."""
        return {}

    def pays(self, *, packs: bool, tiled: float = inf) -> bool:
        """Tell whether it is faster than product by product, weights packed in the call or before.

        Weights are packed at 1.2 cycles a number, and 0.35 for each that is made of them, with
        20,000 to begin with; if these outgrow the second cache, 0.4 more in each image. What direct
        products of matrices cost, packing included, is given. Of small groups, whose weights are
        read once for few tiles, those of all outgrow it: then 0.33 more for each.
        """
        problem = self.problem
        direct = block(problem, self.machine, planar=self.planar)
        mine, others = self.cycles, cycles(direct, problem, self.machine)
        tiling = self.tiling
        made = tiling.points**2 * tiling.weight_channels * tiling.filter_blocks * tiling.lanes
        if tiling.groups > 1 and tiling.groups * made * problem.itemsize > _SECOND_CACHE:
            mine += 0.33 * made
        if packs:
            weights = problem.channels * problem.filters * problem.taps
            mine += (0.35 * made + 1.2 * weights + 20_000) / IMAGES
            if made * problem.itemsize > _SECOND_CACHE:
                mine += 0.4 * made
            others += (1.2 * weights + 15_000) / IMAGES
        return mine < min(others, tiled)

    @cached_property
    def tables(self) -> dict[str, Array]:
        """As for other layers, but that taps are in the order of the pixels that they meet."""
        vertical, horizontal = (
            sorted(line.phases[0].taps, key=itemgetter(1))
            for line in (self.problem.vertical, self.problem.horizontal)
        )
        order = [y * self.short[1] + x for y, _ in vertical for x, _ in horizontal]
        tables = super().tables
        rows = np.full((self.tiling.turns, self._turn_rows), -1, np.int64)
        for turn, own in enumerate(rows):
            there = tables["source_rows"][turn :: self.steps[0]][: len(own)]
            own[: len(there)] = there
        return tables | {"order": np.array(order, np.int64), "source_rows": rows.ravel()}

    @property
    def _turn_rows(self) -> int:
        """Rows of input that one turn's tiles meet."""
        return self.tiling.down * self.outputs + self.short[1] - 1

    @property
    def panel_rows(self) -> int:
        """Rows of the panel: those of one turn."""
        return self.blocking.rows + self.short[1] - 1

    @property
    def way(self) -> str:
        """How it is computed, in a few words."""
        outputs, taps = self.short
        where = " on AMX" if self.matrices else ""
        return f"short convolutions, {outputs}x{outputs} outputs of {taps}x{taps} taps{where}"

    @cached_property
    def packing(self) -> tuple[int, int]:
        """The lanes, and what no other order has as its second number."""
        return self.blocking.lanes, -self.outputs - 10 * int(self.matrices)

    @cached_property
    def record(self) -> Array:
        """A convolution's record, and where the parts of the scratch memory lie."""
        known, way, tiling = super().record, self.blocking, self.tiling
        tiles = self.block.tiles
        room, together = tiling.room(tiles), tiling.together(tiles)
        outputs, taps = self.short
        points, vector, item = self.tiling.points, self.machine.vector, self.problem.itemsize
        pixel = vector * (2 if self.matrices else 1)
        halfway_row = (way.columns + (taps - 1) * tiling.apart) * pixel + LINE
        values_plane = tiling.plane(tiles)
        sums_plane = off_pages(room * way.lanes * item)
        sums_block = points**2 * sums_plane
        joined = way.columns >= self.problem.horizontal.output and self.steps == (1, 1)
        outputs_row = (self.problem.horizontal.output if joined else way.columns) * vector
        slack = vector // item * pixel  # squares reach beyond the last pixel
        pieces_size = up(tiling.weight_channels // STEP * STEP_OF_WEIGHTS, 2 * LINE) + LINE
        sizes = {
            "turned": self.panel_rows * self.pitch * pixel + slack,
            "halfway": points * halfway_row,
            "values": points**2 * values_plane,
            "sums": together * sums_block,
            "outputs": outputs * outputs_row + slack,
            "pieces": 2 * pieces_size if self.matrices else 0,
            "has_tiny": 8 * self.block.images,
        }
        places, place = {}, Record(*known.tolist()).panel_bytes
        for name, size in sizes.items():
            places[name] = place
            place += up(size, LINE)
        told = Tiles(
            **places,
            halfway_row=halfway_row,
            values_plane=values_plane,
            values_tile=tiling.tile,
            values_step=tiling.step(tiles),
            sums_plane=sums_plane,
            sums_block=sums_block,
            together=together,
            outputs_row=outputs_row,
            joined=int(joined),
            weights_plane=tiling.weights_plane,
            weights_block=points**2 * tiling.weights_plane,
            pieces_size=pieces_size,
            shapes=self._shapes.ctypes.data,
            rows=tiling.rows(tiles),
            images=self.block.images,
            turns=tiling.turns,
            turn_rows=self._turn_rows,
            step=tiling.apart,
        )
        known[Record._fields.index("scratch_bytes")] = place
        known[Record._fields.index("row_blocks")] = -(-tiling.down // self.block.down)
        return np.concatenate([known, np.array(told, np.int64)])

    @cached_property
    def _shapes(self) -> Array:
        rows = self.tiling.rows(self.block.tiles)
        return configuration(rows, rows)

    def _program(self, reading: int) -> Program:
        way = self.blocking
        register = self.machine.vector // self.problem.itemsize
        tile, how = (way.lanes, way.count), (reading, self.repeats, int(self.tiling.apart > 1))
        of_registers = None if self.matrices else tile
        return program(self.number, self.short, of_registers, self.planar, register, how)

    @cached_property
    def _packing_record(self) -> Array:
        record = super()._packing_record
        record[packing.Packing._fields.index("chunk")] = self.problem.channels
        return record

    def pack(self, weight: Array) -> Array:
        """Return the weights, transformed."""
        weight = np.ascontiguousarray(weight, self.number)
        weigh, told, order, blocks = self.weighing()
        order[0] = memory.address_of(weight)
        target = memory.row(self.packed_bytes // self.problem.itemsize, self.number)
        target[: HEAD // self.problem.itemsize] = 0
        scratch = memory.scratch(MOST * self.weighing_bytes)
        told[TARGET], told[WEIGHING_SCRATCH] = map(memory.address_of, (target, scratch))
        weigh(told, blocks, threads=self.packed_bytes > 1 << 18)
        memory.give_back(scratch)
        return target

    def weighing(self) -> tuple[Program, Array, Array, int]:
        """Return what transforms weights, its record, a `Packing` in that, and its units.

        To be told are the first number of the `Packing`, and in the record target and scratch.
        """
        order = self._packing_record.copy()
        way, tiling, item = self.blocking, self.tiling, self.problem.itemsize
        told = Weighing(
            packing=memory.address_of(order),
            scratch_bytes=self.weighing_bytes,
            channels=self.problem.channels,
            rows=tiling.weight_channels,
            packed_block=self._in_order_bytes,
            target_block=tiling.points**2 * tiling.weights_plane,
            target_plane=tiling.weights_plane,
        )
        register = self.machine.vector // item
        weigh = weighing_program(self.number, self.short, way.lanes, register, self._is_in_order)
        return weigh, np.array(told, np.int64), order, self._weight_blocks

    @property
    def _weight_blocks(self) -> int:
        """Blocks of filters, of all groups."""
        return self.spec.groups * self.blocking.filter_blocks

    @property
    def _in_order_bytes(self) -> int:
        """Of a block's weights before they are transformed."""
        problem = self.problem
        return problem.taps * problem.channels * self.blocking.lanes * problem.itemsize

    @cached_property
    def weighing_bytes(self) -> int:
        """Scratch of a thread that transforms weights."""
        halfway = self.tiling.points * self.short[1] * self.blocking.lanes * self.problem.itemsize
        return self._in_order_bytes + up(halfway, LINE)

    @cached_property
    def packed_bytes(self) -> int:
        """Of the transformed weights; they are asked for beyond their end."""
        size = self._weight_blocks * self.tiling.points**2 * self.tiling.weights_plane
        return HEAD + size + LINE * self.problem.itemsize


def best(cuts: Cuts) -> WinogradCuts:
    """Return the fastest of the cuts for a layer's; it must fit."""
    common = cuts.spec, cuts.problem, cuts.machine, cuts.number, cuts.planar
    outputs = OUTPUTS[len(cuts.problem.vertical.phases[0].taps)]
    on_amx = available() and cuts.problem.channels <= STEP * _MOST_STEPS
    ways = (
        WinogradCuts(*common, each, matrices)
        for each in outputs
        for matrices in ((False, True) if on_amx else (False,))
    )
    return min(ways, key=attrgetter("cycles"))


def fits(problem: Problem) -> bool:
    """Tell whether a layer can be computed so: 3x3 or 5x5, dilated or not, stride 1, float32."""
    taps = {_taps(line) for line in (problem.vertical, problem.horizontal)}
    is_wide = min(problem.channels, problem.filters) >= _FEWEST
    return problem.itemsize == 4 and is_wide and len(taps) == 1 and taps <= OUTPUTS.keys()


def _taps(line: Line) -> int:
    """Return how many taps there are, one distance apart; 0 if tiles can't meet them."""
    if line.stride > 1 or line.step > 1:
        return 0
    shifts, step = sorted(shift for _, shift in line.phases[0].taps), _spacing(line)
    regular = shifts == list(range(line.lowest, line.lowest + len(shifts) * step, step))
    return len(shifts) if regular and step <= MOST_ACROSS else 0


def _spacing(line: Line) -> int:
    """Return the positions from tap to tap."""
    shifts = sorted(shift for _, shift in line.phases[0].taps)
    return shifts[1] - shifts[0] if len(shifts) > 1 else 1
