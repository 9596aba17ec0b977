"""Small calls that are met again: the same results, and whatever isn't like before is noticed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convpool import functional, reference
from convpool.errors import ArgumentError, DtypeError
from convpool.functional.layers import conv2d_calls, max_pool2d_calls
from convpool.request import Request
from convpool.spec import Conv2dSpec, MaxPool2dSpec

Array = NDArray[Any]

LAYERS = [MaxPool2dSpec(3), MaxPool2dSpec(2, 1, 1), MaxPool2dSpec((3, 1), (1, 2), 0, (2, 1))]


def images(dtype: str) -> Array:
    random = np.random.default_rng(7)
    if dtype == "bool":
        return random.integers(0, 2, (2, 3, 5, 5)).astype(bool)
    return random.integers(-9, 9, (2, 3, 5, 5)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_maxima_and_indices_are_the_references(layer: MaxPool2dSpec, dtype: str) -> None:
    planes = images(dtype)
    if planes.dtype.kind == "f":
        planes[0, 0, 1] = np.nan
        planes[1, 2] = -np.inf
    request = Request("max_pool2d_with_indices", layer, planes.shape[1:], dtype)
    values, indices = reference.prepare(request)(planes)
    arguments = layer.kernel_size, layer.stride, layer.padding, layer.dilation
    for _ in range(3):
        found, places = functional.max_pool2d(planes, *arguments, return_indices=True)
        np.testing.assert_array_equal(found, values)
        np.testing.assert_array_equal(places, indices)
        np.testing.assert_array_equal(functional.max_pool2d(planes, *arguments), values)


def test_small_calls_are_kept_and_large_ones_refused() -> None:
    for size in (6, 600) * 2:
        functional.max_pool2d(np.ones((1, 1, size, size)), 3)
    kept: dict[Any, Any] = dict(max_pool2d_calls(3, None, 0, 1, False, False).prompts)
    assert {key[0][-1]: kept[key] is None for key in kept if key[0][-1] in (6, 600)} == {
        6: False,
        600: True,
    }


def _misaligned(array: Array) -> Array:
    memory = np.empty(array.nbytes + 1, np.uint8)[1:]
    copy = memory.view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.parametrize(
    "other",
    [
        _misaligned,
        np.asfortranarray,
        lambda array: np.repeat(array, 2, axis=3)[..., ::2],
        lambda array: array.astype(array.dtype.newbyteorder()),
        lambda array: array.view(np.recarray),
    ],
    ids=["misaligned", "fortran", "strided", "swapped", "subclass"],
)
def test_arrays_of_other_memory_take_the_long_way(other: Callable[[Array], Array]) -> None:
    planes, weight = images("float32"), images("float32")[:, :, :2, :2].copy()
    bias = np.array([1, -1], np.float32)
    for _ in range(3):
        pooled = functional.max_pool2d(planes, 2)
        sums = functional.conv2d(planes, weight, bias)
    for _ in range(3):
        np.testing.assert_array_equal(functional.max_pool2d(other(planes), 2), pooled)
        given = [planes, weight, bias]
        for place in range(3):
            one, two, three = (
                array if at != place else other(array) if at < 2 else _misaligned(array)
                for at, array in enumerate(given)
            )
            np.testing.assert_array_equal(functional.conv2d(one, two, three), sums)


def test_what_does_not_fit_is_still_refused() -> None:
    planes, weight = np.ones((1, 2, 5, 5)), np.ones((1, 2, 3, 3))
    bias = np.ones(1)
    for _ in range(3):
        functional.conv2d(planes, weight, bias)
    with pytest.raises(DtypeError, match="weight"):
        functional.conv2d(planes, weight.astype(np.float32), bias)
    with pytest.raises(ArgumentError, match="bias"):
        functional.conv2d(planes, weight, np.ones(2))
    with pytest.raises(ArgumentError, match="input"):
        functional.conv2d(planes[:, :1], weight, bias)
    assert conv2d_calls(weight.shape, 1, 0, 1, 1, "zeros", True).prompts


def test_a_gradients_indices_are_checked_every_time() -> None:
    gradient = np.ones((1, 1, 2, 2), np.float32)
    indices = np.array([[[[0, 2], [8, 10]]]])
    for _ in range(3):
        made = functional.max_pool2d_backward(gradient, indices, (1, 1, 4, 4), 2)
        assert made.sum() == 4
        assert made.ravel()[indices.ravel()].tolist() == [1, 1, 1, 1]
    with pytest.raises(ArgumentError):
        functional.max_pool2d_backward(gradient, indices + 6, (1, 1, 4, 4), 2)


@pytest.mark.parametrize("filters", [1, 3])
def test_weights_of_another_layer_are_refused(filters: int) -> None:
    """Their strides are those of the right ones."""
    layer, planes = Conv2dSpec(1, 2, 3), np.ones((1, 1, 5, 5))
    for _ in range(3):
        functional.apply(layer, planes, np.ones((2, 1, 3, 3)))
    with pytest.raises(ArgumentError, match="weight"):
        functional.apply(layer, planes, np.ones((filters, 1, 3, 3)))
