"""Large blocks of memory that are used again once nobody holds them any more.

A fresh page of 4 KB costs 1.5 us when it is first touched (on a virtual machine), one of 2 MB 0.25
us per 4 KB: more than most layers take to fill it. The C library gives large blocks back to the
system at once, so in a loop every call pays again. Here a block comes back when the last view of
its array is gone, and waits for the next array of its size.

What waits is bounded: by `CONVPOOL_POOL_MB` megabytes, by default 512 or an eighth of the machine's
memory, whichever is less. Blocks that waited longest are given back to the system first.
"""

import os
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENVIRONMENT = "CONVPOOL_POOL_MB"
"""Environment variable with the megabytes that may wait at most; 0 keeps none."""

_DEFAULT_MB = 512
"""What a step works on waits as a whole: maxima, indices and gradient of 16 images 64x224x224 are
360 MB, and with 256 MB the step takes twice as long."""
_STEPS = 8  # sizes from one power of two to the next: at most an eighth of a block stays unused
_HUGE_PAGE = 1 << 21
_LINE = 64


@dataclass(frozen=True, slots=True)
class Block:
    """Memory for one array at a time."""

    memory: NDArray[np.uint8]
    address: int
    size: int


class Loan:
    """What an array has as its base: when it and all its views are gone, the block goes back."""

    __slots__ = ("__array_interface__", "_block", "_pool")

    def __init__(
        self, pool: "Pool", block: Block, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": dtype.str,
            "data": (block.address, False),
        }
        self._block = block
        self._pool = pool

    def __del__(self) -> None:
        self._pool.take_back(self._block)


class Pool:
    """Blocks that wait.

    `__del__` may run in any thread, also within `lend` of the same one, where garbage is collected.
    So it only puts the block on a queue and never waits for the lock: who holds the lock looks at
    the queue after letting go of it.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """Bytes that may wait."""
        self._waiting: dict[int, dict[int, Block]] = {}  # by size, and when they came back
        self._bytes = 0
        self._now = 0
        self._returned: deque[Block] = deque()
        self._lock = Lock()

    def lend(self, shape: tuple[int, ...], dtype: np.dtype[Any], nbytes: int) -> NDArray[Any]:
        """Return an uninitialised array in a block of at least that many bytes."""
        size = block_size(nbytes)
        block = None
        if self._lock.acquire(blocking=False):
            try:
                block = self._find(size)
            finally:
                self._lock.release()
            self._settle()
        return np.asarray(Loan(self, block or _new(size), shape, dtype))

    def take_back(self, block: Block) -> None:
        """Keep a block for the next array."""
        self._returned.append(block)
        self._settle()

    def waiting(self) -> int:
        """Return the bytes that wait."""
        self._settle()
        return self._bytes

    def after_fork(self) -> None:
        """Replace the lock in the child: a thread that it doesn't have may have held it."""
        self._lock = Lock()

    def _find(self, size: int) -> Block | None:
        """Take the block of the size that came back last: the likeliest to be in a cache.

        A network's step has some hundred blocks wait. Looked through one by one, they would take
        longer than a small layer.
        """
        ready = self._waiting.get(size)
        if not ready:
            return None
        self._bytes -= size
        return ready.popitem()[1]

    def _settle(self) -> None:
        while self._returned and self._lock.acquire(blocking=False):
            try:
                while self._returned:
                    block = self._returned.popleft()
                    self._now += 1
                    self._bytes += block.size
                    self._waiting.setdefault(block.size, {})[self._now] = block
                while self._bytes > self.limit:
                    self._give_up_oldest()
            finally:
                self._lock.release()

    def _give_up_oldest(self) -> None:
        ages = {size: next(iter(blocks)) for size, blocks in self._waiting.items() if blocks}
        size = min(ages, key=ages.__getitem__)
        del self._waiting[size][ages[size]]
        if not self._waiting[size]:
            del self._waiting[size]
        self._bytes -= size


def block_size(nbytes: int) -> int:
    """Return the size of the block for an array of so many bytes.

    Example:
        >>> block_size(1_000_000), block_size(33_000_000)
        (1048576, 33554432)
    """
    step = max(_LINE, 1 << max(0, (nbytes - 1).bit_length() - 1 - _STEPS.bit_length() + 1))
    return -(-nbytes // step) * step


def _new(size: int) -> Block:
    alignment = _HUGE_PAGE if size >= 2 * _HUGE_PAGE else _LINE
    memory = np.empty(size + alignment, np.uint8)  # NumPy asks for huge pages from 4 MB
    address = memory.ctypes.data
    return Block(memory, -(-address // alignment) * alignment, size)


def default_limit() -> int:
    """Return the bytes that may wait, by the environment or the machine's memory."""
    given = os.environ.get(ENVIRONMENT, "")
    if given.isascii() and given.isdigit():
        return int(given) << 20
    try:
        eighth = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8
    except (AttributeError, ValueError, OSError):  # not everywhere
        return _DEFAULT_MB << 20
    return min(_DEFAULT_MB << 20, eighth)


POOL = Pool(default_limit())

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.after_fork)
