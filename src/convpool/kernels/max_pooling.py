"""Max pooling: the kernels that carry out a layer, and the arrays around them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import Window, window_axes
from convpool.kernels import channels_last, memory, separable, small_pooling, strips
from convpool.kernels.layouts import WORTH_THREADS, delivered, destination, laid_out
from convpool.kernels.prompt import Prompt
from convpool.kernels.reducing import NO_DIVISORS, over_channels, over_planes, taps_inside
from convpool.kernels.simd import DROP_NAN, HALF, KEEP_NAN
from convpool.request import Request

if TYPE_CHECKING:
    from convpool.spec import MaxPool2dSpec

Array = NDArray[Any]
Axes = tuple[Window, Window]
Search = Callable[[Array, Array, Array], None]


def prepare(request: Request) -> Callable[..., Any]:
    """Return the function of images (N, C, H, W) requested: maxima, or those with indices."""
    axes = window_axes(cast("MaxPool2dSpec", request.spec), request.image_shape[1:])  # type: ignore[arg-type]
    indices = request.operation == "max_pool2d_with_indices"
    run: Any = (_with_indices if indices else _values)(axes, request)
    channels, dtype = request.image_shape[0], np.dtype(request.dtype)

    def prompt(shape: tuple[int, ...], batch: int) -> Prompt | None:
        return small_pooling.prompt(axes, dtype, shape, batch * channels, indices=indices)

    run.prompt = prompt
    return cast("Callable[..., Any]", run)


def _values(axes: Axes, request: Request) -> Callable[..., Array]:
    element, dtype, plane = _element(request.dtype), np.dtype(request.dtype), _plane(axes)
    form = _form(request.dtype)
    # The key of NaN is larger than all others.
    operations = (HALF + DROP_NAN,) if form else (DROP_NAN, KEEP_NAN)
    planes = over_planes(axes, element, operations, NO_DIVISORS)
    channels = over_channels(axes, element, form + (DROP_NAN if form else KEEP_NAN), NO_DIVISORS)

    is_itself = element == dtype

    def run(images: Array, *, out: Array | None = None) -> Array:
        images, last = laid_out(images, element)
        shape = (*images.shape[:2], *plane)
        result = destination(shape, dtype, out, channels_last=last)
        (channels if last else planes)(images, result if is_itself else result.view(element))
        return delivered(result, out)

    return run


def _with_indices(axes: Axes, request: Request) -> Callable[..., tuple[Array, Array]]:
    element, plane = _element(request.dtype), _plane(axes)
    form = _form(request.dtype)
    planes, channels = _search_planes(axes, element, form), _search_channels(axes, element, form)

    def run(images: Array) -> tuple[Array, Array]:
        images, last = laid_out(images, element)
        shape = (*images.shape[:2], *plane)
        output = memory.empty(shape, element, channels_last=last)
        indices = memory.empty(shape, np.int64, channels_last=last)
        (channels if last else planes)(images, output, indices)
        return output.view(request.dtype), indices

    return run


def _search_planes(axes: Axes, element: np.dtype[Any], form: int) -> Search:
    """Return what finds maxima and indices in images that are contiguous."""
    rows, columns = axes
    plans = [
        strips.strips_for(rows, columns, element.itemsize, form + operation)
        for operation in (DROP_NAN, KEEP_NAN)
    ]
    fixed: tuple[Any, ...] = ((rows.kernel, rows.stride, rows.before, columns.before),)
    kernels = [strips.indices_kernel(plan) for plan in plans if plan]
    if not kernels:
        cells = [taps_inside(axis)[:, 2].copy() for axis in axes]
        fixed = (*cells, separable.geometry(rows), separable.geometry(columns))
        kernels = [
            separable.indices_kernel(separable.Scratch(element.itemsize, form + operation))
            for operation in (DROP_NAN, KEEP_NAN)
        ]

    def search(images: Array, output: Array, indices: Array) -> None:
        threads = images.size >= WORTH_THREADS
        for kernel in kernels:
            if not kernel(images, output, indices, *fixed, threads=threads):
                break

    return search


def _search_channels(axes: Axes, element: np.dtype[Any], form: int) -> Search:
    """Return what finds maxima and indices in images in channels-last memory."""
    taps = [taps_inside(axis) for axis in axes]
    geometries = [separable.geometry(axis) for axis in axes]

    def search(images: Array, output: Array, indices: Array) -> None:
        lanes = channels_last.lanes_for(images.shape[1], max(4, element.itemsize))
        kernel = channels_last.indices_kernel(channels_last.Channels(lanes, 0, form + KEEP_NAN))
        arrays = (array.transpose(0, 2, 3, 1) for array in (images, output, indices))
        kernel(*arrays, *taps, *geometries, threads=images.size >= WORTH_THREADS)

    return search


def _plane(axes: Axes) -> tuple[int, int]:
    return axes[0].output, axes[1].output


def _element(dtype: str) -> np.dtype[Any]:
    """Return the element type that kernels see."""
    return np.dtype({"bool": "uint8", "float16": "int16"}.get(dtype, dtype))


def _form(dtype: str) -> int:
    return HALF if dtype == "float16" else 0
