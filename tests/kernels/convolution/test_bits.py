"""A result has the same bits whatever surrounds it: batch, threads, memory orders, bound or not.

Bound or not only in strict precision: else short convolutions are chosen by what packing costs.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convpool import bind
from convpool import functional as F  # noqa: N812
from convpool.precisions import precision
from convpool.spec import Activation, Conv2dSpec
from convpool.threads import MOST, get_num_threads, set_num_threads
from tests.kernels.convolution.cases import Case, check
from tests.kernels.convolution.layers import LAYERS
from tests.kernels.layouts import both_layouts, channels_last, noise

Array = NDArray[Any]

BATCH = 9


@pytest.fixture
def strict() -> Iterator[None]:
    with precision("strict"):
        yield


def arrays(name: str, dtype: str = "float32") -> tuple[Array, Array, Array]:
    """Images, weights and a bias of a layer."""
    spec, plane = LAYERS[name]
    shapes = (BATCH, spec.in_channels, *plane), spec.weight_shape, (spec.out_channels,)
    images, weight, bias = (noise(shape, dtype) for shape in shapes)
    return images, weight, bias


def function(
    name: str, images: Array, weight: Array, bias: Array, out: Array | None = None
) -> Array:
    """The function of a layer with its arguments."""
    spec, _ = LAYERS[name]
    arguments: dict[str, Any] = {
        "stride": spec.stride,
        "padding": spec.padding,
        "groups": spec.groups,
        "dilation": spec.dilation,
    }
    if isinstance(spec, Conv2dSpec):
        arguments["padding_mode"] = spec.padding_mode
        return F.conv2d(images, weight, bias, **arguments, out=out)
    return F.conv_transpose2d(images, weight, bias, **arguments, out=out)


@pytest.mark.parametrize("name", LAYERS)
def test_any_batch_and_any_number_of_threads(name: str) -> None:
    images, weight, bias = arrays(name)
    whole = function(name, images, weight, bias)
    check(Case(LAYERS[name][0], images, weight, bias), whole)
    threads = get_num_threads()
    try:
        for count in range(1, MOST + 1):
            set_num_threads(count)
            for first, last in ((0, 9), (0, 1), (1, 3), (3, 9)):
                part = function(name, images[first:last], weight, bias)
                assert part.tobytes() == whole[first:last].tobytes()
    finally:
        set_num_threads(threads)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("name", LAYERS)
def test_bound_or_not_and_any_order_of_memory(name: str) -> None:
    """Even where the function, the bound layer and the two orders are cut in different ways."""
    images, weight, bias = arrays(name)
    whole = function(name, images, weight, bias)
    bound = bind(LAYERS[name][0], weight, bias)
    padded = np.repeat(weight, 2, axis=-1)[..., ::2]
    wide = np.zeros((*whole.shape, 2), whole.dtype)
    for same in (*both_layouts(images), images[::-1].copy()[::-1]):
        assert bound(same).tobytes() == whole.tobytes()
        assert bound(same[:2]).tobytes() == whole[:2].tobytes()
        assert function(name, same, padded, bias).tobytes() == whole.tobytes()
        for out in (*both_layouts(np.zeros_like(whole)), wide[..., 0]):
            assert bound(same, out).tobytes() == whole.tobytes()
            out[...] = 0
            assert function(name, same, weight, bias, out=out).tobytes() == whole.tobytes()
            assert (
                function(name, same[:2], weight, bias, out=out[:2]).tobytes() == whole[:2].tobytes()
            )
            assert out.tobytes() == whole.tobytes()
    assert not wide[..., 1].any()


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("channels", [32, 130])  # one chunk in whole blocks, and several in others
def test_wherever_in_a_line_the_images_begin(channels: int) -> None:
    spec = Conv2dSpec(channels, 16, 1)
    images, weight, residual = (
        noise((2, channels, 64, 64)),
        noise(spec.weight_shape),
        noise((2, 16, 64, 64)),
    )
    bound = bind(spec, weight, activation="relu")
    whole = bound(images, residual=residual)
    check(Case(spec, images, weight, None, residual=residual, activation=Activation(0.0)), whole)
    memory = np.zeros(images.size + 32, np.float32)
    for distance in (0, 1, 15):
        first = -memory.ctypes.data % 64 // 4 + distance
        same = memory[first : first + images.size].reshape(images.shape)
        same[...] = images
        assert bound(same, residual=residual).tobytes() == whole.tobytes()
        assert bound(same[1:], residual=residual[1:]).tobytes() == whole[1:].tobytes()


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_types(dtype: str) -> None:
    for name in ("across filters", "flattened", "phases"):
        images, weight, bias = arrays(name, dtype)
        whole = function(name, images, weight, bias)
        for same in (images[4:5], channels_last(images[4:5])):
            assert function(name, same, weight, bias).tobytes() == whole[4].tobytes()
            assert bind(LAYERS[name][0], weight, bias)(same).tobytes() == whole[4].tobytes()


@pytest.mark.usefixtures("strict")
def test_what_follows_is_what_would_follow_by_itself() -> None:
    """Sum, activation: to the bit what NumPy makes of the convolution's result."""
    for name in ("across filters", "across pixels", "flattened", "phases"):
        images, weight, bias = arrays(name)
        images = images[:2]
        plain = function(name, images, weight, bias)
        residual = noise(plain.shape)[::-1]
        for same in (residual, channels_last(residual), np.asfortranarray(residual)):
            result = bind(LAYERS[name][0], weight, bias, "relu6")(images, residual=same)
            np.testing.assert_array_equal(result, np.clip(plain + residual, 0, 6))
        result = bind(LAYERS[name][0], weight, bias, ("leaky_relu", 0.25))(images)
        np.testing.assert_array_equal(result, np.where(plain < 0, plain * np.float32(0.25), plain))


def digest() -> str:
    """A hash of the results of all layers."""
    result = hashlib.sha256()
    for name in LAYERS:
        result.update(function(name, *arrays(name)).tobytes())
    return result.hexdigest()


@pytest.mark.parametrize("threads", ["1", "3", "7"])
def test_more_threads_than_cores(threads: str) -> None:
    program = "from tests.kernels.convolution import test_bits; print(test_bits.digest())"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NUMBA_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert answer.stdout.strip() == digest()
