"""Whole-number divisions, each named after its direction (rule 1.4)."""

from engine.schema.bounds import PPB


def ceil_div(number: int, divisor: int) -> int:
    return -(-number // divisor)


def trunc_div(number: int, divisor: int) -> int:
    """Towards zero; the divisor is positive."""
    return number // divisor if number >= 0 else -(-number // divisor)


def rate_down(value: int, rate_ppb: int) -> int:
    """`value x rate`, floor."""
    return value * rate_ppb // PPB


def rate_up(value: int, rate_ppb: int) -> int:
    """`value x rate`, ceil."""
    return -(-value * rate_ppb // PPB)


def clamp(number: int, low: int, high: int) -> int:
    return max(low, min(number, high))


def middle(numbers: list[int]) -> int:
    """The median; of an even count the floor of the mean of the two in the middle."""
    ordered = sorted(numbers)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) // 2


def sign_of(number: int) -> int:
    return (number > 0) - (number < 0)
