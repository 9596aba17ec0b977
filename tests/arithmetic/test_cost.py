"""Parameters, MACs and bytes: counted one by one, summed by the operators, and as published."""

import itertools
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convpool.arithmetic import (
    effective_macs,
    macs,
    memory,
    output_shape,
    parameters,
)
from convpool.errors import ArgumentError
from convpool.reference import conv2d, conv_transpose2d
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvolutionSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from tests.drawing import conv2ds, conv_transpose2ds, layers, takes, torch_module

planes = st.tuples(st.integers(1, 8), st.integers(1, 8))


@given(layers(6, symmetric=True))
def test_parameters_are_those_of_pytorchs_module(layer: LayerSpec) -> None:
    assert parameters(layer) == sum(array.numel() for array in torch_module(layer).parameters())


def products(layer: ConvolutionSpec, plane: tuple[int, int]) -> tuple[int, int]:
    """How many products an image has, counted one by one, and how many with a real pixel.

    A product belongs to a pixel of the small image (a convolution's output, a transposed one's
    input), a tap, and the pixel of the big image under it.
    """
    transposed = isinstance(layer, ConvTranspose2dSpec)
    rows, columns = output_shape(layer, (layer.in_channels, *plane))[-2:]
    small, big = (plane, (rows, columns)) if transposed else ((rows, columns), plane)
    (top, _), (left, _) = layer.pads
    dense = real = 0
    kh, kw = layer.kernel_size
    for i, j, y, x in itertools.product(*map(range, (*small, kh, kw))):
        row = i * layer.stride[0] - top + y * layer.dilation[0]
        column = j * layer.stride[1] - left + x * layer.dilation[1]
        dense += 1
        real += 0 <= row < big[0] and 0 <= column < big[1]
    channel_pairs = layer.in_channels // layer.groups * layer.out_channels
    return dense * channel_pairs, real * channel_pairs


@settings(max_examples=50)
@given(conv2ds() | conv_transpose2ds(), planes, st.sampled_from([(), (0,), (1,), (3,)]))
def test_macs_are_the_products(
    layer: ConvolutionSpec, plane: tuple[int, int], batch: tuple[int, ...]
) -> None:
    shape = (*batch, layer.in_channels, *plane)
    assume(takes(layer, shape))
    dense, real = products(layer, plane)
    assert macs(layer, shape) == prod(batch) * dense
    repeats = layer.padding_mode != "zeros"
    assert effective_macs(layer, shape) == prod(batch) * (dense if repeats else real)


@given(conv2ds() | conv_transpose2ds(), planes, st.integers(0, 3))
def test_the_outputs_of_ones_add_up_to_the_effective_macs(
    layer: ConvolutionSpec, plane: tuple[int, int], batch: int
) -> None:
    """With weights of one, each product with a real pixel adds one to some output pixel."""
    shape = (batch, layer.in_channels, *plane)
    assume(takes(layer, shape))
    image, weight = np.ones(shape, np.int64), np.ones(layer.weight_shape, np.int64)
    if isinstance(layer, Conv2dSpec):
        output = conv2d(layer, image, weight, None)
    else:
        output = conv_transpose2d(layer, image, weight, None)
    assert output.sum() == effective_macs(layer, shape)


def test_a_transposed_convolution_counts_input_positions() -> None:
    layer = ConvTranspose2dSpec(2, 3, 4, stride=2, padding=1)
    assert output_shape(layer, (2, 8, 8)) == (3, 16, 16)
    assert macs(layer, (2, 8, 8)) == 8 * 8 * 4 * 4 * 2 * 3
    assert macs(layer, (5, 2, 8, 8)) == 5 * 8 * 8 * 4 * 4 * 2 * 3


