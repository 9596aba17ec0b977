"""The convolutions against the identities that define them and their gradients."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convpool import reference
from convpool.arithmetic import output_shape
from convpool.reference.padding import pad, padded_axes, unpad
from convpool.spec import PADDING_MODES, Conv2dSpec, ConvolutionSpec, ConvTranspose2dSpec
from tests.drawing import conv2ds, conv_transpose2ds, takes, windows
from tests.operators.settings import Draw

Array = NDArray[Any]

planes = st.tuples(st.integers(1, 9), st.integers(1, 9))
seeds = st.integers(0, 2**32 - 1)


class Case:
    """A convolution that takes an input, with random arrays."""

    def __init__(self, layer: ConvolutionSpec, plane: tuple[int, int], seed: int) -> None:
        self.layer, self.plane, self.draw = layer, plane, Draw(seed)
        shape = (self.draw.number(1, 3), layer.in_channels, *plane)
        assume(takes(layer, shape))
        self.input, self.weight = self.array(shape), self.array(layer.weight_shape)
        self.gradient = self.array(output_shape(layer, shape))

    def array(self, shape: tuple[int, ...]) -> Array:
        return self.draw.array(shape, "float64")

    @property
    def operators(self) -> tuple[Callable[..., Array], Callable[..., Array], Callable[..., Array]]:
        name = "conv2d" if isinstance(self.layer, Conv2dSpec) else "conv_transpose2d"
        forward, by_input, by_weight = (
            getattr(reference, name + suffix) for suffix in ("", "_input", "_weight")
        )
        return forward, by_input, by_weight

    def forward(self, input: Array, weight: Array, bias: Array | None = None) -> Array:
        return self.operators[0](self.layer, input, weight, bias)


cases = st.builds(Case, conv2ds() | conv_transpose2ds(), planes, seeds)


def inner(a: Array, b: Array) -> float:
    assert a.shape == b.shape
    return float(np.vdot(a, b))


@given(cases)
def test_gradients_are_adjoint(case: Case) -> None:
    """<f(x, w), g> = <x, df/dx(g)> = <w, df/dw(g)>, since f is linear in x and in w."""
    _, by_input, by_weight = case.operators
    output = case.forward(case.input, case.weight)
    expected = inner(output, case.gradient)
    back = by_input(case.layer, case.plane, case.gradient, case.weight)
    weights = by_weight(case.layer, case.input, case.gradient)
    tolerance = 1e-12 * float(np.linalg.norm(output) * np.linalg.norm(case.gradient) + 1)
    assert inner(case.input, back) == pytest.approx(expected, rel=0, abs=tolerance)
    assert inner(case.weight, weights) == pytest.approx(expected, rel=0, abs=tolerance)


@given(cases)
def test_the_bias_is_added_to_each_pixel_of_its_channel(case: Case) -> None:
    bias = case.array((case.layer.out_channels,))
    without = case.forward(case.input, case.weight)
    np.testing.assert_array_equal(
        case.forward(case.input, case.weight, bias), without + bias[None, :, None, None]
    )
    by_bias = reference.convolution_bias(case.layer, case.gradient)
    spread = np.broadcast_to(bias[None, :, None, None], case.gradient.shape)
    assert inner(bias, by_bias) == pytest.approx(inner(spread, case.gradient), abs=1e-10)


@given(cases, st.sampled_from(["int8", "int64", "uint8"]))
def test_linear_in_input_and_weights_to_the_bit_in_integers(case: Case, dtype: str) -> None:
    """Also where they wrap around, as PyTorch's do."""
    x, y = (case.draw.random.integers(0, 100, case.input.shape).astype(dtype) for _ in range(2))
    w, v = (case.draw.random.integers(0, 100, case.weight.shape).astype(dtype) for _ in range(2))
    three = np.array(3, dtype)
    f = case.forward
    np.testing.assert_array_equal(f(three * x + y, w), three * f(x, w) + f(y, w))
    np.testing.assert_array_equal(f(x, three * w + v), three * f(x, w) + f(x, v))
    assert f(x, w).dtype == dtype


