"""Max pooling: which kernel carries out a layer, and the arrays around it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import Window, window_axes
from convpool.kernels import memory, strips
from convpool.kernels.simd import DROP_NAN, KEEP_NAN
from convpool.request import Request

if TYPE_CHECKING:
    from convpool.spec import MaxPool2dSpec

Array = NDArray[Any]

_WORTH_THREADS = 1 << 15  # numbers of input; two threads break even at half of that
_CHUNK = 1 << 16  # bytes of input in planes that are pooled as one


def prepare(request: Request) -> Callable[..., Any]:
    channels, height, width = request.image_shape
    rows, columns = window_axes(cast("MaxPool2dSpec", request.spec), (height, width))
    is_bool = request.dtype == "bool"
    element = np.dtype("uint8" if is_bool else request.dtype)
    with_indices = request.operation == "max_pool2d_with_indices"
    stacked = (not with_indices and rows.before == 0 and rows.kernel <= rows.stride
               and rows.stride * rows.output == height)
    merged = rows
    if stacked:
        from dataclasses import replace
        merged = replace(rows, size=4*height)
    window = (rows.kernel, rows.stride, rows.before, columns.before)
    plan = strips.strips_for(merged, columns, element.itemsize, DROP_NAN)
    keep = strips.strips_for(merged, columns, element.itemsize, KEEP_NAN)
    make = strips.indices_kernel if with_indices else strips.values_kernel
    dropping = make(plan)
    keeping = make(keep)
    nothing = np.zeros(0)
    oh, ow = rows.output, columns.output

    def run(images: Array) -> Any:
        if is_bool: images = images.view(element)
        if not (images.flags.c_contiguous and images.flags.aligned and images.dtype.isnative):
            images = np.require(images, element, ["C", "A"])
        batch = len(images)
        output = memory.empty((batch, channels, oh, ow), element)
        count = batch * channels
        m = 1
        if stacked:
            while count % (2*m) == 0 and m * height*width*element.itemsize < _CHUNK: m*=2
        planes = images.reshape(count//m, m*height, width)
        pooled = output.reshape(count//m, m*oh, ow)
        threads = planes.size >= _WORTH_THREADS
        if with_indices:
            indices = memory.empty(output.shape, np.int64)
            arguments = planes, pooled, indices.reshape(pooled.shape), window
        else:
            arguments = planes, pooled, nothing, nothing, window
        if dropping(*arguments, threads=threads):
            keeping(*arguments, threads=threads)
        if is_bool: output = output.view(np.bool_)
        return (output, indices) if with_indices else output

    return run
