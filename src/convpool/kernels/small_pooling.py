"""Max pooling of a few hundred numbers: plain loops, as small convolutions have."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import Window
from convpool.kernels.jit import Program
from convpool.kernels.prompt import Prompt
from convpool.kernels.rows import fields, load_number, store_number

Array = NDArray[Any]
Axes = tuple[Window, Window]

MOST_TAPS = 1 << 10
"""Numbers that all windows of a call read: 1 us. Beyond, vectors are quicker."""


class Record(NamedTuple):
    """The numbers of one call: addresses, where `indices` may be 0, and the layer."""

    output: int
    indices: int
    images: int
    second: int
    third: int
    planes: int
    height: int
    width: int
    rows: int
    """Windows."""
    columns: int
    taps_y: int
    taps_x: int
    top: int
    left: int
    stride_y: int
    stride_x: int
    spread_y: int
    spread_x: int


def prompt(
    axes: Axes, dtype: np.dtype[Any], shape: tuple[int, ...], planes: int, *, indices: bool
) -> Prompt | None:
    """Return the call of so many planes, whose result has a shape, if it is a small one."""
    rows, columns = axes
    taps = rows.output * rows.kernel * columns.output * columns.kernel
    if planes * taps > MOST_TAPS or dtype == np.float16:
        return None
    if not all(axis.touches(window) for axis in axes for window in range(axis.output)):
        return None
    numbers = (
        *(planes, rows.size, columns.size, rows.output, columns.output),
        *(rows.kernel, columns.kernel, rows.before, columns.before),
        *(rows.stride, columns.stride, rows.dilation, columns.dilation),
    )
    number: Any = np.uint8 if dtype == np.bool_ else dtype.type
    return Prompt(_program(number), numbers, shape, dtype, indices=indices)


@cache
def _program(number: Any) -> Program:
    """Return the program for an element type."""
    item = np.dtype(number).itemsize

    def pool(record, _unit, _thread):
        plan = fields(record, Record)
        place = 0
        for plane in range(plan.planes):
            source = plan.images + plane * plan.height * plan.width * item
            for y in range(plan.rows):
                for x in range(plan.columns):
                    best, found = load_number(number, source), -1
                    row = y * plan.stride_y - plan.top
                    for _tap_y in range(plan.taps_y):
                        column = x * plan.stride_x - plan.left
                        for _tap_x in range(plan.taps_x):
                            if 0 <= row < plan.height and 0 <= column < plan.width:
                                cell = row * plan.width + column
                                value = load_number(number, source + cell * item)
                                if found < 0 or value > best or np.isnan(value):
                                    best, found = value, cell
                            column += plan.spread_x
                        row += plan.spread_y
                    store_number(best, plan.output + place * item)
                    if plan.indices:
                        store_number(np.int64(found), plan.indices + place * 8)
                    place += 1

    return Program(pool, variant=f"small-pool-{np.dtype(number).name}")
