"""Batch normalisation and its gradients against float64's."""

import numpy as np
import pytest
from numpy.typing import NDArray

from convpool.kernels import batch_norm
from convpool.threads import MOST, using

EPS = 1e-5
SHAPES = [
    (1, 1, 1, 2),
    (3, 5, 7, 9),
    (2, 3, 40, 52),
    (1, 2, 1, 1025),
    (2, 3, 4, 16),
    (4, 16, 32, 32),
]
Numbers = NDArray[np.float64]


def truth(x: Numbers, w: Numbers, b: Numbers, g: Numbers) -> list[Numbers]:
    """Output, mean, variance, and the gradients by images, weight and bias, as they are defined."""
    axes = (0, 2, 3)
    mean, variance = x.mean(axes), x.var(axes)
    inverse = 1 / np.sqrt(variance + EPS)
    normal = (x - mean[:, None, None]) * inverse[:, None, None]
    along, total = (g * normal).mean(axes), g.mean(axes)
    apart = g - total[:, None, None] - normal * along[:, None, None]
    output = normal * w[:, None, None] + b[:, None, None]
    by_images = apart * (w * inverse)[:, None, None]
    return [output, mean, variance, by_images, (g * normal).sum(axes), g.sum(axes)]


def case(shape: tuple[int, ...], dtype: str, offset: float = 0.0) -> list[NDArray[np.float64]]:
    shapes = shape, shape[1:2], shape[1:2], shape
    random = np.random.default_rng(0)
    images, *others = (random.standard_normal(each).astype(dtype) for each in shapes)
    return [images + np.dtype(dtype).type(offset), *others]


def found(x: Numbers, w: Numbers, b: Numbers, g: Numbers) -> list[Numbers]:
    moments = np.full((2, len(w)), np.nan)
    output = batch_norm.normalize(x, w, b, EPS, moments)
    return [output, *moments, *batch_norm.gradients(g, x, (w, b), EPS, moments)]


def error(one: Numbers, other: Numbers) -> float:
    return float(np.abs(one - other).max() / max(np.sqrt((other**2).mean()), 1e-30))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "bound"), [("float32", 5e-6), ("float64", 1e-12)])
def test_against_float64(shape: tuple[int, ...], dtype: str, bound: float) -> None:
    arrays = case(shape, dtype)
    expected = truth(*(array.astype(np.float64) for array in arrays))
    for one, other in zip(found(*arrays), expected, strict=True):
        assert one.shape == other.shape
        scale = 1.0 if shape[-1] > 2 else 100.0  # two numbers: the gradient is what cancels
        assert error(one, other) < bound * scale


@pytest.mark.parametrize("after", [batch_norm.RELU, batch_norm.SUM_AND_RELU])
def test_what_follows(after: int) -> None:
    """The same bits as one after the other, but where the gradient meets the ReLU."""
    x, w, b, g = case((4, 16, 32, 32), "float32")
    y = case((4, 16, 32, 32), "float32", 0.5)[3] if after == batch_norm.SUM_AND_RELU else None

    def joined() -> list[Numbers]:
        moments = np.empty((2, len(w)))
        output = batch_norm.normalize(x, w, b, EPS, moments, None, after, y)
        made = None if y is None else output
        return [output, *batch_norm.gradients(g, x, (w, b), EPS, moments, after, made)]

    moments = np.empty((2, len(w)))
    normed = batch_norm.normalize(x, w, b, EPS, moments)
    output = np.maximum(normed if y is None else normed + y, 0)
    passed = np.where(output > 0, g, np.float32(0))
    apart = batch_norm.gradients(passed, x, (w, b), EPS, moments)
    for one, other in zip(joined(), [output, *apart, passed][: 4 + (y is not None)], strict=True):
        assert error(one, other) < 2e-6
    for one, other in zip(using(1, joined), using(MOST, joined), strict=True):
        np.testing.assert_array_equal(one, other)


def test_far_from_zero() -> None:
    """The variance isn't what is left of large squares: 10,000 deviations from 0."""
    arrays = case((8, 3, 33, 35), "float32", 1e4)
    expected = truth(*(array.astype(np.float64) for array in arrays))
    for one, other in zip(found(*arrays), expected, strict=True):
        assert error(one, other) < 1e-5


def test_a_first_image_far_from_the_others() -> None:
    """The first image isn't where the others are: 1,000 of their deviations away."""
    arrays = case((2048, 1, 1, 33), "float32")
    arrays[0][0] += 1e3
    expected = truth(*(array.astype(np.float64) for array in arrays))
    for one, other in zip(found(*arrays)[:3], expected[:3], strict=True):
        assert error(one, other) < 1e-5


def test_the_same_bits_by_any_number_of_threads() -> None:
    arrays = case((4, 16, 32, 32), "float32")
    one, other = using(1, found, *arrays), using(MOST, found, *arrays)
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


def test_what_is_not_finite_spoils_its_channel_alone() -> None:
    x, w, b, g = case((2, 3, 5, 5), "float32")
    x[0, 0, 1, 1], x[1, 1, 2, 2] = np.nan, np.inf
    output, *_ = found(x, w, b, g)
    assert np.isnan(output[:, 0]).all()
    assert np.isnan(output[1, 1, 2, 2])
    assert np.isfinite(output[:, 2]).all()


def test_equal_numbers() -> None:
    x, w, b, g = case((2, 3, 5, 5), "float32")
    x[:] = 0.1
    output, _, variance, *_ = found(x, w, b, g)
    assert (variance >= 0).all()
    assert (variance < 1e-14).all()
    np.testing.assert_allclose(output, np.broadcast_to(b[:, None, None], x.shape), atol=1e-4)
