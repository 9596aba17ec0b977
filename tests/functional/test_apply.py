"""`apply` does what the layers' functions do, and says what a layer lacks."""

from typing import Any

import numpy as np
import pytest

from convpool import functional as F  # noqa: N812
from convpool.errors import ArgumentError, ArgumentTypeError, DtypeError
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from tests.operators import settings

SEEDS = range(60)


def test_conv2d() -> None:
    for seed in SEEDS:
        setting: Any = settings.conv2d_setting(seed)
        weight, groups = setting.arrays["weight"], setting.arguments["groups"]
        layer = Conv2dSpec(
            weight.shape[1] * groups, weight.shape[0], weight.shape[2:], **setting.arguments
        )
        assert layer.weight_shape == weight.shape
        expected = F.conv2d(**setting.arrays, **setting.arguments)
        np.testing.assert_array_equal(F.apply(layer, **setting.arrays), expected)


def test_conv_transpose2d() -> None:
    for seed in SEEDS:
        setting: Any = settings.conv_transpose2d_setting(seed)
        weight, groups = setting.arrays["weight"], setting.arguments["groups"]
        layer = ConvTranspose2dSpec(
            weight.shape[0], weight.shape[1] * groups, weight.shape[2:], **setting.arguments
        )
        assert layer.weight_shape == weight.shape
        expected = F.conv_transpose2d(**setting.arrays, **setting.arguments)
        np.testing.assert_array_equal(F.apply(layer, **setting.arrays), expected)


def test_max_pool2d() -> None:
    for seed in SEEDS:
        setting: Any = settings.max_pool2d_setting(seed)
        image = setting.arrays["input"]
        expected, places = F.max_pool2d(image, **setting.arguments, return_indices=True)
        values = F.apply(MaxPool2dSpec(**setting.arguments), image)
        np.testing.assert_array_equal(values, expected)
        both = F.apply(MaxPool2dSpec(**setting.arguments, return_indices=True), image)
        np.testing.assert_array_equal(both[0], expected)
        np.testing.assert_array_equal(both[1], places)


def test_avg_pool2d() -> None:
    for seed in SEEDS:
        setting: Any = settings.avg_pool2d_setting(seed)
        expected = F.avg_pool2d(**setting.arrays, **setting.arguments)
        result = F.apply(AvgPool2dSpec(**setting.arguments), setting.arrays["input"])
        np.testing.assert_array_equal(result, expected)


def test_max_unpool2d() -> None:
    compared = 0
    for seed in SEEDS:
        setting: Any = settings.max_unpool2d_setting(seed)
        arguments = dict(setting.arguments)
        size = arguments.pop("output_size")
        try:
            expected = F.max_unpool2d(**setting.arrays, **setting.arguments)
        except ArgumentError as error:  # the size that was pooled is out of reach
            with pytest.raises(ArgumentError) as caught:
                F.apply(MaxUnpool2dSpec(**arguments), **setting.arrays, output_size=size)
            message = str(error)
            assert str(caught.value) == message
            continue
        result = F.apply(MaxUnpool2dSpec(**arguments), **setting.arrays, output_size=size)
        np.testing.assert_array_equal(result, expected)
        compared += 1
    assert compared > 30


IMAGE = np.ones((1, 2, 4, 4))
CONV = Conv2dSpec(2, 3, 3)
WEIGHT = np.ones(CONV.weight_shape)


@pytest.mark.parametrize(
    ("layer", "arrays", "kind", "message"),
    [
        (CONV, {}, ArgumentTypeError, "weight is None (NoneType), but must be an array of shape"),
        (CONV, {"weight": WEIGHT.tolist()}, ArgumentTypeError, "weight is [[["),
        (CONV, {"weight": WEIGHT[:, :1]}, ArgumentError, "shape of weight is (3, 1, 3, 3)"),
        (CONV, {"weight": WEIGHT[:1]}, ArgumentError, "but must be (3, 2, 3, 3)"),
        (CONV, {"weight": WEIGHT.astype("f4")}, DtypeError, "weight has dtype float32"),
        (CONV, {"weight": WEIGHT, "bias": np.ones(2)}, ArgumentError, "shape of bias is (2,)"),
        (CONV, {"weight": WEIGHT, "input": IMAGE[:, :1]}, ArgumentError, "input is (1, 1, 4, 4)"),
        (
            ConvTranspose2dSpec(2, 3, 3),
            {"weight": WEIGHT},
            ArgumentError,
            "shape of weight is (3, 2, 3, 3), but must be (2, 3, 3, 3)",
        ),
        (MaxPool2dSpec(5), {}, ArgumentError, "kernel_size is (5, 5)"),
        (AvgPool2dSpec(2), {"input": [[[1.0]]]}, ArgumentTypeError, "input is [[[1.0]]] (list)"),
        (MaxUnpool2dSpec(2), {}, ArgumentTypeError, "indices is None (NoneType), but must be"),
        (
            MaxUnpool2dSpec(2),
            {"indices": np.zeros((1, 2, 4, 4), int), "output_size": (10, 8)},
            ArgumentError,
            "output_size is (10, 8)",
        ),
        ("MaxPool2d(2)", {}, ArgumentTypeError, "layer is 'MaxPool2d(2)' (str), but must be"),
        (None, {"indices": IMAGE}, ArgumentTypeError, "layer is None (NoneType), but must be"),
        (MaxPool2dSpec, {}, ArgumentTypeError, "layer is <class"),
    ],
)
def test_wrong_call(
    layer: LayerSpec, arrays: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        F.apply(layer, **{"input": IMAGE} | arrays)
    assert type(caught.value) is kind
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "arrays", "argument"),
    [
        (MaxPool2dSpec(2), {"weight": np.ones((1, 1, 2, 2))}, "weight"),
        (AvgPool2dSpec(2), {"indices": np.zeros((1, 1, 2, 2), np.int64)}, "indices"),
        (Conv2dSpec(1, 1, 1, bias=False), {"bias": np.ones(1)}, "bias"),
        (Conv2dSpec(1, 1, 1), {"output_size": (4, 4)}, "output_size"),
    ],
)
def test_what_the_layer_does_not_take_is_refused(
    layer: LayerSpec, arrays: dict[str, Any], argument: str
) -> None:
    with pytest.raises(
        ArgumentError, match=rf"{argument} is .* but must be left out for {layer.name}"
    ):
        F.apply(layer, np.ones((1, 1, 4, 4)), **arrays)


def test_output_size_of_a_transposed_convolution() -> None:
    layer = ConvTranspose2dSpec(1, 1, 3, stride=2, bias=False)
    output = F.apply(layer, np.ones((1, 3, 3)), np.ones((1, 1, 3, 3)), output_size=(8, 7))
    assert output.shape == (1, 8, 7)
    with pytest.raises(ArgumentError, match=r"output_size is \(9, 7\), but must be between"):
        F.apply(layer, np.ones((1, 3, 3)), np.ones((1, 1, 3, 3)), output_size=(9, 7))
