"""Depthwise layers plane by plane: the bits of the way for all layers, and nothing from outside."""

import numpy as np
import pytest

from convpool.kernels.convolution.depthwise import cuts
from convpool.kernels.convolution.operator import Convolution
from convpool.precisions import precision
from convpool.request import Request
from convpool.spec import Conv2dSpec
from tests.kernels.convolution.cases import Case, check
from tests.kernels.layouts import channels_last, noise

LAYERS = {
    "half a register": (Conv2dSpec(9, 9, 3, 2, 1, groups=9), (13, 14)),
    "several vectors": (Conv2dSpec(5, 5, 3, 2, 1, groups=5), (30, 71)),
    "padding on one side": (Conv2dSpec(5, 5, 3, 2, ((0, 1), (0, 1)), groups=5), (30, 70)),
    "one stride of 2": (Conv2dSpec(5, 5, (3, 5), (1, 2), ((1, 2), (3, 0)), groups=5), (9, 40)),
    "another stride of 2": (Conv2dSpec(5, 5, (4, 1), (2, 1), (2, 0), groups=5), (21, 19)),
    "7x7": (Conv2dSpec(5, 5, 7, 2, 3, groups=5), (28, 37)),
    "rows that no tap meets": (Conv2dSpec(5, 5, 2, 2, ((4, 0), (0, 4)), groups=5), (11, 11)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_strides_of_two(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where lines are asked for early, and from images whose surroundings are NaN."""
    spec, plane = LAYERS[name]
    operator = Convolution(Request("conv2d", spec, (spec.in_channels, *plane), dtype))
    assert operator.way == "plane by plane"
    images, weight = noise((3, spec.in_channels, *plane), dtype), noise(spec.weight_shape, dtype)
    bias = noise((spec.out_channels,), dtype)
    result = operator(images, weight, bias)
    check(Case(spec, images, weight, bias), result)
    surrounded = np.full((3, spec.in_channels, plane[0] + 2, plane[1] + 2), np.nan, dtype)
    surrounded[:, :, 1:-1, 1:-1] = images
    monkeypatch.setattr(cuts, "WORTH_ASKING", 0)
    again = operator(surrounded[:, :, 1:-1, 1:-1], weight, bias)
    assert again.tobytes() == result.tobytes()
    monkeypatch.setattr(operator, "_depthwise", None)
    assert operator(images, weight, bias).tobytes() == result.tobytes()


def test_strict_sums_are_rounded_once() -> None:
    """In all orders of memory; sums are float64, so results are those nearest to the exact ones."""
    spec, plane = Conv2dSpec(70, 70, 3, 2, 1, groups=70), (40, 40)
    operator = Convolution(Request("conv2d", spec, (70, *plane), "float32"))
    images, weight = noise((2, 70, *plane)), noise(spec.weight_shape)
    exact = Case(spec, images.astype("float64"), weight.astype("float64"), None).expected()
    usual = operator(images, weight, None)
    with precision("strict"):
        strict = operator(images, weight, None)
        reversed_rows = np.ascontiguousarray(images[..., ::-1])[..., ::-1]
        for same in (channels_last(images), reversed_rows):
            assert np.array_equal(operator(same, weight, None), strict)
    assert np.array_equal(strict, exact.astype("float32"))
    assert not np.array_equal(usual, strict)
