"""How a transposed layer of few filters is cut: blocks of rows, and a plane of products a tap."""

from functools import cached_property
from itertools import product
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.convolution.blocking import Blocking, even, up
from convpool.kernels.convolution.cuts import Cuts
from convpool.kernels.convolution.record import Record
from convpool.kernels.convolution.tapwise.program import program
from convpool.kernels.convolution.tapwise.record import Taps
from convpool.kernels.jit import Program
from convpool.spec import ConvTranspose2dSpec

Array = NDArray[Any]

_LINE = 64
_CHUNK = 128  # channels that are summed in one go
_PRODUCTS, _MOST_PRODUCTS = 1 << 20, 4 << 20  # bytes of a block's, and if rows are long
_UNITS = 4  # blocks wanted of one image, if they are much larger than what they share
_MOST_STEP = 4
_FEW = 16  # filters


class TapwiseCuts(Cuts):
    """The cuts of a layer whose taps are multiplied apart, filter by filter a row of a matrix."""

    @property
    def taps(self) -> int:
        """Taps of a filter, with those that a small plane doesn't meet."""
        return prod(self.spec.kernel_size)

    @cached_property
    def blocking(self) -> Blocking:
        """Blocks of whole rows."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        register = self.machine.vector // self.problem.itemsize
        vectors, count = (4, 6) if self.machine.registers == 32 else (2, 4)
        row = self.taps * self.problem.filters * horizontal.size * self.problem.itemsize
        most = max(1, _PRODUCTS // row - vertical.extent)
        wanted = max(8 * vertical.extent, -(-vertical.longest // _UNITS))
        rows = even(vertical.longest, min(most, wanted))
        chunk = even(self.problem.channels, _CHUNK)
        lanes, columns = vectors * register, horizontal.longest
        return Blocking(False, lanes, count, rows, columns, chunk, 1)

    @property
    def way(self) -> str:
        """How it is computed, in a few words."""
        return "products of each tap apart, then added up"

    @cached_property
    def packing(self) -> tuple[int, int]:
        """What no other order has."""
        return -2, 0

    @cached_property
    def cycles(self) -> float:
        """About how many cycles an image's group takes."""
        problem, way = self.problem, self.blocking
        pixels = self._pixels
        blocks = -(-problem.vertical.longest // way.rows)
        rows = up(self.taps * problem.filters, way.count)
        register = self.machine.vector // problem.itemsize
        products = 1.2 * rows * problem.channels * up(pixels, way.lanes) / register / 2
        adding = 4 * self.taps * problem.filters * pixels / register
        outputs = problem.filters * problem.vertical.output * problem.horizontal.output
        return blocks * (products + adding) + outputs

    @property
    def _pixels(self) -> int:
        """Of a block."""
        vertical = self.problem.vertical
        rows = min(vertical.size, self.blocking.rows + vertical.extent)
        return rows * self.problem.horizontal.size

    @cached_property
    def tables(self) -> dict[str, Array]:
        """The tables to which the records point."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        chunk, item = np.arange(self.blocking.channels, dtype=np.int64), self.problem.itemsize
        taps: list[tuple[int, int, int]] = []
        phases = []
        for row_phase, column_phase in product(vertical.phases, horizontal.phases):
            found = list(product(row_phase.taps, column_phase.taps))
            phases.append((len(taps), len(found), column_phase.count))
            width = self.spec.kernel_size[1]
            taps += [(y * width + x, below, right) for (y, below), (x, right) in found]
        turns = np.arange(len(horizontal.phases)) * self._line
        return {
            "offsets": chunk * self.blocking.lanes * item,
            "phases": np.array(phases, np.int64),
            "taps": np.array(taps, np.int64),
            "turns": turns.astype(np.int64),
        }

    @property
    def _line(self) -> int:
        return up(self.problem.horizontal.longest * self.problem.itemsize, _LINE) + _LINE

    @cached_property
    def record(self) -> Array:
        """A convolution's record, and what the program needs beside it."""
        problem, way, tables = self.problem, self.blocking, self.tables
        vertical, horizontal = problem.vertical, problem.horizontal
        plane = up(self._pixels * problem.itemsize, 2 * _LINE) + _LINE
        panel = up(way.channels * way.lanes * problem.itemsize, _LINE)
        products = self.taps * problem.filters * plane
        known = Record(
            offsets=tables["offsets"].ctypes.data,
            groups=self.spec.groups,
            joint=1,
            channels=problem.channels,
            filters=problem.filters,
            filter_row=self.filter_row,
            chunk=way.channels,
            rows=way.rows,
            columns=way.columns,
            row_blocks=-(-vertical.longest // way.rows),
            column_blocks=1,
            filter_blocks=1,
            held=1,
            step_y=vertical.step,
            step_x=horizontal.step,
            width=horizontal.size,
            scratch_bytes=panel + products + len(horizontal.phases) * self._line,
            out_height=vertical.output,
            out_width=horizontal.output,
        )
        more = Taps(
            phases=tables["phases"].ctypes.data,
            taps=tables["taps"].ctypes.data,
            taps_of_filter=self.taps,
            row_phases=len(vertical.phases),
            height=vertical.size,
            lowest=vertical.lowest,
            extent=vertical.extent,
            plane=plane,
            line=self._line,
            turns=tables["turns"].ctypes.data,
            products=panel,
            lines=panel + products,
        )
        told = np.array((*known, *more), np.int64)
        told[len(known) - 2 : len(known)] = np.array([1, np.inf]).view(np.int64)
        return told

    @cached_property
    def _known(self) -> Record:
        return Record(*self.record[: len(Record._fields)].tolist())

    def _program(self, reading: int) -> Program:  # noqa: ARG002 (images lie as they have to)
        way = self.blocking
        register = self.machine.vector // self.problem.itemsize
        step = self.problem.horizontal.step
        return program(self.number, (way.lanes, way.count), register, step)

    @property
    def filter_row(self) -> int:
        """Bytes from row to row of the weights."""
        size = self.problem.channels * self.problem.itemsize
        return size + _LINE if size % 1024 == 0 else size

    def pack(self, weight: Array) -> Array:
        """Return weights filter by filter, tap by tap, channel by channel."""
        groups, channels = self.spec.groups, self.problem.channels
        rows = weight.reshape(groups, channels, -1).transpose(0, 2, 1).reshape(-1, channels)
        packed = np.zeros((len(rows), self.filter_row // self.problem.itemsize), self.number)
        packed[:, :channels] = rows
        return packed


def best(*others: Cuts | None) -> TapwiseCuts | None:
    """Return the cuts of a layer, the first of some others', if they are faster than all of these.

    A layer may be computed so that has a stride, is transposed and has few filters. Phases take
    turns along a row, all that the step has room for.
    """
    one = cast("Cuts", others[0])
    step, phases = one.problem.horizontal.step, len(one.problem.horizontal.phases)
    is_strided = isinstance(one.spec, ConvTranspose2dSpec) and one.problem.phases > 1
    if not is_strided or not step == phases <= _MOST_STEP or one.problem.filters > _FEW:
        return None
    row = prod(one.spec.kernel_size) * one.problem.filters * one.problem.horizontal.size
    row *= one.problem.itemsize
    if one.problem.taps == 0 or row * (1 + one.problem.vertical.extent) > _MOST_PRODUCTS:
        return None
    cuts = TapwiseCuts(one.spec, one.problem, one.machine, one.number, planar=True)
    is_faster = cuts.cycles < min(other.cycles for other in others if other)
    return cuts if is_faster else None
