"""Average pooling: the kernels that carry out a layer, and the arrays around them.

Sums are kept in the element type, float16's in float32: down the columns first, then across, so
that rounding errors grow as the sides of a window, not as its area. They are divided, not
multiplied by a reciprocal: one rounding at the end, as in the definition. Means of small windows
are within 2 units in the last place of the mean of the magnitudes; against the definition, the
deviation is 0.9 times PyTorch's for 2x2 and 3x3, and a third of it for 30x41.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import Window, window_axes
from convpool.kernels.layouts import delivered, destination, laid_out
from convpool.kernels.reducing import Divisors, over_channels, over_planes
from convpool.kernels.simd import HALF, SUM
from convpool.request import Request

if TYPE_CHECKING:
    from convpool.spec import AvgPool2dSpec

Array = NDArray[Any]


def prepare(request: Request) -> Callable[..., Array]:
    """Return the function of images (N, C, H, W) that returns the means."""
    spec = cast("AvgPool2dSpec", request.spec)
    axes = window_axes(spec, request.image_shape[1:])  # type: ignore[arg-type]
    dtype, plane = np.dtype(request.dtype), (axes[0].output, axes[1].output)
    is_half = request.dtype == "float16"
    element, operation = (np.dtype("int16"), HALF + SUM) if is_half else (dtype, SUM)
    divisors = divisors_of(spec, axes)
    planes = over_planes(axes, element, (operation,), divisors)
    channels = over_channels(axes, element, operation, divisors)

    def run(images: Array, *, out: Array | None = None) -> Array:
        images, last = laid_out(images, element)
        shape = (*images.shape[:2], *plane)
        result = destination(shape, dtype, out, channels_last=last)
        (channels if last else planes)(images, result.view(element) if is_half else result)
        return delivered(result, out)

    return run


def divisors_of(spec: "AvgPool2dSpec", axes: tuple[Window, Window]) -> Divisors:
    """Return what sums are divided by; a window that has no cell gives 0/0, as in PyTorch."""
    if spec.divisor_override is not None:
        rows, columns = (np.ones(axis.output) for axis in axes)
        return Divisors(rows * spec.divisor_override, columns, alike=True)
    rows, columns = (
        np.array(
            [
                axis.cells(window, with_padding=spec.count_include_pad)
                for window in range(axis.output)
            ],
            np.float64,
        )
        for axis in axes
    )
    alike = all((numbers == numbers[0]).all() for numbers in (rows, columns))
    return Divisors(rows, columns, alike=alike)
