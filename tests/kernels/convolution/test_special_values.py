"""Infinities, NaN and very small numbers come out where the reference has them, and only there."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convpool import bind
from convpool.precisions import precision
from convpool.spec import Activation, Conv2dSpec, ConvTranspose2dSpec
from tests.kernels.convolution.cases import Case, Plane, Spec, check
from tests.kernels.layouts import both_layouts, noise

Array = NDArray[Any]

LAYERS: dict[str, tuple[Spec, Plane]] = {
    "across filters": (Conv2dSpec(40, 40, 3, padding=1, bias=True), (14, 14)),
    "across pixels": (Conv2dSpec(8, 6, 3, padding=1, bias=True), (20, 70)),
    "flattened": (Conv2dSpec(70, 5, 3, padding=1, bias=True), (13, 13)),
    "in place": (Conv2dSpec(300, 200, 1, bias=True), (14, 14)),
    "depthwise": (Conv2dSpec(96, 96, 3, 2, 1, groups=96, bias=True), (15, 15)),
    "phases": (ConvTranspose2dSpec(20, 24, 4, 2, 1, bias=True), (9, 9)),
    "plain loops": (Conv2dSpec(2, 3, 2, bias=True), (4, 4)),
}
SPECIAL = [np.nan, np.inf, -np.inf]


def arrays(name: str, dtype: str = "float32") -> tuple[Spec, Array, Array, Array]:
    spec, plane = LAYERS[name]
    images = noise((2, spec.in_channels, *plane), dtype)
    return spec, images, noise(spec.weight_shape, dtype), noise((spec.out_channels,), dtype)


def check_kinds(case: Case, result: Array) -> None:
    """Compare what is NaN, what infinite and of which sign, and the finite rest."""
    check_same_kinds(result, case.expected(), str(case))


def check_same_kinds(result: Array, expected: Array, message: str) -> None:
    for kind in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(kind(result), kind(expected), err_msg=f"{kind} in {message}")
    finite = np.isfinite(expected)
    atol = 1e-5 * max(1.0, float(np.abs(expected[finite]).max(initial=0.0)))
    np.testing.assert_allclose(result[finite], expected[finite], rtol=2e-5, atol=atol)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("special", SPECIAL)
def test_in_the_images(name: str, special: float) -> None:
    """In corners and inside, in the first, a middle and the last channel of the first image."""
    spec, images, weight, bias = arrays(name)
    _, channels, height, width = images.shape
    images[0, 0, 0, 0] = images[0, channels // 2, height // 2, width - 1] = special
    images[0, channels - 1, height - 1, width // 2] = special
    for same in both_layouts(images):
        case = Case(spec, same, weight, bias)
        result = bind(spec, weight, bias)(same)
        check_kinds(case, result)
        assert np.isfinite(result[1]).all()
        assert not np.isfinite(result[0]).all()


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("special", SPECIAL)
def test_in_the_bias_and_in_what_is_added(name: str, special: float) -> None:
    spec, images, weight, bias = arrays(name)
    bias[-1] = special
    case = Case(spec, images, weight, bias)
    residual = noise(case.output_shape)
    residual[1, 0, -1, -1], residual[:, -1, 0, 0] = special, -special
    for same in both_layouts(images):
        case = Case(spec, same, weight, bias, residual)
        check_kinds(case, bind(spec, weight, bias)(same, residual=residual))


@pytest.mark.parametrize("name", LAYERS)
def test_activations(name: str) -> None:
    """ReLU makes zeros of minus infinity, and NaN stays."""
    spec, images, weight, bias = arrays(name)
    bias[:3] = SPECIAL
    for activation in (Activation(0.0), Activation(0.0, 6.0), Activation(0.01)):
        result = bind(spec, weight, bias, activation)(images)
        check_kinds(Case(spec, images, weight, bias, None, activation), result)
        assert np.isnan(result[:, 0]).all()


WITHOUT_PADDING: dict[str, tuple[Spec, Plane]] = {
    "across filters": (Conv2dSpec(40, 40, 3), (14, 14)),
    "across pixels": (Conv2dSpec(8, 6, 3), (20, 70)),
    "flattened": (Conv2dSpec(70, 5, 3), (13, 13)),
    "in place": (Conv2dSpec(300, 200, 1), (14, 14)),
    "replicate": (Conv2dSpec(8, 6, 3, padding=1, padding_mode="replicate"), (20, 70)),
    "plain loops": (Conv2dSpec(2, 3, 2), (4, 4)),
}


@pytest.mark.parametrize("name", WITHOUT_PADDING)
@pytest.mark.parametrize("special", SPECIAL)
def test_in_the_weights(name: str, special: float) -> None:
    """In one filter: no other one shows it, though they lie in one vector."""
    spec, plane = WITHOUT_PADDING[name]
    weight = noise(spec.weight_shape)
    weight[-1, -1, -1, -1] = weight[1, 0, 0, 0] = special
    for same in both_layouts(noise((2, spec.in_channels, *plane))):
        result = bind(spec, weight)(same)
        check_kinds(Case(spec, same, weight, None), result)
        assert np.isfinite(np.delete(result, [1, -1], axis=1)).all()


def padded() -> list[str]:
    return [name for name, (spec, _) in LAYERS.items() if any(map(any, spec.pads))]


@pytest.mark.parametrize("name", padded())
def test_infinite_weights_over_padding(name: str) -> None:
    """Times zeros they give NaN, as with some of PyTorch's backends; all else agrees."""
    spec, images, weight, bias = arrays(name)
    weight[1, 0, 0, 0] = np.inf
    case = Case(spec, images, weight, bias)
    result, expected = bind(spec, weight, bias)(images), case.expected()
    there = ~np.isnan(result)
    assert there.any()
    check_same_kinds(result[there], expected[there], str(case))


@pytest.mark.parametrize("name", padded())
@pytest.mark.parametrize("special", SPECIAL)
def test_in_the_weights_away_from_padding(name: str, special: float) -> None:
    """Where it meets nothing but pixels, padding elsewhere changes nothing."""
    spec, images, weight, bias = arrays(name)
    weight[1, 0, 0, 0] = special
    for same in both_layouts(images):
        case = Case(spec, same, weight, bias)
        pair = bind(spec, weight, bias)(same), case.expected()
        ours, expected = (array[..., 2:-2, 2:-2] for array in pair)
        assert not np.isfinite(expected).all()
        check_same_kinds(ours, expected, str(case))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_very_small_numbers(dtype: str) -> None:
    """Not flushed to zero; transforms round them, as all numbers."""
    small = np.finfo(dtype).smallest_subnormal
    for spec, plane in LAYERS.values():
        images = np.zeros((1, spec.in_channels, *plane), dtype)
        images[:] = 64 * small
        weight = np.ones(spec.weight_shape, dtype)
        for same in both_layouts(images):
            case = Case(spec, same, weight, None)
            bound = bind(spec, weight)
            assert (bound(same) > 0).all()
            with precision("strict"):
                np.testing.assert_array_equal(bound(same), case.expected())


def test_numbers_near_the_largest() -> None:
    """Sums that stay in range are finite, though many of them would not be."""
    for name in LAYERS:
        spec, images, weight, bias = arrays(name)
        images *= np.float32(1e37) / np.abs(images).max()
        weight /= 64
        check(Case(spec, images, weight, bias), bind(spec, weight, bias)(images))
