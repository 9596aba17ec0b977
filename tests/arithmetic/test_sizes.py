"""Output shapes and the sizes that can be asked for, against PyTorch."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convpool.arithmetic import output_shape, unpooled_plane, with_output_size
from convpool.errors import ArgumentError
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from tests.drawing import KERNEL, SIZE, STRIDE, conv_transpose2ds, layers, torch_module

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")


@given(
    st.integers(1, 4).flatmap(lambda c: st.tuples(st.just(c), layers(c, symmetric=True))),
    SIZE,
    SIZE,
)
def test_output_shape_is_pytorchs(drawn: tuple[int, LayerSpec], height: int, width: int) -> None:
    """PyTorch gives the same shape, and refuses what is refused here.

    But for a transposed convolution whose crop leaves nothing: that, PyTorch makes an empty image.
    """
    channels, layer = drawn
    image = torch.empty(2, channels, height, width, device="meta")
    module = torch_module(layer)
    try:
        shape = output_shape(layer, image.shape)
    except ArgumentError:
        if isinstance(layer, ConvTranspose2dSpec) and (made := made_anyway(module, image)):
            assert 0 in made
            return
        with pytest.raises(RuntimeError):
            module(image)
    else:
        assert shape == tuple(module(image).shape)
        assert output_shape(layer, image.shape[1:]) == shape[1:]
        assert output_shape(layer, (0, *image.shape[1:])) == (0, *shape[1:])


def made_anyway(module: torch.nn.Module, image: torch.Tensor) -> tuple[int, ...] | None:
    try:
        return tuple(module(image).shape)
    except RuntimeError:
        return None


LAYERS: list[LayerSpec] = [
    Conv2dSpec(3, 8, 1),
    ConvTranspose2dSpec(3, 8, 1),
    MaxPool2dSpec(1),
    AvgPool2dSpec(1),
    MaxUnpool2dSpec(1),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("empty", [(0, 4, 4), (3, 0, 4), (3, 4, 0), (2, 3, 4, 0), (-1, 3, 4, 4)])
def test_only_the_batch_may_be_empty(layer: LayerSpec, empty: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match="at least 1 channel, row and column"):
        output_shape(layer, empty)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("shape", [(), (4,), (4, 4), (1, 1, 3, 4, 4)])
def test_only_images_and_batches_have_a_shape(layer: LayerSpec, shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match=r"of shape \(C, H, W\) or \(N, C, H, W\)"):
        output_shape(layer, shape)


@pytest.mark.parametrize("layer", LAYERS[:2], ids=str)
def test_wrong_channels_are_named(layer: LayerSpec) -> None:
    with pytest.raises(ArgumentError, match=r"tile is \(2, 4, 4\), .* of 3 channels, not 2"):
        output_shape(layer, (2, 4, 4), "tile")


@given(conv_transpose2ds(channels=2, symmetric=True), SIZE, SIZE, st.data())
def test_output_size_of_a_transposed_layer(
    layer: ConvTranspose2dSpec, height: int, width: int, data: st.DataObject
) -> None:
    """PyTorch takes the same sizes and makes the layer that is made here."""
    image = torch.empty(1, 2, height, width, device="meta")
    near = [
        (i - 1) * s - 2 * p[0] + d * (k - 1) + 1
        for i, s, p, d, k in zip(
            (height, width),
            layer.stride,
            layer.pads,
            layer.dilation,
            layer.kernel_size,
            strict=True,
        )
    ]
    wanted = [
        data.draw(st.integers(max(1, size - 2), max(1, size + s + 1)))
        for size, s in zip(near, layer.stride, strict=True)
    ]
    try:
        expected = tuple(torch_module(layer)(image, output_size=wanted).shape)
    except ValueError:
        with pytest.raises(ArgumentError, match=r"output_size is .* between"):
            with_output_size(layer, (height, width), wanted)
    else:
        solved = with_output_size(layer, (height, width), (1, 1, *wanted))
        assert output_shape(solved, image.shape) == expected
        assert expected[-2:] == tuple(wanted)


@given(KERNEL, STRIDE, SIZE, st.data())
def test_output_size_of_unpooling(kernel: int, stride: int, size: int, data: st.DataObject) -> None:
    """PyTorch takes the same sizes."""
    padding = data.draw(st.integers(0, kernel // 2))
    layer = MaxUnpool2dSpec((1, kernel), (1, stride), (0, padding))
    by_rule = (size - 1) * stride - 2 * padding + kernel
    wanted = data.draw(st.integers(max(1, by_rule - stride - 1), max(1, by_rule + stride + 1)))
    values, indices = torch.zeros(1, 1, size), torch.zeros(1, 1, size, dtype=torch.int64)
    try:
        restored: Any = torch_module(layer)(values, indices, output_size=(1, wanted))
    except ValueError:
        with pytest.raises(ArgumentError, match="less than the stride"):
            unpooled_plane(layer, (1, size), (1, wanted))
    else:
        assert unpooled_plane(layer, (1, size), (1, wanted)) == tuple(restored.shape[1:])
    assert unpooled_plane(layer, (1, size)) == (1, by_rule)


@pytest.mark.parametrize("size", [(), (3,), (1, 1, 1, 3, 3)])
def test_output_size_has_two_to_four_numbers(size: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match=r"output_size is .*\(H, W\)"):
        unpooled_plane(MaxUnpool2dSpec(2), (2, 2), size)
    with pytest.raises(ArgumentError, match=r"output_size is .*\(H, W\)"):
        with_output_size(ConvTranspose2dSpec(1, 1, 2), (2, 2), size)


MOST = 2**60 - 1
"""Elements of 8 bytes in 2^63 - 1 bytes."""


@pytest.mark.parametrize(
    ("layer", "shape", "numbers"),
    [
        # PyTorch wraps around at 2^64 and takes this kernel to fit.
        (Conv2dSpec(1, 1, 3, dilation=2**62), (1, 3, 3), (2**63 + 1, 3)),
        (MaxPool2dSpec(2**62), (1, 3, 3), (2**62, 3)),
        (Conv2dSpec(1, 1, 1, padding=2**62), (1, 3, 3), (2**63 + 3, MOST)),
        (Conv2dSpec(1, 2**62, 1), (1, 3, 3), (2**62, MOST)),
        (ConvTranspose2dSpec(1, 1, 1, stride=2**62), (1, 3, 3), (2**63 + 1, MOST)),
        (MaxUnpool2dSpec(2**62), (1, 1, 1), (2**62, MOST)),
        (MaxPool2dSpec(2**62, padding=2**61), (1, 2**62, 1), (2**62, MOST)),
        (AvgPool2dSpec(1, 2**62), (1, 2**30, 2**30), (2**30, MOST)),
        (AvgPool2dSpec(1, 2**62), (2**60, 1, 1, 1), (2**60, MOST)),
        (ConvTranspose2dSpec(1, 1, 3, padding=2**62), (1, 3, 3), (2**62, 5)),
    ],
    ids=str,
)
def test_what_no_array_holds_is_refused_with_both_numbers(
    layer: LayerSpec, shape: tuple[int, ...], numbers: tuple[int, int]
) -> None:
    with pytest.raises(ArgumentError) as caught:
        output_shape(layer, shape)
    for number in numbers:
        assert str(number) in str(caught.value)


def test_the_largest_array_is_allowed() -> None:
    assert output_shape(MaxPool2dSpec(1), (1, 1, MOST)) == (1, 1, MOST)
    assert output_shape(Conv2dSpec(1, MOST, 1, stride=2**62), (1, 1, 1)) == (MOST, 1, 1)
