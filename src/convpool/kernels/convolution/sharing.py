"""Cuts whose units turn the input into something else first, which it may not bear."""

from ctypes import addressof, c_char
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.convolution.cuts import Cuts
from convpool.kernels.convolution.record import Record

Array = NDArray[Any]


class SharingCuts(Cuts):
    """The cuts of a layer whose blocks each take all filters.

    Their program is told more than a `Record`. It lies after that, and begins with the address of a
    number for each image.
    """

    @cached_property
    def _known(self) -> Record:
        return Record(*self.record[: len(Record._fields)].tolist())

    def work(self, batch: int, threads: int) -> tuple[Array, int]:
        """Share the filters where there are too few blocks; each share turns the input."""
        units, shares = batch * self.units, self.shares(batch, threads)
        if shares == 1:
            return self.record, units
        record = self.record.copy()
        held = -(-self.blocking.filter_blocks // shares)
        record[Record._fields.index("held")] = held
        return record, units * -(-self.blocking.filter_blocks // held)

    def shares(self, batch: int, threads: int) -> int:
        """Return among how many units the blocks of filters are shared, for a block of pixels."""
        units = batch * self.units
        if units % threads == 0 or units >= 4 * threads:
            return 1
        return min(threads, self.blocking.filter_blocks)

    def tell_spoiled(self, record: Array, batch: int) -> Array:
        """Return numbers, one an image, of which a run makes 1 where another way must be taken.

        There the output isn't all finite, which may be the fault of this one, or can't be trusted.
        """
        spoiled = np.zeros(max(1, batch), np.int64)
        # `ctypes.data` takes 0.9 us, a fortieth of a small layer.
        record[len(Record._fields)] = addressof(c_char.from_buffer(spoiled.data))
        return spoiled
