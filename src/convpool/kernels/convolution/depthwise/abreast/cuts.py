"""How a depthwise layer is cut with channels side by side: blocks of channels, tiles of positions."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.convolution.blocking import Problem, up
from convpool.kernels.convolution import filters
from convpool.kernels.convolution.cuts import WORTH_THREADS, Cuts
from convpool.kernels.convolution.depthwise.abreast.program import Abreast, Tiles, program
from convpool.kernels.convolution.geometry import Line
from convpool.kernels.convolution.panel import BY_SQUARE
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import Program

Array = NDArray[Any]

_COUNTS = (14, 12, 10, 8, 7, 6, 5, 4)  # positions of a tile
_LARGEST_PANEL = 256 << 10  # bytes
_PAIRED = 7  # of two rows at a time: more sums don't stay in registers beside the weights
_BAND = 56  # positions whose sums are held at a time, or a row


@dataclass(frozen=True)
class AbreastCuts(Cuts):
    """The cuts of a layer whose groups have one channel and one filter each."""

    @property
    def way(self) -> str:
        """How it is computed, in a few words."""
        return "channels side by side"

    @property
    def lanes(self) -> int:
        """Channels of a block."""
        return self.machine.vector // self.problem.itemsize

    @property
    def packing(self) -> Any:
        """What the order of packed weights depends on."""
        return "side by side", self.lanes

    @cached_property
    def tiles(self) -> Tiles | None:
        """How rows are cut; None if they can't be."""
        return tiles_of(self.problem.horizontal)

    @cached_property
    def record(self) -> Array:
        """A convolution's record, and what the program is told beside."""
        problem, item = self.problem, self.problem.itemsize
        vertical, horizontal = problem.vertical, problem.horizontal
        pixel = self.lanes * item
        tiles = self._tiled
        band = max(1, _BAND // horizontal.output)
        band = min(vertical.output, up(band, 1 + tiles.paired))
        # The last square of pixels, or of sums, may reach beyond its end.
        panel = up((vertical.size * horizontal.size + self.lanes) * pixel, 64)
        sums = (band * horizontal.output + self.lanes) * pixel
        known = Record(
            groups=self.spec.groups,
            stride_y=vertical.stride,
            lowest_x=horizontal.lowest,
            width=horizontal.size,
            out_height=vertical.output,
            out_width=horizontal.output,
            scratch_bytes=up(panel + sums, 64) + 64,
        )
        told = np.array(known, np.int64)
        told[-2:] = np.array([1, np.inf]).view(np.int64)  # no activation
        abreast = Abreast(
            blocks=self._blocks,
            height=vertical.size,
            taps_y=len(vertical.phases[0].taps),
            lowest_y=vertical.lowest,
            band=band,
            tiles=-(-horizontal.output // tiles.count),
            panel_bytes=panel,
        )
        return np.concatenate([told, np.array(abreast, np.int64)])

    @property
    def _blocks(self) -> int:
        return -(-self.spec.groups // self.lanes)

    @property
    def _tiled(self) -> Tiles:
        if self.tiles is None:
            raise AssertionError
        return self.tiles

    @cached_property
    def _known(self) -> Record:
        return Record(*self.record[: len(Record._fields)].tolist())

    @cached_property
    def units(self) -> int:
        """Blocks of channels."""
        return self._blocks

    def reads(self, images: Array) -> bool:
        """Tell whether images can be read as they are, in either order."""
        _, of_channel, of_row, of_column = images.strides
        in_order = images.itemsize in (of_channel, of_column)
        return in_order and of_row == images.shape[3] * of_column

    def _program(self, reading: int) -> Program:
        return program(self.number, self.lanes, self._tiled, reading != BY_SQUARE, self.planar)

    def pack(self, weight: Array) -> Array:
        """Return weights block by block, in the order of the pixels that they meet."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        down, across = (
            [tap for tap, _ in sorted(line.phases[0].taps, key=lambda pair: pair[1])]
            for line in (vertical, horizontal)
        )
        weight = np.ascontiguousarray(weight, self.number)
        order = np.array([y * len(across) + x for y in down for x in across])
        in_order = bool((np.diff(order) == 1).all())
        phases = np.array([0, 0, 0, 0, len(order), 0])
        packed = memory.row(self._blocks * self.lanes * len(order), self.number)
        known = filters.Packing(
            weight=memory.address_of(weight),
            packed=memory.address_of(packed),
            order=order.ctypes.data,
            phases=phases.ctypes.data,
            number_of_phases=1,
            filters=self.spec.groups,
            channels=1,
            chunk=1,
            taps=len(order),
            width=self.lanes,
            of_filter=len(order) * self.problem.itemsize,
        )
        threads = packed.size >= WORTH_THREADS
        program = filters.program(self.number, self.lanes, in_order)
        program(np.array(known, np.int64), self._blocks, threads=threads)
        return packed


def pays(problem: Problem, groups: int) -> bool:
    import os
    force = os.environ.get("ABREAST")
    if problem.phases > 1 or tiles_of(problem.horizontal) is None or tiles_of(problem.vertical) is None or force=="0":
        return False
    return True


def tiles_of(line: Line) -> Tiles | None:
    """Return how an axis is cut into tiles of which only the first and the last meet padding."""
    if len(line.phases) > 1:
        return None
    shifts = sorted(shift for _, shift in line.phases[0].taps)
    taps, stride = len(shifts), line.stride
    if shifts != list(range(shifts[0], shifts[0] + taps)):
        return None

    def met(position: int, count: int) -> tuple[int, int]:
        first, reach = position * stride + shifts[0], (count - 1) * stride + taps
        return min(reach, max(0, -first)), max(0, min(reach, line.size - first))

    for count in sorted(_COUNTS, key=lambda count: (up(line.output, count), -count)):
        number = -(-line.output // count)
        if line.output < count:
            continue
        middle = {met(tile * count, count) for tile in range(1, number - 1)}
        if middle <= {(0, (count - 1) * stride + taps)}:
            first, last = met(0, count), met(line.output - count, count)
            paired = count <= _PAIRED
            return Tiles(count, taps, stride, first, last, number > 1, number > 2, paired)
    return None
