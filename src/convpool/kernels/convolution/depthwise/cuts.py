"""How a depthwise layer over planes is cut: some planes a unit, tiles of some rows of pixels."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.convolution.blocking import Problem, up
from convpool.kernels.convolution.cuts import Cuts
from convpool.kernels.convolution.depthwise.program import Axis, Planes, program
from convpool.kernels.convolution.geometry import Line
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import Program
from convpool.kernels.sliding import phases_of
from convpool.kernels.streaming import LARGEST_PIECE, WORTH_STREAMING

Array = NDArray[Any]

_MOST_TAPS, _MOST_STEP, _MOST_STRIDE = 7, 2, 2  # of an axis; each is compiled by itself
_COUNTS = (1, 2, 4, 7)  # rows of a tile
_PIECE = 128 << 10  # bytes that a unit reads and writes
_UNITS = 4  # wanted of one image, or a multiple: few are shared evenly
WORTH_ASKING = 12 << 20
"""Bytes of a batch's input and output. To ask for lines before they are needed gains a fifth where
they come from the third cache, and costs a tenth where they lie in the second one."""


@dataclass(frozen=True)
class PlaneCuts(Cuts):
    """The cuts of a layer whose groups have one channel and one filter each."""

    @property
    def way(self) -> str:
        """How it is computed, in a few words."""
        return "plane by plane"

    @property
    def packing(self) -> tuple[int, int]:
        """Weights stay as they are."""
        return 0, 1

    @cached_property
    def axes(self) -> tuple[Axis, Axis]:
        """Both axes as the program takes them."""
        return cast("tuple[Axis, Axis]", axes_of(self.problem))

    @cached_property
    def count(self) -> int:
        """Rows of positions in a tile: their sums leave registers for a row of the input."""
        rows = self.problem.vertical.longest
        phases = self.axes[0].step * self.axes[1].step
        most = max(1, self.machine.registers // 2 // phases)
        counts = [count for count in _COUNTS if count <= most]
        return min(counts, key=lambda count: (-(-rows // count) * (count + 1), count))

    @cached_property
    def zeros(self) -> Array:
        """A row of the input outside of it."""
        return np.zeros(self.problem.horizontal.size + 64, self.number)

    @cached_property
    def record(self) -> Array:
        """A convolution's record, and what the program is told beside."""
        problem, item = self.problem, self.problem.itemsize
        vertical, horizontal = problem.vertical, problem.horizontal
        plane = vertical.output * horizontal.output * item
        both = plane + vertical.size * horizontal.size * item
        groups = self.spec.groups
        is_piece = plane <= LARGEST_PIECE
        units = -(-groups // max(1, _PIECE // both))
        unit_planes = -(-groups // min(groups, up(units, _UNITS)))
        known = Record(
            groups=groups,
            rows=vertical.longest,
            columns=horizontal.longest,
            lowest_x=horizontal.lowest,
            width=horizontal.size,
            out_height=vertical.output,
            out_width=horizontal.output,
            scratch_bytes=is_piece * (unit_planes * plane + self.machine.vector),
        )
        told = np.array(known, np.int64)
        told[-2:] = np.array([1, np.inf]).view(np.int64)  # no activation
        planes = Planes(
            zeros=self.zeros.ctypes.data,
            unit_planes=unit_planes,
            units=-(-groups // unit_planes),
            height=vertical.size,
            lowest_y=vertical.lowest,
        )
        return np.concatenate([told, np.array(planes, np.int64)])

    @cached_property
    def _known(self) -> Record:
        return Record(*self.record[: len(Record._fields)].tolist())

    @cached_property
    def _image(self) -> tuple[int, int, int]:
        """An image's units, and the bytes that it reads and writes."""
        vertical, horizontal = self.problem.vertical, self.problem.horizontal
        planes = Planes(*self.record[len(Record._fields) :].tolist())
        row = self.spec.groups * self.problem.itemsize
        read = row * vertical.size * horizontal.size
        written = row * vertical.output * horizontal.output
        return planes.units, read, written

    @property
    def turns(self) -> bool:
        """Whether images that can't be read so are copied, and not computed in another way."""
        return self.problem.strict

    def reads(self, images: Array) -> bool:
        """Tell whether images can be read as they are: their rows are rows of memory."""
        return images.strides[3] == images.itemsize or images.shape[3] == 1

    def work(self, batch: int, threads: int) -> tuple[Array, int]:  # noqa: ARG002 (others ask)
        """Return the record, and the number of units, for a batch."""
        record = self.record
        units, read, written = self._image
        if batch * (read + written) >= WORTH_ASKING:
            record = record.copy()
            record[_place("asks")] = 1
            is_large = batch * written >= WORTH_STREAMING
            record[_place("streamed")] = is_large and self.scratch_bytes > 0
        return record, batch * units

    def _program(self, reading: int) -> Program:  # noqa: ARG002 (others read in several ways)
        register = self.machine.vector // self.problem.itemsize
        lanes = lanes_for(self.problem.horizontal.longest, register)
        return program(self.number, self.axes, self.count, lanes, self.problem.strict)

    def pack(self, weight: Array) -> Array:
        """Return the weights, tap after tap."""
        return np.ascontiguousarray(weight, self.number)


def _place(name: str) -> int:
    """Return where in the record a number of `Planes` lies."""
    return len(Record._fields) + Planes._fields.index(name)


def lanes_for(columns: int, register: int) -> int:
    """Return the lanes of a vector: half a register's, if that is enough for a row."""
    return register // 2 if 2 * columns <= register else register


def fits(problem: Problem) -> bool:
    """Tell whether a layer can be computed so: depthwise, up to 7x7 neighbouring taps.

    Positions meet each pixel or every second one of the input; as in the gradients of layers of
    stride 2, there may be two outputs to each. Where padding repeats pixels it can't.
    """
    return (
        problem.channels == problem.filters == 1
        and problem.taps > 1
        and axes_of(problem) is not None
    )


def axes_of(problem: Problem) -> tuple[Axis, Axis] | None:
    """Return both axes as the program takes them, or None if it can't."""
    for descending in (0, 1):
        vertical = _axis(problem.vertical, descending)
        horizontal = _axis(problem.horizontal, descending)
        if vertical is not None and horizontal is not None:
            return vertical, horizontal
    return None


def _axis(line: Line, descending: int) -> Axis | None:
    taps = sum(len(phase.taps) for phase in line.phases)
    if line.stride > _MOST_STRIDE or line.step > _MOST_STEP or not 0 < taps <= _MOST_TAPS:
        return None
    met = tuple(
        tuple((tap, shift - line.lowest) for tap, shift in phase.taps) for phase in line.phases
    )
    ways = (Axis(taps, line.step, rest, line.stride, descending) for rest in range(line.step))
    return next((way for way in ways if phases_of(*way[:3], descending) == met), None)
