"""The worked examples every learner meets, and the sizes of the standard animations."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convpool import functional as F  # noqa: N812
from convpool.arithmetic import chain_report, output_shape, parameters
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
)

CASES = Path(__file__).parent / "cases"
TUTORIAL = json.loads((CASES / "tutorial.json").read_text())
ANIMATIONS = json.loads((CASES / "conv_arithmetic.json").read_text())


def numbers(size: str) -> tuple[int, int]:
    height, width = size.split("x")
    return int(height), int(width)


@pytest.mark.parametrize("case", TUTORIAL["output_sizes"], ids=lambda case: case["formula"])
def test_output_sizes(case: dict[str, Any]) -> None:
    layer = Conv2dSpec(
        1, 1, numbers(case["kernel"]), stride=case["stride"], padding=case["padding"]
    )
    assert output_shape(layer, (1, *numbers(case["input"])))[1:] == numbers(case["output"])


@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
def test_parameters(kernel: int) -> None:
    assert parameters(Conv2dSpec(3, 10, kernel)) == kernel * kernel * 3 * 10 + 10


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
@pytest.mark.parametrize("case", TUTORIAL["conv2d"], ids=str)
def test_convolution(case: dict[str, Any], dtype: str) -> None:
    image = np.array(TUTORIAL["input"], dtype)[None]
    kernel = np.array(TUTORIAL["kernel"], dtype)[None, None]
    output = F.conv2d(image, kernel, stride=case["stride"], padding=case["padding"])
    np.testing.assert_array_equal(output[0], case["output"])


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
@pytest.mark.parametrize("case", TUTORIAL["max_pool2d"], ids=str)
def test_max_pooling(case: dict[str, Any], dtype: str) -> None:
    image = np.array(TUTORIAL["input"], dtype)[None]
    output = F.max_pool2d(image, case["kernel_size"], ceil_mode=case["ceil_mode"])
    np.testing.assert_array_equal(output[0], case["output"])


def test_pooling_keeps_depth() -> None:
    example = TUTORIAL["pool_shape_example"]
    height, width, depth = example["input_HxWxD"]
    layer = MaxPool2dSpec(example["filter"], example["stride"])
    rows, columns, kept = example["output_HxWxD"]
    assert output_shape(layer, (depth, height, width)) == (kept, rows, columns)


@pytest.mark.parametrize("case", ANIMATIONS["convolution"], ids=lambda case: case["name"])
def test_convolution_animations(case: dict[str, Any]) -> None:
    layer = Conv2dSpec(
        1, 1, case["k"], stride=case["s"], padding=case["p"], dilation=case["d"], bias=False
    )
    assert output_shape(layer, (1, case["i"], case["i"])) == (1, case["o"], case["o"])
    assert case["o"] ** 2 == case["frames"]


@pytest.mark.parametrize("case", ANIMATIONS["transposed"], ids=lambda case: case["name"])
def test_transposed_animations(case: dict[str, Any]) -> None:
    layer = ConvTranspose2dSpec(
        1, 1, case["k"], stride=case["s"], padding=case["p"], output_padding=case["op"]
    )
    assert output_shape(layer, (1, case["i"], case["i"])) == (1, case["o"], case["o"])
    assert case["o"] ** 2 == case["frames"]
    assert case["stretched"] == case["s"] * (case["i"] - 1) + 1
    # The same size from the zero-stuffed input under an ordinary convolution.
    stuffed = case["stretched"] + case["op"]
    plain = Conv2dSpec(1, 1, case["k"], padding=case["equivalent_padding"])
    assert output_shape(plain, (1, stuffed, stuffed)) == (1, case["o"], case["o"])


@pytest.mark.parametrize("case", ANIMATIONS["numerical"], ids=lambda case: case["name"])
def test_numerical_animations(case: dict[str, Any]) -> None:
    kernel, stride, padding = case["k"], case["s"], case["p"]
    layers: dict[str, LayerSpec] = {
        "conv": Conv2dSpec(1, 1, kernel, stride, padding),
        "avgpool": AvgPool2dSpec(kernel, stride, padding),
        "maxpool": MaxPool2dSpec(kernel, stride, padding),
    }
    report = chain_report([layers[case["op"]]], (1, case["i"], case["i"]))
    assert report.output_shape == (1, case["o"], case["o"])
