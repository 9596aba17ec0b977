"""Convolutions by AMX: as exact as others or more, the same bits always, NaN where it belongs."""

from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

from convpool import bind, precision
from convpool.kernels import amx, memory
from convpool.kernels.convolution.amx.cuts import AmxCuts
from convpool.kernels.convolution.operator import Convolution
from convpool.spec import Activation, Conv2dSpec, ConvTranspose2dSpec
from tests.kernels.convolution.cases import Case, Spec, check, check_bits
from tests.kernels.layouts import both_layouts, channels_last, noise

pytestmark = pytest.mark.skipif(not amx.available(), reason="this CPU has no AMX")

LAYERS: dict[str, tuple[Spec, tuple[int, ...]]] = {
    "1x1": (Conv2dSpec(70, 40, 1), (2, 13, 13)),
    "1x1 in blocks": (Conv2dSpec(64, 32, 1), (1, 50, 60)),
    "many steps": (Conv2dSpec(1300, 33, 1), (2, 5, 7)),
    "3x3": (Conv2dSpec(40, 48, 3, padding=1), (2, 14, 17)),
    "3x3 in blocks of rows": (Conv2dSpec(32, 17, 3, padding=1), (1, 60, 70)),
    "3x3 in blocks of columns": (Conv2dSpec(64, 16, 3, padding=1), (1, 5, 900)),
    "many segments": (Conv2dSpec(200, 20, 3, padding=1), (2, 9, 10)),
    "one filter more": (Conv2dSpec(32, 65, 3), (1, 10, 33)),
    "stride 2": (Conv2dSpec(48, 64, 3, 2, 1), (2, 29, 30)),
    "stride 3 and 4": (Conv2dSpec(20, 24, (5, 7), (3, 4), 2), (1, 40, 61)),
    "dilated": (Conv2dSpec(36, 24, 3, 1, 2, 2), (2, 20, 21)),
    "groups": (Conv2dSpec(96, 72, 3, padding=1, groups=3), (2, 15, 12)),
    "taps as rows": (Conv2dSpec(3, 40, 7, 2, 3), (2, 41, 43)),
    "taps as rows, without stride": (Conv2dSpec(5, 24, 3, padding=1), (2, 21, 30)),
    "reflected": (Conv2dSpec(40, 24, 3, padding=1, padding_mode="reflect"), (2, 14, 14)),
    "circular": (Conv2dSpec(33, 24, 5, 2, 2, padding_mode="circular"), (1, 19, 22)),
    "one side": (Conv2dSpec(33, 24, (1, 7), padding=((0, 2), (6, 1))), (2, 9, 31)),
    "transposed": (ConvTranspose2dSpec(40, 33, 3, padding=1), (2, 14, 15)),
    "transposed groups": (ConvTranspose2dSpec(64, 64, 5, groups=2), (1, 11, 9)),
    "phases": (ConvTranspose2dSpec(40, 33, 3, 2, 1, 1), (2, 14, 15)),
    "phases of one tap": (ConvTranspose2dSpec(64, 70, 2, 2), (2, 9, 40)),
    "phases without products": (ConvTranspose2dSpec(64, 40, 1, 2, 0, 1), (2, 13, 9)),
    "rows without products": (ConvTranspose2dSpec(48, 24, (1, 2), (3, 2)), (2, 12, 11)),
    "phases down": (ConvTranspose2dSpec(40, 24, 4, (2, 1), 1), (2, 12, 13)),
    "phases across": (ConvTranspose2dSpec(40, 24, 4, (1, 3), 1), (2, 12, 13)),
    "phases in blocks": (ConvTranspose2dSpec(96, 48, 3, 2, ((1, 0), (0, 1))), (1, 50, 41)),
    "phases in blocks of columns": (ConvTranspose2dSpec(32, 24, 4, 2, 1), (1, 3, 900)),
    "phases of many segments": (ConvTranspose2dSpec(650, 20, 3, 2, 1), (2, 7, 6)),
    "phases of groups": (ConvTranspose2dSpec(66, 102, 5, 2, 2, 1, groups=3), (2, 8, 17)),
    "phases, dilated": (ConvTranspose2dSpec(33, 40, 3, 2, 1, 2, dilation=3), (2, 15, 14)),
    "one pixel": (Conv2dSpec(64, 64, 1), (3, 1, 1)),
    "one row": (Conv2dSpec(64, 32, (1, 3)), (2, 1, 50)),
}


