"""What lots of a contract are worth (1.2): linear in the quote, inverse in the coin."""

from engine.kernel import kernel
from engine.state.access import multiply_low, to_int
from engine.state.arithmetic import multiply_divide


@kernel
def round_half_even(whole, rest, divisor):
    if 2 * rest > divisor or (2 * rest == divisor and whole % 2 == 1):
        return whole + 1
    return whole


@kernel
def divide_half_even(number, divisor):
    """number / divisor, number >= 0 and divisor > 0, to the nearest whole, a half to the even."""
    whole = number // divisor
    return round_half_even(whole, number - whole * divisor, divisor)


@kernel
def compute_value_linear(lots, price_ticks, tick_value):
    """Exact; signed as the lots are."""
    return lots * price_ticks * tick_value


@kernel
def compute_lot_value_inverse(face_value, price_ticks):
    """One lot of an inverse contract in its coin's smallest unit.

    `face_value` is what the lot is worth in the quote, times coin units, in ticks: 1 USD with
    10^8 satoshi and two ticks a dollar is 2 x 10^8.
    """
    return divide_half_even(face_value, price_ticks)


@kernel
def compute_value_inverse(lots, face_value, price_ticks):
    """`rounding: per_lot`: additive, so that sums, flips and equity are exact."""
    return lots * compute_lot_value_inverse(face_value, price_ticks)


@kernel
def compute_value_inverse_per_fill(lots, face_value, price_ticks):
    """`rounding: per_fill`: lots x face value / price, rounded once, by a 128-bit product."""
    whole = multiply_divide(lots, face_value, price_ticks)
    product = to_int(multiply_low(lots, face_value))
    rest = product - to_int(multiply_low(whole, price_ticks))
    return round_half_even(whole, rest, price_ticks)
