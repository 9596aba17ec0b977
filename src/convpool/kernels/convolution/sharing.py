"""Cuts whose units turn the input into something else first, which it may not bear."""

from functools import cached_property
from typing import Any, ClassVar

from numpy.typing import NDArray

from convpool.kernels.convolution.cuts import Cuts
from convpool.kernels.convolution.record import Record

Array = NDArray[Any]


class SharingCuts(Cuts):
    """The cuts of a layer whose blocks each take all filters.

    Their program is told more than a `Record`. It lies after that, and begins with the address of a
    number for each image, which it makes 1 where the output isn't all finite, which may be the
    fault of this way, or can't be trusted.
    """

    spoils = True
    skips: ClassVar[bool] = False

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
