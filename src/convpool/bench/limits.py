"""What the machine can do at most, measured beside the layers: multiply-adds, and moving memory."""

# Numba calls these functions with its own, untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from collections.abc import Callable
from functools import cache
from math import inf
from time import perf_counter
from timeit import Timer

import numba
import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from convpool.kernels import amx
from convpool.kernels.simd import call

CHAINS = 12
"""Independent sums: two units times a latency of 4 or 5 need 8 to 10, and AVX2 has 16 registers."""
WIDTHS = (16, 8, 4)
"""Lanes of float32 in a register of AVX-512, of AVX2, and of SSE or NEON."""
STEPS = 2**15
"""A call takes some 65 µs, against which starting the threads is little."""
PRODUCTS = amx.PIECES * (amx.PIECES + 1) // 2
"""Of matrices of bfloat16 for one of float32: those of the larger pieces."""
TILE_OPERATIONS = 2 * amx.ROWS * amx.ROWS * 2 * amx.PAIRS
"""Of an instruction that multiplies two tiles, two a multiply-add."""
LARGE_COPY = 2**28
"""Bytes that the large copy reads and writes together."""


@intrinsic(prefer_literal=True)
def _multiply_add(_context, lanes, _steps, _factor, _term):
    """Return the sum over all lanes and chains of x = x * factor + term, repeated."""
    vector = ir.VectorType(ir.FloatType(), lanes.literal_value)

    def generate(_context, builder, _signature, values):
        signature = ir.FunctionType(vector, [vector] * 3)
        name = f"llvm.fma.v{lanes.literal_value}f32"
        fma = cgutils.get_or_insert_function(builder.module, signature, name)
        by, plus = (_splat(builder, value, vector) for value in values[2:])
        # Chains that began alike would be folded into one.
        starts = [ir.Constant(vector, [float(chain)] * vector.count) for chain in range(CHAINS)]
        chains = [cgutils.alloca_once_value(builder, start) for start in starts]
        with cgutils.for_range(builder, values[1]):
            for chain in chains:
                builder.store(builder.call(fma, [builder.load(chain), by, plus]), chain)
        total = builder.load(chains[0])
        for chain in chains[1:]:
            total = builder.fadd(total, builder.load(chain))
        lane_sums = [builder.extract_element(total, lane) for lane in _lanes(vector)]
        result = lane_sums[0]
        for lane in lane_sums[1:]:
            result = builder.fadd(result, lane)
        return result

    return types.float32(lanes, types.intp, types.float32, types.float32), generate


def _lanes(vector) -> list[ir.Constant]:
    return [ir.Constant(ir.IntType(32), lane) for lane in range(vector.count)]


def _splat(builder, value, vector):
    result = ir.Constant(vector, ir.Undefined)
    for lane in _lanes(vector):
        result = builder.insert_element(result, value, lane)
    return result


@cache
def _chains(lanes: int):
    """Return the function that keeps every thread busy with multiply-adds."""

    @numba.njit(parallel=True, nogil=True)
    def run(sums, steps, factor, term):
        for thread in prange(len(sums)):
            sums[thread] = _multiply_add(lanes, steps, factor, term)

    return run


@intrinsic
def _multiply_tiles(_context, _steps):
    """Multiply four pairs of tiles, repeatedly, in eight registers alone."""

    def generate(context, builder, _signature, values):
        with cgutils.for_range(builder, values[0]):
            for sums, filters, pixels in ((0, 4, 6), (1, 4, 7), (2, 5, 6), (3, 5, 7)):
                registers = map(ir.IntType(8), (sums, filters, pixels))
                call(builder, "llvm.x86.tdpbf16ps", ir.VoidType(), *registers)
        return context.get_dummy_value()

    return types.void(types.intp), generate


@cache
def _tiles():
    """Return the function that keeps every thread busy with products of tiles."""

    @numba.njit(parallel=True, nogil=True)
    def run(shapes, threads, steps):
        for _ in prange(threads):
            amx.configure(shapes.ctypes.data)
            amx.clear_sums()
            _multiply_tiles(steps)
            amx.release()

    return run


@numba.njit(parallel=True, nogil=True)
def _copy_in_parts(source, target, parts):
    length = len(source) // parts
    for part in prange(parts):
        target[part * length : (part + 1) * length] = source[part * length : (part + 1) * length]


def multiply_adds(threads: int, lanes: int) -> Callable[[], object]:
    """Return a call that does `operations` floating-point operations in registers alone."""
    run, sums = _chains(lanes), np.zeros(threads, np.float32)
    factor, term = np.float32(0.999), np.float32(0.001)
    return lambda: run(sums, STEPS, factor, term)


def operations(threads: int, lanes: int) -> int:
    """Return the floating-point operations of one such call: two a multiply-add."""
    return 2 * threads * lanes * CHAINS * STEPS


def matrix_products(threads: int) -> Callable[[], object]:
    """Return a call that multiplies tiles of AMX: `matrix_operations` on numbers of float32."""
    run, shapes = _tiles(), amx.configuration(amx.ROWS, amx.ROWS)
    return lambda: run(shapes, threads, STEPS // 16)


def matrix_operations(threads: int) -> float:
    """Return the operations of one such call, as many as it does for float32 in three pieces."""
    return 4 * threads * (STEPS // 16) * TILE_OPERATIONS / PRODUCTS


@cache
def best_width(threads: int) -> int:
    """Return the lanes with which this CPU multiplies and adds fastest."""
    rates = {
        lanes: operations(threads, lanes) / _best(multiply_adds(threads, lanes)) for lanes in WIDTHS
    }
    return max(rates, key=rates.__getitem__)


def copies(bytes_moved: int, threads: int) -> dict[str, Callable[[], object]]:
    """Return calls that read half of the bytes and write as many; the fastest is the limit.

    NumPy copies with one thread, which wins where the arrays are small; several threads each copy
    their part.
    """
    half = max(1, bytes_moved // 2 // threads) * threads
    source, target = np.ones(half, np.uint8), np.zeros(half, np.uint8)
    calls: dict[str, Callable[[], object]] = {"copy": lambda: np.copyto(target, source)}
    if threads > 1:
        calls["copy in parts"] = lambda: _copy_in_parts(source, target, threads)
    return calls


def limits(threads: int) -> dict[str, float]:
    """Return the limits by themselves, by name; operations a second, and bytes a second.

    "multiply-adds", "large copy", and on CPUs with AMX "matrix products", of float32.
    Numba uses so many threads from then on.
    """
    numba.set_num_threads(threads)
    lanes = best_width(threads)
    found = {
        "multiply-adds": operations(threads, lanes) / _best(multiply_adds(threads, lanes)),
        "large copy": LARGE_COPY / min(map(_best, copies(LARGE_COPY, threads).values())),
    }
    if amx.available():
        found["matrix products"] = matrix_operations(threads) / _best(matrix_products(threads))
    return found


def _best(run: Callable[[], object], seconds: float = 0.3) -> float:
    run()
    timer, start, best = Timer(run), perf_counter(), inf
    while perf_counter() < start + seconds:
        best = min(best, timer.timeit(4) / 4)
    return best
