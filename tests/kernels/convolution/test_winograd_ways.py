"""Short convolutions in each of their ways, wherever they pay: the outputs of a tile, and AMX."""

from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch

from convpool import precision
from convpool.kernels import amx
from convpool.kernels.convolution.cuts import Cuts
from convpool.kernels.convolution.operator import Convolution
from convpool.kernels.convolution.winograd import cuts as winograd
from convpool.spec import Activation, Conv2dSpec, ConvTranspose2dSpec
from convpool.threads import MOST, get_num_threads, set_num_threads
from tests.kernels.convolution.cases import Case, Spec
from tests.kernels.convolution.test_winograd import BOUND, error
from tests.kernels.layouts import both_layouts, noise

needs_amx = pytest.mark.skipif(not amx.available(), reason="this CPU has no AMX")
WAYS = [
    *((4, False), (2, False)),
    *(pytest.param((outputs, True), marks=needs_amx) for outputs in (4, 2)),
]
LAYERS: dict[str, tuple[Spec, tuple[int, ...]]] = {
    "cut tiles": (Conv2dSpec(40, 48, 3, padding=1), (2, 17, 21)),
    "cut blocks": (Conv2dSpec(64, 33, 3, padding=1), (1, 50, 70)),
    "few tiles": (Conv2dSpec(96, 64, 3, padding=1), (3, 7, 7)),
    "few filters": (Conv2dSpec(40, 13, 3, padding=1), (2, 17, 21)),
    "one tile": (Conv2dSpec(8, 8, 3), (2, 3, 3)),
    "groups": (Conv2dSpec(96, 72, 3, padding=1, groups=2), (2, 12, 15)),
    "reflected": (Conv2dSpec(33, 32, 3, padding=1, padding_mode="reflect"), (2, 14, 14)),
    "transposed": (ConvTranspose2dSpec(48, 40, 3, padding=1), (2, 14, 15)),
    "many filters at a time": (Conv2dSpec(300, 160, 3, padding=1), (2, 14, 14)),
    "dilated": (Conv2dSpec(40, 48, 3, padding=(4, 3), dilation=(4, 3)), (3, 28, 29)),
    "dilated as far as its rows": (
        Conv2dSpec(16, 16, 3, padding=9, dilation=9, padding_mode="reflect"),
        (2, 19, 10),
    ),
    "dilated, cut blocks": (Conv2dSpec(16, 16, 3, padding=(0, 5), dilation=(2, 5)), (1, 20, 300)),
    "5x5": (Conv2dSpec(33, 64, 5, padding=2), (2, 21, 18)),
}


