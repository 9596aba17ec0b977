"""How many threads the kernels use: one number for the process, whoever calls."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convpool
from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.threads import MOST, get_num_threads, using


@pytest.fixture(autouse=True)
def same_afterwards() -> Iterator[None]:
    before = convpool.get_num_threads()
    yield
    convpool.set_num_threads(before)


def run(program: str | Path, **environment: str) -> str:
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
    bare = {name: value for name, value in os.environ.items() if name not in names}
    answer = subprocess.run(
        [sys.executable, *([program] if isinstance(program, Path) else ["-c", program])],
        env={**bare, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def test_it_is_set_and_told() -> None:
    convpool.set_num_threads(1)
    assert convpool.get_num_threads() == 1
    convpool.set_num_threads(np.int64(1))  # type: ignore[arg-type]  # a whole number as well
    assert type(convpool.get_num_threads()) is int


@pytest.mark.parametrize("wrong", [0, -1, 10**6, 2**70])
def test_numbers_out_of_range(wrong: int) -> None:
    with pytest.raises(ArgumentError, match=r"^n is -?\d+, but must be a whole number from 1 to "):
        convpool.set_num_threads(wrong)


@pytest.mark.parametrize("wrong", [None, "2", 1.0, True, [1]])
def test_no_numbers(wrong: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^n is .* must be a whole number from 1 to "):
        convpool.set_num_threads(wrong)


ASK = "import convpool, sys; print(convpool.get_num_threads(), 'numba' in sys.modules)"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"NUMBA_NUM_THREADS": "3"}, 3),
        ({"NUMBA_NUM_THREADS": "3", "OMP_NUM_THREADS": "2"}, 2),
        ({"NUMBA_NUM_THREADS": "3", "OMP_NUM_THREADS": "2,4"}, 2),
        ({"NUMBA_NUM_THREADS": "3", "OMP_NUM_THREADS": "8"}, 3),
        ({"NUMBA_NUM_THREADS": "3", "OMP_NUM_THREADS": "many"}, 3),
        ({"NUMBA_NUM_THREADS": "3", "OMP_NUM_THREADS": "0"}, 3),
    ],
)
def test_the_environment(environment: dict[str, str], expected: int) -> None:
    """It is read without Numba, which takes a while to import."""
    assert run(ASK, **environment) == f"{expected} False"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_only_cores_that_may_be_used_count() -> None:
    program = f"import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); {ASK}"
    assert run(program) == "1 False"


SPY = """
import threading
import numba, numpy as np
import convpool
from convpool.kernels.jit import Kernel
def body(output):
    for place in numba.prange(len(output)):
        output[place] = numba.get_num_threads()
kernel = Kernel(body, variant="spy")
def used():
    output = np.zeros(64, np.int64)
    kernel(output, threads=True)
    return int(output[0])
"""


def test_a_kernel_applies_it_in_whichever_thread() -> None:
    """Numba keeps a number for each thread, which is left as the thread had set it."""
    program = f"""{SPY}
counts = []
def ask():
    numba.set_num_threads(2)
    counts.append(used())
    counts.append(numba.get_num_threads())
used()
for count in (3, 2):
    convpool.set_num_threads(count)
    for _ in range(2):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    counts.append(used())
print(counts, numba.get_num_threads())
"""
    assert run(program, NUMBA_NUM_THREADS="3") == "[3, 2, 3, 2, 3, 2, 2, 2, 2, 2] 3"


def test_no_more_threads_than_numba_has() -> None:
    """Numba reads the variable when it is imported, which may be later."""
    program = (
        f"import os, convpool.threads; os.environ['NUMBA_NUM_THREADS'] = '2'{SPY}print(used())"
    )
    assert run(program, NUMBA_NUM_THREADS="3") == "2"


def test_one_thread_means_the_serial_twin() -> None:
    program = f"""{SPY}
