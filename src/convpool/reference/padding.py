"""Padding that repeats pixels (reflect, replicate, circular), and its gradient."""

import numpy as np

from convpool.arithmetic import Window, source_index
from convpool.reference.precision import Array

Windows = tuple[Window, Window]


def pad(image: Array, axes: Windows, mode: str) -> Array:
    """Return images (N, C, H, W) with the padding of both axes filled as the mode says.

    Example:
        >>> row = np.array([[[[1, 2, 3]]]])
        >>> pad(row, (Window(1, 1), Window(3, 1, before=2, after=1)), "reflect")[0, 0]
        array([[3, 2, 1, 2, 3, 2]])
    """
    rows, columns = (_sources(axis, mode) for axis in axes)
    return image.take(rows, axis=2).take(columns, axis=3)


def unpad(gradient: Array, axes: Windows, mode: str) -> Array:
    """Return the gradient by the images from that by the padded ones: copies add to the source."""
    vertical, horizontal = axes
    folded = np.zeros((*gradient.shape[:2], vertical.size, gradient.shape[3]), gradient.dtype)
    for padded_row, row in enumerate(_sources(vertical, mode)):
        folded[:, :, row] += gradient[:, :, padded_row]
    result = np.zeros((*folded.shape[:3], horizontal.size), gradient.dtype)
    for padded_column, column in enumerate(_sources(horizontal, mode)):
        result[:, :, :, column] += folded[:, :, :, padded_column]
    return result


def padded_axes(axes: Windows) -> Windows:
    """Return the axes of the same layer over the image that already has its padding."""
    vertical, horizontal = (
        Window(axis.padded, axis.kernel, axis.stride, dilation=axis.dilation) for axis in axes
    )
    return vertical, horizontal


def _sources(axis: Window, mode: str) -> list[int]:
    """Return the input position that each position of the padded axis repeats."""
    positions = range(-axis.before, axis.size + axis.after)
    sources = (source_index(position, axis.size, mode) for position in positions)
    return [source for source in sources if source is not None]
