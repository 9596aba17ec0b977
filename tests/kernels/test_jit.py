"""The cache on disk, forks, concurrent callers and other CPUs, each in a process of its own."""

import os
import shutil
import subprocess
import sys
import threading
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest
from numba.core.registry import cpu_target

from convpool import functional as F  # noqa: N812
from convpool import reference
from convpool.kernels.jit import block
from convpool.kernels.machine_code import MachineCode
from convpool.spec import MaxPool2dSpec

POOL = """
import numpy as np
from convpool import functional as F, reference
from convpool.spec import MaxPool2dSpec
images = np.random.default_rng(0).standard_normal((4, 16, 40, 40)).astype(np.float32)
expected = reference.max_pool2d(MaxPool2dSpec(3, 2, 1), images)
def pool():
    assert (F.max_pool2d(images, 3, 2, 1) == expected).all()
"""
REPORT = """
from convpool.kernels.strips import Strips, values_kernel
kernel = values_kernel(Strips(3, 2, 3, 1, 16, 32, 1, columns=0, padded=True, operation=0))
print("hits", sum(kernel._parallel.stats.cache_hits.values()))
"""


def run(program: str, **environment: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def hits(folder: Path) -> str:
    return run(f"{POOL}\npool()\n{REPORT}", CONVPOOL_CACHE_DIR=str(folder))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder after a first process."""
    folder = tmp_path_factory.mktemp("cache")
    assert hits(folder) == "hits 0\n"
    return folder


def test_the_second_process_finds_the_kernels_compiled(filled: Path) -> None:
    assert hits(filled) == "hits 1\n"
    names = [path.name for path in filled.rglob("*.nbc")]
    assert len(names) == 1
    assert "drop-parallel" in names[0]


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_file_is_compiled_anew(
    damage: bytes | None, filled: Path, tmp_path: Path
) -> None:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    (path,) = tmp_path.rglob("*.nbc")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage is None else damage)
    assert hits(tmp_path) == "hits 0\n"
    assert hits(tmp_path) == "hits 1\n"


def test_a_folder_that_cannot_be_written_is_gone_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert hits(tmp_path / "file" / "cache") == "hits 0\n"


def test_a_child_of_a_fork_runs_without_the_threads_it_lost() -> None:
    """OpenMP's threads stay behind; a parallel region in the child would wait for them for ever."""
    program = f"""{POOL}
import os
pool()
child = os.fork()
if child == 0:
    pool()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
pool()
print("done")
"""
    assert run(program, NUMBA_NUM_THREADS="2") == "done\n"


def test_a_spawned_child() -> None:
    program = f"""{POOL}
import multiprocessing
if __name__ == "__main__":
    pool()
    child = multiprocessing.get_context("spawn").Process(target=F.max_pool2d, args=(images, 3))
    child.start()
    child.join()
    assert child.exitcode == 0
    print("done")
"""
    assert run(program) == "done\n"


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_four_threads_at_once(layer: str) -> None:
    program = f"""{POOL}
import threading
failed = []
def many():
    try:
        for _ in range(50):
            pool()
    except BaseException as error:
        failed.append(error)
threads = [threading.Thread(target=many) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not failed, failed
print("done")
"""
    assert run(program, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2") == "done\n"


@pytest.mark.parametrize(
    ("cpu", "features"), [("haswell", "+avx2,+fma"), ("x86-64", "+sse2"), ("nehalem", "+sse4.2")]
)
def test_other_cpus(cpu: str, features: str) -> None:
    """The same kernels on a CPU with AVX2 and on ones with only SSE."""
    program = f"""{POOL}
from convpool.spec import AvgPool2dSpec
pool()
def last(images):
    return images.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
other = images.copy()
other[0, 0, 20, 20] = np.nan
for same, kernel, stride in ((other, 3, 2), (last(other.astype("float16")), 3, 1)):
    largest, mean = MaxPool2dSpec(kernel, stride), AvgPool2dSpec(kernel, stride)
    theirs = reference.max_pool2d(largest, same)
    np.testing.assert_array_equal(F.max_pool2d(same, kernel, stride), theirs)
    ours, theirs = F.avg_pool2d(same, kernel, stride), reference.avg_pool2d(mean, same)
    rounding = 1e-6 if same is other else 1e-3
    np.testing.assert_allclose(ours, theirs, rtol=rounding, atol=rounding)
ours = F.max_pool2d(other, 3, 2, return_indices=True)
theirs = reference.max_pool2d_with_indices(MaxPool2dSpec(3, 2), other)
for one, another in zip(ours, theirs):
    np.testing.assert_array_equal(one, another)
print("done")
"""
    assert run(program, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES=features) == "done\n"


CODE = """
define i64 @twice(i64 %number) {
    %result = add i64 %number, %number
    ret i64 %result
}
"""


def test_machine_code_whose_thread_is_gone() -> None:
    """As after a fork: whoever waits for it makes the same."""
    codegen = cpu_target.target_context.codegen()
    module = llvm.parse_assembly(CODE)
    module.triple = llvm.get_process_triple()

    def made() -> tuple[bytes, bytes]:
        return MachineCode(codegen, module.as_bitcode()).result()

    expected = made()
    assert expected[0].startswith(b"\x7fELF")
    with patch.object(threading.Thread, "start"), patch.object(threading.Thread, "join"):
        assert made() == expected


def test_a_function_of_numbas_calls_a_block_that_calls_another() -> None:
    def twice(number: Any) -> Any:
        return 2 * number

    inner: Any = block(twice)

    def more(number: Any) -> Any:
        return inner(number) + 1

    outer: Any = block(more)

    def through(number: Any) -> Any:
        return outer(number)

    call = numba.njit(through)
    assert call(20) == 41


def test_extremes_are_numbas() -> None:
    """With NaN, zeros and numbers of two types."""

    def both(one: Any, other: Any) -> Any:
        return min(one, other), max(one, other)

    ours: Any = block(both)
    theirs = numba.njit(both)

    def through(one: Any, other: Any) -> Any:
        return ours(one, other)

    call = numba.njit(through)
    numbers = -0.0, 0.0, np.nan, 2.5, np.float32(2), 2, -3, True
    for one, other in product(numbers, repeat=2):
        assert repr(call(one, other)) == repr(theirs(one, other))


def test_threads_beside_pytorchs() -> None:
    """PyTorch and Numba share one OpenMP; neither waits for the other's threads."""
    import torch

    images = np.random.default_rng(0).standard_normal((4, 16, 40, 40)).astype(np.float32)
    expected = reference.max_pool2d(MaxPool2dSpec(3), images)
    tensor, done = torch.from_numpy(images), []

    def both() -> None:
        for _ in range(20):
            ours = F.max_pool2d(images, 3)
            theirs = torch.nn.functional.max_pool2d(tensor, 3).numpy()
            done.append((ours == expected).all() and (theirs == expected).all())

    threads = [threading.Thread(target=both) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 60


def test_vectors_stay_in_registers(tmp_path: Path) -> None:
    """Read off the assembly: 512-bit vectors where the CPU has them, and no vector on the stack."""
    program = f"""{POOL}
import re
from llvmlite import binding
from convpool.kernels.strips import Strips, values_kernel
F.max_pool2d(images[:1, :1], 3, 2, 1)
if binding.get_host_cpu_features().get("avx512f"):
    kernel = values_kernel(Strips(3, 2, 3, 1, 16, 32, 1, columns=0, padded=True, operation=0))
    (assembly,) = kernel.serial.inspect_asm().values()
    assert len(re.findall("vmaxps.*zmm", assembly)) >= 3
    assert not re.findall("vmov[au]ps.*zmm.*rsp", assembly)
print("done")
"""
    assert run(program, CONVPOOL_CACHE_DIR=str(tmp_path)) == "done\n"
