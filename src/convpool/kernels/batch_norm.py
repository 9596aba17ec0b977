"""Batch normalisation in training, and its gradients: what lies between convolutions that learn.

The sum with another tensor and a ReLU that follow it may be a part of it: then their numbers aren't
written to memory and read from it once more, forward or backward.

A channel's variance is that of distances from a number near its mean, the mean of some pixels, so no
squares cancel; if it proves not to be near, distances from the mean itself are looked at. Sums are
cut into short ones in the element type, and those are added up in float64.

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
from convpool.threads import MOST

Array = NDArray[Any]
Moments = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Of each channel the mean and the variance, (C,)."""

NOTHING, RELU, SUM_AND_RELU = range(3)
"""What follows the norm."""
_RUN = 1024
"""Numbers at most that are summed in the element type."""
_NEIGHBOURS = 1 << 12
"""Bytes in a row from which reading is as fast as it can be."""
_NUMBERS = 5
"""Of a channel, by which its pixels are computed."""
_FAR = 16
"""Variances to which the square of a distance from the mean mustn't amount."""


def normalize(
    images: Array,
    weight: Array,
    bias: Array,
    eps: float,
    after: int = NOTHING,
    residual: Array | None = None,
) -> tuple[Array, NDArray[np.float64], NDArray[np.float64]]:
    """Return (images - mean) / sqrt(variance + eps) * weight + bias, by channels, and the two.

    Args:
        images: (N, C, H, W), contiguous, at least one number a channel, float32 or float64.
        weight: (C,) of the same type, as the bias.
        bias: what is added.
        eps: what is added to the variance.
        after: what is done with the result.
        residual: the images' like, contiguous: what is added before the ReLU, for `SUM_AND_RELU`.

    Returns:
        The images' like, and of each channel the mean and the variance (of all numbers: the sum of
        squares over their count), (C,).
    """
    batch, channels, height, width = images.shape
    output = memory.empty(images.shape, images.dtype)
    mean, variance = np.zeros(channels), np.zeros(channels)
    planes = batch, channels, height * width
    _forward(after)(
        images.reshape(planes),
        (output if residual is None else residual).reshape(planes),
        (weight, bias),
        eps,
        _joint(images),
        output.reshape(planes),
        np.empty((_NUMBERS, channels), images.dtype),
        (mean, variance),
        threads=images.size >= WORTH_THREADS,
    )
    return output, mean, variance


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
        moments: the mean and the variance that it returned.
        after: what was done with the result.
        output: what it returned, for `SUM_AND_RELU`.
    """
    batch, channels, height, width = images.shape
    result = memory.empty(images.shape, images.dtype)
    has_residual = after == SUM_AND_RELU
    by_residual = memory.empty(images.shape, images.dtype) if has_residual else result
    totals = np.zeros((2, channels))
    planes = batch, channels, height * width
    _backward(after)(
        gradient.reshape(planes),
        images.reshape(planes),
        (gradient if output is None else output).reshape(planes),
        parameters,
        eps,
        _joint(images),
        np.empty((_NUMBERS, channels), images.dtype),
        moments,
        (result.reshape(planes), by_residual.reshape(planes)),
        totals,
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


@partial(block, reorders=True)
def _middle(plane):
    """Return the mean of a plane's first numbers."""
    run = plane[:_RUN]
    total = plane.dtype.type(0)
    for pixel in range(len(run)):
        total += run[pixel]
    return plane.dtype.type(total / len(run))


@partial(block, reorders=True)
def _distances(plane, centre):
    """Return the sum of numbers' distances from another, and that of their squares."""
    total = squares = 0.0
    for first in range(0, len(plane), _RUN):
        run = plane[first : first + _RUN]
        rest = square = plane.dtype.type(0)
        for pixel in range(len(run)):
            distance = run[pixel] - centre
            rest += distance
            square += distance * distance
        total += rest
        squares += square
    return total, squares


@block
def _measure(images, own, centres, means, variances):
    """Leave the moments of a range of channels, by distances from their centres."""
    batch, _, pixels = images.shape
    first, end = own
    means[first:end] = 0
    variances[first:end] = 0
    for image in range(batch):
        for channel in range(first, end):
            total, squares = _distances(images[image, channel], centres[channel])
            means[channel] += total
            variances[channel] += squares
    for channel in range(first, end):
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


