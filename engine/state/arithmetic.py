"""Exact integer arithmetic for kernels. Each function's name says which way it rounds."""

from engine.kernel import cold, kernel
from engine.schema.bounds import PPB
from engine.state.access import (
    divide_unsigned,
    multiply_high,
    multiply_low,
    shift_left,
    to_bits,
    to_int,
)

_TOP_BIT = 63


@kernel
def multiply_rate_floor(money, rate_ppb):
    """floor(money * rate / PPB) for money >= 0. Split at PPB: exact while the result fits,
    measured as fast as one multiplication and one division by a constant."""
    whole = divide_unsigned(money, PPB)
    return whole * rate_ppb + divide_unsigned((money - whole * PPB) * rate_ppb, PPB)


@kernel
def multiply_rate_ceil(money, rate_ppb):
    """ceil(money * rate / PPB) for money >= 0."""
    whole = divide_unsigned(money, PPB)
    rest = (money - whole * PPB) * rate_ppb + (PPB - 1)
    return whole * rate_ppb + divide_unsigned(rest, PPB)


@kernel
def multiply_divide(left, right, divisor):
    """floor(left * right / divisor) for left, right >= 0 and divisor > 0; the result must fit.

    128-bit product; when it fits 64 bits, as nearly always, one machine division.
    """
    if to_int(multiply_high(left, right)) == 0 and to_int(multiply_low(left, right)) >= 0:
        return divide_unsigned(to_int(multiply_low(left, right)), divisor)
    return divide_wide(left, right, divisor)


@kernel
def multiply_divide_ceil(left, right, divisor):
    """ceil(left * right / divisor) under the same conditions."""
    whole = multiply_divide(left, right, divisor)
    is_whole = to_int(multiply_low(left, right)) == to_int(multiply_low(whole, divisor))
    return whole if is_whole else whole + 1


@cold
def divide_wide(left, right, divisor):
    """The same by shift and subtract: LLVM's 128-bit division needs a library call that the
    compiler at run time can't resolve."""
    rest = multiply_high(left, right)
    low = multiply_low(left, right)
    quotient = 0
    for k in range(64):
        bit = (to_int(low) >> (_TOP_BIT - k)) & 1
        rest = shift_left(rest, 1) | to_bits(bit)
        quotient = quotient << 1
        if to_int(rest) >= divisor or to_int(rest) < 0:
            rest = to_bits(to_int(rest) - divisor)
            quotient += 1
    return quotient


@kernel
def divide_trunc(number, divisor):
    """number / divisor towards zero, divisor > 0."""
    return number // divisor if number >= 0 else -(-number // divisor)


@kernel
def multiply_divide_trunc(number, factor, divisor):
    """number * factor / divisor towards zero, factor >= 0 and divisor > 0."""
    if number >= 0:
        return multiply_divide(number, factor, divisor)
    return -multiply_divide(-number, factor, divisor)


@kernel
def is_ratio_above(left, left_base, right, right_base):
    """left / left_base > right / right_base, all >= 0, by 128-bit cross products."""
    high = multiply_high(left, right_base)
    other_high = multiply_high(right, left_base)
    if high != other_high:
        return high > other_high
    return multiply_low(left, right_base) > multiply_low(right, left_base)


@kernel
def clamp(number, low, high):
    return min(max(number, low), high)


@kernel
def absolute(number):
    return number if number >= 0 else -number
