"""What a lot is worth at a price, of both kinds of contract, and what price a value stands for
(1.2). Nothing else in the oracle multiplies a price with money or divides money by a price."""

from fractions import Fraction

from engine.schema import vocabulary as words
from engine.schema.contract import Contract


def is_inverse(spec: Contract) -> bool:
    return spec.contract_value != 0


def value_of_lot(spec: Contract, price: int) -> int:
    """What is booked for a lot bought at this price. It rises with the price in both kinds, so
    that of an inverse contract it is below zero. Without a price yet (0) it is nothing."""
    if not is_inverse(spec):
        return price * spec.tick_value
    if price == 0:
        return 0
    return -round(Fraction(spec.contract_value, price))  # Python rounds half to even, as 1.2 does


def size_of_lot(spec: Contract, price: int) -> int:
    """The same without its sign: what fees, margins and caps are a share of."""
    return abs(value_of_lot(spec, price))


def value_of_fill(spec: Contract, lots: int, price: int) -> int:
    """What is booked for so many lots that are bought in one fill at this price: the sum of all, or
    rounded once for all of them. Whatever is no fill goes by lots."""
    if spec.rounding == words.ROUNDING_PER_FILL:
        return -round(Fraction(lots * spec.contract_value, price))
    return lots * value_of_lot(spec, price)


def size_of_fill(spec: Contract, lots: int, price: int) -> int:
    return abs(value_of_fill(spec, lots, price))


def average_price(spec: Contract, size: int, lots: int) -> Fraction:
    """The price in ticks at which so many lots are worth so much; the size is not 0."""
    if is_inverse(spec):
        return Fraction(lots * spec.contract_value, size)
    return Fraction(size, lots * spec.tick_value)
