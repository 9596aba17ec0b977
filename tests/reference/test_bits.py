"""Results to the last bit: rounded once, and independent of batch and memory layout."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convpool import reference
from convpool.arithmetic import output_shape
from convpool.errors import ArgumentError
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvolutionSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from tests.drawing import LAYOUTS, layers

Array = NDArray[Any]
Operator = Callable[[Array], Array]


class Prepared:
    """A layer's operators from images to images, for a batch of images of one shape."""

    def __init__(self, layer: LayerSpec, shape: tuple[int, ...], dtype: str, seed: int = 0) -> None:
        self.shape, self.dtype = shape, dtype
        self.random = np.random.default_rng(seed)
        self.result = output_shape(layer, shape)
        self.operators: list[tuple[tuple[int, ...], Operator]] = []
        """Each with the shape of its argument."""
        plane = (shape[2], shape[3])
        if isinstance(layer, ConvolutionSpec):
            self.convolution(layer, plane)
        elif isinstance(layer, AvgPool2dSpec):
            self.add(shape, lambda a: reference.avg_pool2d(layer, a))
            self.add(self.result, lambda g: reference.avg_pool2d_backward(layer, plane, g))
        elif isinstance(layer, MaxPool2dSpec):
            self.max_pooling(layer, plane)

    def convolution(self, layer: ConvolutionSpec, plane: tuple[int, int]) -> None:
        weight, bias = self.array(layer.weight_shape), self.array((layer.out_channels,))
        name = "conv2d" if isinstance(layer, Conv2dSpec) else "conv_transpose2d"
        forward, back = getattr(reference, name), getattr(reference, f"{name}_input")
        self.add(self.shape, lambda a: forward(layer, a, weight, bias))
        self.add(self.result, lambda g: back(layer, plane, g, weight))

    def max_pooling(self, layer: MaxPool2dSpec, plane: tuple[int, int]) -> None:
        cells = plane[0] * plane[1]
        unpooling = MaxUnpool2dSpec(1)

        def indices(like: Array) -> Array:
            numbers = np.arange(math.prod(like.shape[1:])).reshape(like.shape[1:])
            return np.broadcast_to(numbers * 7 % cells, like.shape)

        self.add(self.shape, lambda a: reference.max_pool2d(layer, a))
        self.add(self.shape, lambda a: reference.max_pool2d_with_indices(layer, a)[1])
        self.add(self.result, lambda g: reference.max_pool2d_backward(layer, plane, g, indices(g)))
        self.add(self.result, lambda a: reference.max_unpool2d(unpooling, a, indices(a), plane))
        self.add(
            self.shape,
            lambda g: reference.max_unpool2d_backward(unpooling, g, indices(g[..., :1, :1])),
        )

    def add(self, shape: tuple[int, ...], operator: Operator) -> None:
        self.operators.append((shape, operator))

    def array(self, shape: tuple[int, ...]) -> Array:
        return self.random.standard_normal(shape).astype(self.dtype)

    def assert_each_image_as_alone(self) -> None:
        for shape, operator in self.operators:
            batch = self.array(shape)
            together = operator(batch)
            for number in range(len(batch)):
                alone = operator(batch[number : number + 1].copy())[0]
                assert alone.tobytes() == together[number].tobytes(), (shape, number)

    def assert_no_layout_matters(self, layout: Operator) -> None:
        for shape, operator in self.operators:
            batch = self.array(shape)
            assert operator(layout(batch)).tobytes() == operator(batch).tobytes(), shape


@st.composite
def prepared(draw: st.DrawFn) -> Prepared:
    channels = draw(st.integers(1, 24))
    shape = draw(st.integers(0, 6)), channels, draw(st.integers(1, 14)), draw(st.integers(1, 14))
    layer = draw(layers(channels))
    dtype = draw(st.sampled_from(["float32", "float64", "float64", "float16"]))
    try:
        return Prepared(layer, shape, dtype, seed=draw(st.integers(0, 999)))
    except ArgumentError:
        assume(False)
        raise


@settings(max_examples=200)
@given(prepared())
def test_an_image_has_the_same_bits_alone_and_in_a_batch(case: Prepared) -> None:
    case.assert_each_image_as_alone()


@settings(max_examples=200)
@given(prepared(), st.sampled_from(LAYOUTS))
def test_the_layout_in_memory_does_not_matter(case: Prepared, layout: Operator) -> None:
    case.assert_no_layout_matters(layout)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv2dSpec(64, 96, 3, padding=1), (5, 64, 28, 28)),  # enough for threads in BLAS
        (Conv2dSpec(64, 64, 3, padding=1, groups=64), (3, 64, 14, 14)),
        (Conv2dSpec(256, 1, 1), (4, 256, 1, 1)),
        (Conv2dSpec(1, 256, 1), (4, 1, 9, 1)),
        (Conv2dSpec(3, 8, 5, 2, padding=2, padding_mode="reflect"), (3, 3, 33, 31)),
        (ConvTranspose2dSpec(64, 32, 4, 2, 1), (3, 64, 14, 14)),
        (ConvTranspose2dSpec(128, 2, 1), (4, 128, 1, 1)),
    ],
    ids=str,
)
def test_larger_convolutions_too(layer: LayerSpec, shape: tuple[int, ...], dtype: str) -> None:
    case = Prepared(layer, shape, dtype)
    case.assert_each_image_as_alone()
    case.assert_no_layout_matters(LAYOUTS[0])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_gradient_by_weights_or_bias_depends_on_the_layout(layout: Operator) -> None:
    random = np.random.default_rng(0)
    layer = Conv2dSpec(6, 4, 3, padding=1, groups=2, padding_mode="circular")
    image, gradient = random.standard_normal((3, 6, 9, 7)), random.standard_normal((3, 4, 9, 7))
    operators: list[Callable[[Array, Array], Array]] = [
        lambda a, g: reference.conv2d_weight(layer, a, g),
        lambda a, g: reference.conv_transpose2d_weight(ConvTranspose2dSpec(6, 4, 1), a, g),
        lambda _, g: reference.convolution_bias(layer, g),
    ]
    for operator in operators:
        expected = operator(image, gradient)
        assert operator(layout(image), layout(gradient)).tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_convolution_is_rounded_once(dtype: str) -> None:
    """Products of floats this short are exact in float64, and fsum rounds their sum once.

    What may differ is a sum so near the middle of two results that float64 cannot tell.
    """
    random = np.random.default_rng(3)
    layer = Conv2dSpec(16, 8, 3, bias=False)
    image = random.standard_normal((1, 16, 22, 22)).astype(dtype)
    weight = random.standard_normal(layer.weight_shape).astype(dtype)
    output = reference.conv2d(layer, image, weight, None)
    assert output.dtype == dtype
    exact = np.empty(output.shape)
    for _, filter_, row, column in np.ndindex(output.shape):
        window = image[0, :, row : row + 3, column : column + 3].astype(np.float64)
        exact[0, filter_, row, column] = math.fsum((window * weight[filter_]).ravel())
    expected = exact.astype(dtype)
    wrong = np.count_nonzero(output != expected)
    assert wrong <= output.size // 1000
    np.testing.assert_allclose(output, expected, rtol=float(np.finfo(dtype).eps))
