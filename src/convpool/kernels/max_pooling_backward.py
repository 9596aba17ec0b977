"""Max pooling's gradient by its input: each window's goes to the cell that its index names.

Planes are taken in parallel, window after window, so that where windows share a cell their
gradients are added in one order.
"""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,misc"

from collections.abc import Callable
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numba import prange
from numpy.typing import NDArray

from convpool.arithmetic import Window, window_axes
from convpool.kernels import memory, single_windows
from convpool.kernels.jit import Kernel
from convpool.kernels.layouts import (
    WORTH_THREADS,
    by_image,
    delivered,
    destination,
    laid_out,
)
from convpool.kernels.prompt import PLACES, Prompt
from convpool.kernels.simd import address
from convpool.kernels.streaming import LARGEST_PIECE, WORTH_STREAMING
from convpool.request import Request, check_cells
from convpool.threads import MOST

if TYPE_CHECKING:
    from convpool.spec import MaxPool2dSpec

Array = NDArray[Any]

_PART = 1 << 16  # bytes of the result that are one unit of work, if there are several planes in it
_FEWEST_PARTS = 16
_LINE = 64
_MOST_RECORDS = 64
_LENGTH = len(single_windows.Record._fields)
_SCRATCH = single_windows.Record._fields.index("scratch")


def prepare(request: Request) -> Callable[..., Array]:
    """Return the function of plane, gradient and indices (N, C, OH, OW) that returns (N, C, H, W).

    It raises ArgumentError if a window that has a cell has an index outside of the plane.
    """
    _, height, width = request.image_shape
    axes = window_axes(cast("MaxPool2dSpec", request.spec), (height, width))
    dtype = np.dtype(request.dtype)
    number = np.dtype("float32") if dtype == "float16" else dtype
    rows, columns = (
        np.array([axis.touches(window) for window in range(axis.output)], bool) for axis in axes
    )
    has_cell = np.logical_and.outer(rows, columns)
    all_have = bool(has_cell.all())
    over_planes = _OverPlanes(axes, number)

    def run(
        plane: tuple[int, int], gradient: Array, indices: Array, *, out: Array | None = None
    ) -> Array:
        if not all_have:
            gradient = np.where(has_cell, gradient, dtype.type(0))
            indices = np.where(has_cell, indices, 0)
        gradient, last = laid_out(gradient.astype(number, copy=False), number)
        shape = (*indices.shape[:2], *plane)
        # Halves are added in float32, and rounded into `out` or a new array.
        result = destination(shape, number, out if number == dtype else None, channels_last=last)
        if (_over_channels if last else over_planes)(gradient, indices, result):
            check_cells(indices, plane)
        if number != dtype:
            with np.errstate(over="ignore"):  # what is too large for a half is infinite
                return delivered(result.astype(dtype), out)
        return delivered(result, out)

    def prompt(shape: tuple[int, ...], batch: int) -> Prompt | None:
        if not all_have or number != dtype:
            return None
        return over_planes.prompt(shape, batch * request.image_shape[0])

    run.prompt = prompt  # type: ignore[attr-defined]
    return run


class _OverPlanes:
    """What scatters gradients over planes, of some windows and an element type."""

    def __init__(self, axes: tuple[Window, Window], number: np.dtype[Any]) -> None:
        self._axes, self._number = axes, number
        element: Any = number.type
        self._program = single_windows.program(element, single_windows.window_of(axes))
        self._records: dict[int, tuple[Array, int]] = {}

    def prompt(self, shape: tuple[int, ...], planes: int) -> Prompt | None:
        """Return the call that makes a result of a shape, of so many planes, if it is a small one.

        It says that it couldn't if indices name no cell.
        """
        if prod(shape) >= WORTH_THREADS:
            return None
        record = self._record(planes, planes, 0)
        return Prompt(self._program, record[PLACES:], shape, self._number, result=_LENGTH)

    def __call__(self, gradient: Array, indices: Array, result: Array) -> bool:
        """Fill the result; return whether indices name no cell."""
        if not result.size:
            return False
        places = np.ascontiguousarray(indices)
        known, scratch_bytes = self._known(result.shape[0] * result.shape[1])
        record = known.copy()
        _tell.serial(record, gradient, places, result)
        scratch = None
        if scratch_bytes:
            scratch = memory.scratch(MOST * scratch_bytes)
            record[_SCRATCH] = scratch.ctypes.data
        units = len(record) - _LENGTH
        self._program(record, units, threads=result.size >= WORTH_THREADS)
        if scratch is not None:
            memory.give_back(scratch)
        return bool(np.count_nonzero(record[_LENGTH:]))

    def _known(self, planes: int) -> tuple[Array, int]:
        """Return the record for so many planes without addresses, and a thread's scratch bytes."""
        known = self._records.get(planes)
        if known is not None:
            return known
        rows, columns = self._axes
        plane_bytes = rows.size * columns.size * self._number.itemsize
        part = max(1, min(_PART // plane_bytes, planes // _FEWEST_PARTS))
        streamed = planes * plane_bytes >= WORTH_STREAMING and plane_bytes <= LARGEST_PIECE
        scratch_bytes = (part * plane_bytes // _LINE + 2) * _LINE if streamed else 0
        record = np.zeros(_LENGTH - (-planes // part), np.int64)
        record[:_LENGTH] = self._record(planes, part, scratch_bytes)
        if len(self._records) >= _MOST_RECORDS:
            self._records.clear()
        self._records[planes] = record, scratch_bytes
        return record, scratch_bytes

    def _record(self, planes: int, part: int, scratch_bytes: int) -> single_windows.Record:
        """Return what the program is told of so many planes, in parts, but for addresses."""
        rows, columns = self._axes
        return single_windows.Record(
            *(0,) * PLACES,
            scratch_bytes=scratch_bytes,
            planes=planes,
            unit_planes=part,
            height=rows.size,
            width=columns.size,
            rows=rows.output,
            columns=columns.output,
            taps=rows.kernel,
            step=rows.stride,
            top=rows.before,
            left=columns.before,
        )


def _told(record, gradient, indices, output):
    record[0], record[2], record[3] = address(output), address(gradient), address(indices)


_tell = Kernel(_told, variant="told")
"""Puts the addresses of arrays into a record. To ask NumPy for three takes 4 us."""


def _over_channels(gradient: Array, indices: Array, result: Array) -> bool:
    """Fill a result in channels-last memory; return whether indices name no cell."""
    order = (0, 2, 3, 1)
    places = np.require(indices.transpose(order), np.int64, ["C", "A"])
    arrays = gradient.transpose(order), places, result.transpose(order)
    flat = (by_image(array) for array in arrays)
    return bool(_scatter()(*flat, threads=result.size >= WORTH_THREADS))


@cache
def _scatter() -> Kernel:
    """Return the kernel for gradient and indices (N, OH*OW, C) and an output (N, H*W, C)."""

    def scatter(gradient, indices, output):
        count, windows, channels = gradient.shape
        cells = np.uint64(output.shape[1])
        wrong = 0
        for image in prange(count):
            output[image] = 0
            missed = 0
            for window in range(windows):
                for channel in range(channels):
                    place = indices[image, window, channel]
                    if np.uint64(place) < cells:
                        output[image, place, channel] += gradient[image, window, channel]
                    else:
                        missed += 1
            wrong += missed
        return wrong

    return Kernel(scatter, variant="channels")
