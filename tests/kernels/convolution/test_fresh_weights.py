"""Short convolutions by weights of one batch: bits are those of weights packed for many."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from numpy.typing import NDArray

from convpool.functional.adjoints import by_input
from convpool.functional.layers import conv2d_calls
from convpool.kernels import jit
from convpool.kernels.convolution.operator import Convolution
from convpool.kernels.convolution.winograd import fresh
from convpool.request import Request
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec
from convpool.threads import MOST, using

Array = NDArray[Any]
SHAPE = 16, 14, 15
LAYERS: list[Any] = [
    Conv2dSpec(16, 16, 3, padding=1),
    Conv2dSpec(16, 40, 3, padding=2, groups=2),
    Conv2dSpec(16, 24, 3, padding=2, dilation=2),
    Conv2dSpec(16, 32, 5, padding=2),
    ConvTranspose2dSpec(16, 20, 3, padding=1),
]


def _random(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def _operator(layer: Any) -> Convolution:
    name = "conv2d" if isinstance(layer, Conv2dSpec) else "conv_transpose2d"
    return Convolution(Request(name, layer, SHAPE, "float32"))


def _counted() -> Any:
    return patch.object(fresh, "run_all", wraps=jit.run_all)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("batch", [1, 5])
def test_bits(layer: Any, batch: int) -> None:
    operator, images = _operator(layer), _random(1, batch, *SHAPE)
    if operator._short:
        with _counted() as run:
            operator.run(images, operator.pack(_random(2, *layer.weight_shape), None, once=True))
        assert run.call_count == 1
    for seed in (3, 4):
        weight, bias = _random(seed, *layer.weight_shape), _random(seed, layer.out_channels)
        for added in (None, bias):
            expected = operator.run(images, operator.pack(weight, added))
            for residual in (None, _random(5, *expected.shape)):
                expected = operator.run(images, operator.pack(weight, added), residual=residual)
                packed = operator.pack(weight, added, once=True)
                found = operator.run(images, packed, residual=residual)
                assert np.array_equal(found, expected)
                assert np.array_equal(
                    using(1, operator.run, images, packed),
                    using(MOST, operator.run, images, packed),
                )


def test_images_that_cannot_bear_it_are_done_again() -> None:
    operator, images = _operator(LAYERS[0]), _random(1, 4, *SHAPE)
    images[2, 3, 4, 5] = np.inf
    weight = _random(2, *LAYERS[0].weight_shape)
    found = operator.run(images, operator.pack(weight, None, once=True))
    assert np.array_equal(found, operator.run(images, operator.pack(weight, None)), equal_nan=True)
    assert 9 * 16 >= np.count_nonzero(~np.isfinite(found)) > 0
    images[2] = 1
    found = operator.run(images, operator.pack(weight, None, once=True))
    assert np.isfinite(found).all()


def test_other_orders_of_memory() -> None:
    operator, images = _operator(LAYERS[0]), _random(1, 3, *SHAPE)
    last = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    weight = _random(2, *LAYERS[0].weight_shape)
    turned = np.asfortranarray(weight)
    expected = operator.run(images, operator.pack(weight, None))
    for given, kernel in ((last, weight), (images, turned), (images[:, ::-1][:, ::-1], weight)):
        found = operator.run(given, operator.pack(kernel, None, once=True))
        assert np.array_equal(found, expected)


def test_several_threads_at_a_time() -> None:
    operator, images = _operator(LAYERS[0]), _random(1, 8, *SHAPE)
    weights = [_random(seed, *LAYERS[0].weight_shape) for seed in range(12)]
    expected = [operator.run(images, operator.pack(weight, None)) for weight in weights]

    def run(weight: Array) -> Array:
        return operator.run(images, operator.pack(weight, None, once=True))

    with ThreadPoolExecutor(4) as pool:
        for found, one in zip(pool.map(run, weights), expected, strict=True):
            assert np.array_equal(found, one)


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_gradient_by_input_adds(mode: str, dtype: type) -> None:
    weight: Array = _random(1, 16, 16, 3, 3).astype(dtype)
    calls = conv2d_calls(weight.shape, 1, 1, 1, 1, mode, False)
    given: list[Array] = [_random(seed, 3, *SHAPE).astype(dtype) for seed in (2, 3)]
    gradient, others = given
    alone = by_input(calls, gradient.shape, weight, gradient)
    found = by_input(calls, gradient.shape, weight, gradient, others)
    assert np.array_equal(found, alone + others)
    single = by_input(calls, SHAPE, weight, gradient[0], others[0])
    assert np.array_equal(single, found[0])
