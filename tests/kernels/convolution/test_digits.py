"""1x1 layers by products of digits: within fast's bound, the same bits always, NaN where it is."""

from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convpool import precision
from convpool.kernels import amx
from convpool.kernels.convolution.digits.cuts import DigitCuts
from convpool.kernels.convolution.operator import Convolution
from convpool.spec import Activation, Conv2dSpec
from tests.kernels.convolution.cases import Case, check, check_bits
from tests.kernels.layouts import channels_last, noise

pytestmark = pytest.mark.skipif(not amx.available(), reason="this CPU has no AMX")

LAYERS: dict[str, tuple[Conv2dSpec, tuple[int, ...]]] = {
    "plain": (Conv2dSpec(64, 32, 1), (2, 8, 8)),
    "odd numbers": (Conv2dSpec(70, 43, 1), (2, 13, 13)),
    "few channels": (Conv2dSpec(3, 40, 1), (2, 9, 7)),
    "one channel": (Conv2dSpec(1, 17, 1), (2, 9, 7)),
    "in blocks": (Conv2dSpec(64, 33, 1), (1, 50, 61)),
    "many steps": (Conv2dSpec(1301, 65, 1), (2, 5, 7)),
    "many filters": (Conv2dSpec(66, 320, 1), (2, 11, 11)),
    "groups": (Conv2dSpec(96, 72, 1, groups=3), (2, 15, 12)),
    "one pixel": (Conv2dSpec(64, 64, 1), (3, 1, 1)),
    "one row": (Conv2dSpec(64, 40, 1), (2, 1, 50)),
}
BOUND = 5e-6
"""Of the outputs' root mean square; fast states 1e-5."""


@pytest.fixture(autouse=True)
def always() -> Iterator[None]:
    """Digits for all layers, also where others are faster."""
    pays = patch.object(DigitCuts, "pays", lambda *_, **__: True)
    with pays, patch.object(DigitCuts, "cost", lambda *_: 0.0):
        yield


def case_of(name: str) -> Case:
    spec, (batch, *plane) = LAYERS[name]
    images = noise((batch, spec.in_channels, *plane))
    case = Case(spec, images, noise(spec.weight_shape), noise((spec.out_channels,)), packed=True)
    return replace(case, residual=noise(case.output_shape), activation=Activation(0.25))


def error(case: Case, result: np.ndarray) -> float:
    wide = {name: getattr(case, name) for name in case.names}
    exact = replace(case, **{name: array.astype(np.float64) for name, array in wide.items()})
    truth = exact.expected()
    return float(np.abs(result - truth).max() / np.sqrt(np.mean(truth**2)))


def strictly(case: Case) -> np.ndarray:
    with precision("strict"):
        return case.run()


@pytest.mark.parametrize("name", LAYERS)
def test_near_the_exact_result(name: str) -> None:
    case = case_of(name)
    operator = Convolution(case.request)
    assert operator.way == "products of matrices of digits on AMX"
    for same in (case, replace(case, residual=None), replace(case, activation=Activation(1.0))):
        for packed in (True, False):
            result = replace(same, packed=packed).run(Convolution(case.request))
            check(same, result)
            assert error(case, case.run(operator)) < BOUND
            assert result.tobytes() != strictly(same).tobytes()


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_bits(name: str) -> None:
    check_bits(replace(case_of(name), residual=None, activation=Activation(1.0)))


def test_other_orders_of_memory_take_other_ways() -> None:
    case = case_of("odd numbers")
    for images in (channels_last(case.input), case.input[:, :, ::-1], case.input[..., ::-1]):
        check(replace(case, input=images), replace(case, input=images).run())
    check(replace(case, out="channels last"), replace(case, out="channels last").run())


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 3e38, 1e-30, 1e-45])
def test_what_is_beyond_its_sizes_is_done_again(special: float) -> None:
    """An image with such a position has the bits of the other way, and the others their own."""
    case = case_of("odd numbers")
    clean = case.run()
    images = case.input.copy()
    images[1, :, 3, 4] = special
    result = replace(case, input=images).run()
    np.testing.assert_array_equal(result[1], strictly(replace(case, input=images))[1])
    assert result[0].tobytes() == clean[0].tobytes()


@pytest.mark.parametrize("special", [np.nan, np.inf, 1e30, 1e-30])
def test_so_are_all_images_if_a_filter_is(special: float) -> None:
    case = case_of("odd numbers")
    weight = case.weight.copy()
    weight[5] = special
    spoiled = replace(case, weight=weight)
    np.testing.assert_array_equal(spoiled.run(), strictly(spoiled))


def test_zeros() -> None:
    case = replace(case_of("odd numbers"), residual=None, activation=Activation(1.0))
    images = case.input.copy()
    images[0, :, 2:4] = 0
    weight = case.weight.copy()
    weight[7] = 0
    result = replace(case, input=images, weight=weight).run()
    assert case.bias is not None
    expected = np.broadcast_to(case.bias[:, None, None], result[0, :, 2:4].shape)
    np.testing.assert_array_equal(result[0, :, 2:4], expected)
    np.testing.assert_array_equal(result[:, 7], np.full_like(result[:, 7], case.bias[7]))


def test_each_position_and_each_filter_has_a_scale() -> None:
    """So large and small ones side by side are as exact."""
    case = replace(case_of("plain"), bias=None, residual=None, activation=Activation(1.0))
    sizes = np.exp2(np.linspace(-20, 20, 64)).reshape(8, 8).astype(np.float32)
    factors = np.exp2(np.linspace(-15, 15, 32)).astype(np.float32)[:, None, None, None]
    result = replace(case, input=case.input * sizes, weight=case.weight * factors).run()
    result /= sizes * factors[:, 0]
    truth = replace(
        case, input=case.input.astype(np.float64), weight=case.weight.astype(np.float64)
    ).expected()
    assert np.abs(result - truth).max() < BOUND * np.sqrt(np.mean(truth**2))


@settings(deadline=None, max_examples=25)
@given(
    channels=st.integers(1, 200),
    filters=st.integers(1, 90),
    plane=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    bias=st.booleans(),
    scale=st.floats(1e-6, 1e6),
)
def test_random_layers(
    channels: int, filters: int, plane: tuple[int, int], bias: bool, scale: float
) -> None:
    spec = Conv2dSpec(channels, filters, 1, bias=bias)
    images = noise((1, channels, *plane)) * np.float32(scale)
    added = noise((filters,)) if bias else None
    case = Case(spec, images, noise(spec.weight_shape), added)
    check(case, case.run())


def test_wide_layers_take_it_in_fast_precision() -> None:
    with patch.object(DigitCuts, "pays", _PAYS), patch.object(DigitCuts, "cost", _COST):
        for spec, plane, takes in (
            (Conv2dSpec(256, 256, 1), (14, 14), True),
            (Conv2dSpec(8, 8, 1), (14, 14), False),
            (Conv2dSpec(256, 256, 1, 2), (14, 14), False),
            (Conv2dSpec(256, 256, 1, padding=1), (14, 14), False),
        ):
            images = noise((1, spec.in_channels, *plane))
            operator = Convolution(Case(spec, images, noise(spec.weight_shape), None).request)
            assert bool(operator._digits) == takes
            assert ("digits" in operator.way) == takes
            with precision("strict"):
                assert "digits" not in operator.way


_PAYS, _COST = DigitCuts.pays, DigitCuts.cost
