"""Runs random calls with each array beside a page that may not be touched.

A program of its own, since to touch one ends the process. Its arguments are kinds of calls:
`conv2d`, `conv_transpose2d`, or a gradient by `input` or by `weight`. It prints "done", or dies in
the call that it printed last.
"""

import ctypes
import mmap
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar
from unittest.mock import patch

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import DTypeLike, NDArray

from convpool.kernels import memory
from convpool.kernels.convolution import operator
from convpool.kernels.weight_gradient import operator as weight_gradient
from convpool.threads import set_num_threads
from tests.kernels.convolution import gradients
from tests.kernels.convolution.cases import Case, compare, read_in_place, some
from tests.kernels.convolution.gradients import Gradient

Array = NDArray[Any]
Call = TypeVar("Call", bound=Case | Gradient)

PAGE = mmap.PAGESIZE
LINE = 64
_libc = ctypes.CDLL(None, use_errno=True)


def fenced(nbytes: int, side: str, alignment: int) -> tuple[mmap.mmap, int]:
    """Return memory and where in it `nbytes` start, whose end or start is a page's."""
    inside = -(-nbytes // PAGE) * PAGE
    block = mmap.mmap(-1, inside + 2 * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(block))
    for page in (start, start + PAGE + inside):
        assert _libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0) == 0
    after = (inside - nbytes) // alignment * alignment
    return block, PAGE + (0 if side == "before" else after)


class Fences:
    """Memory beside a forbidden page, in place of the package's own."""

    def __init__(self, side: str) -> None:
        self.side = side

    def empty(
        self, shape: tuple[int, ...], dtype: DTypeLike, *, channels_last: bool = False
    ) -> Array:
        if channels_last:
            batch, channels, height, width = shape
            return self.empty((batch, height, width, channels), dtype).transpose(0, 3, 1, 2)
        element = np.dtype(dtype)
        block, start = fenced(int(np.prod(shape)) * element.itemsize, self.side, element.itemsize)
        array = np.ndarray(shape, element, block, start)
        array.fill(np.nan)
        return array

    def scratch(self, nbytes: int) -> Array:
        block, start = fenced(nbytes, self.side, LINE)
        array = np.ndarray((nbytes,), np.uint8, block, start)
        array.fill(0xFF)  # NaN
        return array

    def moved(self, array: Array | None) -> Array | None:
        """Return the same array of the same strides beside a forbidden page."""
        if array is None or not array.size:
            return array
        low, high = byte_bounds(array)
        block, start = fenced(high - low, self.side, array.itemsize)
        first = start + array.ctypes.data - low
        result: Array = np.ndarray(array.shape, array.dtype, block, first, array.strides)
        result[...] = array
        return result

    def around(self, case: Call) -> Call:
        moved: dict[str, Any] = {name: self.moved(getattr(case, name)) for name in case.names}
        return replace(case, **moved)


def main(kinds: list[str]) -> None:
    set_num_threads(1)
    drawn = [call for kind in kinds for call in calls(kind)]
    with (
        patch.object(memory, "give_back", lambda array: None),
        patch.object(operator, "MOST", 1),  # threads that have scratch memory
        patch.object(weight_gradient, "MOST", 1),
    ):
        for call in drawn:
            run(call)
    print("done")


def calls(kind: str) -> Iterable[Case | Gradient]:
    """Return the calls of a kind."""
    if kind in gradients.PROGRAMS:
        return gradients.gradients(kind)
    return *some(kind), *(read_in_place() if kind == "conv2d" else ())


def run(call: Case | Gradient) -> None:
    """Carry out a call with forbidden pages before its arrays, then after them."""
    expected = call.expected()
    for side in ("before", "after"):
        print(side, call, flush=True)
        fences = Fences(side)
        with (
            patch.object(memory, "empty", fences.empty),
            patch.object(memory, "scratch", fences.scratch),
        ):
            compare(call, fences.around(call).run(), expected)


if __name__ == "__main__":
    main(sys.argv[1:])
