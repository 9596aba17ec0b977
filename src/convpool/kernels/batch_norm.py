"""Batch normalisation in training, and its gradients: what lies between convolutions that learn.

The sum with another tensor and a ReLU that follow it may be a part of it: then their numbers aren't
written to memory and read from it once more, forward or backward.

A channel's variance is that of distances from a number near its mean, the mean of some pixels, so
that no squares cancel; if it proves not to be near, distances from the mean itself are looked at.
Sums are cut into short ones in the element type, and those are added up in float64.

Channels are shared out to threads, so the bits don't depend on their number.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import math
from functools import cache, partial
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.jit import Kernel, block
from convpool.kernels.layouts import WORTH_THREADS
from convpool.kernels.simd import address
from convpool.kernels.streaming import ask
from convpool.threads import MOST

Array = NDArray[Any]
Moments = NDArray[np.float64]
"""Of each channel the mean, and the variance (the sum of squares over their count): (2, C)."""

NOTHING, RELU, SUM_AND_RELU = range(3)
"""What follows the norm."""
_RUN = 1024
"""Numbers at most that are summed in the element type."""
_NEIGHBOURS = 1 << 12
"""Bytes in a row from which reading is as fast as it can be."""
_NUMBERS = 5
"""Of a channel, by which its pixels are computed."""
_FORESEEN = 1 << 13
"""Bytes that are asked for."""
_FAR = 16
"""Variances to which the square of a distance from the mean mustn't amount."""


def normalize(
    images: Array,
    weight: Array,
    bias: Array,
    eps: float,
    moments: Moments,
    running: tuple[Array, Array, float] | None = None,
    after: int = NOTHING,
    residual: Array | None = None,
) -> Array:
    """Return (images - mean) / sqrt(variance + eps) * weight + bias, by channels.

    Args:
        images: (N, C, H, W), contiguous, at least one number a channel, float32 or float64.
        weight: (C,) of the same type, as the bias.
        bias: what is added.
        eps: what is added to the variance.
        moments: (2, C), which become those of the images.
        running: mean and variance of earlier images, (C,) of the images' type, and the share by
            which they come nearer to these images' (the variance that is expected of all images,
            the sum of squares over one less than their count).
        after: what is done with the result.
        residual: the images' like, contiguous: what is added before the ReLU, for `SUM_AND_RELU`.
    """
    batch, channels, height, width = images.shape
    output = memory.empty(images.shape, images.dtype)
    moments.fill(0)
    none = moments[0, :0]
    _forward(after)(
        images.reshape(-1),
        (output if residual is None else residual).reshape(-1),
        (batch, channels, height * width),
        (weight, bias),
        eps,
        _joint(images),
        output.reshape(-1),
        np.empty((_NUMBERS, channels), images.dtype),
        (moments[0], moments[1]),
        running or (none.astype(images.dtype), none.astype(images.dtype), 0.0),
        threads=images.size >= WORTH_THREADS,
    )
    return output


def gradients(
    gradient: Array,
    images: Array,
    parameters: tuple[Array, Array],
    eps: float,
    moments: Moments,
    after: int = NOTHING,
    output: Array | None = None,
) -> tuple[Array, ...]:
    """Return the gradients by images, weight and bias, and by the residual if there is one.

    Args:
        gradient: by the output of `normalize`, contiguous, of its shape and type.
        images: what that was given, as what follows.
        parameters: weight and bias, (C,).
        eps: what is added to the variance.
        moments: the mean and the variance of the images.
        after: what was done with the result.
        output: what it returned, for `SUM_AND_RELU`.
    """
    batch, channels, height, width = images.shape
    result = memory.empty(images.shape, images.dtype)
    has_residual = after == SUM_AND_RELU
    by_residual = memory.empty(images.shape, images.dtype) if has_residual else result
    totals = np.zeros((2, channels))
    _backward(after)(
        gradient.reshape(-1),
        images.reshape(-1),
        (gradient if output is None else output).reshape(-1),
        (batch, channels, height * width),
        parameters,
        eps,
        _joint(images),
        (np.empty((_NUMBERS, channels), images.dtype), moments[0], moments[1], *totals),
        (result.reshape(-1), by_residual.reshape(-1)),
        threads=images.size >= WORTH_THREADS,
    )
    by_weight, by_bias = totals.astype(images.dtype)
    return (result, by_weight, by_bias, *([by_residual] if has_residual else []))


