"""Processes that share a cache folder and compile at once."""

import os
from pathlib import Path

import pytest

from tests.kernels.test_jit import POOL, run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

TWO = """
import multiprocessing
from convpool.kernels import jit
from convpool.kernels.caching import KernelCache
fork = multiprocessing.get_context("fork")
barrier = fork.Barrier(2, timeout=60)
def both(work):
    children = [fork.Process(target=work, args=(number,)) for number in range(2)]
    for child in children: child.start()
    for child in children: child.join()
    assert [child.exitcode for child in children] == [0, 0]
"""


def test_the_same_kernels(tmp_path: Path) -> None:
    """They meet before each kernel is saved, so each has compiled it and found none."""
    program = f"""{POOL}{TWO}
save = KernelCache.save_overload
def save_together(*arguments):
    barrier.wait()
    save(*arguments)
KernelCache.save_overload = save_together
layer = np.ones((8, 16, 3, 3), np.float32)
def work(number):
    pool()
    F.conv2d(images, layer)
both(work)
KernelCache.save_overload = None  # whatever is compiled now fails
work(0)
print("done")
"""
    assert run(program, CONVPOOL_CACHE_DIR=str(tmp_path)) == "done\n"
    suffixes = {path.suffix for path in tmp_path.rglob("*.*")}
    assert suffixes == {".nbc"}  # and no half of a file


def test_two_signatures_of_a_kernel(tmp_path: Path) -> None:
    """Each finds its own afterwards, neither none nor the other's."""
    program = f"""{TWO}
import numba, numpy as np
def body(output):
    for place in range(len(output)):
        output[place] = place
kernel = jit._compiled(body, "one", parallel=False)
for dtype in ("float32", "float64"):
    kernel(np.zeros(3, dtype))
compiled = list(kernel.overloads.items())
def cache(turn):
    return KernelCache(jit._twin(body, f"turn {{turn}}"))
def work(number):
    for turn in range(500):
        barrier.wait()
        cache(turn).save_overload(*compiled[number])
both(work)
for turn in range(500):
    for signature, result in compiled:
        found = cache(turn).load_overload(signature, kernel.targetctx)
        assert found.signature == result.signature, turn
print("done")
"""
    assert run(program, CONVPOOL_CACHE_DIR=str(tmp_path)) == "done\n"
