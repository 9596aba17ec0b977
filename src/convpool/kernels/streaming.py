"""Stores past the caches, for results that are larger than these.

A store to memory that isn't in a cache reads it first. Where a result is too large to stay in a
cache anyway, that is a third of the traffic of copying: filled 64 MB or more, memory takes 26 GB/s
instead of 11 (one thread of a Sapphire Rapids), and to read them afterwards takes no longer. What
fits is rather found in a cache by whoever reads it next.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import numpy as np

from convpool.kernels.jit import block
from convpool.kernels.rows import fence, load, prefetch, stream
from convpool.kernels.simd import store_row

WORTH_STREAMING = 1 << 25
"""Bytes of a result: filling and then reading take equally long at 32 to 64 MB."""

LARGEST_PIECE = 1 << 18
"""Bytes that are computed before they are streamed: half of a second cache, or less."""

_LINE = 64


@block
def stream_bytes(source, target, nbytes):
    """Copy from one address to another, to be seen by other threads; source may be read beyond."""
    done = min(nbytes, -target % _LINE)
    store_row(load(np.uint8, source, _LINE), target, done, np.uint8)
    while done + _LINE <= nbytes:
        stream(load(np.uint8, source + done, _LINE), target + done)
        done += _LINE
    store_row(load(np.uint8, source + done, _LINE), target + done, nbytes - done, np.uint8)
    fence()


@block
def ask(address, nbytes):
    """Ask for what will be needed soon, into the second cache: to be read, or to be written."""
    for place in range(0, nbytes, _LINE):
        prefetch(address + place)
