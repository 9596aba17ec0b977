"""`convpool apply`: the worked examples, number for number, and what it writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.command import Command
from tests.test_cases import TUTORIAL

VALUES, KERNEL = json.dumps(TUTORIAL["input"]), json.dumps(TUTORIAL["kernel"])


@pytest.mark.parametrize("case", TUTORIAL["conv2d"], ids=str)
def test_tutorial_convolution(case: dict[str, Any], command: Command) -> None:
    layer = f"Conv2d(1, 1, 3, stride={case['stride']}, padding={case['padding']})"
    answer = command("apply", layer, "--values", VALUES, "--weight", KERNEL, "--json")
    assert json.loads(answer.out) == {"output": [case["output"]]}
    assert (answer.status, answer.err) == (0, "")


@pytest.mark.parametrize("case", TUTORIAL["max_pool2d"], ids=str)
def test_tutorial_max_pooling(case: dict[str, Any], command: Command) -> None:
    layer = f"MaxPool2d({case['kernel_size']}, ceil_mode={case['ceil_mode']})"
    answer = command("apply", layer, "--values", VALUES, "--json")
    assert json.loads(answer.out) == {"output": [case["output"]]}


def test_print_of_values_and_indices(command: Command) -> None:
    layer = "MaxPool2d(3, ceil_mode=True, return_indices=True)"
    answer = command("apply", layer, "--values", VALUES)
    assert answer.out == "output 1×2×2\n[[2 3]\n [5 1]]\nindices 1×2×2\n[[ 1  3]\n [15 18]]\n"


def test_round_trip_through_files(command: Command, tmp_path: Path) -> None:
    (tmp_path / "values.json").write_text(VALUES)
    pooled, places = tmp_path / "pooled.npy", tmp_path / "places.npy"
    answer = command(
        *("apply", "MaxPool2d(2, 2, 1, return_indices=True)", "--json", "-o", str(pooled)),
        *("--values", str(tmp_path / "values.json")),
    )
    np.save(places, np.array(json.loads(answer.out)["indices"]))
    np.testing.assert_array_equal(np.load(pooled), [[[1, 2, 3], [1, 2, 3], [5, 3, 1]]])
    answer = command(
        *("apply", "MaxUnpool2d(3, 1, 0)", "--values", str(pooled), "--indices", str(places)),
        "--json",
    )
    # The maxima of each window stand where they were; the other cells are zero.
    restored = [[1, 2, 0, 3, 0], [0, 0, 2, 3, 0], [1, 0, 0, 0, 0], [5, 0, 3, 1, 0], [0, 0, 0, 0, 0]]
    assert json.loads(answer.out) == {"output": [restored]}


def test_index_outside_the_plane(command: Command) -> None:
    answer = command("apply", "MaxUnpool2d(2)", "--values", "[[1]]", "--indices", "[[4]]")
    assert answer.status == 2
    assert "indices is 4, but must be from 0 to 3" in answer.err


def test_bias_and_mixed_types(command: Command) -> None:
    answer = command(
        "apply",
        "Conv2d(1, 2, 1)",
        *("--values", "[[1, 2]]", "--weight", "[0.5, 2]", "--bias", "[1, -1]", "--json"),
    )
    assert json.loads(answer.out) == {"output": [[[1.5, 2.0]], [[1.0, 3.0]]]}


WRONG = {
    "no weights": (["Conv2d(1,1,3)", "--values", VALUES], "--weight is None"),
    "weights of another shape": (
        ["Conv2d(1,1,3)", "--values", VALUES, "--weight", "[[1,2]]"],
        "shape of --weight is (1, 2), but must be (1, 1, 3, 3)",
    ),
    "weights without use": (
        ["MaxPool2d(2)", "--values", VALUES, "--weight", KERNEL],
        "--weight or --bias is MaxPool2d",
    ),
    "indices without use": (["MaxPool2d(2)", "--values", VALUES, "--indices", "[1]"], "--indices"),
    "no numbers": (["MaxPool2d(2)", "--values", "hello"], "--values is 'hello'"),
    "ragged numbers": (["MaxPool2d(2)", "--values", "[[1],[1,2]]"], "--values"),
    "text for numbers": (["MaxPool2d(2)", "--values", '[["a"]]'], "--values"),
    "a missing file": (["MaxPool2d(2)", "--values", "gone.npy"], "--values is 'gone.npy'"),
    "one axis": (["MaxPool2d(2)", "--values", "[1,2,3]"], "shape of --values is (3,)"),
    "too small": (["MaxPool2d(2)", "--values", "[[1]]"], "kernel_size is (2, 2)"),
    "output elsewhere": (
        ["MaxPool2d(2)", "--values", VALUES, "-o", "x.txt"],
        "--output is 'x.txt', but must be the path of a .npy file",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input(name: str, command: Command) -> None:
    arguments, message = WRONG[name]
    answer = command("apply", *arguments)
    assert answer.status == 2
    assert answer.out == ""
    assert answer.err.count("\n") == 1
    assert message in answer.err


@pytest.mark.parametrize("suffix", [".npy", ".json"])
def test_damaged_file(suffix: str, command: Command, tmp_path: Path) -> None:
    path = tmp_path / f"numbers{suffix}"
    path.write_bytes(b"\x93NUMPY\x01")
    answer = command("apply", "MaxPool2d(2)", "--values", str(path))
    assert answer.status == 1
    assert answer.err.startswith(f"error: cannot read numbers from {path}")