@cache
def _scaling(after: int) -> Any:
    @partial(block, reorders=True)
    def scale(plane, beside, output, line):
        near, factor, shift = line
        zero = plane.dtype.type(0)
        for pixel in range(len(plane)):
            value = (plane[pixel] - near) * factor + shift
            if after == SUM_AND_RELU:
                value += beside[pixel]
            if after != NOTHING:
                value = zero if value < zero else value  # NaN stays
            output[pixel] = value

    return scale


@cache
def _forward(after: int) -> Kernel:
    scale = _scaling(after)

    def normalize(images, residual, parameters, eps, joint, output, lines, moments):
        batch, channels, _ = images.shape
        means, variances = moments
        centres = lines[0]
        for unit in prange((channels + joint - 1) // joint):
            first, end = unit * joint, min((unit + 1) * joint, channels)
            for channel in range(first, end):
                centres[channel] = _middle(images[0, channel])
            _measure(images, (first, end), centres, means, variances)
            for channel in range(first, end):
                apart = means[channel] - centres[channel]
                if apart * apart > _FAR * variances[channel]:
                    centres[channel] = means[channel]
                    _measure(images, (channel, channel + 1), centres, means, variances)
                _draw(lines, channel, parameters, eps, moments)
            for image in range(batch):
                for channel in range(first, end):
                    line = lines[0, channel], lines[1, channel], lines[2, channel]
                    plane, beside = images[image, channel], residual[image, channel]
                    scale(plane, beside, output[image, channel], line)

    return Kernel(normalize, variant=f"batch-norm-{after}")


@cache
def _totalling(after: int) -> Any:
    @partial(block, reorders=True)
    def totals(gradient, plane, output, passed, line):
        """Return a gradient's sum, and that of its products with distances from a number.

        A gradient that passes the ReLU is kept where there is a residual, whose own it is.
        """
        near, factor, shift = line
        zero = plane.dtype.type(0)
        total = along = 0.0
        for first in range(0, len(plane), _RUN):
            one = other = zero
            run, beside = plane[first : first + _RUN], gradient[first : first + _RUN]
            made, kept = output[first : first + _RUN], passed[first : first + _RUN]
            for pixel in range(len(run)):
                distance, given = run[pixel] - near, beside[pixel]
                if after == RELU:
                    given = zero if distance * factor + shift <= zero else given
                elif after == SUM_AND_RELU:
                    given = zero if made[pixel] <= zero else given
                    kept[pixel] = given
                one += given
                other += given * distance
            total += one
            along += other
        return total, along

    return totals


@cache
def _leaning(after: int) -> Any:
    @partial(block, reorders=True)
    def lean(gradient, plane, result, line, leaning):
        near, factor, shift = line
        slope, constant = leaning
        zero = plane.dtype.type(0)
        for pixel in range(len(plane)):
            distance, given = plane[pixel] - near, gradient[pixel]
            if after == RELU:
                given = zero if distance * factor + shift <= zero else given
            result[pixel] = given * factor + distance * slope + constant

    return lean


@cache
def _backward(after: int) -> Kernel:
    add_up, lean = _totalling(after), _leaning(after)

    def differentiate(
        gradient, images, output, parameters, eps, joint, lines, moments, results, totals
    ):
        batch, channels, pixels = images.shape
        means, variances = moments
        result, passed = results
        given = passed if after == SUM_AND_RELU else gradient
        by_weight, by_bias = totals
        for unit in prange((channels + joint - 1) // joint):
            first, end = unit * joint, min((unit + 1) * joint, channels)
            for channel in range(first, end):
                _draw(lines, channel, parameters, eps, moments)
            for image in range(batch):
                for channel in range(first, end):
                    total, along = add_up(
                        gradient[image, channel],
                        images[image, channel],
                        output[image, channel],
                        passed[image, channel],
                        (lines[0, channel], lines[1, channel], lines[2, channel]),
                    )
                    by_bias[channel] += total
                    by_weight[channel] += along
            for channel in range(first, end):
                apart = means[channel] - lines[0, channel]
                inverse = 1 / math.sqrt(variances[channel] + eps)
                by_weight[channel] = (by_weight[channel] - by_bias[channel] * apart) * inverse
                factor = parameters[0][channel] * inverse / (batch * pixels)
                slope = -factor * inverse * by_weight[channel]
                lines[3, channel] = slope
                lines[4, channel] = -factor * by_bias[channel] - slope * apart
            for image in range(batch):
                for channel in range(first, end):
                    lean(
                        given[image, channel],
                        images[image, channel],
                        result[image, channel],
                        (lines[0, channel], lines[1, channel], lines[2, channel]),
                        (lines[3, channel], lines[4, channel]),
                    )

    return Kernel(differentiate, variant=f"batch-norm-{after}")
