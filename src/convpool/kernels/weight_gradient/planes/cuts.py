"""How a gradient by weights is cut where groups are narrow: some groups of some images a unit.

With few filters, vectors of them are mostly empty. Here a vector holds pixels of a row: the sums of
a channel's taps, for one filter or two, are a vector each, which stay in registers over a band of a
plane and in the second cache over all images. The shares of the images depend on the layer and on
their number alone, as in the way for all layers.
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
from convpool.kernels.weight_gradient.planes.program import (
    Record,
    Tile,
    Window,
    finish_program,
    sum_program,
)
from convpool.spec import Conv2dSpec

Array = NDArray[Any]

_MOST_TAPS, _MOST_STRIDE = 25, 2  # each is compiled by itself
_COUNTS = (2, 4, 7)  # rows of gradients in a tile
_SUMS, _ALL_SUMS = 16 << 10, 16 << 20  # bytes of a unit's sums, and of all parts' at most
_UNITS = 24  # pieces of work wanted


@dataclass(frozen=True)
class PlaneCuts:
    """The cuts for a number of images, at least one."""

    vertical: Line
    horizontal: Line
    spec: Conv2dSpec
    machine: Machine
    number: Any
    batch: int

    @property
    def channels(self) -> int:
        """Channels of a group."""
        return self.spec.in_channels // self.spec.groups

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
    def tile(self) -> Tile:
        """What stays in registers: sums, and gradients, which are loaded before any product."""
        registers = self.machine.registers - 4
        rows, of_group = self.vertical.output, self.spec.out_channels // self.spec.groups
        filters = 1 if of_group % 2 or 2 * (self.taps + _COUNTS[0]) > registers else 2
        most = max(_COUNTS[0], registers // filters - self.taps)
        counts = [count for count in _COUNTS if count <= most]
        # A row more for what each tile takes beside, those of the rows left over too.
        count = min(counts, key=lambda count: (rows + rows // count + rows % count, count))
        return filters, count, lanes_for(self.horizontal.output, self.machine.vector // self.item)

    @property
    def item(self) -> int:
        """Bytes of a number."""
        size: int = np.dtype(self.number).itemsize
        return size

    @cached_property
    def zeros(self) -> Array:
        """A row of the images outside of them."""
        return np.zeros(self.horizontal.size + 64, self.number)

    @cached_property
    def places(self) -> Array:
        """Where the sums of each weight lie, and some numbers for where squares reach beyond."""
        filters, _, lanes = self.tile
        shape = self.spec.out_channels // filters, self.channels, filters, self.taps
        order = np.arange(self.spec.out_channels * self.channels * self.taps, dtype=np.int64)
        order = order.reshape(shape).transpose(0, 2, 1, 3).reshape(-1)
        return np.concatenate([order, np.zeros(lanes, np.int64)]) * lanes * self.item

    @cached_property
    def record(self) -> Array:
        """The numbers of the record that are known before a call; the others are 0."""
        vertical, horizontal, groups = self.vertical, self.horizontal, self.spec.groups
        filters, count, lanes = self.tile
        weights = self.spec.out_channels * self.channels * self.taps
        sums_part = weights * lanes * self.item
        chunks = min(groups, -(-sums_part // _SUMS))
        parts = min(self.batch, -(-_UNITS // chunks), max(1, _ALL_SUMS // sums_part))
        chunks = min(groups, max(chunks, -(-_UNITS // parts)))
        tiles = even(-(-horizontal.output // lanes), SEGMENT // count)
        known = Record(
            zeros=self.zeros.ctypes.data,
            places=self.places.ctypes.data,
            batch=self.batch,
            groups=groups,
            channels=self.channels,
            blocks=self.spec.out_channels // groups // filters,
            chunk=-(-groups // chunks),
            weights=weights,
            parts=parts,
            sums_part=sums_part,
            height=vertical.size,
            width=horizontal.size,
            rows=vertical.output,
            columns=horizontal.output,
            lowest_y=vertical.lowest,
            lowest_x=horizontal.lowest,
            band_rows=max(1, SEGMENT // (count * tiles)) * count,
            band_columns=tiles * lanes,
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
        chunks = -(-known.groups // known.chunk)
        return known.parts * chunks, -(-known.weights // self.tile[2])

    @cached_property
    def programs(self) -> tuple[Program, Program]:
        """The programs: that of the sums, and that which finishes."""
        return (
            sum_program(self.number, self.window, self.tile),
            finish_program(self.number, self.tile[2]),
        )


def fits(spec: Conv2dSpec, lines: tuple[Line, Line], register: int) -> bool:
    """Tell whether a layer's gradient is computed so: narrow groups, up to 25 neighbouring taps.

    Where padding repeats pixels it can't.
    """
    channels, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    is_narrow = channels == filters == 1 or (spec.groups > 1 and 2 * filters <= register)
    taps = [len(line.phases[0].taps) for line in lines]
    return (
        is_narrow
        and spec.padding_mode == "zeros"
        and 1 < taps[0] * taps[1] <= _MOST_TAPS
        and all(
            line.stride <= _MOST_STRIDE
            and [shift - line.lowest for _, shift in line.phases[0].taps] == list(range(count))
            for line, count in zip(lines, taps, strict=True)
        )
    )
