"""What lots of a contract are worth (1.2): linear in the quote, inverse in the coin.

The value V(p) of a lot rises with the price in both kinds, of an inverse contract from below zero:
a long gains V(q) - V(p) per lot from p to q, so whatever clears money needs no case for the kind.
The size of a lot is its value without the sign: what margins and funding are a rate of. A fill of
several lots is worth as many values of a lot, but where a contract rounds once a fill.
"""

from engine.kernel import cold, kernel
from engine.schema.vocabulary import BUY, ROUNDING_PER_FILL
from engine.state.access import CONTRACT, ENGINE
from engine.state.arithmetic import absolute, clamp, multiply_divide, multiply_divide_ceil


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
def compute_lot_value_inverse(contract_value, price_ticks):
    """One lot of an inverse contract in its coin's smallest unit: its size.

    `contract_value` is what the lot is worth in the quote, times coin units, in ticks: 1 USD with
    10^8 satoshi and two ticks a dollar is 2 x 10^8. Rounded once a lot (`per_lot`), so values are
    additive: sums, flips and equity are exact. Inlined, because a call could have written anything:
    behind it a linear order would load its contract anew.
    """
    return divide_half_even(contract_value, price_ticks)


@kernel
def compute_value_inverse_per_fill(lots, contract_value, price_ticks):
    """`rounding: per_fill`: lots x contract value / price, rounded once. The value of a lot is
    split at its whole units, so that no product needs 128 bits: lots x rest < 2**30 x 2**21."""
    lot_whole = contract_value // price_ticks
    parts = lots * (contract_value - lot_whole * price_ticks)
    whole = parts // price_ticks
    rest = parts - whole * price_ticks
    return round_half_even(lots * lot_whole + whole, rest, price_ticks)


@kernel
def value_of_lot(terms, price_ticks):
    """V(p): exact where linear, below zero where inverse."""
    if terms.tick_value != 0:
        return price_ticks * terms.tick_value
    return -compute_lot_value_inverse(terms.contract_value, price_ticks)


@kernel
def size_of_lot(terms, price_ticks):
    return absolute(value_of_lot(terms, price_ticks))


@kernel
def value_of_fill(terms, price_ticks, lots):
    """F: what both sides of a fill book. Marks know V alone."""
    if terms.tick_value != 0:
        return lots * (price_ticks * terms.tick_value)
    if terms.rounding == ROUNDING_PER_FILL:
        return -compute_value_inverse_per_fill(lots, terms.contract_value, price_ticks)
    return -lots * compute_lot_value_inverse(terms.contract_value, price_ticks)


@kernel
def size_of_fill(terms, price_ticks, lots):
    return absolute(value_of_fill(terms, price_ticks, lots))


@kernel
def gain_of_fill(terms, side, lots, value):
    """What a fill of this value gains its side against the mark; the other side loses it."""
    gain = lots * terms.mark_value - value
    return gain if side == BUY else -gain


@kernel
def begin_valuation(arena):
    """What accounts hold is worth, or requires, something else from now on: see `risk/worth.py`."""
    ENGINE(arena, 0).valuation += 1


@cold
def find_most_lots(arena, contract, side, price_ticks, lots_max, equity):
    """The most lots that leave an equity >= 0, which so many do not; 0 when not even one does.

    By bisection: rounded per fill there is no gain per lot to divide by. But lots x (exact value of
    a lot - its mark) rises or falls with the lots, and rounding keeps an order (`MARGIN.md`).
    """
    terms = CONTRACT(arena, contract)
    low = 0
    high = lots_max
    while high - low > 1:
        middle = (low + high) // 2
        value = value_of_fill(terms, price_ticks, middle)
        if equity + gain_of_fill(terms, side, middle, value) >= 0:
            low = middle
        else:
            high = middle
    return low


@kernel
def average_price_floor(terms, lots, size):
    """The price at which so many lots have this size together, rounded down; lots, size > 0."""
    if terms.tick_value != 0:
        return size // (lots * terms.tick_value)
    return multiply_divide(lots, terms.contract_value, size)


@kernel
def average_price_ceil(terms, lots, size):
    """The same, rounded up."""
    if terms.tick_value != 0:
        return -(-size // (lots * terms.tick_value))
    return multiply_divide_ceil(lots, terms.contract_value, size)


@cold
def find_lowest_price(arena, contract, lots, value):
    """The lowest price of the contract's range at which a fill of so many lots is worth at least
    `value`, else its highest."""
    terms = CONTRACT(arena, contract)
    if terms.tick_value != 0:
        price_ticks = -(-value // (lots * terms.tick_value))
        return clamp(price_ticks, terms.price_ticks_min, terms.price_ticks_max)
    low = terms.price_ticks_min + 0
    high = terms.price_ticks_max + 0
    while low < high:
        middle = (low + high) // 2
        if value_of_fill(terms, middle, lots) >= value:
            high = middle
        else:
            low = middle + 1
    return low


@cold
def find_highest_price(arena, contract, lots, value):
    """The highest price of the contract's range at which a fill of so many lots is worth at most
    `value`, else its lowest."""
    terms = CONTRACT(arena, contract)
    if terms.tick_value != 0:
        price_ticks = value // (lots * terms.tick_value)
        return clamp(price_ticks, terms.price_ticks_min, terms.price_ticks_max)
    low = terms.price_ticks_min + 0
    high = terms.price_ticks_max + 0
    while low < high:
        middle = (low + high + 1) // 2
        if value_of_fill(terms, middle, lots) <= value:
            low = middle
        else:
            high = middle - 1
    return low
