"""Convolution, transposed convolution and their gradients: the definition, in NumPy.

With a big image B (N, C, H, W), a small image S (N, K, h, w) and weights W (K, C/groups, k_h, k_w),
all six operations are one sum over the taps (y, x), solved for one of the three arrays:

    S[n, k, i, j]  +=  W[k, c, y, x] * B[n, c, i*s + y*d - p, j*s + x*d - p]

Solved for S it is convolution (`slide`), for B transposed convolution (`stamp`), for W the gradient
of both by their weights (`correlate`). A convolution's input is B and its output S; a transposed
convolution's input is S and its output B.
"""

import numpy as np

from convpool.arithmetic import stamp_axes, window_axes
from convpool.reference.activation import activated
from convpool.reference.padding import Windows, pad, padded_axes, unpad
from convpool.reference.precision import Array, ieee, rounded, widened
from convpool.reference.taps import Axes, meetings
from convpool.request import NO_ACTIVATION
from convpool.spec import Activation, Conv2dSpec, ConvTranspose2dSpec

Plane = tuple[int, int]


def slide(big: Array, weight: Array, axes: Axes, plane: Plane, groups: int) -> Array:
    """Solve for the small image, of the given plane (h, w)."""
    small = np.zeros((big.shape[0], weight.shape[0], *plane), big.dtype)
    for tap in meetings(axes):
        small[tap.small] += _mix(_by_group(weight[:, :, tap.y, tap.x], groups), big[tap.big])
    return small


def stamp(small: Array, weight: Array, axes: Axes, plane: Plane, groups: int) -> Array:
    """Solve for the big image, of the given plane (H, W)."""
    big = np.zeros((small.shape[0], weight.shape[1] * groups, *plane), small.dtype)
    for tap in meetings(axes):
        matrices = _by_group(weight[:, :, tap.y, tap.x], groups).swapaxes(1, 2)
        big[tap.big] += _mix(matrices, small[tap.small])
    return big


def correlate(big: Array, small: Array, axes: Axes, groups: int) -> Array:
    """Solve for the weights."""
    kernel = (axes[0].kernel, axes[1].kernel)
    weight = np.zeros((small.shape[1], big.shape[1] // groups, *kernel), big.dtype)
    for tap in meetings(axes):
        left = _pixels_by_group(small[tap.small], groups)
        right = _pixels_by_group(big[tap.big], groups)
        products = np.matmul(left, right.swapaxes(2, 3)).sum(axis=0, dtype=big.dtype)
        weight[:, :, tap.y, tap.x] = products.reshape(weight.shape[:2])
    return weight


@ieee
def conv2d(
    spec: Conv2dSpec,
    input: Array,
    weight: Array,
    bias: Array | None,
    residual: Array | None = None,
    activation: Activation = NO_ACTIVATION,
) -> Array:
    """Return activation(cross-correlation of images (N, C, H, W) + bias + residual)."""
    axes = window_axes(spec, (input.shape[2], input.shape[3]))
    plane = (axes[0].output, axes[1].output)
    image, axes = _with_padding(spec, widened(input), axes)
    output = slide(image, widened(weight), axes, plane, spec.groups)
    return rounded(_finished(output, bias, residual, activation), input.dtype)


@ieee
def conv2d_input(spec: Conv2dSpec, plane: Plane, gradient: Array, weight: Array) -> Array:
    """Return the gradient by the input, whose plane (H, W) is given."""
    original = window_axes(spec, plane)
    repeats = spec.padding_mode != "zeros"
    axes = padded_axes(original) if repeats else original
    target = (axes[0].size, axes[1].size)
    result = stamp(widened(gradient), widened(weight), axes, target, spec.groups)
    if repeats:
        result = unpad(result, original, spec.padding_mode)
    return rounded(result, gradient.dtype)


@ieee
def conv2d_weight(spec: Conv2dSpec, input: Array, gradient: Array) -> Array:
    """Return the gradient by the weights."""
    axes = window_axes(spec, (input.shape[2], input.shape[3]))
    image, axes = _with_padding(spec, widened(input), axes)
    return rounded(correlate(image, widened(gradient), axes, spec.groups), input.dtype)


@ieee
def conv_transpose2d(
    spec: ConvTranspose2dSpec,
    input: Array,
    weight: Array,
    bias: Array | None,
    residual: Array | None = None,
    activation: Activation = NO_ACTIVATION,
) -> Array:
    """Return activation(sum of the kernels that each input pixel stamps + bias + residual)."""
    axes = stamp_axes(spec, (input.shape[2], input.shape[3]))
    plane = (axes[0].output, axes[1].output)
    output = stamp(widened(input), widened(weight), axes, plane, spec.groups)
    return rounded(_finished(output, bias, residual, activation), input.dtype)


@ieee
def conv_transpose2d_input(
    spec: ConvTranspose2dSpec, plane: Plane, gradient: Array, weight: Array
) -> Array:
    """Return the gradient by the input, whose plane (H, W) is given."""
    axes = stamp_axes(spec, plane)
    result = slide(widened(gradient), widened(weight), axes, plane, spec.groups)
    return rounded(result, gradient.dtype)


@ieee
def conv_transpose2d_weight(spec: ConvTranspose2dSpec, input: Array, gradient: Array) -> Array:
    """Return the gradient by the weights."""
    axes = stamp_axes(spec, (input.shape[2], input.shape[3]))
    result = correlate(widened(gradient), widened(input), axes, spec.groups)
    return rounded(result, input.dtype)


@ieee
def convolution_bias(_spec: Conv2dSpec | ConvTranspose2dSpec, gradient: Array) -> Array:
    """Return the gradient by the bias of either convolution: the sum over batch and pixels."""
    wide = widened(gradient)
    return rounded(wide.sum(axis=(0, 2, 3), dtype=wide.dtype), gradient.dtype)


def _with_padding(spec: Conv2dSpec, image: Array, axes: Windows) -> tuple[Array, Windows]:
    """Fill padding that repeats pixels; zeros need no filling, they are left out of the sum."""
    if spec.padding_mode == "zeros":
        return image, axes
    return pad(image, axes, spec.padding_mode), padded_axes(axes)


def _finished(
    output: Array, bias: Array | None, residual: Array | None, activation: Activation
) -> Array:
    if bias is not None:
        output = output + bias.astype(output.dtype)[:, None, None]
    if residual is not None:
        output = output + residual.astype(output.dtype)
    return activated(output, activation)


def _by_group(tap_weight: Array, groups: int) -> Array:
    """(K, C/groups) -> (groups, K/groups, C/groups)."""
    return tap_weight.reshape(groups, -1, tap_weight.shape[1])


def _pixels_by_group(image: Array, groups: int) -> Array:
    """(N, C, h, w) -> (N, groups, C/groups, h*w)."""
    batch, channels, height, width = image.shape
    return image.reshape(batch, groups, channels // groups, height * width)


def _mix(matrices: Array, image: Array) -> Array:
    """Multiply the channels of each group by its matrix: (N, C, h, w) -> (N, K, h, w)."""
    batch, _, height, width = image.shape
    groups, filters, _ = matrices.shape
    mixed: Array = np.matmul(matrices, _pixels_by_group(image, groups))
    return mixed.reshape(batch, groups * filters, height, width)