convpool.set_num_threads(1)
used()
print(len(kernel._parallel.signatures), len(kernel.serial.signatures))
convpool.set_num_threads(2)
used()
print(len(kernel._parallel.signatures), len(kernel.serial.signatures))
"""
    assert run(program, NUMBA_NUM_THREADS="3") == "0 1\n1 1"


POOL = """
import numpy as np
import convpool
from convpool import functional as F
images = np.random.default_rng(0).standard_normal((4, 16, 40, 40)).astype(np.float32)
convpool.set_num_threads(1)
expected = F.max_pool2d(images, 3, 2, 1)
"""


def test_four_threads_while_the_number_changes() -> None:
    program = f"""{POOL}
import threading
wrong = []
def many():
    for turn in range(60):
        convpool.set_num_threads(1 + turn % 2)
        if not np.array_equal(F.max_pool2d(images, 3, 2, 1), expected):
            wrong.append(turn)
threads = [threading.Thread(target=many) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong)
"""
    assert run(program, NUMBA_NUM_THREADS="2") == "[]"


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_four_threads_share_units(layer: str) -> None:
    """Convolutions hand their units to Numba's threads, whatever these are; its number stays."""
    program = """
import threading
import numba, numpy as np
import convpool
from convpool import functional as F
images, weight = np.ones((8, 16, 20, 20), np.float32), np.ones((16, 16, 3, 3), np.float32)
convpool.set_num_threads(1)
expected, wrong = F.conv2d(images, weight), []
convpool.set_num_threads(2)
def many():
    numba.set_num_threads(1)
    for turn in range(60):
        if not np.array_equal(F.conv2d(images, weight), expected) or numba.get_num_threads() != 1:
            wrong.append(turn)
threads = [threading.Thread(target=many) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong, numba.threading_layer())
"""
    numbers = {"NUMBA_NUM_THREADS": "2", "NUMBA_THREADING_LAYER": layer}
    assert run(program, **numbers) == f"[] {layer}"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_pytorch_data_loader(method: str, tmp_path: Path) -> None:
    """Each worker pools its item, forked from a process whose threads run, or started anew."""
    program = f"""{POOL}
import torch
torch.ones(100, 100) @ torch.ones(100, 100)  # PyTorch's own threads have run too
convpool.set_num_threads(2)
class Pooled(torch.utils.data.Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, place):
        return F.max_pool2d(images, 3, 2, 1) + place
if __name__ == "__main__":
    F.max_pool2d(images, 3, 2, 1)
    loader = torch.utils.data.DataLoader(
        Pooled(), batch_size=2, num_workers=2, multiprocessing_context="{method}"
    )
    batches = [batch.numpy() for batch in loader]
    F.max_pool2d(images, 3, 2, 1)
    print(all((batches[i][j] == expected + (2 * i + j)).all() for i in range(4) for j in range(2)))
"""
    path = tmp_path / "loader.py"  # a spawned worker imports it
    path.write_text(program)
    assert run(path, NUMBA_NUM_THREADS="2") == "True"


def test_the_number_that_torch_uses_stays() -> None:
    """Both libraries ask one OpenMP, and a pool's first call starts Numba's threads."""
    program = """
import numpy as np, torch
from convpool import functional as F, set_num_threads
torch.set_num_threads(1)
set_num_threads(2)
F.max_pool2d(np.zeros((8, 16, 64, 64), np.float32), 2)
from convpool.kernels.team import Team
print(Team._used, torch.get_num_threads())
"""
    assert run(program, NUMBA_NUM_THREADS="2") == "True 1"


def test_a_number_for_one_python_thread() -> None:
    seen = []

    def look() -> None:
        other = threading.Thread(target=lambda: seen.append(get_num_threads()))
        other.start()
        other.join()
        seen.append(using(10**6, get_num_threads))
        seen.append(get_num_threads())

    using(1, look)
    assert seen == [get_num_threads(), MOST, 1]


def test_after_an_error_the_number_is_that_of_before() -> None:
    before = get_num_threads()
    with pytest.raises(ZeroDivisionError):
        using(1, divmod, 1, 0)
    assert get_num_threads() == before
