"""The risk of a portfolio in plain integers: what `portfolio.py` computes, for views and stress."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.schema.bounds import PPB


class Leg(NamedTuple):
    """One position, at some mark."""

    group: int  # contracts of one group net
    is_inverse: bool
    lots: int
    size: int  # of a lot
    basis_ppb: int
    concentration_value: int
    concentration_ppb: int


def compute_result(leg: Leg, move_ppb: int) -> int:
    """What the position gains in a move, rounded down."""
    base_ppb = PPB + move_ppb if leg.is_inverse else PPB
    return leg.lots * leg.size * move_ppb // base_ppb


def compute_risk(moves_ppb: Sequence[int], legs: Iterable[Leg]) -> int:
    """Worst losses of all underlyings, and what basis and concentration add (8.7)."""
    results: dict[int, list[int]] = {}
    risk = 0
    for leg in legs:
        sums = results.setdefault(leg.group, [0] * len(moves_ppb))
        for k, move_ppb in enumerate(moves_ppb):
            sums[k] += compute_result(leg, move_ppb)
        notional = abs(leg.lots) * leg.size
        beyond = max(0, notional - leg.concentration_value)
        risk += -(-notional * leg.basis_ppb // PPB) - (-beyond * leg.concentration_ppb // PPB)
    return risk + sum(max(0, -min(sums)) for sums in results.values())


def compute_maintenance(
    moves_ppb: Sequence[int], legs: Iterable[Leg], by_tiers: int, floor_ppb: int
) -> int:
    """The risk, or a share of what tiers say, rounded up (8.7)."""
    return max(compute_risk(moves_ppb, legs), -(-by_tiers * floor_ppb // PPB))