PAYS = AmxCuts.pays


@pytest.fixture(autouse=True)
def always() -> Iterator[None]:
    """AMX for all layers, also where others are faster."""
    with precision("strict"), patch.object(AmxCuts, "pays", lambda *_, **__: True):
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


def without(operator: Convolution) -> Convolution:
    """The same operator by multiplying and adding."""
    operator._tiled = {}
    return operator


@pytest.mark.parametrize("name", LAYERS)
def test_near_the_exact_result(name: str) -> None:
    """In both orders of memory, coming and going; and another result than by multiplying."""
    case = case_of(name)
    operator = Convolution(case.request)
    others = case.run(without(Convolution(case.request)))
    assert case.residual is not None
    for images in both_layouts(case.input):
        same = replace(case, input=images)
        for out in ("in order", "channels last"):
            result = replace(same, out=out).run(operator)
            check(case, result)
            assert result.tobytes() != others.tobytes()
            assert error(case, result) < max(2e-6, 1.2 * error(case, others))


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_bits(name: str) -> None:
    check_bits(replace(case_of(name), residual=None, activation=Activation(1.0)))


@pytest.mark.parametrize("name", [*LAYERS, "an odd number of tiles"])
def test_what_is_clean_is_not_done_again(name: str) -> None:
    """Whatever the scratch memory held before."""
    odd: tuple[Spec, tuple[int, ...]] = ConvTranspose2dSpec(128, 64, 2, 2), (1, 56, 56)
    layers = {**LAYERS, "an odd number of tiles": odd}
    with patch.dict(LAYERS, layers):
        case = case_of(name)
    operator, found = Convolution(case.request), memory.scratch

    def dirty(size: int) -> np.ndarray:
        array = found(size)
        array.fill(0xFF)  # of NaN
        return array

    with (
        patch.object(memory, "scratch", dirty),
        patch.object(operator, "_fill", wraps=operator._fill) as fill,
    ):
        check(case, case.run(operator))
    assert fill.call_count == 1


def transposed(random: np.random.Generator) -> Spec:
    """A random transposed layer with a stride, of more filters than are added up tap by tap."""
    groups = int(random.choice([1, 1, 2]))
    channels, filters = random.integers(17, 80, 2) * groups
    kernel = random.integers(1, 6, 2).tolist()
    stride = random.choice([(1, 2), (2, 1), (2, 2), (2, 3), (3, 3)])
    dilation = int(random.choice([1, 2]))
    extra = [int(random.integers(0, max(step, dilation))) for step in stride]
    pads = random.integers(0, 3, (2, 2)).tolist()
    return ConvTranspose2dSpec(
        int(channels), int(filters), kernel, stride.tolist(), pads, extra, groups, True, dilation
    )


@pytest.mark.parametrize("seed", range(8))
def test_phases_of_random_layers(seed: int) -> None:
    """Whatever the stride, dilation and padding, in both orders of memory."""
    random = np.random.default_rng(seed)
    spec = transposed(random)
    images = noise((2, spec.in_channels, *random.integers(5, 30, 2)))
    case = Case(spec, images, noise(spec.weight_shape), noise((spec.out_channels,)), packed=True)
    case = replace(case, residual=noise(case.output_shape))
    operator = Convolution(case.request)
    assert operator._tiled
    most = max(2e-6, 1.2 * error(case, case.run(without(Convolution(case.request)))))
    for same in both_layouts(images):
        for out in ("in order", "channels last"):
            result = replace(case, input=same, out=out).run(operator)
            check(case, result)
            assert error(case, result) < most


