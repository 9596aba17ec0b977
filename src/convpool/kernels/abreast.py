"""Vector operations of depthwise convolutions with channels side by side.

Like `simd`. A vector holds one pixel, or one weight, of as many channels as it has lanes; the sums
of some neighbouring positions stay in registers.
"""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convpool.kernels.rows import emit_load, joined_vectors
from convpool.kernels.simd import I64, Vector, call, shuffle
from convpool.kernels.windows import unpacked


@intrinsic(prefer_literal=True)
def add_taps(_context, sums, _pixels, _weights, shape):
    """Add to the sums of neighbouring positions the products of a row of pixels and one of weights.

    Both are given by the address of the first vector that the first position meets. `shape` is
    packed: taps of the row, stride, and the first pixel that there is and the end of those.
    """
    taps, stride, begin, end = unpacked(shape, 4)
    vector = sums.dtype
    step = vector.lanes * vector.itemsize

    def generate(context, builder, _signature, values):
        totals = cgutils.unpack_tuple(builder, values[0])
        weights = [
            emit_load(builder, builder.add(values[2], I64(tap * step)), vector)
            for tap in range(taps)
        ]
        # Pixel by pixel: only one is held in a register beside the weights and the sums.
        for place in range(begin, min(end, (len(totals) - 1) * stride + taps)):
            pixel = emit_load(builder, builder.add(values[1], I64(place * step)), vector)
            for position in range(len(totals)):
                tap = place - position * stride
                if 0 <= tap < taps:
                    name = f"llvm.fmuladd.{vector.suffix}"
                    factors = weights[tap], pixel, totals[position]
                    totals[position] = call(builder, name, vector.llvm, *factors)
        return context.make_tuple(builder, sums, totals)

    return sums(sums, types.intp, types.intp, shape), generate
