"""How a convolution of 3x3 or 5x5 taps is cut into blocks of tiles, and when that pays."""

from dataclasses import dataclass
from functools import cached_property
from math import inf
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.amx import ROWS, available, configuration
from convpool.kernels.convolution import filters as packing
from convpool.kernels.convolution.blocking import Blocking, Problem, block, cycles, even, up
from convpool.kernels.convolution.cuts import Cuts
from convpool.kernels.convolution.geometry import Line
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.sharing import SharingCuts
from convpool.kernels.convolution.winograd.matrices import (
    LANES,
    STEP,
    STEP_OF_TILE,
    STEP_OF_WEIGHTS,
)
from convpool.kernels.convolution.winograd.program import Weighing, program, weighing_program
from convpool.kernels.convolution.winograd.record import HEAD, Tiles
from convpool.kernels.jit import Program
from convpool.threads import MOST

Array = NDArray[Any]

OUTPUTS = {3: (4, 2), 5: (2,)}
"""Rows, and columns, of outputs in a tile, by those of taps."""
_LINE, _PAGE = 64, 4096
_PANEL = 64 << 10  # bytes
_VALUES = 650 << 10, 1300 << 10, 3 << 20, 6 << 20  # bytes of a block's values
_HELD = 1400 << 10  # bytes that stay in the second cache, from one block of filters to the next
_SUMS = 1800 << 10  # bytes of sums held at a time, if values don't stay
_TILES = 64  # of a block at most
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
    most: int
    """Bytes of a block's values, if there can be so few."""

    @cached_property
    def short(self) -> tuple[int, int]:
        """Outputs of a tile, and taps, in a row and in a column."""
        return self.outputs, len(self.problem.vertical.phases[0].taps)

    @property
    def _points(self) -> int:
        """Rows, and columns, of values in a tile."""
        return sum(self.short) - 1

    @cached_property
    def blocking(self) -> Blocking:
        """Blocks of whole tiles."""
        problem, machine = self.problem, self.machine
        outputs, taps = self.short
        register = machine.vector // problem.itemsize
        down, across = (
            -(-line.output // outputs) for line in (problem.vertical, problem.horizontal)
        )
        most = max(1, min(_TILES, self.most // (self._points**2 * self._tile)))
        columns = even(across, most)
        rows = even(down, max(1, most // columns))
        count = min(
            (count for count in _COUNTS if count <= (machine.registers - 3) // 2),
            key=lambda count: (-(-rows * columns // count) * (count + 1), count),
        )
        width = columns * outputs + taps - 1
        row = (rows * outputs + taps - 1) * width * problem.itemsize
        together = STEP if self.matrices else register
        chunk = max(1, _PANEL // (row * together)) * together
        lanes = register if problem.filters <= register else 2 * register
        lanes = LANES if self.matrices else lanes
        return Blocking(
            across_filters=True,
            lanes=lanes,
            count=count,
            rows=rows * outputs,
            columns=columns * outputs,
            channels=min(chunk, problem.channels),
            filter_blocks=-(-problem.filters // lanes),
        )

    @property
    def _tiles(self) -> int:
        """Tiles of a block."""
        return self.blocking.rows * self.blocking.columns // self.outputs**2

    @property
    def _rows(self) -> int:
        """Tiles in a register of AMX, of which there are two at a time."""
        pairs = -(-self._tiles // (2 * ROWS))
        return -(-self._tiles // (2 * pairs))

    @property
    def _room(self) -> int:
        """Tiles of a block for which there must be room."""
        if self.matrices:
            return up(self._tiles, 2 * self._rows)
        return self._tiles + self.blocking.count

    @property
    def _channels(self) -> int:
        """Channels of the weights."""
        return up(self.problem.channels, STEP) if self.matrices else self.problem.channels

    def pays(self, *, packs: bool, tiled: float = inf) -> bool:
        """Tell whether it is faster than product by product, weights packed in the call or before.

        Weights are packed at 1.2 cycles a number, and 0.35 for each that is made of them, with
        20,000 to begin with; if these outgrow the second cache, 0.4 more in each image. What direct
        products of matrices cost, packing included, is given.
        """
        problem = self.problem
        direct = block(problem, self.machine, planar=self.planar)
        mine, others = self.cycles, cycles(direct, problem, self.machine)
        if packs:
            weights = problem.channels * problem.filters * problem.taps
            mine += (0.35 * self._weights + 1.2 * weights + 20_000) / IMAGES
            if self._weights * problem.itemsize > _HELD:
                mine += 0.4 * self._weights
            others += (1.2 * weights + 15_000) / IMAGES
        return mine < min(others, tiled)

    @cached_property
    def cycles(self) -> float:
        """About how many cycles an image's group takes.

        Fitted to 190 cuts of 36 layers: 580 to transform a tile of 6x6 for a vector of channels,
        and half of that for one of filters; for each channel of a block of filters 8 and what the
        products of its tiles take, or on AMX, for 32 channels, 460 and 470 for each 32 tiles;
        8 bytes of values a cycle if they outgrow the second cache. That was right to 14 %, and what
        it chose a hundredth slower than the best.
        """
        problem, way, planes = self.problem, self.blocking, self._points**2
        register = self.machine.vector // problem.itemsize
        vectors = -(-self._channels // register) - (-problem.filters // register) / 2
        cycles = 580 * self._tiles * vectors * planes / 36
        if self.matrices:
            pairs = -(-self._tiles // (2 * self._rows))
            cycles += self._weights / (LANES * STEP) * (470 * pairs + 460)
        else:
            rounds = -(-self._tiles // way.count) * (way.count + 0.5) * way.lanes / register
            cycles += self._weights / way.lanes * (0.41 * rounds + 8)
        if self._together > 1:
            cycles += self._values / 8 * (1 + -(-way.filter_blocks // self._together))
        return cycles * self._blocks

    @property
    def _weights(self) -> int:
        """Numbers of a group's transformed weights."""
        way = self.blocking
        return self._points**2 * self._channels * way.filter_blocks * way.lanes

    @property
    def _blocks(self) -> int:
        """Blocks of tiles."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        way = self.blocking
        return -(-vertical.output // way.rows) * -(-horizontal.output // way.columns)

    @cached_property
    def tables(self) -> dict[str, Array]:
        """As for other layers, but that taps are in the order of the pixels that they meet."""
        vertical, horizontal = (
            sorted(line.phases[0].taps, key=itemgetter(1))
            for line in (self.problem.vertical, self.problem.horizontal)
        )
        order = [y * self.short[1] + x for y, _ in vertical for x, _ in horizontal]
        return super().tables | {"order": np.array(order, np.int64)}

    @property
    def _values(self) -> int:
        """Bytes of a block's values."""
        return self._points**2 * self._room * self._tile

    @property
    def _tile(self) -> int:
        """Bytes from tile to tile of a plane of values: all channels, and no power of two."""
        if self.matrices:  # of lines an odd number, to use all sets of a cache
            return up(self._channels // STEP * STEP_OF_TILE, 2 * _LINE) + _LINE
        return up(self.problem.channels * self.problem.itemsize, self.machine.vector) + _LINE

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
        known, way = super().record, self.blocking
        outputs, taps = self.short
        points, vector, item = self._points, self.machine.vector, self.problem.itemsize
        pixel = vector * (2 if self.matrices else 1)
        halfway_row = (way.columns + taps - 1) * pixel + _LINE
        values_plane = _off_pages(self._room * self._tile)
        sums_plane = _off_pages(self._room * way.lanes * item)
        sums_block = points**2 * sums_plane
        joined = way.columns >= self.problem.horizontal.output
        outputs_row = (self.problem.horizontal.output if joined else way.columns) * vector
        slack = vector // item * pixel  # squares reach beyond the last pixel
        pieces_size = up(self._channels // STEP * STEP_OF_WEIGHTS, 2 * _LINE) + _LINE
        sizes = {
            "turned": self.panel_rows * self.pitch * pixel + slack,
            "halfway": points * halfway_row,
            "values": points**2 * values_plane,
            "sums": self._together * sums_block,
            "outputs": outputs * outputs_row + slack,
            "pieces": 2 * pieces_size if self.matrices else 0,
            "has_tiny": _LINE,
        }
        places, place = {}, Record(*known.tolist()).panel_bytes
        for name, size in sizes.items():
            places[name] = place
            place += up(size, _LINE)
        told = Tiles(
            **places,
            halfway_row=halfway_row,
            values_plane=values_plane,
            values_tile=self._tile,
            sums_plane=sums_plane,
            sums_block=sums_block,
            together=self._together,
            outputs_row=outputs_row,
            joined=int(joined),
            weights_plane=self._weights_plane,
            weights_block=points**2 * self._weights_plane,
            pieces_size=pieces_size,
            shapes=self._shapes.ctypes.data,
            rows=self._rows,
        )
        known[Record._fields.index("scratch_bytes")] = place
        return np.concatenate([known, np.array(told, np.int64)])

    @cached_property
    def _shapes(self) -> Array:
        return configuration(self._rows, self._rows)

    @property
    def _together(self) -> int:
        """Blocks of filters whose sums are held at a time."""
        planes = self._points**2
        sums = planes * self._room * self.blocking.lanes * self.problem.itemsize
        if self._values + sums + planes * self._weights_plane <= _HELD:
            return 1
        return even(self.blocking.filter_blocks, max(1, _SUMS // sums))

    @property
    def _weights_plane(self) -> int:
        return _off_pages(self._channels * self.blocking.lanes * self.problem.itemsize)

    def _program(self, reading: int) -> Program:
        way = self.blocking
        register = self.machine.vector // self.problem.itemsize
        tile, how = (way.lanes, way.count), (reading, self.repeats)
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
        order = self._packing_record.copy()
        order[0] = memory.address_of(weight)
        way, item = self.blocking, self.problem.itemsize
        blocks = self.spec.groups * way.filter_blocks
        size = blocks * self._points**2 * self._weights_plane
        target = memory.empty(((HEAD + size) // item + _LINE,), self.number)
        target[: HEAD // item] = 0
        in_order = self.problem.taps * self.problem.channels * way.lanes * item
        each = in_order + up(self._points * self.short[1] * way.lanes * item, _LINE)
        scratch = memory.scratch(MOST * each)
        told = Weighing(
            packing=memory.address_of(order),
            target=memory.address_of(target),
            scratch=memory.address_of(scratch),
            scratch_bytes=each,
            channels=self.problem.channels,
            rows=self._channels,
            packed_block=in_order,
            target_block=self._points**2 * self._weights_plane,
            target_plane=self._weights_plane,
        )
        register = self.machine.vector // item
        weigh = weighing_program(self.number, self.short, way.lanes, register)
        weigh(np.array(told, np.int64), blocks, threads=size > 1 << 18)
        memory.give_back(scratch)
        return target


def best(cuts: Cuts) -> WinogradCuts:
    """Return the fastest of the cuts for a layer's; it must fit."""
    common = cuts.spec, cuts.problem, cuts.machine, cuts.number, cuts.planar
    outputs = OUTPUTS[len(cuts.problem.vertical.phases[0].taps)]
    on_amx = available() and cuts.problem.channels <= STEP * _MOST_STEPS
    ways = (
        WinogradCuts(*common, each, matrices, most)
        for each in outputs
        for matrices in ((False, True) if on_amx else (False,))
        for most in _VALUES
    )
    return min(ways, key=attrgetter("cycles"))


def fits(problem: Problem) -> bool:
    """Tell whether a layer can be computed so: 3x3 or 5x5 neighbours, stride 1, float32."""
    taps = {_neighbours(line) for line in (problem.vertical, problem.horizontal)}
    is_wide = min(problem.channels, problem.filters) >= _FEWEST
    return problem.itemsize == 4 and is_wide and len(taps) == 1 and taps <= OUTPUTS.keys()


def _neighbours(line: Line) -> int:
    """Return how many taps meet neighbours, for all positions alike; 0 if they meet others."""
    shifts = sorted(shift for phase in line.phases for _, shift in phase.taps)
    close = shifts == list(range(line.lowest, line.lowest + len(shifts)))
    return len(shifts) if line.stride == line.step == 1 and close else 0


def _off_pages(size: int) -> int:
    """Return a distance of whole lines that isn't one of whole pages, which would crowd a set."""
    size = up(size, _LINE)
    return size + _LINE if size % _PAGE == 0 else size
