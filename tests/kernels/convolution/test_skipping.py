"""Products with padding alone: left out, with the same bits."""

import numpy as np
import pytest

from convpool.kernels.convolution import skipping
from convpool.kernels.convolution.operator import Convolution
from convpool.request import Request
from convpool.spec import Conv2dSpec
from convpool.threads import get_num_threads, set_num_threads
from tests.kernels.convolution.cases import Case, check
from tests.kernels.layouts import channels_last, noise

SPEC, PLANE = Conv2dSpec(37, 64, 3, padding=12, dilation=12), (19, 33)


def _operator(monkeypatch: pytest.MonkeyPatch) -> Convolution:
    """Return the operator that computes by vectors."""
    operator = Convolution(Request("conv2d", SPEC, (SPEC.in_channels, *PLANE), "float32"))
    monkeypatch.setattr(operator, "_tiled", {})
    monkeypatch.setattr(operator, "_short", {})
    return operator


def test_bits_are_those_of_all_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """In both orders of memory, on one thread and two, alone and in a batch."""
    images, weight = noise((2, SPEC.in_channels, *PLANE)), noise(SPEC.weight_shape)
    bias = noise((SPEC.out_channels,))
    operator = _operator(monkeypatch)
    assert operator._cuts[True].skips
    result = operator(images, weight, bias)
    check(Case(SPEC, images, weight, bias), result)
    assert np.array_equal(operator(channels_last(images), weight, bias), result)
    threads = get_num_threads()
    set_num_threads(1)
    try:
        alone = operator(images[1:], weight, bias)
    finally:
        set_num_threads(threads)
    assert np.array_equal(alone, result[1:])
    monkeypatch.setattr(skipping, "_WORTH", 0.0)
    whole = _operator(monkeypatch)
    assert not whole._cuts[True].skips
    assert whole(images, weight, bias).tobytes() == result.tobytes()


def test_padding_that_repeats_pixels_is_computed() -> None:
    spec = Conv2dSpec(37, 64, 3, padding=12, dilation=12, padding_mode="replicate")
    operator = Convolution(Request("conv2d", spec, (spec.in_channels, *PLANE), "float32"))
    assert not operator._cuts[True].skips
