"""3x3 layers by short convolutions: how exact, the same bits always, NaN where it belongs."""

from dataclasses import replace

import numpy as np
import pytest

from convpool import bind, precision
from convpool import functional as F  # noqa: N812
from convpool.kernels.convolution.operator import Convolution
from convpool.spec import Activation, Conv2dSpec
from convpool.threads import MOST, get_num_threads, set_num_threads
from tests.kernels.convolution.cases import Case, check, transformed
from tests.kernels.layouts import both_layouts, noise

CASES = tuple(transformed())
BOUND = 1e-5
"""Of the largest error, in units of the output's root mean square."""


def error(case: Case, result: np.ndarray) -> float:
    exact = replace(
        case,
        input=case.input.astype(np.float64),
        weight=case.weight.astype(np.float64),
        bias=None if case.bias is None else case.bias.astype(np.float64),
        residual=None if case.residual is None else case.residual.astype(np.float64),
    ).expected()
    return float(np.abs(result - exact).max() / np.sqrt(np.mean(exact**2)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_near_the_exact_result(case: Case) -> None:
    """Not strict, and within the bound that is stated; strict, within that of all others."""
    operator = Convolution(case.request)
    fast = case.run(operator)
    with precision("strict"):
        strict = case.run(operator)
    assert fast.tobytes() != strict.tobytes()
    assert error(case, fast) < BOUND
    assert error(case, strict) < BOUND / 3
    check(case, strict)


@pytest.mark.parametrize("channels", [256, 512])
def test_many_channels(channels: int) -> None:
    spec = Conv2dSpec(channels, 64, 3, padding=1)
    random = np.random.default_rng(0)
    images = random.standard_normal((1, channels, 28, 28), np.float32)
    case = Case(spec, images, random.standard_normal(spec.weight_shape, np.float32), None)
    assert error(case, case.run()) < BOUND


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_bits(case: Case) -> None:
    """Whatever the company, the number of threads and the order of memory."""
    operator = Convolution(case.request)
    whole = case.run(operator)
    threads = get_num_threads()
    try:
        for count in range(1, MOST + 1):
            set_num_threads(count)
            for image in range(len(whole)):
                assert case.residual is not None
                for same in both_layouts(case.input[image:][:1]):
                    one = replace(case, input=same, residual=case.residual[image:][:1])
                    assert one.run(operator).tobytes() == whole[image].tobytes()
    finally:
        set_num_threads(threads)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_done_again(special: float) -> None:
    """An image with NaN or infinity has the bits of the strict result, and the others their own."""
    for case in CASES:
        if len(case.input) == 1:
            continue
        operator = Convolution(case.request)
        clean = case.run(operator)
        images = case.input.copy()
        images[1, 2, 3, 4] = special
        spoiled = replace(case, input=images)
        result = spoiled.run(operator)
        with precision("strict"):
            strict = spoiled.run(operator)
        assert result[1].tobytes() == strict[1].tobytes()
        assert not np.isfinite(result[1]).all()
        assert result[0].tobytes() == clean[0].tobytes()


def test_numbers_that_only_transforms_make_too_large() -> None:
    spec = Conv2dSpec(64, 64, 3)
    images, weight = noise((2, 64, 20, 20)), noise(spec.weight_shape)
    images[1] *= np.float32(2e38) / np.abs(images).max()
    weight /= np.abs(weight).max() * 64
    result = bind(spec, weight)(images)
    with precision("strict"):
        strict = bind(spec, weight)(images)
    assert np.isfinite(strict).all()
    np.testing.assert_array_equal(result[1], strict[1])
    assert (result[0] != strict[0]).any()


def test_what_follows() -> None:
    """Bias, sum and activation come after the transform, as by themselves."""
    spec = Conv2dSpec(64, 64, 3, padding=1)
    images, weight, bias = noise((1, 64, 28, 28)), noise(spec.weight_shape), noise((64,))
    plain = bind(spec, weight)(images)
    residual = noise(plain.shape)
    expected = np.clip(plain + bias[:, None, None] + residual, 0, 6)
    result = bind(replace(spec, bias=True), weight, bias, Activation(0.0, 6.0))(
        images, None, residual
    )
    np.testing.assert_array_equal(result, expected)


def test_functions_take_it_where_packing_pays() -> None:
    images, weight = noise((1, 64, 64, 64)), noise((64, 64, 3, 3))
    with precision("strict"):
        strict = F.conv2d(images, weight)
    assert (F.conv2d(images, weight) != strict).any()
    few, spec, weight = images[:, :32, :10, :10], Conv2dSpec(32, 32, 3), weight[:32, :32]
    with precision("strict"):
        strict = F.conv2d(few, weight)
        assert bind(spec, weight)(few).tobytes() == strict.tobytes()
    assert (bind(spec, weight)(few) != strict).any()
    assert Convolution(Case(spec, few, weight, None).request)._packs_short is False