def test_what_meets_no_product_is_the_bias() -> None:
    """Rows and columns of output padding, and phases that a kernel smaller than its stride has."""
    spec = ConvTranspose2dSpec(40, 33, 1, 2, 0, 1)
    images, bias = noise((1, 40, 9, 11)), noise((33,))
    case = Case(spec, images, noise(spec.weight_shape), bias, packed=True)
    for same in both_layouts(images):
        result = replace(case, input=same).run()
        for part in (result[0, :, 1::2], result[0, :, :, 1::2]):
            np.testing.assert_array_equal(part, np.broadcast_to(bias[:, None, None], part.shape))


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_done_again(special: float) -> None:
    """An image with NaN or infinity has the bits of the other way, and the others their own."""
    names = "1x1", "3x3", "stride 2", "taps as rows, without stride", "phases", "phases of one tap"
    for name in names:
        case = case_of(name)
        clean = case.run()
        images = case.input.copy()
        images[1, 2, 3, 4] = special
        spoiled = replace(case, input=images)
        result = spoiled.run()
        others = spoiled.run(without(Convolution(case.request)))
        np.testing.assert_array_equal(result[1], others[1])
        assert not np.isfinite(result[1]).all()
        assert result[0].tobytes() == clean[0].tobytes()


def test_numbers_of_any_size() -> None:
    """Pieces of the largest numbers don't overflow; images of tiny ones are done again.

    Numbers are tiny wherever they come from: images, weights, or the products of both.
    """
    for spec in (Conv2dSpec(64, 32, 1), ConvTranspose2dSpec(64, 32, 1, 2)):
        check_sizes(spec)


def check_sizes(spec: Spec) -> None:
    images, weight = np.clip(noise((1, 64, 9, 9)), -3.5, 3.5), noise(spec.weight_shape)
    for of_images, of_weight in (
        (126, -10),
        (-80, 0),
        (-120, 0),
        (0, -120),
        (-60, -60),
        (-140, 30),
        (-120, 60),
        (60, -120),
    ):
        arrays = images * np.float32(2.0**of_images), weight * np.float32(2.0**of_weight)
        case = Case(spec, *arrays, None, packed=True)
        exact, scale = case.expected(), 2.0 ** -(of_images + of_weight)
        assert np.isfinite(exact).all()
        assert exact.any()
        result = case.run()
        assert replace(case, packed=False).run().tobytes() == result.tobytes()
        result, exact = (array.astype(np.float64) * scale for array in (result, exact))
        np.testing.assert_allclose(result, exact, atol=1e-5, rtol=1e-5)


def test_pieces_are_exact() -> None:
    """Weights of one filter that is a unit: the images come back to the last bit."""
    weight = np.eye(64, dtype=np.float32).reshape(64, 64, 1, 1)
    images = noise((2, 64, 30, 31)) * np.exp2(np.arange(64, dtype=np.float32) - 32)[:, None, None]
    for same in (images, channels_last(images)):
        bound = bind(Conv2dSpec(64, 64, 1), weight)
        np.testing.assert_array_equal(bound(same), images)


def test_phases_are_exact() -> None:
    """One tap of a unit: its phase is the images to the last bit, all others zeros."""
    images = noise((2, 64, 12, 13)) * np.exp2(np.arange(64, dtype=np.float32) - 32)[:, None, None]
    weight = np.zeros((64, 64, 2, 2), np.float32)
    weight[:, :, 1, 0] = np.eye(64)
    bound = bind(ConvTranspose2dSpec(64, 64, 2, 2), weight)
    result = bound(images)
    np.testing.assert_array_equal(result[:, :, 1::2, ::2], images)
    assert np.count_nonzero(result) == np.count_nonzero(images)


def test_wide_layers_take_it() -> None:
    with patch.object(AmxCuts, "pays", PAYS):
        wide, narrow = Conv2dSpec(256, 256, 3, 2, 1), Conv2dSpec(8, 8, 3, 2, 1)
        for spec, takes in ((wide, True), (narrow, False)):
            images = noise((1, spec.in_channels, 28, 28))
            case = Case(spec, images, noise(spec.weight_shape), None)
            assert bool(Convolution(case.request)._tiled) == takes
