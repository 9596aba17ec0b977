"""`convpool explain`: what it prints, word for word, and its JSON."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command
from tests.test_cases import ANIMATIONS, TUTORIAL

GOLDEN = Path(__file__).parent / "golden"

EXAMPLES = {
    "stem": ["nn.Conv2d(3, 64, 7, stride=2, padding=3)", "MaxPool2d(3, 2, 1)", "3x224x224"],
    "ceil": ["MaxPool2d(3, ceil_mode=True)", "5x5"],
    "ceil_dropped": ["AvgPool2d(2, 3, padding=1, ceil_mode=True)", "5x7"],
    "decoder": [
        "MaxPool2d(2, return_indices=True)",
        "Conv2d(8, 8, (3, 1), padding=((1, 1), (0, 0)), groups=4)",
        "MaxUnpool2d(2)",
        "ConvTranspose2d(8, 3, 4, stride=2, padding=1)",
        "2x8x15x10",
    ],
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_print(name: str, command: Command) -> None:
    """CONVPOOL_UPDATE_GOLDEN=1 writes the files anew; look at what changed before committing."""
    *layers, size = EXAMPLES[name]
    answer = command("explain", *layers, "--input", size)
    assert (answer.status, answer.err) == (0, "")
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("CONVPOOL_UPDATE_GOLDEN"):
        path.write_text(answer.out, encoding="utf-8")
    assert answer.out == path.read_text(encoding="utf-8")


def explained(command: Command, *arguments: str) -> Any:
    answer = command("explain", *arguments, "--json")
    assert (answer.status, answer.err) == (0, "")
    return json.loads(answer.out)


def test_json_holds_each_layer_and_the_total(command: Command) -> None:
    record = explained(
        command, "Conv2d(3, 8, 3, padding=1)", "MaxPool2d(2)", "--input", "1x3x32x32"
    )
    convolution, pooling = record["layers"]
    assert convolution["layer"].startswith("Conv2d(3, 8, kernel_size=(3, 3)")
    assert convolution["output_shape"] == [8, 32, 32]
    assert convolution["parameters"] == 3 * 3 * 3 * 8 + 8
    assert convolution["macs"] == 3 * 3 * 3 * 8 * 32 * 32
    assert pooling["output_shape"] == record["total"]["output_shape"] == [8, 16, 16]
    assert pooling["receptive_field"] == {"size": [4, 4], "jump": [2, 2], "start": [1, 1]}
    assert record["total"]["parameters"] == convolution["parameters"]
    assert record["total"]["macs"] == convolution["macs"]


@pytest.mark.parametrize("case", TUTORIAL["output_sizes"], ids=lambda case: case["formula"])
@pytest.mark.parametrize("channels", ["", "1x", "1x1x"])
def test_tutorial_sizes(case: dict[str, Any], channels: str, command: Command) -> None:
    kernel = case["kernel"].replace("x", ", ")
    layer = f"Conv2d(1, 1, ({kernel}), stride={case['stride']}, padding={case['padding']})"
    record = explained(command, layer, "--input", channels + case["input"])
    height, width = case["output"].split("x")
    assert record["total"]["output_shape"] == [1, int(height), int(width)]


@pytest.mark.parametrize(
    "case", ANIMATIONS["convolution"] + ANIMATIONS["transposed"], ids=lambda case: case["name"]
)
def test_animation_sizes(case: dict[str, Any], command: Command) -> None:
    layer = f"(1, 1, {case['k']}, stride={case['s']}, padding={case['p']}"
    if "op" in case:
        layer = f"ConvTranspose2d{layer}, output_padding={case['op']})"
    else:
        layer = f"Conv2d{layer}, dilation={case['d']})"
    record = explained(command, layer, "--input", f"{case['i']}x{case['i']}")
    assert record["total"]["output_shape"] == [1, case["o"], case["o"]]
