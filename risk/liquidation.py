"""Sizing a liquidation: the share of equity, the bankruptcy limit, the smallest cut (9.2, 9.3)."""

from engine.kernel import cold, kernel
from engine.schema.bounds import PPB
from engine.state.access import CONTRACT, POSITION
from engine.state.arithmetic import absolute, multiply_divide, multiply_rate_ceil
from engine.state.values import find_highest_price, find_lowest_price
from risk.margin import compute_required, compute_weight
from risk.tiers import compute_maintenance_of


@kernel
def compute_share(arena, contract, position, equity, maintenance):
    """The position's share of an equity >= 0 of an account of that maintenance margin, rounded
    down; pro rata to maintenance by tiers (9.3)."""
    own = compute_maintenance_of(arena, contract, POSITION(arena, position).lots)
    if own == 0:
        return 0
    weight = compute_weight(arena, POSITION(arena, position).account, maintenance)
    return multiply_divide(equity, own, weight)


@cold
def compute_limit(arena, contract, position, share):
    """The bankruptcy price of the position, liquidation fee included, as an order limit.

    Rounded toward earlier bankruptcy (up for a long, down for a short) and kept in range.
    """
    terms = CONTRACT(arena, contract)
    lots = POSITION(arena, position).lots
    fee = multiply_rate_ceil(absolute(lots) * terms.mark_size, terms.liquidation_fee_ppb)
    value = lots * terms.mark_value - (share - fee)  # what closing must bring at least
    if lots > 0:
        return find_lowest_price(arena, contract, lots, value)
    return find_highest_price(arena, contract, -lots, -value)


@kernel
def compute_target(terms, maintenance):
    """Where a liquidation ends: maintenance x (1 + buffer), rounded up."""
    return multiply_rate_ceil(maintenance, PPB + terms.liquidation_buffer_ppb)


@kernel
def is_equity_small(terms, equity, maintenance):
    """Whether equity is below the share of maintenance where the whole position goes (9.2 d);
    rounded up, so that it is an equity below the exact share and no other."""
    return equity < multiply_rate_ceil(maintenance, terms.liquidation_whole_equity_ppb)


@cold
def compute_excess(arena, contract, position, cut_lots, equity, beside):
    """What is left above the target when `cut_lots` are closed at the assumed price."""
    terms = CONTRACT(arena, contract)
    held = POSITION(arena, position)
    left_lots = held.lots - cut_lots if held.lots > 0 else held.lots + cut_lots
    maintenance = compute_required(arena, held.account, contract, left_lots, beside)
    return equity - cut_lots * terms.slip_value - compute_target(terms, maintenance)


@cold
def find_best_cut(arena, contract, position, equity, beside):
    """The cut with the largest excess. Margin is convex in the lots, by tiers and as a portfolio:
    the excess rises up to it and falls behind it; where roundings make a plateau, on it."""
    low = 1
    high = absolute(POSITION(arena, position).lots)
    while low < high:
        middle = (low + high) // 2
        excess = compute_excess(arena, contract, position, middle, equity, beside)
        if compute_excess(arena, contract, position, middle + 1, equity, beside) > excess:
            low = middle + 1
        else:
            high = middle
    return low


@cold
def plan_cut(arena, contract, position, equity, maintenance):
    """The smallest cut that reaches the target, by bisection; 0 when no part of the position does
    (9.2 d), be it that only the whole would."""
    lots = POSITION(arena, position).lots
    beside = maintenance - compute_maintenance_of(arena, contract, lots)
    low = 1
    high = absolute(lots)
    if compute_excess(arena, contract, position, high, equity, beside) < 0:
        high = find_best_cut(arena, contract, position, equity, beside)
        if compute_excess(arena, contract, position, high, equity, beside) < 0:
            return 0
    while low < high:
        middle = (low + high) // 2
        if compute_excess(arena, contract, position, middle, equity, beside) >= 0:
            high = middle
        else:
            low = middle + 1
    return low if low < absolute(lots) else 0