@pytest.fixture(params=WAYS, ids=lambda way: f"F{way[0]}{' on AMX' if way[1] else ''}")
def way(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    """One way for all layers, also where others are faster."""
    outputs, matrices = request.param

    def only(cuts: Cuts) -> winograd.WinogradCuts:
        taps = len(cuts.problem.vertical.phases[0].taps)
        common = cuts.spec, cuts.problem, cuts.machine, cuts.number, cuts.planar
        least = min(outputs, *winograd.OUTPUTS[taps], 4)
        return winograd.WinogradCuts(*common, least, matrices)

    with (
        patch.object(winograd, "best", only),
        patch.object(winograd.WinogradCuts, "pays", lambda *_, **__: True),
    ):
        yield request.param


def case_of(name: str) -> Case:
    spec, (batch, *plane) = LAYERS[name]
    images = noise((batch, spec.in_channels, *plane))
    case = Case(spec, images, noise(spec.weight_shape), noise((spec.out_channels,)), packed=True)
    return replace(case, residual=noise(case.output_shape), activation=Activation(0.25))


@pytest.mark.parametrize("name", LAYERS)
def test_near_the_exact_result(name: str, way: tuple[int, bool]) -> None:
    """In both orders of memory, and another result than product by product."""
    case = case_of(name)
    operator = Convolution(case.request)
    assert operator._short[True].matrices == way[1]
    with precision("strict"):
        strict = case.run(operator)
    for images in both_layouts(case.input):
        for out in ("in order", "channels last"):
            result = replace(case, input=images, out=out).run(operator)
            assert error(case, result) < BOUND
            assert result.tobytes() != strict.tobytes()


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_bits(name: str, way: tuple[int, bool]) -> None:
    """Whatever the company, the number of threads, the order of memory, and when it is packed."""
    assert way
    case = replace(case_of(name), residual=None, activation=Activation(1.0))
    operator = Convolution(case.request)
    whole = case.run(operator)
    assert replace(case, packed=False).run(operator).tobytes() == whole.tobytes()
    threads = get_num_threads()
    try:
        for count in range(1, MOST + 1):
            set_num_threads(count)
            for image in range(len(whole)):
                for same in both_layouts(case.input[image:][:1]):
                    one = replace(case, input=same)
                    assert one.run(operator).tobytes() == whole[image].tobytes()
    finally:
        set_num_threads(threads)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_done_again(special: float, way: tuple[int, bool]) -> None:
    """An image with NaN or infinity has the bits of the strict result, and the others their own."""
    assert way
    for name in ("cut tiles", "few tiles", "dilated", "5x5"):
        case = case_of(name)
        operator = Convolution(case.request)
        clean = case.run(operator)
        images = case.input.copy()
        images[1, -1, 3, 4] = special
        spoiled = replace(case, input=images)
        result = spoiled.run(operator)
        with precision("strict"):
            strict = spoiled.run(operator)
        assert result[1].tobytes() == strict[1].tobytes()
        assert not np.isfinite(result[1]).all()
        assert result[0].tobytes() == clean[0].tobytes()


def test_an_image_of_tiny_numbers_beside_others(way: tuple[int, bool]) -> None:
    """Images of one unit, of which one is done again, don't change each other's bits."""
    assert way
    case = replace(case_of("few tiles"), residual=None, activation=Activation(1.0))
    operator = Convolution(case.request)
    clean = case.run(operator)
    images = case.input.copy()
    images[1] *= np.float32(2.0**-130)
    result = replace(case, input=images).run(operator)
    alone = replace(case, input=images[1:2]).run(operator)
    for image, expected in zip(result, (clean[0], alone[0], clean[2]), strict=True):
        assert image.tobytes() == expected.tobytes()


def test_numbers_of_any_size(way: tuple[int, bool]) -> None:
    """Images of tiny numbers are as exact as all others, wherever the numbers come from."""
    assert way
    spec = Conv2dSpec(40, 32, 3, padding=1)
    images, weight = np.clip(noise((1, 40, 9, 9)), -3.5, 3.5), noise(spec.weight_shape)
    for of_images, of_weight in (
        (122, -10),
        (-80, 0),
        (-120, 0),
        (0, -120),
        (-60, -60),
        (-140, 30),
    ):
        arrays = images * np.float32(2.0**of_images), weight * np.float32(2.0**of_weight)
        case = Case(spec, *arrays, None, packed=True)
        exact, scale = case.expected(), 2.0 ** -(of_images + of_weight)
        assert exact.any()
        result, exact = (array.astype(np.float64) * scale for array in (case.run(), exact))
        limit = BOUND * np.sqrt(np.mean(exact**2))
        np.testing.assert_allclose(result, exact, atol=limit, rtol=1e-5)


@pytest.mark.parametrize("channels", [256, 512])
def test_many_channels(channels: int, way: tuple[int, bool]) -> None:
    """The stated bound; and with AMX, and with small tiles, half of it."""
    spec = Conv2dSpec(channels, 64, 3, padding=1)
    random = np.random.default_rng(0)
    images = random.standard_normal((1, channels, 28, 28), np.float32)
    case = Case(spec, images, random.standard_normal(spec.weight_shape, np.float32), None)
    assert error(case, case.run()) < (BOUND if way == (4, False) else BOUND / 2)


def test_random_settings_against_torch(way: tuple[int, bool]) -> None:
    assert way
    random = np.random.default_rng(1)
    for _ in range(40):
        channels, filters = (int(random.integers(8, 90)) for _ in range(2))
        height, width = (int(random.integers(5, 40)) for _ in range(2))
        taps, batch = int(random.choice([3, 3, 5])), int(random.integers(1, 4))
        padding = int(random.integers(0, 4)), int(random.integers(0, 4))
        spec = Conv2dSpec(channels, filters, taps, padding=padding)
        images, weight = noise((batch, channels, height, width)), noise(spec.weight_shape)
        bias = noise((filters,))
        result = Case(spec, images, weight, bias, packed=True).run()
        x, w, b = (torch.from_numpy(array.astype(np.float64)) for array in (images, weight, bias))
        exact = torch.nn.functional.conv2d(x, w, b, padding=padding).numpy()
        assert np.abs(result - exact).max() < BOUND * np.sqrt(np.mean(exact**2)), spec
