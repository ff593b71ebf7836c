"""Decimal strings as whole steps of a grid, exactly: prices in ticks, quantities in lots."""

from collections.abc import Iterable
from typing import NamedTuple

DIGITS_MAX = 30  # no venue writes more; a line that does is damaged


class DecimalGrid(NamedTuple):
    """One step of the grid is `step` units of the last of `decimals` places."""

    decimals: int
    step: int = 1

    def __str__(self) -> str:
        digits = str(self.step).rjust(self.decimals + 1, "0")
        whole, places = digits[: len(digits) - self.decimals], digits[len(digits) - self.decimals :]
        return f"{whole}.{places}" if places else whole

    def steps(self, text: str) -> int:
        """How many steps a decimal string is. `ValueError` says why it is none."""
        scaled = scale(text, self.decimals)
        steps, rest = divmod(scaled, self.step)
        if rest:
            raise ValueError(f"{text} is not a multiple of {self}")
        return steps


def scale(text: str, decimals: int) -> int:
    """A decimal string as a whole number of units of its last of `decimals` places."""
    whole, _, places = text.partition(".")
    # isdigit alone knows digits of other scripts, int alone knows signs, spaces and underscores.
    if not (whole + places).isdigit() or not text.isascii() or len(text) > DIGITS_MAX:
        raise ValueError(f"{text[:DIGITS_MAX]!r} is not a plain decimal number")
    if len(places) > decimals:
        places, beyond = places[:decimals], places[decimals:]
        if beyond.strip("0"):
            raise ValueError(f"{text} has more than {decimals} decimal places")
    return int(whole + places.ljust(decimals, "0"))


def parse_grid(step: str) -> DecimalGrid:
    """The grid of a tick or lot size as written."""
    decimals = len(step.partition(".")[2])
    grid = DecimalGrid(decimals, scale(step, decimals))
    if grid.step == 0:
        raise ValueError(f"a step of {step} is none")
    return grid


def find_grid(texts: Iterable[str]) -> DecimalGrid:
    """The widest grid by powers of ten, at most 1, that holds all of these numbers.

    Feeds pad with zeros, so what is printed is often finer than what is traded.
    """
    return DecimalGrid(max((len(text.partition(".")[2].rstrip("0")) for text in texts), default=0))
