"""The max pooling kernels against the reference, bit for bit, over everything that they take."""

import itertools
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from convpool import functional as F  # noqa: N812
from convpool import kernels, reference
from convpool.dispatch import plan
from convpool.kernels.max_pooling import _WORTH_THREADS
from convpool.request import Request
from convpool.spec import AvgPool2dSpec, LayerSpec, MaxPool2dSpec

Array = NDArray[Any]


def request(spec: LayerSpec, images: Array) -> Request:
    return Request("max_pool2d", spec, images.shape[1:], images.dtype.name)


def assert_equals_reference(spec: MaxPool2dSpec, images: Array) -> None:
    asked = request(spec, images)
    assert kernels.refusal(asked) is None
    ours = kernels.prepare(asked)(images)
    expected = reference.max_pool2d(spec, images)
    assert ours.dtype == expected.dtype
    np.testing.assert_array_equal(ours, expected, err_msg=f"{spec} on {images.shape}")
    asked = replace(asked, operation="max_pool2d_with_indices")
    values, indices = kernels.prepare(asked)(images)
    np.testing.assert_array_equal(values, expected, err_msg=f"{spec} on {images.shape}")
    _, expected = reference.max_pool2d_with_indices(spec, images)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices, expected, err_msg=f"{spec} on {images.shape}")


def noise(shape: tuple[int, ...], dtype: str = "float32") -> Array:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


WINDOWS = list(itertools.product(range(1, kernels.WIDEST_WINDOW + 1), (1, 2, 3, 4)))


@pytest.mark.parametrize(("taps", "step"), WINDOWS)
def test_every_window_over_narrow_and_wide_images(taps: int, step: int) -> None:
    """Widths about one and two registers, and about one and several strips."""
    for width in (taps, 15, 16, 17, 31, 33, 70):
        if width < taps:
            continue
        for padding, ceil_mode in ((0, False), (taps // 2, True)):
            spec = MaxPool2dSpec((3, taps), (2, step), (1, padding), ceil_mode=ceil_mode)
            assert_equals_reference(spec, noise((2, 3, 9, width)))


@pytest.mark.parametrize("dtype", kernels.DTYPES)
@pytest.mark.parametrize("width", [5, 40, 150])
def test_every_type(dtype: str, width: int) -> None:
    """Of integers, all that there are, the extremes at the edges, and ties everywhere."""
    images = noise((2, 3, 9, width), "float64")
    if dtype.startswith("float"):
        cast = images.astype(dtype)
    elif dtype == "bool":
        cast = images > 1
    else:
        limits = np.iinfo(dtype)
        cast = np.random.default_rng(0).integers(
            limits.min, limits.max, images.shape, dtype, endpoint=True
        )
        cast[0, 0] = limits.min
        cast[0, 1, :, ::2] = limits.max
    assert_equals_reference(MaxPool2dSpec(3, 2, 1), cast)
    assert_equals_reference(MaxPool2dSpec(2, 3, ceil_mode=True), cast)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_values_anywhere(dtype: str, kernel: int, special: float) -> None:
    spec = MaxPool2dSpec(kernel, stride=2, padding=kernel // 2)
    for place in itertools.product(range(5), range(7)):
        images = noise((1, 2, 5, 7), dtype)
        images[(0, 1, *place)] = special
        assert_equals_reference(spec, images)
    assert_equals_reference(spec, np.full((1, 2, 5, 7), special, dtype))


def test_four_sided_padding_and_tall_windows() -> None:
    images = noise((2, 3, 40, 20), "float64")
    assert_equals_reference(MaxPool2dSpec((9, 3), (5, 2), ((4, 0), (0, 1))), images)
    assert_equals_reference(MaxPool2dSpec((40, 7), (1, 4)), images)


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (1, 1, 1, 1), (1, 5, 300, 2), (1, 1, 2, 3000)])
def test_unusual_shapes(shape: tuple[int, ...]) -> None:
    assert_equals_reference(MaxPool2dSpec(min(2, *shape[2:]), 1), noise(shape))


def test_images_laid_out_in_any_way() -> None:
    images = noise((4, 6, 20, 40))
    packed = np.zeros(images.nbytes + 1, np.uint8)
    misaligned = packed[1:].view(np.float32).reshape(images.shape)
    misaligned[...] = images
    expected = reference.max_pool2d(MaxPool2dSpec(3), images)
    run = kernels.prepare(request(MaxPool2dSpec(3), images))
    for same in (
        np.asfortranarray(images),
        images.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2),
        images.repeat(2, axis=3)[..., ::2],
        images[::-1, :, ::-1][::-1, :, ::-1],
        images.astype(">f4"),
        misaligned,
    ):
        np.testing.assert_array_equal(run(same), expected)


def test_bits_do_not_depend_on_batch_or_threads() -> None:
    images = noise((8, 16, 64, 64))
    assert images[:1].size >= _WORTH_THREADS
    images[3, 5, 7, 9] = np.nan
    run = kernels.prepare(request(MaxPool2dSpec(3, 2, 1), images))
    whole = run(images)
    threads = numba.get_num_threads()
    for count in range(1, threads + 1):
        numba.set_num_threads(count)
        alone = np.concatenate([run(images[i : i + 1]) for i in range(8)])
        assert alone.tobytes() == whole.tobytes()
        assert run(images).tobytes() == whole.tobytes()
    numba.set_num_threads(threads)


REFUSED = {
    "halves": (MaxPool2dSpec(2), (3, 8, 8), "float16", "no kernel for float16"),
    "dilated": (MaxPool2dSpec(2, dilation=2), (3, 8, 8), "float32", "dilation (2, 2)"),
    "wide": (MaxPool2dSpec(9, 1), (3, 20, 20), "float32", "9 columns every 1"),
    "far": (MaxPool2dSpec(3, 9), (3, 20, 20), "float32", "3 columns every 9"),
    "long": (MaxPool2dSpec(2), (1, 2, 2**31), "float32", "planes of 4294967296 pixels"),
    "another layer": (AvgPool2dSpec(2), (3, 8, 8), "float32", "no kernel for"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why_and_goes_to_the_reference(name: str) -> None:
    spec, shape, dtype, reason = REFUSED[name]
    operation = "avg_pool2d" if isinstance(spec, AvgPool2dSpec) else "max_pool2d"
    chosen = plan(operation, spec, shape, dtype)
    assert chosen.engine == "reference"
    assert reason in chosen.explain()


def test_the_function_runs_the_kernel() -> None:
    assert plan("max_pool2d", MaxPool2dSpec(3), (3, 32, 32), "float32").engine == "kernels"
    images = noise((2, 3, 32, 32))
    np.testing.assert_array_equal(
        F.max_pool2d(images, 3), reference.max_pool2d(MaxPool2dSpec(3), images)
    )
