"""Short convolutions by weights that meet one batch, as in training: one call transforms them too.

What the two programs are told is kept, but for addresses. Told anew by Python in each call it takes
as long as the weights' transform (ResNet-20, 40 us where the code isn't in the second cache).
"""

from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.convolution.record import (
    BATCH,
    BIAS,
    IMAGES,
    OUTPUT,
    PACKED,
    RESIDUAL,
    SCRATCH,
    SCRATCH_BYTES,
    SPOILED,
    tell,
)
from convpool.kernels.convolution.winograd.cuts import WinogradCuts
from convpool.kernels.convolution.winograd.program import TARGET, WEIGHING_SCRATCH
from convpool.kernels.convolution.winograd.record import HEAD
from convpool.kernels.jit import Program, run_all
from convpool.threads import MOST, get_num_threads

Array = NDArray[Any]

_LINE = 64
_MOST_CALLS = 16  # numbers of images, and of threads, that are remembered
_NO_SCRATCH = np.empty(0, np.uint8)
Arrays = tuple[Array, Array, Array | None, Array, Array | None]


class FreshWeights:
    """The calls of a layer on images, and for a result, in the order N, C, H, W."""

    def __init__(self, cuts: WinogradCuts) -> None:
        self._cuts = cuts
        self._calls: dict[tuple[int, int], _Call] = {}

    def __call__(self, arrays: Arrays, reading: int, *, threads: bool) -> list[int] | None:
        """Fill the output, and return which images have to be done again.

        None if it can't be done so: not of such weights or images, or a thread is at it.

        Args:
            arrays: images, weights, bias or None, the output, and a residual or None.
            reading: how rows of images are read.
            threads: whether the work is worth them.
        """
        images, weight, _, out, _ = arrays
        if not images.flags.c_contiguous or not weight.flags.c_contiguous:
            return None
        key = len(images), get_num_threads() if threads else 1
        call = self._calls.get(key)
        if call is None:
            if len(self._calls) >= _MOST_CALLS:
                self._calls.clear()
            record, units = self._cuts.work(*key)
            told = np.empty(len(record) + len(images), np.int64)
            tell.serial(told, record, images, out, _NO_SCRATCH, (0, 0, 0, 0, 1))
            program = self._cuts.program(reading)
            call = self._calls[key] = _Call(self._cuts, program, told, units, threads=threads)
        return call(*arrays)


class _Call:
    """That on batches of one size, with so many threads."""

    def __init__(
        self, cuts: WinogradCuts, program: Program, record: Array, units: int, *, threads: bool
    ) -> None:
        """Prepare it.

        Args:
            cuts: of the layer.
            program: what convolves.
            record: what that is told, which ends with a number for each image.
            units: its pieces of work.
            threads: whether they are shared.
        """
        weigh, self._weighing, self._order, blocks = cuts.weighing()
        self._record = record
        self._packed_bytes = -(-cuts.packed_bytes // _LINE) * _LINE
        scratch = max(int(record[SCRATCH_BYTES]), cuts.weighing_bytes)
        self._bytes = self._packed_bytes + MOST * scratch
        self._flags = record[len(record) - int(record[BATCH]) :]
        record[SPOILED] = memory.address_of(self._flags)
        rows = (
            (weigh.address, memory.address_of(self._weighing), blocks, threads and blocks > 1),
            (program.address, memory.address_of(record), units, threads and units > 1),
        )
        self._bias = np.zeros(cuts.spec.out_channels + _LINE, cuts.number)  # read in vectors
        record[BIAS] = memory.address_of(self._bias)
        self._steps = np.array(rows, np.int64)
        self._lock = Lock()

    def __call__(
        self, images: Array, weight: Array, bias: Array | None, out: Array, residual: Array | None
    ) -> list[int] | None:
        """Fill `out`, and return which images have to be done again; None if a thread is at it."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            scratch = memory.scratch(self._bytes)
            packed, output = memory.address_of(scratch), memory.address_of(out)
            scratch[:HEAD] = 0
            rest = packed + self._packed_bytes
            self._order[0] = memory.address_of(weight)
            self._weighing[TARGET], self._weighing[WEIGHING_SCRATCH] = packed, rest
            record = self._record
            record[IMAGES], record[OUTPUT] = memory.address_of(images), output
            record[SCRATCH], record[PACKED] = rest, packed
            self._bias[:-_LINE] = 0 if bias is None else bias
            record[RESIDUAL] = 0 if residual is None else memory.address_of(residual) - output
            self._flags.fill(0)
            run_all(self._steps)
            memory.give_back(scratch)
            if not self._flags.any():
                return []
            return [int(image) for image in np.flatnonzero(self._flags)]
        finally:
            self._lock.release()
