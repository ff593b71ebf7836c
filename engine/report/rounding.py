"""Whole numbers as `engine/schema/README.md` rounds them: `//` is floor, trunc is towards zero."""

from collections.abc import Sequence

from engine.schema.bounds import PPB
from engine.schema.contract import Contract


def divide_trunc(number: int, by: int) -> int:
    """Divide towards zero; `by` is positive."""
    return number // by if number >= 0 else -(-number // by)


def clamp(number: int, low: int, high: int) -> int:
    return max(low, min(number, high))


def share_of(number: int, rate_ppb: int) -> int:
    """A rate of a number that is not negative, rounded down."""
    return number * rate_ppb // PPB


def median_of(numbers: Sequence[int]) -> int:
    """The middle one; of an even number the mean of the middle two, rounded down."""
    ranked = sorted(numbers)
    middle = len(ranked) // 2
    if len(ranked) % 2:
        return ranked[middle]
    return (ranked[middle - 1] + ranked[middle]) // 2


def average_price_of(spec: Contract, lots: int, size: int) -> tuple[int, int]:
    """The price in ticks at which so many lots have this size together, as (number, divisor)."""
    if spec.contract_value == 0:
        return size, lots * spec.tick_value
    return lots * spec.contract_value, size
