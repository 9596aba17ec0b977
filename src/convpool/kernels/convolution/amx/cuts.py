"""How a convolution is cut for AMX: blocks of positions, steps of products; when that pays."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.amx import PAIRS, PIECES, ROWS, configuration
from convpool.kernels.convolution.amx.blocks import AmxBlocks
from convpool.kernels.convolution.amx.outputs import MADE
from convpool.kernels.convolution.amx.program import program
from convpool.kernels.convolution.amx.record import Pieces
from convpool.kernels.convolution.amx.weights import (
    FILTERS,
    STEP,
    STEP_BYTES,
    Weights,
    across,
)
from convpool.kernels.convolution.amx.weights import program as packing_program
from convpool.kernels.convolution.blocking import block, cycles, up
from convpool.kernels.convolution.panel import BY_VECTOR
from convpool.kernels.convolution.record import Record
from convpool.kernels.jit import Program
from convpool.spec import Conv2dSpec

Array = NDArray[Any]

_LINE, _VECTOR = 64, 16
_MOST_PIECES = 4 << 20
_SECOND_CACHE = 1 << 20  # bytes of it for weights, or for pixels
_PRODUCTS = 6  # of pieces, for each of two numbers
_GAIN = 1.04  # what is to be gained, at least: the registers of AMX wake up in some microseconds
_ALONE = 1.2  # likewise where an image is work for one thread only
_IMAGES = 4  # that come at a time where weights are packed for them
_FLOAT = 4
_WORTH_THREADS = 1 << 16  # weights to split


@dataclass(frozen=True)
class AmxCuts(AmxBlocks):
    """The cuts of a layer whose products are those of matrices."""

    splits: bool = False
    """Whether weights come as they are, and are split where they are needed, in each block."""

    def pays(self, *, packs: bool) -> bool:
        """Tell whether it is faster than multiplying and adding, weights packed in the call or not.

        For multiplying and adding, a weight is packed in 1.2 cycles, with 15,000 to begin with.
        """
        problem = self.problem
        others = cycles(block(problem, self.machine, planar=self.planar), problem, self.machine)
        if packs:
            others += (1.2 * self._weights + 15_000) / _IMAGES
        mine = _GAIN * self.cost(_IMAGES if packs else 0)
        if self.spec.groups * self.blocks * self.blocking.filter_blocks == 1:
            mine *= _ALONE
        return mine < others and self.pieces <= _MOST_PIECES

    def cost(self, images: int) -> float:
        """Return an image's cycles, with its share of what weights take for some images."""
        if not images:
            return self.cycles
        return self.cycles + min(self._packing_cycles, images * self._splitting_cycles) / images

    @property
    def _weights(self) -> int:
        """Weights of a group."""
        return self.problem.channels * self.problem.filters * self.problem.taps

    @property
    def _packing_cycles(self) -> float:
        """About how many cycles it takes to pack a group's weights."""
        return 1.8 * self._weights + 15_000

    @property
    def _splitting_cycles(self) -> float:
        """About how many cycles it takes to split a group's weights in each block of an image.

        Side by side 0.4 a weight, else 1.2.
        """
        if not isinstance(self.spec, Conv2dSpec) or self.problem.phases > 1:
            return inf
        each = 0.4 if self.folded or self.problem.taps == 1 else 1.2
        return each * self._weights * self.blocks

    @property
    def cycles(self) -> float:
        """About how many cycles an image's group takes, with a call's own.

        Fitted to 60 layers: that was right to 10 % for half of them, and to 25 % for all but two.
        """
        way, width = self.blocking, up(self.problem.horizontal.longest, _VECTOR)
        blocks = width / up(way.columns, _VECTOR)  # the last ones are smaller
        blocks *= self.problem.vertical.longest / way.rows
        return (self._reading + self._multiplying) * blocks + self._call

    def cycles_on(self, threads: int) -> float:
        """Return about how many cycles an image takes on some threads, as `work` shares it out.

        110 more a filter, where two threads write to one line of it.
        """
        if threads == 1:
            return self.spec.groups * (self.cycles - self._call) + self._call
        units, shares = self.spec.groups * self.blocks, self.shares(1, threads)
        held = -(-self.blocking.filter_blocks // shares)
        rounds = -(-units * -(-self.blocking.filter_blocks // held) // threads)
        filters = self._multiplying * held / self.blocking.filter_blocks
        lines = 110 * self.problem.filters if shares == 1 and self.spec.groups == 1 else 0
        return rounds * (self._reading + filters) + lines + self._call

    @property
    def _call(self) -> int:
        return 6_000

    @cached_property
    def _reading(self) -> float:
        """About how many cycles a block's pixels take.

        0.7 to copy a number into the panel, and 0.7 to split it there, or 0.85 in the image; 1,100
        to begin.
        """
        cycles = (0.85 if self.is_plain else 0.7) * self.rows_of_products * self.width + 1100
        if not self.is_plain:
            cycles += 0.7 * self.problem.channels * self.channel_gap / _FLOAT
        return cycles

    @cached_property
    def _multiplying(self) -> float:
        """About how many cycles the products of a block take.

        27 an instruction of 16 filters, with what loads its operands; 180 to finish a tile of sums;
        0.04 a byte of weights that outgrow the second cache.
        """
        halves = up(self.problem.filters, 8) / ROWS
        cycles = self.number_of_tiles * halves * (self.steps * _PRODUCTS * 27 + 180)
        if self.weights_bytes > _SECOND_CACHE:
            cycles += 0.04 * self.weights_bytes
        return cycles + self.beyond_cache

    @property
    def beyond_cache(self) -> float:
        """About how many cycles pixels that outgrow the second cache take more: 0.1 a byte.

        That is for each block of filters.
        """
        is_large = self.pieces > _SECOND_CACHE
        return 0.1 * self.pieces * self.blocking.filter_blocks if is_large else 0.0

    @cached_property
    def more_tables(self) -> dict[str, Array]:
        """The tables of `Pieces`, and for packing where each product's weight lies in a filter."""
        rows, missing = self.rows_of_products, -1
        channels = np.arange(self.problem.channels)[:, None]
        begins = np.arange(rows // self.step) * PIECES * PAIRS * self.pair_row
        sources = np.full(rows, missing, np.int64)
        if self.folded:
            ((weights, taps),) = self.taps
            places = channels * self._weight_strides[1] + weights
            products = np.full(rows, missing, np.int32)
            products[: places.size] = places.ravel()
            sources[: places.size] = (channels * self.channel_gap + taps).ravel()
            steps = begins
        else:  # block of channels by block, and tap by tap: so pixels stay in the first cache
            orders = []
            for weights, _ in self.taps:
                by_channel = np.full((rows, len(weights)), missing, np.int32)
                by_channel[: len(channels)] = channels * self._weight_strides[1] + weights
                by_step = by_channel.reshape(rows // self.step, self.step, len(weights))
                orders.append(by_step.transpose(0, 2, 1).ravel())
            products = np.concatenate(orders)
            steps = np.concatenate([(begins[:, None] + taps).ravel() for _, taps in self.taps])
        last = (self.problem.filters - 1) % FILTERS + 1
        filters = np.arange(FILTERS, dtype=np.int32) * self._weight_strides[0]
        missing_last = np.where(np.arange(FILTERS) < last, filters, missing)
        shapes = configuration(ROWS, ROWS), configuration(min(last, ROWS), last - ROWS)
        return {
            "sources": sources,
            "steps": np.ascontiguousarray(steps, np.int64),
            "products": np.ascontiguousarray(products, np.int32),
            "shapes": np.concatenate(shapes),
            "rows": np.concatenate([filters, missing_last]),
        }

    @property
    def _weight_strides(self) -> tuple[int, int]:
        """Bytes from filter to filter of the weights, and from channel to channel."""
        taps = prod(self.spec.kernel_size) * _FLOAT
        if isinstance(self.spec, Conv2dSpec):
            return self.problem.channels * taps, taps
        return taps, self.problem.filters * taps

    @property
    def way(self) -> str:
        """How it is computed, in a few words."""
        return "products of matrices on AMX"

    @cached_property
    def packing(self) -> tuple[int, int]:
        """What no other order has."""
        return -1, 2 if self.splits else int(self.folded)

    @cached_property
    def record(self) -> Array:
        """A convolution's record, and what the program needs beside it."""
        known, way = super().record, self.blocking
        tables = self.more_tables
        # What the panel may be read beyond its end, as `width` says.
        places, place = {}, Record(*known.tolist()).panel_bytes
        place += up(self.pair_row, _LINE)
        for name, size in self.scratch_sizes.items():
            places[name] = place
            place += up(size, _LINE)
        told = Pieces(
            **places,
            shapes=tables["shapes"].ctypes.data,
            sources=tables["sources"].ctypes.data if self.folded else 0,
            steps=tables["steps"].ctypes.data,
            number_of_steps=self.steps,
            segment=self.segment,
            tiles=self.tiles.ctypes.data,
            number_of_tiles=self.number_of_tiles,
            flattened=int(way.flattened),
            rows=self.rows_of_products,
            pair_row=self.pair_row,
            width=self.width,
            weights=self._packing_record.ctypes.data if self.splits else 0,
            head=self.head,
            **self.told_of_phases,
        )
        known[Record._fields.index("scratch_bytes")] = place
        return np.concatenate([known, np.array(told, np.int64)])

    @property
    def scratch_sizes(self) -> dict[str, int]:
        """Bytes of the parts of a thread's scratch, as `Pieces` names them."""
        slack = 2 * _LINE + _LINE  # tiles read beyond the last position
        return {
            "pieces": self.pieces + slack,
            "made": MADE,
            "sums": self.sums_bytes,
            "chosen": _LINE,
            "has_tiny": _LINE,
            "filters": self.segment * STEP_BYTES if self.splits else 0,
        }

    @property
    def head(self) -> int:
        """Bytes before the pieces of packed weights: a number for each block of filters."""
        return up(8 * self.spec.groups * self.blocking.filter_blocks, _LINE)

    @property
    def told_of_phases(self) -> dict[str, int]:
        """What the program is told beside, if there are several phases."""
        return {}

    def _program(self, reading: int) -> Program:
        register = self.machine.vector // self.problem.itemsize
        how = None if self.is_plain and reading == BY_VECTOR else (reading, self.repeats)
        return program(self.number, self.planar, register, how)

    def at_once(self, batch: int) -> "AmxCuts":
        """Return the cuts for weights of one call: split in each block, or packed.

        The pieces are the same, and so the bits.
        """
        return self._splitting if batch <= self._most_split else self

    @cached_property
    def _most_split(self) -> float:
        """Images for which weights are rather split than packed."""
        return self._packing_cycles / self._splitting_cycles

    @cached_property
    def _splitting(self) -> "AmxCuts":
        return replace(self, splits=True)

    def pack(self, weight: Array) -> Array:
        """Return the weights' pieces, or the weights that are yet to be split."""
        weight = np.ascontiguousarray(weight, self.number)
        if self.splits:
            return weight
        blocks = self.spec.groups * self.blocking.filter_blocks
        size = self.head + blocks * self.steps * STEP_BYTES
        packed = memory.row(size // _FLOAT, self.number)
        record = self._packing_record.copy()
        record[0], record[1] = memory.address_of(weight), memory.address_of(packed)
        packing = packing_program if isinstance(self.spec, Conv2dSpec) else across
        packing(self.number)(record, blocks, threads=weight.size >= _WORTH_THREADS)
        return packed

    @cached_property
    def _packing_record(self) -> Array:
        problem, products = self.problem, self.more_tables["products"]
        of_filter, _ = self._weight_strides
        others = np.flatnonzero(products != np.arange(len(products)) * _FLOAT)
        in_order = int(others[0]) if len(others) else len(products)
        told = Weights(
            products=products.ctypes.data,
            steps=self.steps,
            filters=problem.filters,
            of_group=problem.filters * problem.channels * prod(self.spec.kernel_size) * _FLOAT,
            of_filter=of_filter,
            in_order=in_order // STEP,
            ahead=2 if self.folded or problem.taps == 1 else problem.taps + 1,
            head=self.head,
            rows=self.more_tables["rows"].ctypes.data,
        )
        return np.array(told, np.int64)
