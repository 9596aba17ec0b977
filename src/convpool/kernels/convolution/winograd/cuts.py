"""How a convolution of 3x3 or 5x5 taps is cut into blocks of tiles, and when that pays."""

from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.convolution import filters as packing
from convpool.kernels.convolution.blocking import Blocking, Problem, block, cycles, even, up
from convpool.kernels.convolution.geometry import Line
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.sharing import SharingCuts
from convpool.kernels.convolution.winograd.program import Weighing, program, weighing_program
from convpool.kernels.convolution.winograd.record import Tiles
from convpool.kernels.jit import Program
from convpool.threads import MOST

Array = NDArray[Any]

OUTPUTS = {3: 4, 5: 2}
"""Rows, and columns, of outputs in a tile, by those of taps."""
_POINTS = 6  # outputs + taps - 1
_LINE, _PAGE = 64, 4096
_PANEL, _VALUES = 64 << 10, 1300 << 10  # bytes, of which values stay in the second cache
_SECOND_CACHE = 2 << 20
_TILES = 64  # of a block at most
_IMAGES = 4  # that come at a time where weights are packed for them
_FEWEST = 8  # channels and filters: with 3, transforms of vectors a quarter full take twice as long
_COUNTS = (4, 6, 7, 8)  # tiles whose sums are in registers at a time