def _joint(images: Array) -> int:
    """Return how many channels are read together: small planes, of which a few are neighbours."""
    _, channels, height, width = images.shape
    in_row = _NEIGHBOURS // (height * width * images.itemsize)
    joint: int = max(1, min(in_row, channels // MOST))
    return joint


# Blocks get whole arrays and the place where a plane begins: a view of the plane would be counted
# as one more user of the memory, which takes longer than a small plane does. An index without a
# sign isn't looked at for being below 0.


@partial(block, reorders=True)
def _middle(images, pixels):
    """Return the mean of the first numbers of a plane."""
    count = min(pixels, _RUN)
    total = images.dtype.type(0)
    for pixel in range(count):
        total += images[pixel]
    return images.dtype.type(total / count)


@partial(block, reorders=True)
def _distances(images, place, pixels, centre):
    """Return the sum of a plane's distances from a number, and that of their squares."""
    total = squares = 0.0
    for first in range(place, place + pixels, _RUN):
        rest = square = images.dtype.type(0)
        for pixel in range(min(_RUN, place + pixels - first)):
            distance = images[np.uint64(first + pixel)] - centre
            rest += distance
            square += distance * distance
        total += rest
        squares += square
    return total, squares


@block
def _ask(numbers, shape, image, own):
    """Ask for channels of an image, whose pages no hardware foresees."""
    batch, channels, pixels = shape
    if image < batch:
        place = (image * channels + own[0]) * pixels * numbers.itemsize
        size = (own[1] - own[0]) * pixels * numbers.itemsize
        ask(address(numbers) + place, min(size, _FORESEEN))


@block
def _measure(images, shape, own, centres, means, variances):
    """Leave the moments of a range of channels, by distances from their centres."""
    batch, channels, pixels = shape
    for channel in range(own[0], own[1]):
        means[channel] = variances[channel] = 0
    for image in range(batch):
        _ask(images, shape, image + 1, own)
        for channel in range(own[0], own[1]):
            place = (image * channels + channel) * pixels
            total, squares = _distances(images, place, pixels, centres[channel])
            means[channel] += total
            variances[channel] += squares
    for channel in range(own[0], own[1]):
        apart = means[channel] / (batch * pixels)
        square = variances[channel] / (batch * pixels) - apart * apart
        variances[channel] = 0.0 if square < 0 else square  # of equal numbers, what rounding leaves
        means[channel] = centres[channel] + apart


@block
def _draw(lines, channel, parameters, eps, moments):
    """Leave `near`, `factor` and `shift` of what a channel becomes: (x - near) * factor + shift."""
    weight, bias = parameters
    means, variances = moments
    near = lines.dtype.type(means[channel])
    slope = weight[channel] / math.sqrt(variances[channel] + eps)
    lines[0, channel] = near
    lines[1, channel] = slope
    lines[2, channel] = bias[channel] - (means[channel] - near) * slope


@block
def _follow(running, channel, mean, variance, count):
    """Move a channel's running numbers, if there are any, towards what was found in a batch."""
    means, variances, share = running
    if len(means):
        means[channel] += share * (mean - means[channel])
        variances[channel] += share * (variance * count / (count - 1) - variances[channel])


@cache
def _scaling(after: int) -> Any:
    @block
    def scale(images, residual, output, place, pixels, line):
        near, factor, shift = line
        zero = images.dtype.type(0)
        for pixel in range(pixels):
            at = np.uint64(place + pixel)
            value = (images[at] - near) * factor + shift
            if after == SUM_AND_RELU:
                value += residual[at]
            if after != NOTHING:
                value = max(value, zero)  # NaN stays
            output[at] = value

    return scale


@cache
def _forward(after: int) -> Kernel:
    scale = _scaling(after)

    def normalize(images, residual, shape, parameters, eps, joint, output, lines, moments, running):
        batch, channels, pixels = shape
        means, variances = moments
        centres = lines[0]
        for unit in prange((channels + joint - 1) // joint):
            begin = np.intp(unit) * joint  # which Numba counts without a sign where it is parallel
            own = begin, min(begin + joint, channels)
            for channel in range(own[0], own[1]):
                centres[channel] = _middle(images[channel * pixels :], pixels)
            _measure(images, shape, own, centres, means, variances)
            for channel in range(own[0], own[1]):
                apart = means[channel] - centres[channel]
                if apart * apart > _FAR * variances[channel]:
                    centres[channel] = means[channel]
                    _measure(images, shape, (channel, channel + 1), centres, means, variances)
                _draw(lines, channel, parameters, eps, moments)
                _follow(running, channel, means[channel], variances[channel], batch * pixels)
            for image in range(batch):
                _ask(output, shape, image + 1, own)
                for channel in range(own[0], own[1]):
                    place = (image * channels + channel) * pixels
                    line = lines[0, channel], lines[1, channel], lines[2, channel]
                    scale(images, residual, output, place, pixels, line)

    return Kernel(normalize, variant=f"batch-norm-{after}")


@cache
def _totalling(after: int) -> Any:
    @partial(block, reorders=True)
    def add_up(given, others, place, pixels, line):
        """Return a gradient's sum, and that of its products with distances from a number.

        A gradient that passes the ReLU is kept where there is a residual, whose own it is.
        """
        images, output, passed = others
        near, factor, shift = line
        zero = images.dtype.type(0)
        total = along = 0.0
        for first in range(place, place + pixels, _RUN):
            one = other = zero
            for pixel in range(min(_RUN, place + pixels - first)):
                at = np.uint64(first + pixel)
                distance, gradient = images[at] - near, given[at]
                if after == RELU:
                    gradient = zero if distance * factor + shift <= zero else gradient
                elif after == SUM_AND_RELU:
                    gradient = zero if output[at] <= zero else gradient
                    passed[at] = gradient
                one += gradient
                other += gradient * distance
            total += one
            along += other
        return total, along

    return add_up


@cache
def _leaning(after: int) -> Any:
    @block
    def lean(given, images, result, place, pixels, line):
        near, factor, shift = line[0], line[1], line[2]
        slope, constant = line[3], line[4]
        zero = images.dtype.type(0)
        for pixel in range(pixels):
            at = np.uint64(place + pixel)
            distance, gradient = images[at] - near, given[at]
            if after == RELU:
                gradient = zero if distance * factor + shift <= zero else gradient
            result[at] = gradient * factor + distance * slope + constant

    return lean


@cache
def _backward(after: int) -> Kernel:
    add_up, lean = _totalling(after), _leaning(after)

    def differentiate(given, images, output, shape, parameters, eps, joint, numbers, results):
        batch, channels, pixels = shape
        lines, means, variances, by_weight, by_bias = numbers
        result, passed = results
        for unit in prange((channels + joint - 1) // joint):
            begin = np.intp(unit) * joint  # which Numba counts without a sign where it is parallel
            own = begin, min(begin + joint, channels)
            for channel in range(own[0], own[1]):
                _draw(lines, channel, parameters, eps, (means, variances))
            for image in range(batch):
                _ask(given, shape, image + 1, own)
                _ask(images, shape, image + 1, own)
                if after == SUM_AND_RELU:
                    _ask(output, shape, image + 1, own)
                    _ask(passed, shape, image + 1, own)
                for channel in range(own[0], own[1]):
                    place = (image * channels + channel) * pixels
                    line = lines[0, channel], lines[1, channel], lines[2, channel]
                    total, along = add_up(given, (images, output, passed), place, pixels, line)
                    by_bias[channel] += total
                    by_weight[channel] += along
            for channel in range(own[0], own[1]):
                apart = means[channel] - lines[0, channel]
                inverse = 1 / math.sqrt(variances[channel] + eps)
                by_weight[channel] = (by_weight[channel] - by_bias[channel] * apart) * inverse
                factor = parameters[0][channel] * inverse / (batch * pixels)
                slope = -factor * inverse * by_weight[channel]
                lines[3, channel] = slope
                lines[4, channel] = -factor * by_bias[channel] - slope * apart
            for image in range(batch):
                _ask(result, shape, image + 1, own)
                for channel in range(own[0], own[1]):
                    place = (image * channels + channel) * pixels
                    source = passed if after == SUM_AND_RELU else given
                    lean(source, images, result, place, pixels, lines[:, channel])

    return Kernel(differentiate, variant=f"batch-norm-{after}")
