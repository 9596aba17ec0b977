"""How a 1x1 layer is cut for products of digits; when that pays."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.amx import ROWS
from convpool.kernels.convolution.amx.cuts import AmxCuts
from convpool.kernels.convolution.amx.weights import STEP_BYTES, Weights
from convpool.kernels.convolution.blocking import up
from convpool.kernels.convolution.digits.program import ORDERS, program
from convpool.kernels.convolution.digits.weights import SCALES, STEP
from convpool.kernels.convolution.digits.weights import program as packing_program
from convpool.kernels.jit import Program
from convpool.spec import Conv2dSpec

Array = NDArray[Any]

_LINE, _FLOAT = 64, 4
_SECOND_CACHE = 1 << 20
_MOST_CHANNELS = 1 << 15  # whose sums of products fit in int32
_WORTH_THREADS = 1 << 16  # weights to pack


@dataclass(frozen=True)
class DigitCuts(AmxCuts):
    """The cuts of a layer whose products are those of matrices of digits."""

    step: ClassVar[int] = STEP
    joint_rows: ClassVar[int] = 4

    @classmethod
    def of(cls, cuts: AmxCuts) -> "DigitCuts | None":
        """Return the cuts of a layer that has others on AMX, or None if it can't be done so."""
        problem = cuts.problem
        if not cuts.is_plain or not cuts.planar or problem.channels > _MOST_CHANNELS:
            return None
        if not isinstance(cuts.spec, Conv2dSpec) or problem.horizontal.step != 1:
            return None
        how = cuts.most, cuts.multiple
        return cls(cuts.spec, problem, cuts.machine, cuts.number, cuts.planar, *how)

    @cached_property
    def folded(self) -> bool:
        """Whether the rows of products are all taps of all channels: there is one tap."""
        return False

    @cached_property
    def segment(self) -> int:
        """Steps that are summed in one go."""
        return self.steps

    @property
    def scratch_sizes(self) -> dict[str, int]:
        """Bytes of the parts of a thread's scratch."""
        sizes = {**super().scratch_sizes, "made": ORDERS, "scales": 2 * self.pair_row}
        return {**sizes, "pieces": self.pieces + 3 * _LINE}

    @property
    def _packing_cycles(self) -> float:
        return 1.0 * self._weights + 10_000

    @property
    def _splitting_cycles(self) -> float:
        return float("inf")

    @cached_property
    def _reading(self) -> float:
        """About how many cycles a block's pixels take.

        0.6 a number, and 0.4 more as an image and its digits outgrow the second cache.
        """
        pixels = self.problem.horizontal.longest * self.problem.channels * _FLOAT
        each = 0.6 + 0.2 * (pixels > 5 * _SECOND_CACHE // 8) + 0.2 * (pixels > _SECOND_CACHE)
        return each * self.rows_of_products * self.width + 1100

    @cached_property
    def _multiplying(self) -> float:
        """About how many cycles the products of a block take: 30 an instruction, 240 a tile."""
        halves = up(self.problem.filters, 8) / ROWS
        cycles = self.number_of_tiles * halves * (self.steps * 6 * 30 + 240)
        if self.weights_bytes > _SECOND_CACHE:
            cycles += 0.04 * self.weights_bytes
        return cycles + self.beyond_cache

    @property
    def way(self) -> str:
        """How it is computed, in a few words."""
        return "products of matrices of digits on AMX"

    @cached_property
    def packing(self) -> tuple[int, int]:
        """What no other order has."""
        return -2, 0

    def at_once(self, _batch: int) -> "DigitCuts":
        """Return the cuts for weights of one call: these."""
        return self

    def _program(self, _reading: int) -> Program:
        return program(self.number, self.machine.vector // _FLOAT)

    def pack(self, weight: Array) -> Array:
        """Return the weights' digits and scales."""
        weight = np.ascontiguousarray(weight, self.number)
        blocks = self.spec.groups * self.blocking.filter_blocks
        size = self.head + blocks * (SCALES + self.steps * STEP_BYTES)
        packed = memory.row(size // _FLOAT, self.number)
        channels = self.problem.channels * _FLOAT
        told = Weights(
            weight=memory.address_of(weight),
            packed=memory.address_of(packed),
            steps=self.steps,
            filters=self.problem.filters,
            of_group=self.problem.filters * channels,
            of_filter=channels,
            head=self.head,
        )
        record = np.array(told, np.int64)
        packing_program(self.number)(record, blocks, threads=weight.size >= _WORTH_THREADS)
        return packed