@dataclass(frozen=True)
class WinogradCuts(SharingCuts):
    """The cuts of a layer whose tiles are transformed."""

    @cached_property
    def short(self) -> tuple[int, int]:
        """Outputs of a tile, and taps, in a row and in a column."""
        taps = len(self.problem.vertical.phases[0].taps)
        return OUTPUTS[taps], taps

    @cached_property
    def blocking(self) -> Blocking:
        """Blocks of whole tiles."""
        problem, machine = self.problem, self.machine
        outputs, taps = self.short
        register = machine.vector // problem.itemsize
        down, across = (
            -(-line.output // outputs) for line in (problem.vertical, problem.horizontal)
        )
        most = max(1, min(_TILES, _VALUES // (_POINTS**2 * self._tile)))
        columns = even(across, most)
        rows = even(down, max(1, most // columns))
        count = min(
            (count for count in _COUNTS if count <= (machine.registers - 3) // 2),
            key=lambda count: (-(-rows * columns // count) * (count + 1), count),
        )
        width = columns * outputs + taps - 1
        row = (rows * outputs + taps - 1) * width * problem.itemsize
        chunk = max(1, _PANEL // (row * register)) * register
        return Blocking(
            across_filters=True,
            lanes=2 * register,
            count=count,
            rows=rows * outputs,
            columns=columns * outputs,
            channels=min(chunk, problem.channels),
            filter_blocks=-(-problem.filters // (2 * register)),
        )

    def pays(self, *, packs: bool) -> bool:
        """Tell whether it is faster than product by product, weights packed in the call or before.

        Counted in cycles, with what was measured on AVX-512: 250 a tile and vector of channels to
        read and transform, 180 to transform back and write; weights that outgrow the second cache
        come at 8 bytes a cycle; all that takes half as long again. Weights are packed at 1.05
        cycles a number, with 90,000 to begin with.
        """
        problem, way, machine = self.problem, self.blocking, self.machine
        down, across = problem.vertical.output, problem.horizontal.output
        direct = block(problem, machine, planar=self.planar)
        register = machine.vector // problem.itemsize
        tiles = way.rows * way.columns // self.short[0] ** 2
        blocks = -(-down // way.rows) * -(-across // way.columns)
        rounds = -(-tiles // way.count) * (way.count + 0.5)
        weights = _POINTS**2 * problem.channels * way.filter_blocks * way.lanes
        if weights * problem.itemsize > _SECOND_CACHE:
            rounds = max(rounds, way.lanes * problem.itemsize / 8)
        transforms = 250 * -(-problem.channels // register) + 180 * -(-problem.filters // register)
        short = 1.5 * blocks * (weights / way.lanes * rounds + tiles * transforms)
        others = cycles(direct, problem, machine)
        if packs:
            short += (1.05 * weights + 90_000) / _IMAGES
            others += problem.channels * problem.filters * problem.taps / _IMAGES
        return short < others

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
    def _tile(self) -> int:
        """Bytes from tile to tile of a plane of values: all channels, and no power of two."""
        return up(self.problem.channels * self.problem.itemsize, self.machine.vector) + _LINE

    @property
    def way(self) -> str:
        """How it is computed, in a few words."""
        outputs, taps = self.short
        return f"short convolutions, {outputs}x{outputs} outputs of {taps}x{taps} taps"

    @cached_property
    def packing(self) -> tuple[int, int]:
        """The lanes, and the outputs of a tile, which no other order has as its second number."""
        return self.blocking.lanes, -self.short[0]

    @cached_property
    def record(self) -> Array:
        """A convolution's record, and where the parts of the scratch memory lie."""
        known, way = super().record, self.blocking
        outputs, taps = self.short
        vector, item = self.machine.vector, self.problem.itemsize
        down, across = way.rows // outputs, way.columns // outputs
        tiles = down * across
        halfway_row = (way.columns + taps - 1) * vector + _LINE
        values_plane = _off_pages(tiles * self._tile)
        sums_plane = _off_pages((tiles + way.count) * way.lanes * item)
        joined = way.columns >= self.problem.horizontal.output
        outputs_row = (self.problem.horizontal.output if joined else way.columns) * vector
        slack = vector // item * vector  # squares reach beyond the last pixel
        sizes = {
            "turned": self.panel_rows * self.pitch * vector + slack,
            "halfway": _POINTS * halfway_row,
            "values": _POINTS**2 * values_plane,
            "sums": _POINTS**2 * sums_plane,
            "outputs": outputs * outputs_row + slack,
        }
        places, place = {}, Record(*known.tolist()).panel_bytes
        for name, size in sizes.items():
            places[name] = place
            place += up(size, _LINE)
        tiles_told = Tiles(
            **places,
            halfway_row=halfway_row,
            values_plane=values_plane,
            values_tile=self._tile,
            sums_plane=sums_plane,
            outputs_row=outputs_row,
            joined=int(joined),
            weights_plane=self._weights_plane,
            weights_block=_POINTS**2 * self._weights_plane,
        )
        known[Record._fields.index("scratch_bytes")] = place
        return np.concatenate([known, np.array(tiles_told, np.int64)])

    @property
    def _weights_plane(self) -> int:
        return _off_pages(self.problem.channels * self.blocking.lanes * self.problem.itemsize)

    def _program(self, reading: int) -> Program:
        way = self.blocking
        register = self.machine.vector // self.problem.itemsize
        tile, how = (way.lanes, way.count), (reading, self.repeats)
        return program(self.number, self.short, tile, self.planar, register, how)

    @cached_property
    def _packing_record(self) -> Array:
        record = super()._packing_record
        record[packing.Packing._fields.index("chunk")] = self.problem.channels
        return record

    def pack(self, weight: Array) -> Array:
        """Return the weights, transformed."""
        packed = super().pack(weight)
        way, item = self.blocking, self.problem.itemsize
        blocks = self.spec.groups * way.filter_blocks
        size = blocks * _POINTS**2 * self._weights_plane
        target = memory.empty((size // item + _LINE,), self.number)
        each = up(_POINTS * self.short[1] * way.lanes * item, _LINE)
        scratch = memory.scratch(MOST * each)
        told = Weighing(
            packed=packed.ctypes.data,
            target=target.ctypes.data,
            scratch=scratch.ctypes.data,
            scratch_bytes=each,
            channels=self.problem.channels,
            packed_block=self.problem.taps * self.problem.channels * way.lanes * item,
            target_block=_POINTS**2 * self._weights_plane,
            target_plane=self._weights_plane,
        )
        weigh = weighing_program(self.number, self.short, way.lanes)
        weigh(np.array(told, np.int64), blocks, threads=size > 1 << 18)
        memory.give_back(scratch)
        return target


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
