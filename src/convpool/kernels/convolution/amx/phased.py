"""How a layer of several phases is cut for AMX: a transposed one with a stride."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.amx import ROWS
from convpool.kernels.convolution.amx.cuts import AmxCuts
from convpool.kernels.convolution.amx.phases import program
from convpool.kernels.convolution.amx.weights import FILTERS
from convpool.kernels.convolution.blocking import up
from convpool.kernels.jit import Program

Array = NDArray[Any]

MOST_STEP = 3
"""Phases that may take turns along a row: their lanes are the bits of one number."""
_FLOAT, _LINE = 4, 64
_STEP_CYCLES, _IN_LINES = 510, 115


class PhasedCuts(AmxCuts):
    """The cuts of a layer whose phases are multiplied one after the other, over the same pixels.

    The sums of a row of phases wait in the scratch until the row can be written as a whole.
    """

    @property
    def _call(self) -> int:
        return 8_000

    @cached_property
    def _reading(self) -> float:
        """About how many cycles a block's pixels take: numbers are copied, and split, in 0.6 each.

        Fitted to 30 layers as `_multiplying`, on the scale of `blocking.cycles`, which says 0.8 of
        what is measured.
        """
        copied = self.problem.channels * self.channel_gap / _FLOAT
        return 0.6 * (self.rows_of_products * self.width + copied) + 900

    @cached_property
    def _multiplying(self) -> float:
        """About how many cycles the products of a block take.

        A step of 32 positions waits for pixels, however few the filters; less where their tiles
        begin with lines of the cache. Outputs are written in 1.
        """
        problem, way = self.problem, self.blocking
        vertical, horizontal = problem.vertical, problem.horizontal
        filters = way.filter_blocks * _STEP_CYCLES + 6.6 * up(problem.filters, 8)
        if all((places % _LINE == 0).all() for _, places in self.taps):
            filters -= way.filter_blocks * _IN_LINES
        outputs = way.rows * vertical.step * way.columns * horizontal.step * problem.filters
        return -(-self.number_of_tiles // 2) * self.steps * filters + outputs + self.beyond_cache

    @cached_property
    def _counts(self) -> Array:
        """Steps of each phase, row by row."""
        counts = np.array([len(weights) for weights, _ in self.taps], np.int64)
        return counts.reshape(len(self.problem.vertical.phases), -1) * (
            self.rows_of_products // ROWS // 2
        )

    @property
    def _filter_row(self) -> int:
        """Bytes from filter to filter of a phase's sums: of lines an odd number."""
        return up(self.number_of_tiles * ROWS * _FLOAT, 2 * _LINE) + _LINE

    @property
    def _plane(self) -> int:
        return FILTERS * self._filter_row

    @property
    def _planes(self) -> int:
        """Planes of sums that wait at a time."""
        return int((self._counts > 0).sum(1).max())

    @property
    def sums_bytes(self) -> int:
        """Bytes of the sums of a row of phases, and of the zeros of one without products."""
        return (self._planes + int((self._counts == 0).any())) * self._plane

    @cached_property
    def _phases(self) -> Array:
        counts = self._counts.ravel()
        begins = np.cumsum(counts) - counts
        segments = [self.segment_of(int(count)) if count else 1 for count in counts]
        return np.ascontiguousarray(np.stack([begins, counts, segments], 1), np.int64)

    @cached_property
    def _row_phases(self) -> Array:
        rows = []
        for counts in self._counts:
            has = counts > 0
            places = np.where(has, np.cumsum(has) - 1, self._planes) * self._plane
            lanes = sum(1 << lane for lane in range(ROWS * len(has)) if has[lane % len(has)])
            rows.append([int(has.any()), lanes, *places])
        return np.array(rows, np.int64)

    @property
    def told_of_phases(self) -> dict[str, int]:
        """Tables and sizes for the program."""
        way = self.blocking
        return {
            "phases": self._phases.ctypes.data,
            "row_phases": self._row_phases.ctypes.data,
            "number_of_row_phases": len(self._counts),
            "filter_row": self._filter_row,
            "sums_pitch": self.pitch if way.flattened else up(way.columns, ROWS),
            "no_products": self._planes * self._plane,
            "sums_end": self.sums_bytes,
        }

    def _program(self, reading: int) -> Program:
        register = self.machine.vector // self.problem.itemsize
        step = self.problem.horizontal.step
        return program(self.number, self.planar, register, (reading, self.repeats), step)
