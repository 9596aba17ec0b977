"""Products of matrices on Advanced Matrix Extensions (AMX), in three pieces of bfloat16 a number.

A tile of AMX is a register of 16 rows of 64 bytes. One instruction multiplies 16 rows of 32
bfloat16 numbers with 32 rows of 16, and adds the products to 16 x 16 sums in float32: as many
products as 512 fused multiply-adds, in the time of 32. A float32 number is exactly the sum of three
bfloat16 numbers, its pieces: its first 8 digits, the next 8 and the last 8. Of the nine products of
the pieces of two numbers the six largest are taken; the others are below 2^-21 of the product, and
a tenth of that on average, less than a sum in float32 loses. So this is float32 arithmetic, at up
to 2.7 times the speed.

What it doesn't have: numbers below 2^-126 count as 0, and infinity leaves NaN. Where that shows, an
image is computed otherwise. Like `simd`, this file speaks LLVM. Layout and instructions: Intel's
Software Developer's Manual, volume 1, chapter 18.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

import ctypes
import platform
import sys
from functools import cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from convpool.kernels.simd import I64, call

ROWS, PAIRS, PIECES = 16, 16, 3
"""Rows of a tile, pairs of numbers in a row of it, and pieces of a number."""
TILE = ROWS * PAIRS * 4
"""Bytes of a tile."""
_I8 = ir.IntType(8)
_ARCH_PRCTL, _ASK, _TILE_DATA = 158, 0x1023, 18  # of Linux on x86-64
# Registers: four of sums, two of filters, two of pixels; or two of rows, two of columns.
_SUMS, _FILTERS, _PIXELS = (0, 2), (4, 5), (6, 7)
# Which pieces of filters and pixels are multiplied, each step with one of them loaded anew. The
# largest products of all steps come last: before them sums are small, and lose as little.
_SMALL = ((2, 0), (1, 0), (1, 1), (0, 1), (0, 2))
_LARGE = ((0, 0),)


@cache
def available() -> bool:
    """Tell whether the CPU that is compiled for has AMX, and the system lets this process use it.

    Linux gives leave once for a process, its threads and its children.
    """
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    if not all(name in features.split(",") for name in ("+amx-tile", "+amx-bf16", "+avx512bw")):
        return False
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    return ctypes.CDLL(None).syscall(_ARCH_PRCTL, _ASK, _TILE_DATA) == 0


def configuration(first: int, second: int) -> np.ndarray:
    """Return the shapes of the registers for `first` filters and `second` more, 16 each at most.

    Rows that aren't there take no time.
    """
    told = np.zeros(64, np.uint8)
    told[0] = 1  # the one palette that there is
    told[16:32].view(np.uint16)[:] = 64
    told[48:56] = ROWS
    for rows, registers in (
        (first, (_SUMS[0], _SUMS[0] + 1, _FILTERS[0])),
        (second, (_SUMS[1], _SUMS[1] + 1, _FILTERS[1])),
    ):
        told[[48 + register for register in registers]] = max(1, rows)
    return told


@intrinsic
def configure(_context, _address):
    """Shape the registers by the 64 bytes at an address."""

    def generate(context, builder, _signature, values):
        call(builder, "llvm.x86.ldtilecfg", ir.VoidType(), _bytes_at(builder, values[0]))
        return context.get_dummy_value()

    return types.void(types.intp), generate


@intrinsic
def release(_context):
    """Give the registers back, so that nobody has to save them."""

    def generate(context, builder, _signature, _values):
        call(builder, "llvm.x86.tilerelease", ir.VoidType())
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def clear_sums(_context):
    """Make the sums of 32 filters and 32 pixels 0."""

    def generate(context, builder, _signature, _values):
        for row in _SUMS:
            for column in range(2):
                call(builder, "llvm.x86.tilezero", ir.VoidType(), _I8(row + column))
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic(prefer_literal=True)
def add_products(
    _context, _rows, _more_rows, _row, _piece, _pairs, _more_pairs, _pair, columns, largest
):
    """Add to the sums 32 products of each of 32 rows and 16 or 32 columns.

    The arguments:
        rows, more_rows: addresses of the first 16 rows' first pieces, and of those of 16 more.
        row, piece: bytes from row to row, and from a piece to the next smaller one.
        pairs, more_pairs: addresses of the pairs of 16 columns, and of those of 16 more.
        pair: bytes from pair to pair; 16 pairs of a piece follow those of the piece before.
        columns: 1 to leave the other 16 out, 2 not to.
        largest: whether to take the largest products, or all others.
    """

    def generate(context, builder, _signature, values):
        loads = _loads(builder, values, columns.literal_value)
        order = _LARGE if largest.literal_value else _SMALL
        for before, pieces in zip(((-1, -1), *order), order, strict=False):
            _add_product(builder, pieces, before, loads, columns.literal_value)
        return context.get_dummy_value()

    return types.void(*(types.intp,) * 7, columns, largest), generate


@intrinsic(prefer_literal=True)
def add_digits(
    _context, _rows, _more_rows, _row, _digit, _quads, _more_quads, _quad, columns, order
):
    """Add to sums of int32 the products of digits whose numbers add up to `order`, 64 of each.

    The arguments are those of `add_products`, but for quads of int8 in place of pairs of bfloat16.
    """

    def generate(context, builder, _signature, values):
        loads, count = _loads(builder, values, columns.literal_value), columns.literal_value
        for first in range(order.literal_value + 1):
            digits = first, order.literal_value - first
            _add_product(builder, digits, (-1, -1), loads, count, "tdpbssd")
        return context.get_dummy_value()

    return types.void(*(types.intp,) * 7, columns, order), generate


@intrinsic(prefer_literal=True)
def add_product(_context, _first, _second, _row, _pairs, number):
    """Add to the sums products of one piece each of 16 rows and 16 more, and 32 columns.

    The arguments:
        first, second: addresses of 32 numbers of the first row: of `store_split`.
        row: bytes from row to row.
        pairs: address of the columns: of `store_pairs`, piece by piece 16 columns and 16 more.
        number: 0 to 4, each after the one before, or 5 for the largest products.
    """
    order = *_SMALL, *_LARGE
    which = number.literal_value
    before = order[which - 1] if 0 < which < len(_SMALL) else (-1, -1)

    def generate(context, builder, _signature, values):
        rows, row, pairs = values[:2], values[2], values[3]

        def load_rows(piece):
            for register, place in zip(_FILTERS, rows, strict=True):
                _load(builder, register, builder.add(place, I64(64 * piece)), row)

        def load_columns(piece):
            for register, place in zip(_PIXELS, (0, TILE), strict=True):
                _load(builder, register, builder.add(pairs, I64(2 * piece * TILE + place)), I64(64))

        _add_product(builder, order[which], before, (load_rows, load_columns), 2)
        return context.get_dummy_value()

    return types.void(*(types.intp,) * 4, number), generate


@intrinsic
def store_sums(_context, _first, _second):
    """Store the sums: filter by filter (or row by row), 32 pixels each; 16 filters, and 16 more."""

    def generate(context, builder, _signature, values):
        for address, row in zip(values, _SUMS, strict=True):
            for column in range(2):
                here = builder.add(address, I64(64 * column))
                arguments = _I8(row + column), _bytes_at(builder, here), I64(128)
                call(builder, "llvm.x86.tilestored64", ir.VoidType(), *arguments)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate


def _loads(builder, values, columns):
    """Return what loads a piece of rows, and of columns, from the arguments of `add_products`."""
    rows, (row, piece) = values[:2], values[2:4]
    pairs, pair = values[4:6][:columns], values[6]

    def load_rows(which):
        distance = builder.mul(piece, I64(which))
        for register, place in zip(_FILTERS, rows, strict=True):
            _load(builder, register, builder.add(place, distance), row)

    def load_columns(which):
        distance = builder.mul(pair, I64(which * PAIRS))
        for register, place in zip(_PIXELS, pairs, strict=False):
            _load(builder, register, builder.add(place, distance), pair)

    return load_rows, load_columns


def _add_product(builder, pieces, before, loads, columns, instruction="tdpbf16ps"):
    """Multiply two pieces, of which those of the step before are in registers."""
    for piece, loaded, load in zip(pieces, before, loads, strict=True):
        if piece != loaded:
            load(piece)
    for column in range(columns):
        for sums, left in zip(_SUMS, _FILTERS, strict=True):
            operands = sums + column, left, _PIXELS[column]
            call(builder, f"llvm.x86.{instruction}", ir.VoidType(), *map(_I8, operands))


def _load(builder, register, place, stride):
    arguments = _I8(register), _bytes_at(builder, place), stride
    call(builder, "llvm.x86.tileloadd64", ir.VoidType(), *arguments)


def _bytes_at(builder, place):
    return builder.inttoptr(place, _I8.as_pointer())