@pytest.mark.parametrize("layer", [MaxPool2dSpec(2), AvgPool2dSpec(2), MaxUnpool2dSpec(2)], ids=str)
def test_pooling_multiplies_with_no_weights(layer: LayerSpec) -> None:
    shape = (3, 8, 8)
    assert (parameters(layer), macs(layer, shape), effective_macs(layer, shape)) == (0, 0, 0)


@pytest.mark.parametrize("count", [macs, effective_macs, memory])
def test_a_shape_that_a_convolution_cannot_take_costs_nothing_but_an_error(count: object) -> None:
    assert callable(count)
    with pytest.raises(ArgumentError, match="4 channels, not 3"):
        count(Conv2dSpec(4, 4, 3), (3, 8, 8))


def test_a_huge_layer_is_counted_exactly() -> None:
    """As many MACs as no float and no 64-bit number holds."""
    side = 2**28 + 1
    layer = Conv2dSpec(7, 7, 3, padding=1)
    assert macs(layer, (7, side, side)) == 441 * side**2
    inside = 3 * side - 2  # on each axis the two outer taps miss one pixel each
    assert effective_macs(layer, (7, side, side)) == 49 * inside**2


ALEXNET = [
    (Conv2dSpec(3, 64, 11, 4, 2), 224),
    (Conv2dSpec(64, 192, 5, padding=2), 27),
    (Conv2dSpec(192, 384, 3, padding=1), 13),
    (Conv2dSpec(384, 256, 3, padding=1), 13),
    (Conv2dSpec(256, 256, 3, padding=1), 13),
]
"""torchvision's, each with the side of its input."""
VGG16 = [
    (Conv2dSpec(before, after, 3, padding=1), side)
    for side, filters in [
        (224, [3, 64, 64]),
        (112, [64, 128, 128]),
        (56, [128, 256, 256, 256]),
        (28, [256, 512, 512, 512]),
        (14, [512, 512, 512, 512]),
    ]
    for before, after in itertools.pairwise(filters)
]


@pytest.mark.parametrize(
    ("net", "weights", "products"),
    [
        (ALEXNET, 2_469_696, 655_566_528),
        (VGG16, 14_714_688, 15_346_630_656),
        ([(Conv2dSpec(3, 64, 7, 2, 3, bias=False), 224)], 9_408, 118_013_952),  # ResNet-50's first
        ([(Conv2dSpec(32, 32, 3, padding=1, groups=32), 112)], 320, 3_612_672),  # MobileNet's
    ],
    ids=["AlexNet", "VGG-16", "ResNet-50", "MobileNet"],
)
def test_published_totals(net: list[tuple[Conv2dSpec, int]], weights: int, products: int) -> None:
    assert sum(parameters(layer) for layer, _ in net) == weights
    assert sum(macs(layer, (layer.in_channels, side, side)) for layer, side in net) == products


@given(layers(4), planes, st.sampled_from(["float16", "float32", "float64"]))
def test_memory_is_that_of_the_arrays(layer: LayerSpec, plane: tuple[int, int], dtype: str) -> None:
    shape = (2, 4, *plane)
    assume(takes(layer, shape))
    bytes_of = memory(layer, shape, np.dtype(dtype).itemsize)
    assert bytes_of.input == np.empty(shape, dtype).nbytes
    assert bytes_of.output == np.empty(output_shape(layer, shape), dtype).nbytes
    arrays = []
    if isinstance(layer, ConvolutionSpec):
        arrays = [torch.empty(layer.weight_shape), torch.empty(layer.out_channels * layer.bias)]
    kept = sum(array.to(getattr(torch, dtype)).nbytes for array in arrays)
    assert bytes_of.parameters == kept
    assert bytes_of.total == bytes_of.input + bytes_of.output + kept


def test_memory_is_float32s_unless_said_otherwise() -> None:
    layer = Conv2dSpec(1, 2, 3)
    assert memory(layer, (1, 5, 5)) == memory(layer, (1, 5, 5), itemsize=4)
    assert memory(layer, (1, 5, 5)).total == 4 * (25 + 18 + 20)
