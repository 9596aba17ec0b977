"""How a depthwise layer's gradient by weights is cut: some channels of some images a unit.

The sums of a channel's taps are a vector each, which stay in registers over a band of a plane and
in the second cache over all images. The shares of the images depend on the layer and on their
number alone, as in the way for all layers.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.convolution.blocking import SEGMENT, Machine, even
from convpool.kernels.convolution.depthwise.cuts import lanes_for
from convpool.kernels.convolution.geometry import Line
from convpool.kernels.jit import Program
from convpool.kernels.weight_gradient.depthwise.program import (
    Record,
    Window,
    finish_program,
    sum_program,
)

Array = NDArray[Any]

_MOST_TAPS, _MOST_STRIDE = 25, 2  # each is compiled by itself
_COUNTS = (2, 4, 7)  # rows of gradients in a tile
_SUMS = 16 << 10  # bytes of a unit's sums
_UNITS = 24  # pieces of work wanted


@dataclass(frozen=True)
class PlaneCuts:
    """The cuts for a number of images, at least one."""

    vertical: Line
    horizontal: Line
    channels: int
    machine: Machine
    number: Any
    batch: int

    @property
    def register(self) -> int:
        """Numbers of a vector."""
        item: int = np.dtype(self.number).itemsize
        return lanes_for(self.horizontal.output, self.machine.vector // item)

    @property
    def taps(self) -> int:
        """Of both axes."""
        down, _, across, _ = self.window
        return down * across

    @property
    def window(self) -> Window:
        """The window as the program takes it."""
        vertical, horizontal = self.vertical, self.horizontal
        return (
            len(vertical.phases[0].taps),
            vertical.stride,
            len(horizontal.phases[0].taps),
            horizontal.stride,
        )

    @cached_property
    def count(self) -> int:
        """Rows of gradients in a tile, all of which are loaded before the first product."""
        rows = self.vertical.output
        most = max(_COUNTS[0], self.machine.registers - self.taps - 4)
        counts = [count for count in _COUNTS if count <= most]
        # A row more for what each tile takes beside, those of the rows left over too.
        return min(counts, key=lambda count: (rows + rows // count + rows % count, count))

    @cached_property
    def zeros(self) -> Array:
        """A row of the images outside of them."""
        return np.zeros(self.horizontal.size + 64, self.number)

    @cached_property
    def record(self) -> Array:
        """The numbers of the record that are known before a call; the others are 0."""
        vertical, horizontal = self.vertical, self.horizontal
        vector = self.register * np.dtype(self.number).itemsize
        fitting = max(1, _SUMS // (self.taps * vector))
        chunks = -(-self.channels // fitting)
        parts = min(self.batch, -(-_UNITS // chunks))
        chunks = min(self.channels, max(chunks, -(-_UNITS // parts)))
        tiles = even(-(-horizontal.output // self.register), SEGMENT // self.count)
        # Squares of sums reach beyond the last one.
        sums_part = (self.channels * self.taps + self.register) * vector
        known = Record(
            zeros=self.zeros.ctypes.data,
            batch=self.batch,
            channels=self.channels,
            chunk=-(-self.channels // chunks),
            parts=parts,
            sums_part=sums_part,
            height=vertical.size,
            width=horizontal.size,
            rows=vertical.output,
            columns=horizontal.output,
            lowest_y=vertical.lowest,
            lowest_x=horizontal.lowest,
            band_rows=max(1, SEGMENT // (self.count * tiles)) * self.count,
            band_columns=tiles * self.register,
        )
        return np.array(known, np.int64)

    @cached_property
    def known(self) -> Record:
        """The record, by name."""
        return Record(*self.record.tolist())

    @property
    def units(self) -> tuple[int, int]:
        """Pieces of work of both programs."""
        known = self.known
        chunks = -(-known.channels // known.chunk)
        return known.parts * chunks, -(-known.channels * self.taps // self.register)

    @cached_property
    def programs(self) -> tuple[Program, Program]:
        """The programs: that of the sums, and that which finishes."""
        return (
            sum_program(self.number, self.window, self.count, self.register),
            finish_program(self.number, self.taps, self.register),
        )


def fits(vertical: Line, horizontal: Line, mode: str) -> bool:
    """Tell whether a window's gradient can be computed so: up to 25 neighbouring taps.

    Where padding repeats pixels it can't.
    """
    taps = [len(line.phases[0].taps) for line in (vertical, horizontal)]
    return (
        mode == "zeros"
        and 1 < taps[0] * taps[1] <= _MOST_TAPS
        and all(
            line.stride <= _MOST_STRIDE
            and [shift - line.lowest for _, shift in line.phases[0].taps] == list(range(count))
            for line, count in zip((vertical, horizontal), taps, strict=True)
        )
    )
