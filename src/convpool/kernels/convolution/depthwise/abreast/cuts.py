"""How a depthwise layer is cut with channels side by side: blocks of them, tiles of positions."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.convolution import filters
from convpool.kernels.convolution.blocking import Machine, Problem, up
from convpool.kernels.convolution.cuts import WORTH_THREADS, Cuts
from convpool.kernels.convolution.depthwise.abreast.program import Abreast, Tiles, program
from convpool.kernels.convolution.depthwise.cuts import WORTH_ASKING, axes_of
from convpool.kernels.convolution.panel import BY_SQUARE
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import Program

Array = NDArray[Any]

_COUNTS = (14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1)  # positions of a tile
_PAIRED = 7  # of two rows at a time: more sums don't stay in registers beside the weights
_BAND = 56  # positions whose sums are held at a time, or a row or two
_PANEL, _LARGEST_PANEL = 256 << 10, 1 << 20  # bytes: of the second cache, and of a thread's scratch
_UNITS = 4  # wanted of one image
_MANY_TAPS = 15
_NARROW = 8


@dataclass(frozen=True)
class AbreastCuts(Cuts):
    """The cuts of a layer whose groups have one channel and one filter each."""

    @property
    def way(self) -> str:
        """How it is computed, in a few words."""
        return "channels side by side"

    @property
    def packing(self) -> tuple[int, int]:
        """What the order of packed weights depends on."""
        return self.lanes, 1

    @cached_property
    def lanes(self) -> int:
        """Channels of a block."""
        return self.machine.vector // self.problem.itemsize

    @cached_property
    def blocks(self) -> int:
        """Blocks of channels."""
        return -(-self.spec.groups // self.lanes)

    @property
    def packs(self) -> bool:
        """Whether it pays to pack weights for one call."""
        return self.problem.taps >= _MANY_TAPS

    @cached_property
    def tiles(self) -> Tiles:
        """How rows are cut."""
        return cast("Tiles", tiles_of(self.problem))

    @cached_property
    def rows(self) -> int:
        """Rows of the output in a unit."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        # Pixels whose channels are neighbours are read by one block after the other.
        channels = self.lanes if self.planar else self.spec.groups
        row = vertical.stride * horizontal.size * channels * self.problem.itemsize
        wanted = min(_PANEL // row, -(-vertical.output * self.blocks // _UNITS))
        # What two units meet both of them turn.
        return up(min(vertical.output, max(wanted, 3 * vertical.reach)), 2)

    @cached_property
    def panel_bytes(self) -> int:
        """Bytes of the pixels that a unit meets."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        met = min(vertical.size, (self.rows - 1) * vertical.stride + vertical.reach)
        # The last square of pixels may reach beyond its end.
        return (met * horizontal.size + self.lanes) * self.lanes * self.problem.itemsize

    @cached_property
    def record(self) -> Array:
        """A convolution's record, and what the program is told beside."""
        problem, tiles = self.problem, self.tiles
        vertical, horizontal = problem.vertical, problem.horizontal
        band = min(self.rows, up(-(-_BAND // horizontal.output), 2))
        sums = (band * horizontal.output + self.lanes) * self.lanes * problem.itemsize
        known = Record(
            groups=self.spec.groups,
            stride_y=vertical.stride,
            lowest_x=horizontal.lowest,
            width=horizontal.size,
            out_height=vertical.output,
            out_width=horizontal.output,
            scratch_bytes=self.panel_bytes + sums + 64,
        )
        told = np.array(known, np.int64)
        told[-2:] = np.array([1, np.inf]).view(np.int64)  # no activation
        abreast = Abreast(
            blocks=self.blocks,
            rows=self.rows,
            height=vertical.size,
            taps_y=vertical.reach,
            lowest_y=vertical.lowest,
            band=band,
            tiles=-(-horizontal.output // tiles.positions),
            panel_bytes=self.panel_bytes,
        )
        return np.concatenate([told, np.array(abreast, np.int64)])

    @cached_property
    def _known(self) -> Record:
        return Record(*self.record[: len(Record._fields)].tolist())

    @cached_property
    def units(self) -> int:
        """Pieces of work of one image."""
        return self.blocks * -(-self.problem.vertical.output // self.rows)

    turns = True
    """Whether images that can't be read so are copied, and not computed in another way."""

    def work(self, batch: int, threads: int) -> tuple[Array, int]:  # noqa: ARG002 (others ask)
        """Return the record, and the number of units, for a batch."""
        record, (vertical, horizontal) = (
            self.record,
            (self.problem.vertical, self.problem.horizontal),
        )
        numbers = vertical.size * horizontal.size + vertical.output * horizontal.output
        nbytes = batch * self.spec.groups * numbers * self.problem.itemsize
        if self.planar and nbytes >= WORTH_ASKING:
            record = record.copy()
            record[-1] = 1
        return record, batch * self.units

    def reads(self, images: Array) -> bool:
        """Tell whether images can be read as they are: planes, or pixels, without gaps."""
        _, of_channel, of_row, of_column = images.strides
        in_order = images.itemsize in (of_channel, of_column)
        return in_order and of_row == images.shape[3] * of_column

    def _program(self, reading: int) -> Program:
        return program(self.number, self.lanes, self.tiles, reading != BY_SQUARE, self.planar)

    def pack(self, weight: Array) -> Array:
        """Return weights block by block, tap by tap, side by side."""
        weight = np.ascontiguousarray(weight, self.number)
        packed = memory.row(self.blocks * self.lanes * self.problem.taps, self.number)
        record = self._packing_record.copy()
        record[0], record[1] = memory.address_of(weight), memory.address_of(packed)
        self._packer(record, self.blocks, threads=packed.size >= WORTH_THREADS)
        return packed

    @property
    def _is_in_order(self) -> bool:
        return True

    @cached_property
    def _packing_record(self) -> Array:
        known = filters.Packing(
            filters=self.spec.groups,
            channels=1,
            chunk=1,
            taps=self.problem.taps,
            width=self.lanes,
            of_filter=self.problem.taps * self.problem.itemsize,
        )
        return np.array(known, np.int64)


def takes(problem: Problem, machine: Machine, groups: int) -> dict[bool, bool]:
    """Tell whether a layer that can be computed plane by plane is better computed so.

    That is said of outputs whose memory runs as N, C, H, W (True), and as N, H, W, C. To turn
    planes takes as long as some ten products of each position, so a 3x3 kernel should rather leave
    lanes empty, but not half of them.
    """
    vertical, horizontal = problem.vertical, problem.horizontal
    if tiles_of(problem) is None:
        return dict.fromkeys((True, False), False)
    lanes = machine.vector // problem.itemsize
    met = (vertical.stride + vertical.reach) * horizontal.size * lanes * problem.itemsize
    if 4 * met > _LARGEST_PANEL:
        return dict.fromkeys((True, False), False)
    is_full = 4 * groups >= 3 * up(groups, lanes)
    is_worth = problem.taps >= _MANY_TAPS or horizontal.output <= _NARROW
    return {True: is_full and is_worth, False: True}


def tiles_of(problem: Problem) -> Tiles | None:
    """Return how rows are cut into tiles of which only the first and the last meet padding."""
    line, axes = problem.horizontal, axes_of(problem)
    if axes is None or problem.phases > 1:
        return None
    taps, stride, descending = line.reach, line.stride, bool(axes[0].descending)

    def met(position: int, count: int) -> tuple[int, int]:
        first, reach = position * stride + line.lowest, (count - 1) * stride + taps
        return min(reach, max(0, -first)), max(0, min(reach, line.size - first))

    for count in sorted(_COUNTS, key=lambda count: (up(line.output, count), -count)):
        number = -(-line.output // count)
        middle = {met(tile * count, count) for tile in range(1, number - 1)}
        if count <= line.output and middle <= {(0, (count - 1) * stride + taps)}:
            ends, several = (met(0, count), met(line.output - count, count)), number > 1
            paired = count <= _PAIRED
            return Tiles(count, taps, stride, *ends, several, number > 2, paired, descending)
    return None
