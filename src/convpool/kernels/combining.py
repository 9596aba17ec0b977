"""Sums of a few vectors times constants: the transforms of short convolutions.

Like `simd`. Rows of a matrix that differ in signs only share their parts, and what is multiplied
with 1 isn't multiplied.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convpool.kernels.short_convolution import short_convolution
from convpool.kernels.simd import Vector, call, has_nan, splat_of

OUTPUT, TAPS, INPUT, OUTPUT_BACK, TAPS_BACK = range(5)
"""Which matrix of a short convolution; back, with rows and columns exchanged."""


@intrinsic(prefer_literal=True)
def combine(_context, vectors, m, r, which):
    """Return a matrix of the short convolution of `m` outputs and `r` taps, times `vectors`."""
    short = short_convolution(m.literal_value, r.literal_value)
    back = (tuple(zip(*matrix, strict=True)) for matrix in (short.output, short.taps))
    matrix = (short.output, short.taps, short.input, *back)[which.literal_value]
    results = types.UniTuple(vectors.dtype, len(matrix))

    def generate(context, builder, _signature, values):
        terms = _Terms(builder, vectors.dtype)
        columns = cgutils.unpack_tuple(builder, values[0])
        made = terms.rows(*terms.paired(matrix, columns))
        return context.make_tuple(builder, results, made)

    return results(vectors, m, r, which), generate


@intrinsic
def add_no_times(_context, total, vectors):
    """Add 0 times each of a tuple of vectors, which leaves NaN where one isn't finite."""

    def generate(_context, builder, _signature, values):
        zero = ir.Constant(total.llvm, None)
        name = f"llvm.fmuladd.{total.suffix}"
        traced = values[0]
        for value in cgutils.unpack_tuple(builder, values[1]):
            traced = call(builder, name, total.llvm, value, zero, traced)
        return traced

    return total(total, vectors), generate


@intrinsic
def any_nan(_context, vector):
    """Tell whether a lane is NaN."""

    def generate(_context, builder, _signature, values):
        bits = ir.IntType(vector.lanes)
        mask = builder.bitcast(has_nan(builder, vector, values[0], values[0]), bits)
        return builder.icmp_unsigned("!=", mask, bits(0))

    return types.boolean(vector), generate


class _Terms:
    """Emits sums of vectors times constants."""

    def __init__(self, builder, vector: Vector) -> None:
        self._builder, self._vector = builder, vector

    def paired(self, matrix, columns):
        """Put the sum and the difference in place of columns that are equal but for signs."""
        matrix, columns = [list(row) for row in matrix], list(columns)
        for left in range(len(columns) - 1):
            pairs = [(row[left], row[left + 1]) for row in matrix]
            if all(abs(a) == abs(b) for a, b in pairs) and len({a == b for a, b in pairs}) == 2:
                both = columns[left], columns[left + 1]
                columns[left] = self._builder.fadd(*both)
                columns[left + 1] = self._builder.fsub(*both)
                for row, (a, b) in zip(matrix, pairs, strict=True):
                    row[left], row[left + 1] = (a, 0) if a == b else (0, a)
        return matrix, columns

    def rows(self, matrix, columns):
        """Return each row's sum; of two rows that are equal but for signs, parts are shared."""
        made: list[Any] = []
        while len(made) < len(matrix):
            row, *after = matrix[len(made) :]
            pairs = list(zip(row, after[0], strict=True)) if after else []
            same = [a if a == b else 0 for a, b in pairs]
            opposite = [a if a == -b else 0 for a, b in pairs]
            if any(same) and any(opposite) and all(abs(a) == abs(b) for a, b in pairs):
                even, odd = self._sum(same, columns), self._sum(opposite, columns)
                made += [self._builder.fadd(even, odd), self._builder.fsub(even, odd)]
            else:
                made.append(self._sum(row, columns))
        return made

    def _sum(self, coefficients, columns):
        terms = [(float(a), value) for a, value in zip(coefficients, columns, strict=True) if a]
        terms.sort(key=lambda term: term[0] != 1)  # one that isn't multiplied first
        (factor, total), *rest = terms
        if factor != 1:
            total = self._builder.fmul(self._constant(factor), total)
        for factor, value in rest:
            if abs(factor) == 1:
                add = self._builder.fadd if factor == 1 else self._builder.fsub
                total = add(total, value)
            else:
                name = f"llvm.fmuladd.{self._vector.suffix}"
                operands = self._constant(factor), value, total
                total = call(self._builder, name, self._vector.llvm, *operands)
        return total

    def _constant(self, number):
        element = ir.Constant(self._vector.llvm.element, number)
        return splat_of(self._builder, element, self._vector.lanes)
