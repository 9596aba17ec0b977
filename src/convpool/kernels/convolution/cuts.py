"""A layer on one shape of image, cut for one order of the output: tables, record, weights."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import source_index
from convpool.kernels import memory
from convpool.kernels.convolution import filters as packing
from convpool.kernels.convolution import forward
from convpool.kernels.convolution.blocking import (
    SEGMENT,
    Blocking,
    Machine,
    Problem,
    block,
    cycles,
    up,
)
from convpool.kernels.convolution.geometry import Line
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.skipping import left, listed
from convpool.kernels.convolution.tiles import Tile
from convpool.kernels.jit import Program
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec

Array = NDArray[Any]

_LINE = 64
_JOINT_PANEL, _JOINT_UNITS = 32 << 10, 16  # bytes; units wanted of one image
WORTH_THREADS = 1 << 16  # weights to pack
_FEW_BLOCKS = 6  # of filters: for them a panel isn't worth filling, though its lines are whole


@dataclass(frozen=True)
class Cuts:
    """How a layer's work is cut, with all numbers that don't change from call to call."""

    spec: Conv2dSpec | ConvTranspose2dSpec
    problem: Problem
    machine: Machine
    number: Any
    planar: bool
    """Whether the output's memory runs as N, C, H, W; else as N, H, W, C."""
    spoils: ClassVar[bool] = False
    """Whether a run may leave images that have to be done again in another way."""

    @cached_property
    def blocking(self) -> Blocking:
        """The blocks and tiles."""
        return block(self.problem, self.machine, planar=self.planar)

    @property
    def way(self) -> str:
        """How it is computed, in a few words."""
        return f"vectors across {'filters' if self.blocking.across_filters else 'pixels'}"

    @property
    def cycles(self) -> float:
        """About how many cycles an image's group takes."""
        return cycles(self.blocking, self.problem, self.machine)

    @cached_property
    def packing(self) -> tuple[int, int]:
        """What the order of packed weights depends on; else they stay as they are."""
        way = self.blocking
        return (way.filters, way.channels) if way.across_filters or way.packed else (0, 0)

    @cached_property
    def tables(self) -> dict[str, Array]:
        """The tables to which the record points."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        offsets: list[int] = []
        phases: list[tuple[int, ...]] = []
        order: list[int] = []
        for row_phase in vertical.phases:
            for column_phase in horizontal.phases:
                taps = [
                    (y * self.spec.kernel_size[1] + x, self._offset(shift_y, shift_x))
                    for y, shift_y in row_phase.taps
                    for x, shift_x in column_phase.taps
                ]
                positions = row_phase.first, row_phase.count, column_phase.first, column_phase.count
                phases.append((*positions, len(taps), len(offsets)))
                order += [tap for tap, _ in taps]
                offsets += [
                    channel * self.channel_gap + offset
                    for channel in range(self.blocking.channels)
                    for _, offset in taps
                ]
        mode = getattr(self.spec, "padding_mode", "zeros")
        plane = self.problem.horizontal.size * self.problem.itemsize
        return {
            "direct": np.arange(self.blocking.channels, dtype=np.int64) * plane,
            "chosen": self._chosen() if self.blocking.flattened else np.zeros(1, np.int64),
            "offsets": np.array(offsets or [0], np.int64),
            "phases": np.array(phases, np.int64),
            "order": np.array(order or [0], np.int64),
            "source_rows": sources(vertical, mode),
            "source_columns": sources(horizontal, mode),
            "residues": np.array(vertical.residues + horizontal.residues, np.int64),
        }

    def _chosen(self) -> Array:
        """Return which lanes of flattened tiles are stored, as bits, then where, in bytes."""
        way, width = self.blocking, self.problem.horizontal.output
        tiles = -(-((way.rows - 1) * self.pitch + way.columns) // way.lanes)
        places = np.arange(tiles * way.lanes)
        rows, columns = np.divmod(places, self.pitch)
        stored = (columns < width) & (rows < way.rows)
        bits = np.packbits(stored, bitorder="little")
        first = np.concatenate([[0], np.cumsum(stored)])[:-1][:: way.lanes]
        return np.concatenate([bits, (first * self.problem.itemsize).view(np.uint8)])

    def _offset(self, shift_y: int, shift_x: int) -> int:
        """Return where in a channel of the panel the tap with these shifts lies, in bytes."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        residue_y, y = vertical.place(shift_y)
        residue_x, x = horizontal.place(shift_x)
        grid = vertical.residues.index(residue_y) * len(horizontal.residues)
        grid += horizontal.residues.index(residue_x)
        return ((grid * self.panel_rows + y) * self.pitch + x) * self.problem.itemsize

    @property
    def panel_rows(self) -> int:
        """Rows of a grid of the panel."""
        return int(self.blocking.rows + self.problem.vertical.extent)

    @property
    def pitch(self) -> int:
        """Numbers from row to row of the panel."""
        way = self.blocking
        # The last block of pixels read in place may end up to a line later than the others.
        more = _LINE // self.problem.itemsize if way.packed and self.problem.taps == 1 else 0
        return int(way.columns + self.problem.horizontal.extent + more)

    @cached_property
    def channel_gap(self) -> int:
        """Bytes from channel to channel of the panel, not a power of two (it would crowd a set)."""
        grids = len(self.problem.vertical.residues) * len(self.problem.horizontal.residues)
        size = grids * self.panel_rows * self.pitch * self.problem.itemsize
        size = up(size + self.machine.vector, _LINE)  # a row's last vector may go beyond it
        return size + _LINE if size % 1024 == 0 else size

    @cached_property
    def joint(self) -> int:
        """Groups in a unit: several, if each is little work."""
        way = self.blocking
        if way.across_filters or way.channels < self.problem.channels:
            return 1
        fitting = _JOINT_PANEL // (way.channels * self.channel_gap)
        return max(1, min(fitting, self.spec.groups // _JOINT_UNITS))

    @cached_property
    def record(self) -> Array:
        """The numbers of the record that are known before a call; the others are 0."""
        problem, way, item = self.problem, self.blocking, self.problem.itemsize
        vertical, horizontal = problem.vertical, problem.horizontal
        # Tiles reach beyond the last position by less than a tile, vectors by less than a vector.
        slack = (2 * way.lanes + way.count) * item + 8 * self.machine.vector
        panel_bytes = up(
            self.joint * way.channels * self.channel_gap + slack + self.machine.vector, _LINE
        )
        sums_pitch = sums_bytes = 0
        if way.across_filters:
            sums_pitch = up(way.columns, way.count) * horizontal.step
            sums = way.rows * vertical.step * sums_pitch + self.machine.vector // item
            sums_bytes = up(sums * way.lanes * item, 1024) + _LINE
        tables = self.tables
        known = Record(
            offsets=tables["offsets"].ctypes.data,
            phases=tables["phases"].ctypes.data,
            source_rows=tables["source_rows"].ctypes.data,
            source_columns=tables["source_columns"].ctypes.data,
            residues=tables["residues"].ctypes.data,
            number_of_phases=len(tables["phases"]),
            padded_rows=len(tables["source_rows"]),
            padded_columns=len(tables["source_columns"]),
            chosen=tables["chosen"].ctypes.data,
            met=self._met.ctypes.data if self.skips else 0,
            met_row=16 * -(-horizontal.longest // way.count),
            groups=self.spec.groups,
            joint=self.joint,
            channels=problem.channels,
            filters=problem.filters,
            taps=problem.taps,
            filter_row=self.filter_row,
            chunk=way.channels,
            rows=way.rows,
            columns=way.columns,
            row_blocks=-(-vertical.longest // way.rows),
            column_blocks=-(-horizontal.longest // way.columns),
            filter_blocks=-(-problem.filters // way.filters),
            in_place=int(self.joint == 1 and -(-problem.filters // way.filters) <= _FEW_BLOCKS),
            held=way.filter_blocks,
            stride_y=vertical.stride,
            stride_x=horizontal.stride,
            step_y=vertical.step,
            step_x=horizontal.step,
            lowest_x=horizontal.lowest,
            width=horizontal.size,
            slots_y=len(vertical.residues),
            slots_x=len(horizontal.residues),
            panel_rows=self.panel_rows,
            pitch=self.pitch,
            channel_gap=self.channel_gap,
            slack=slack,
            panel_bytes=panel_bytes,
            sums_pitch=sums_pitch,
            sums_bytes=sums_bytes,
            scratch_bytes=panel_bytes + way.filter_blocks * sums_bytes,
            out_height=vertical.output,
            out_width=horizontal.output,
            joined=int(sums_pitch == horizontal.output and way.columns == horizontal.longest),
        )
        told = np.array(known, np.int64)
        told[-2:] = np.array([1, np.inf]).view(np.int64)  # no activation
        return told

    @property
    def skips(self) -> bool:
        """Whether products of taps that meet padding alone are left out: a chunk in one go."""
        way, problem = self.blocking, self.problem
        in_one_go = way.channels * problem.taps <= SEGMENT
        return (
            way.across_filters and in_one_go and not self.repeats and left(problem, way.count) < 1
        )

    @cached_property
    def _met(self) -> Array:
        """The table of `Record.met`, with addresses."""
        lists, entries = self._listed
        entries[:, 0] = lists.ctypes.data + 8 * entries[:, 0]
        return entries

    @cached_property
    def _listed(self) -> tuple[Array, Array]:
        return listed(self.problem, self.blocking.count, self.blocking.channels)

    @cached_property
    def scratch_bytes(self) -> int:
        """Bytes of scratch memory of one thread."""
        return self._known.scratch_bytes

    @cached_property
    def direct(self) -> int:
        """Address of the offsets for a panel that is the image itself."""
        return int(self.tables["direct"].ctypes.data)

    @cached_property
    def _known(self) -> Record:
        return Record(*self.record.tolist())

    @cached_property
    def units(self) -> int:
        """Pieces of work of one image."""
        known = self._known
        held = -(-known.filter_blocks // known.held)
        return -(-known.groups // known.joint) * held * known.row_blocks * known.column_blocks

    def work(self, batch: int, threads: int) -> tuple[Array, int]:  # noqa: ARG002 (others ask)
        """Return the record, and the number of units, for a batch on some threads."""
        return self.record, batch * self.units

    def at_once(self, batch: int) -> "Cuts":  # noqa: ARG002
        """Return the cuts for weights that are used in one call only, of the same bits."""
        return self

    @property
    def repeats(self) -> int:
        """Whether padding repeats pixels."""
        return int(getattr(self.spec, "padding_mode", "zeros") != "zeros")

    @cached_property
    def _programs(self) -> dict[int, Program]:
        return {}

    def program(self, reading: int) -> Program:
        """Return the program for the tile, and for a way to read rows."""
        if reading not in self._programs:
            self._programs[reading] = self._program(reading)
        return self._programs[reading]

    def _program(self, reading: int) -> Program:
        way = self.blocking
        register = self.machine.vector // self.problem.itemsize
        flat = self.problem.taps == 1 and not way.across_filters
        tile = Tile(
            way.across_filters, way.lanes, way.count, way.flattened, way.packed, flat, self.skips
        )
        return forward.program(self.number, tile, self.planar, register, (reading, self.repeats))

    def pack(self, weight: Array) -> Array:
        """Return weights in the order in which the program reads them."""
        weight = np.ascontiguousarray(weight, self.number)
        if self.packing == (0, 0):
            return self._in_order(weight)
        blocks = self.spec.groups * -(-self.problem.filters // self.blocking.filters)
        size = blocks * self.problem.taps * self.problem.channels * self.blocking.filters
        packed = memory.row(size + _LINE, self.number)  # prefetched beyond its end
        record = self._packing_record.copy()
        record[0], record[1] = memory.address_of(weight), memory.address_of(packed)
        self._packer(record, blocks, threads=size >= WORTH_THREADS)
        return packed

    @cached_property
    def _packer(self) -> Program:
        return packing.program(
            self.number, self.machine.vector // self.problem.itemsize, self._is_in_order
        )

    @property
    def _is_in_order(self) -> bool:
        """Whether a filter's products follow each other in the weights as they do in a program."""
        return isinstance(self.spec, Conv2dSpec) and self.problem.phases == 1

    @cached_property
    def _packing_record(self) -> Array:
        problem, way = self.problem, self.blocking
        taps = prod(self.spec.kernel_size) * problem.itemsize
        filters, channels = problem.filters, problem.channels
        of_filter, of_channel = (
            (channels * taps, taps) if isinstance(self.spec, Conv2dSpec) else (taps, filters * taps)
        )
        known = packing.Packing(
            order=self.tables["order"].ctypes.data,
            phases=self.tables["phases"].ctypes.data,
            number_of_phases=problem.phases,
            filters=filters,
            channels=channels,
            chunk=way.channels,
            taps=problem.taps,
            width=way.filters,
            of_group=filters * channels * taps,
            of_filter=of_filter,
            of_channel=of_channel,
        )
        return np.array(known, np.int64)

    def _in_order(self, weight: Array) -> Array:
        """Return weights filter by filter, channel by channel, tap by tap in the layer's order."""
        filters, taps = self.problem.filters, prod(self.spec.kernel_size)
        if isinstance(self.spec, ConvTranspose2dSpec):
            shape = self.spec.groups, self.problem.channels, filters, taps
            weight = weight.reshape(shape).transpose(0, 2, 1, 3)[..., self.tables["order"]]
        rows = weight.reshape(self.spec.out_channels, -1)
        padded = memory.empty((len(rows), self.filter_row // self.problem.itemsize), self.number)
        if rows.shape == padded.shape and rows.flags.c_contiguous:
            return rows
        padded[:, : rows.shape[1]] = rows
        return padded

    @property
    def filter_row(self) -> int:
        """Bytes from filter to filter of weights in order; not a power of two, as of a channel."""
        size = self.problem.channels * self.problem.taps * self.problem.itemsize
        return size + _LINE if size % 1024 == 0 else size


def sources(line: Line, mode: str) -> Array:
    """Return the source of each padded position that a tap may meet, -1 for a zero."""
    shifts = [shift for phase in line.phases for _, shift in phase.taps]
    last = (line.longest - 1) * line.stride + max(shifts, default=0)
    positions = np.arange(line.lowest, last + 1)
    outside = (positions < 0) | (positions >= line.size)
    table = np.where(outside, -1, positions)
    if mode != "zeros":
        for place in np.flatnonzero(outside):
            table[place] = source_index(int(positions[place]), line.size, mode)
    return table.astype(np.int64)
