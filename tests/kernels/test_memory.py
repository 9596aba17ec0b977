"""Memory of outputs: aligned, used again once it is free and never before, bounded."""

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from convpool.kernels import memory
from convpool.kernels.pool import ENVIRONMENT, Pool, block_size, default_limit

MB = 1 << 20
BYTE = np.dtype(np.uint8)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    pool = Pool(16 * MB)
    monkeypatch.setattr(memory, "POOL", pool)
    yield pool
    gc.collect()


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 64, 65), (1, 64, 128, 129), (0, 3, 4, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool", "float16"])
def test_arrays_are_as_numpys(shape: tuple[int, ...], dtype: str) -> None:
    for channels_last in (False, True):
        array = memory.empty(shape, dtype, channels_last=channels_last)
        assert type(array) is np.ndarray
        assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
        assert array.flags.writeable
        assert array.flags.aligned
        order = array.transpose(0, 2, 3, 1) if channels_last else array
        assert order.flags.c_contiguous
        if array.nbytes >= 1 << 18:
            assert order.ctypes.data % 64 == 0
    several = min(shape[1:]) > 1
    last = memory.empty(shape, dtype, channels_last=True)
    assert memory.is_channels_last(last) == (several and shape[0] > 0)
    assert not memory.is_channels_last(memory.empty(shape, dtype))


@pytest.mark.parametrize("nbytes", [0, 1, 100, 70_000, 3 * MB])
def test_scratch(nbytes: int) -> None:
    first, second = memory.scratch(nbytes), memory.scratch(nbytes)
    assert first.ndim == 1
    assert first.nbytes >= nbytes
    assert first.dtype == np.uint8
    assert nbytes == 0 or first.ctypes.data % 64 == 0
    assert not np.shares_memory(first, second)


def test_scratch_is_used_again_once_it_was_given_back() -> None:
    memory._SPARE.clear()
    first = memory.scratch(1000)
    memory.give_back(first)
    assert memory.scratch(500) is first
    memory.give_back(first)
    larger = memory.scratch(2000)
    assert larger.nbytes >= 2000
    assert not np.shares_memory(first, larger)
    for _ in range(20):
        memory.give_back(np.empty(100, np.uint8))
    assert len(memory._SPARE) < 10
    memory._SPARE.clear()


def test_unwritten_memory_is_poisoned_here() -> None:
    for shape in ((1, 1, 2, 2), (1, 8, 64, 64), (1, 64, 128, 128)):
        assert np.isnan(memory.empty(shape, "float32")).all()
        assert (memory.empty(shape, "int16").view(np.uint16) == 0xA5A5).all()
        assert np.isnan(memory.empty(shape, "float16", channels_last=True)).all()
    assert (memory.scratch(1000) == 0xA5).all()


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def test_a_block_comes_back_with_the_last_view(pool: Pool) -> None:
    array = memory.empty((1, 1, 1024, 1024), np.float32)
    place = address(array)
    view = array.reshape(-1)[5:10].view(np.int32)
    view[...] = 7
    del array
    assert pool.waiting() == 0
    other = memory.empty((1, 1, 1024, 1024), np.float32)
    assert not np.shares_memory(other, view)
    assert (view == 7).all()
    del view
    assert pool.waiting() == 4 * MB
    assert address(memory.empty((2, 2, 512, 512), np.float32)) == place


def test_sizes_that_are_nearly_alike_share_blocks(pool: Pool) -> None:
    place = address(memory.empty((1, 1, 1024, 1020), np.float32))
    assert address(memory.empty((1, 1, 1024, 1024), np.float32)) == place
    assert address(memory.empty((1, 1, 1024, 2048), np.float32)) != place


def test_blocks_waste_at_most_an_eighth() -> None:
    for nbytes in (*range(1 << 20, 1 << 23, 4099), 10**9, 2**40 + 1):
        assert nbytes <= block_size(nbytes) <= nbytes * 9 / 8
    assert len({block_size(nbytes) for nbytes in range(1 << 20, 1 << 21, 1000)}) <= 9


def test_what_waits_is_bounded(pool: Pool) -> None:
    arrays = [pool.lend((MB,), BYTE, MB) for _ in range(40)]
    last = address(arrays[-1])
    for _ in range(40):
        del arrays[0]
    assert pool.waiting() == 16 * MB
    assert address(pool.lend((MB,), BYTE, MB)) == last  # the oldest were given back
    pool.lend((20 * MB,), BYTE, 20 * MB)
    assert pool.waiting() <= 16 * MB
    pool.limit = 0
    pool.lend((MB,), BYTE, MB)
    assert pool.waiting() == 0


def test_a_finaliser_within_the_pool_does_not_wait_for_it(pool: Pool) -> None:
    """Garbage may be collected while the lock is held, by the thread that holds it."""
    array = pool.lend((MB,), BYTE, MB)
    with pool._lock:
        del array
        assert pool.lend((MB,), BYTE, MB).size == MB
    assert pool.waiting() == 2 * MB


def test_many_threads(pool: Pool) -> None:
    """Nobody gets memory that somebody else still has."""
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(200):
                array = pool.lend((MB,), BYTE, MB + turn % 3 * MB)
                array[::4096] = number
                held = array[::4096]
                del array
                assert (held == number).all()
        except BaseException as error:  # noqa: BLE001 (shown by the assertion below)
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert 0 < pool.waiting() <= 16 * MB


def test_blocks_in_cycles_come_back(pool: Pool) -> None:
    cycle: list[object] = [pool.lend((MB,), BYTE, MB)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert pool.waiting() == MB


def test_the_limit_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, limit in (("3", 3 * MB), ("0", 0)):
        monkeypatch.setenv(ENVIRONMENT, text)
        assert default_limit() == limit
    for text in ("", "-1", "many", "1.5"):
        monkeypatch.setenv(ENVIRONMENT, text)
        assert 0 < default_limit() <= 512 * MB


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_and_the_end_of_the_interpreter() -> None:
    """Parent and child each have the arrays, and neither writes into the other's."""
    program = """
import os
import numpy as np
from convpool.kernels import memory
from convpool.kernels.pool import POOL
make = lambda: memory.empty((1, 1, 1024, 1024), np.float32)
waits, held = make(), make()
held[...] = 1
del waits
POOL._lock.acquire()  # as another thread might
child = os.fork()
if child == 0:
    ours = make()
    ours[...] = 2
    held[...] = 3
    del ours
    assert POOL.waiting() > 0
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
POOL._lock.release()
assert (held == 1).all()
class Holder:
    pass
holder = Holder()
holder.me, holder.array = holder, make()  # freed as late as can be
print("done")
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (answer.stdout, answer.stderr) == ("done\n", "")


@pytest.mark.parametrize("size", [1, 1000, 70_000, 300_000])
def test_a_row_of_weights_begins_at_a_line(size: int) -> None:
    rows = [memory.row(size, np.float32) for _ in range(8)]
    assert [row.shape for row in rows] == [(size,)] * 8
    assert {row.ctypes.data % 64 for row in rows} == {0}
