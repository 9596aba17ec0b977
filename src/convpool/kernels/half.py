"""float16 as the kernels see it: keys that compare like the numbers, or float32 to add up.

Bits are taken apart with integer operations, so nothing here needs a CPU that knows float16. A key
is the number's sign and magnitude as two's complement: keys are ordered as the numbers are, both
zeros are 0, and every NaN is the largest key. These functions emit LLVM for `simd` and `windows`.
"""

# Numba and llvmlite pass untyped objects.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"

from llvmlite import ir

NAN_KEY = 0x7FFF
LOWEST_BITS = 0xFC00 - (1 << 16)
"""Minus infinity."""
INFINITY = 0x7C00
_SIGN, _MAGNITUDE = 0x8000, 0x7FFF
_UPSCALE = 2.0**112
"""The exponents of float32 and float16 are biased 112 apart."""


def constant(vector, number):
    """Return a constant vector of LLVM's with one number in every lane."""
    return ir.Constant(vector, [number] * vector.count)


def keys(builder, bits):
    """Return the keys of numbers that are given as bits, both int16."""
    magnitude = builder.and_(bits, constant(bits.type, _MAGNITUDE))
    negative = builder.icmp_signed("<", bits, constant(bits.type, 0))
    key = builder.select(negative, builder.neg(magnitude), magnitude)
    is_nan = builder.icmp_signed(">", magnitude, constant(bits.type, INFINITY))
    return builder.select(is_nan, constant(bits.type, NAN_KEY), key)


def from_keys(builder, key):
    """Return the bits of the numbers whose keys are given."""
    negative = builder.icmp_signed("<", key, constant(key.type, 0))
    sign = constant(key.type, _SIGN - (1 << 16))
    return builder.select(negative, builder.or_(builder.neg(key), sign), key)


def to_float32(builder, bits):
    """Return numbers that are given as the bits of float16, which float32 all holds exactly."""
    wide = ir.VectorType(ir.IntType(32), bits.type.count)
    floats = ir.VectorType(ir.FloatType(), bits.type.count)
    whole = builder.zext(bits, wide)
    magnitude = builder.and_(whole, constant(wide, _MAGNITUDE))
    small = builder.bitcast(builder.shl(magnitude, constant(wide, 13)), floats)
    scaled = builder.bitcast(builder.fmul(small, constant(floats, _UPSCALE)), wide)
    special = builder.icmp_unsigned(">=", magnitude, constant(wide, INFINITY))
    exponent = builder.select(special, constant(wide, 0x7F800000), constant(wide, 0))
    sign = builder.shl(builder.and_(whole, constant(wide, _SIGN)), constant(wide, 16))
    return builder.bitcast(builder.or_(builder.or_(scaled, exponent), sign), floats)


def from_float32(builder, numbers):
    """Return float32 as the bits of float16, rounded to the nearest, ties to even."""
    count = numbers.type.count
    wide, floats = ir.VectorType(ir.IntType(32), count), numbers.type
    bits = builder.bitcast(numbers, wide)
    magnitude = builder.and_(bits, constant(wide, 0x7FFFFFFF))
    sign = builder.lshr(builder.and_(bits, constant(wide, 0x80000000)), constant(wide, 16))
    odd = builder.and_(builder.lshr(magnitude, constant(wide, 13)), constant(wide, 1))
    rounded = builder.add(builder.add(magnitude, constant(wide, 0xFFF)), odd)
    normal = builder.lshr(builder.sub(rounded, constant(wide, 112 << 23)), constant(wide, 13))
    # Where float16 has denormals, adding 0.5 in float32 rounds at their last place.
    half = builder.fadd(builder.bitcast(magnitude, floats), constant(floats, 0.5))
    denormal = builder.sub(builder.bitcast(half, wide), constant(wide, 0x3F000000))
    result = builder.select(
        builder.icmp_unsigned("<", magnitude, constant(wide, 113 << 23)), denormal, normal
    )
    too_large = builder.icmp_unsigned(">=", rounded, constant(wide, 143 << 23))
    result = builder.select(too_large, constant(wide, INFINITY), result)
    is_nan = builder.icmp_unsigned(">", magnitude, constant(wide, 0x7F800000))
    result = builder.select(is_nan, constant(wide, 0x7E00), result)
    return builder.trunc(builder.or_(result, sign), ir.VectorType(ir.IntType(16), count))
