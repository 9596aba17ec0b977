"""`convpool warm`: compiles ahead, once."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from convpool.arithmetic import output_shape
from convpool.kernels.common import COMMON
from convpool.notation import parse_layer
from tests.cli.command import Command

SHORT = """
import sys
from convpool.kernels import common
common.COMMON = (("MaxPool2d(2)", (1, 64, 32, 32)),)
from convpool.cli import status
sys.exit(status(["warm", "--dtype", "float64"]))
"""


def warm(folder: Path, program: str = SHORT) -> tuple[int, float]:
    """Return how many kernels are said to be kept, and the seconds that it took."""
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "CONVPOOL_CACHE_DIR": str(folder), "NUMBA_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    said = re.fullmatch(r"(\d+|no) kernels? .*in (.*), (\d+\.\d) s\n", answer.stdout)
    assert said is not None, answer.stdout
    count, place, seconds = said.groups()
    assert Path(place).parent == folder
    return 0 if count == "no" else int(count), float(seconds)


def test_both_twins_are_compiled_and_the_second_run_finds_them(tmp_path: Path) -> None:
    """Max pooling has a kernel that drops NaN and one that keeps it."""
    count, seconds = warm(tmp_path)
    assert count == 4
    files = sorted(path.name for path in tmp_path.rglob("*.nbc"))
    for twin in ("drop-parallel", "drop-serial", "keep-parallel", "keep-serial"):
        assert any(twin in name for name in files)
    again, soon = warm(tmp_path)
    assert again == 4
    assert soon < seconds / 2


def test_gradients_where_they_are_asked_for(tmp_path: Path) -> None:
    layers = SHORT.replace('(("MaxPool2d(2)", (1, 64, 32, 32)),)', str(TRAINED))
    warm(tmp_path, layers.replace('"float64"', '"float64", "--training"'))
    files = "\n".join(path.name for path in tmp_path.rglob("*.nbc"))
    for name in ("weights-float64", "weights-finish", "bias-planes", "max-pool-back", "share"):
        assert name in files


TRAINED = (
    ("Conv2d(3, 8, 3)", (1, 3, 16, 16)),
    ("MaxPool2d(2)", (1, 64, 32, 32)),
    ("AvgPool2d(2)", (1, 64, 32, 32)),
)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert warm(tmp_path / "file")[0] == 0


@pytest.mark.parametrize(("text", "shape"), COMMON)
def test_the_list_holds_layers_and_inputs_that_fit(
    text: str, shape: tuple[int, int, int, int]
) -> None:
    assert min(output_shape(parse_layer(text), shape)) >= 1


@pytest.mark.parametrize("dtype", ["int8", "float", ""])
def test_other_types(dtype: str, command: Command) -> None:
    answer = command("warm", "--dtype", dtype)
    assert answer.status == 2
    assert answer.err == f"error: --dtype is {dtype!r}, but must be one of float32, float64\n"