@given(st.builds(Case, conv_transpose2ds(), planes, seeds))
def test_transposed_is_convolution_of_the_zero_stuffed_input(case: Case) -> None:
    """With the kernel turned by half a turn, all around the stuffed input, then cropped."""
    layer = case.layer
    assert isinstance(layer, ConvTranspose2dSpec)
    stuffed_plane = [
        (i - 1) * s + 1 + extra
        for i, s, extra in zip(case.plane, layer.stride, layer.output_padding, strict=True)
    ]
    stuffed = np.zeros((*case.input.shape[:2], *stuffed_plane))
    rows, columns = (
        slice(0, (i - 1) * s + 1, s) for i, s in zip(case.plane, layer.stride, strict=True)
    )
    stuffed[:, :, rows, columns] = case.input
    groups, (kh, kw) = layer.groups, layer.kernel_size
    turned = case.weight[:, :, ::-1, ::-1].reshape(groups, -1, layer.weight_shape[1], kh, kw)
    filters = turned.swapaxes(1, 2).reshape(layer.out_channels, -1, kh, kw)
    around = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    plain = Conv2dSpec(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        padding=around,
        dilation=layer.dilation,
        groups=groups,
    )
    full = reference.conv2d(plain, stuffed, filters, None)
    (top, bottom), (left, right) = layer.pads
    cropped = full[:, :, top : full.shape[2] - bottom, left : full.shape[3] - right]
    np.testing.assert_allclose(case.forward(case.input, case.weight), cropped, atol=1e-12)


@given(st.builds(Case, conv2ds(), planes, seeds))
def test_padding_is_convolution_of_the_padded_image(case: Case) -> None:
    """In whole numbers, so that the order of the sum leaves no trace."""
    layer = case.layer
    assert isinstance(layer, Conv2dSpec)
    modes = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    mode: Any = modes[layer.padding_mode]
    image, weight = np.round(8 * case.input), np.round(8 * case.weight)
    padded = np.pad(image, ((0, 0), (0, 0), *layer.pads), mode)
    bare = replace(layer, padding="valid", padding_mode="zeros")
    np.testing.assert_array_equal(
        case.forward(image, weight), reference.conv2d(bare, padded, weight, None)
    )


@given(windows(pooling=False), windows(pooling=False), st.sampled_from(PADDING_MODES[1:]), seeds)
def test_unpad_is_the_adjoint_of_pad(first: Any, second: Any, mode: str, seed: int) -> None:
    axes = (first, second)
    room = {"reflect": 1, "circular": 0, "replicate": -99}[mode]
    assume(all(max(axis.before, axis.after) + room <= axis.size for axis in axes))
    random = np.random.default_rng(seed)
    image = random.integers(-9, 9, (2, 1, first.size, second.size))
    padded = pad(image, axes, mode)
    assert padded.shape[2:] == tuple(axis.size for axis in padded_axes(axes))
    gradient = random.integers(-9, 9, padded.shape)
    assert inner(padded, gradient) == inner(image, unpad(gradient, axes, mode))


@pytest.mark.parametrize("kernel", [1, 3])
def test_infinities_and_nan_follow_ieee_without_warnings(kernel: int) -> None:
    layer = Conv2dSpec(1, 1, (1, kernel), padding=(0, kernel // 2))
    row = np.array([1, np.inf, 2, -np.inf, np.nan, 3e38, 3e38], "float32").reshape(1, 1, 1, 7)
    weight = np.zeros((1, 1, 1, kernel), "float32")
    weight[..., kernel // 2] = 2
    output = reference.conv2d(layer, row, weight, None)
    if kernel == 1:
        expected = [2, np.inf, 4, -np.inf, np.nan, np.inf, np.inf]
    else:  # a weight of zero times infinity is NaN
        expected = [np.nan] * 6 + [np.inf]
        expected[1] = np.inf
    np.testing.assert_array_equal(output[0, 0, 0], np.array(expected, "float32"))
    assert np.isnan(reference.conv2d_weight(layer, row, np.zeros_like(output))).any()
