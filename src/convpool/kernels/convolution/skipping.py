"""Products that need not be computed: those of taps of which a whole tile meets padding alone.

With a dilation of 12 on 33 rows, two of five products are with such zeros.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.convolution.geometry import Line

if TYPE_CHECKING:
    from convpool.kernels.convolution.blocking import Problem

Array = NDArray[Any]

_WORTH = 0.88
"""The share of products that are left, at most: to look up which ones takes time too."""


def left(problem: "Problem", count: int) -> float:
    """Return the share of products to be computed by tiles of `count` positions in a row."""
    if problem.phases > 1:
        return 1.0
    down, across = _met(problem.vertical, 1), _met(problem.horizontal, count)
    share = float(down.mean() * across.mean()) if problem.taps else 1.0
    return share if share <= _WORTH else 1.0


def listed(problem: "Problem", count: int, channels: int) -> tuple[Array, Array]:
    """Return the numbers of products of some channels, and for each tile: from which on, how many.

    Those of a tile come channel by channel, and how many counts those of one channel. Tiles that
    meet the same taps share a list.
    """
    down, across = _met(problem.vertical, 1), _met(problem.horizontal, count)
    met = down[:, None, :, None] & across[None, :, None, :]
    kinds, each = np.unique(met.reshape(-1, problem.taps), axis=0, return_inverse=True)
    lists = [np.flatnonzero(np.tile(kind, channels)) for kind in kinds]
    begins = np.cumsum([0, *map(len, lists)])[:-1]
    entries = np.stack([begins, kinds.sum(1)], 1)[each.ravel()]
    return np.concatenate(lists).astype(np.int64), np.ascontiguousarray(entries, np.int64)


def _met(line: Line, count: int) -> Array:
    """Return for each tile of `count` positions, and each tap, whether it meets the input."""
    firsts = range(0, line.longest, count)
    return np.array([line.meets(first, min(first + count, line.longest)) for first in firsts])
