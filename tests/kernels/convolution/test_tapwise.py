"""Transposed layers of few filters: a plane of products for each tap, added up where they meet."""

from dataclasses import replace

import numpy as np
import pytest

from convpool.kernels.convolution.operator import Convolution
from convpool.kernels.convolution.tapwise.cuts import TapwiseCuts
from convpool.spec import Activation, ConvTranspose2dSpec
from convpool.threads import MOST, get_num_threads, set_num_threads
from tests.kernels.convolution.cases import Case, check
from tests.kernels.layouts import both_layouts, noise

LAYERS = {
    "few filters": (ConvTranspose2dSpec(64, 3, 4, 2, 1), (2, 12, 17)),
    "one filter": (ConvTranspose2dSpec(40, 1, 7, 2, 3, 1), (2, 30, 31)),
    "many channels": (ConvTranspose2dSpec(300, 5, 3, 2, 1, 1), (2, 14, 14)),
    "stride 4": (ConvTranspose2dSpec(70, 2, 11, 4, 2), (1, 27, 30)),
    "different strides": (ConvTranspose2dSpec(64, 4, 3, (3, 1)), (2, 20, 21)),
    "other strides": (ConvTranspose2dSpec(64, 4, 5, (1, 3), 2), (2, 20, 21)),
    "phases without products": (ConvTranspose2dSpec(64, 4, 1, 2, 0, 1), (2, 9, 8)),
    "dilated": (ConvTranspose2dSpec(64, 6, 3, 2, 1, 2, dilation=3), (2, 11, 19)),
    "groups": (ConvTranspose2dSpec(64, 6, 4, 2, 1, groups=2), (3, 12, 13)),
    "blocks of rows": (ConvTranspose2dSpec(32, 3, 7, 2, ((3, 2), (3, 2))), (1, 90, 112)),
    "taps that meet nothing": (ConvTranspose2dSpec(40, 3, (5, 7), 2, 2), (2, 1, 27)),
    "padding beyond the kernel": (ConvTranspose2dSpec(40, 3, 3, 2, 4), (1, 12, 16)),
}


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tap by tap, also where another way is faster."""
    monkeypatch.setattr(TapwiseCuts, "cycles", 0.0)


def case_of(name: str, dtype: str = "float32") -> Case:
    spec, (batch, *plane) = LAYERS[name]
    images, bias = (
        noise((batch, spec.in_channels, *plane), dtype),
        noise((spec.out_channels,), dtype),
    )
    case = Case(spec, images, noise(spec.weight_shape, dtype), bias, packed=True)
    residual = noise(case.output_shape, dtype)
    return replace(case, residual=residual, activation=Activation(0.25))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_near_the_reference(name: str, dtype: str) -> None:
    """In both orders of memory, coming and going, and from images that are part of others."""
    case = case_of(name, dtype)
    operator = Convolution(case.request)
    assert "tap" in operator.way
    wider = np.full((*case.input.shape[:3], case.input.shape[3] + 1), np.nan, dtype)
    wider[..., 1:] = case.input
    for images in (*both_layouts(case.input), wider[..., 1:]):
        for out in ("", "in order", "channels last"):
            check(case, replace(case, input=images, out=out).run(operator))


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_bits(name: str) -> None:
    """Whatever the company, the number of threads and the order of memory."""
    case = replace(case_of(name), residual=None, activation=Activation(1.0))
    operator = Convolution(case.request)
    whole = case.run(operator)
    np.testing.assert_array_equal(replace(case, input=both_layouts(case.input)[1]).run(), whole)
    threads = get_num_threads()
    try:
        for count in range(1, MOST + 1):
            set_num_threads(count)
            assert case.run(operator).tobytes() == whole.tobytes()
            for image in range(len(whole)):
                one = replace(case, input=case.input[image:][:1])
                assert one.run(operator).tobytes() == whole[image].tobytes()
    finally:
        set_num_threads(threads)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 3e38])
def test_special_numbers_stay_where_they_belong(special: float) -> None:
    """Only outputs that meet the pixel are touched."""
    for name in ("few filters", "dilated", "blocks of rows"):
        case = replace(case_of(name), residual=None, activation=Activation(1.0))
        clean = case.run()
        images = case.input.copy()
        images[0, 2, 3, 4] = special
        spoiled = replace(case, input=images)
        result, others = spoiled.run(), spoiled.expected()
        np.testing.assert_array_equal(np.isfinite(result), np.isfinite(others))
        np.testing.assert_array_equal(result[1:], clean[1:])


def test_few_filters_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image's gradient by a first layer, but no layer that is as wide as it is deep."""
    monkeypatch.undo()
    for spec, takes in (
        (ConvTranspose2dSpec(64, 3, 7, 2, 3, 1), True),
        (ConvTranspose2dSpec(128, 3, 4, 2, 1), True),
        (ConvTranspose2dSpec(64, 32, 3, 2, 1, 1), False),
    ):
        images = noise((1, spec.in_channels, 32, 32))
        case = Case(spec, images, noise(spec.weight_shape), None)
        assert ("tap" in Convolution(case.request).way) == takes
