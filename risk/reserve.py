"""Margin reserved with an order, from acceptance to its last lot (8.2)."""

from engine.kernel import kernel
from engine.schema.vocabulary import BUY, REDUCE_ONLY, SELL
from engine.state.access import (
    CONTRACT,
    ORDER,
    ORDER_EXTRA,
    POSITION,
    POSITION_NUMBER,
    POSITION_WORD,
    TIER,
)
from engine.state.arithmetic import absolute, multiply_divide, multiply_rate_ceil
from engine.state.layout import (
    EXTRA,
    LIMITS_RATE,
    POSITION_NUMBER_RESERVE,
    POSITION_NUMBERS,
    POSITION_WORD_WORKING,
    POSITION_WORDS,
)
from engine.state.values import gain_of_fill
from risk.margin import is_portfolio
from risk.portfolio import compute_reserve_rate
from risk.tiers import compute_raised_rate, floor_of, tier_of
from risk.worth import add_requirement

assert (BUY, SELL) == (0, 1), "a side counts itself"


@kernel
def compute_worst_lots(position_lots, lots_buy, lots_sell):
    """The largest position after worst-case fills of one side's orders."""
    return max(absolute(position_lots + lots_buy), absolute(position_lots - lots_sell))


@kernel
def compute_opened_lots(position_lots, lots_buy, lots_sell):
    """The most lots that one side's orders can add to open interest: what does not close the
    position (8.6). At least 0, as one side closes nothing."""
    return max(lots_buy - max(-position_lots, 0), lots_sell - max(position_lots, 0))


@kernel
def compute_reserved_value(terms, side, lots, value):
    """The size at which an order is reckoned that is worth `value` at its limit: at that, or at the
    mark where it is more and a better fill is the larger one, of linear sells and inverse buys."""
    # a side is 0 or 1, and which one no processor can foresee
    at_mark = lots * terms.mark_size * (side if value > 0 else SELL - side)
    return max(absolute(value), at_mark)


@kernel
def compute_reserve(arena, contract, account, position, value, lots_buy, lots_sell):
    """ceil(value of the order x initial rate of the worst-case notional, raised where 8.1, 8.6 and
    8.7 raise it): against the client. Lots are those of all orders of a side, this one included;
    `position` is NONE at the account's first use of the contract."""
    terms = CONTRACT(arena, contract)
    held_lots = POSITION(arena, position).lots + 0
    worst_lots = compute_worst_lots(held_lots, lots_buy, lots_sell)
    tier = tier_of(arena, contract, worst_lots * terms.mark_size)
    if terms.limits & LIMITS_RATE:
        floor_ppb = floor_of(arena, contract, account, position)
        opened_lots = compute_opened_lots(held_lots, lots_buy, lots_sell)
        rate_ppb = compute_raised_rate(arena, contract, tier, floor_ppb, opened_lots)
        if is_portfolio(arena, account):
            rate_ppb = max(rate_ppb, compute_reserve_rate(arena, contract))
        return multiply_rate_ceil(value, rate_ppb)
    return multiply_rate_ceil(value, TIER(arena, tier).rate_initial_ppb)


@kernel
def compute_loss_fee(terms, side, lots, value, reserved):
    """Opening loss against the mark plus the worst fee, rounded up against the client."""
    loss = max(-gain_of_fill(terms, side, lots, value), 0)
    return loss + multiply_rate_ceil(reserved, terms.fee_worst_ppb)


@kernel
def working_of(arena, position, side):
    """The lots that work on a side; found by its number, as a branch on it would be guessed wrong
    half of the time."""
    return POSITION_WORD(arena, position * POSITION_WORDS + POSITION_WORD_WORKING + side)


@kernel
def reserve_of(arena, position, side):
    """What the orders of a side have reserved, found in the same way."""
    return POSITION_NUMBER(arena, position * POSITION_NUMBERS + POSITION_NUMBER_RESERVE + side)


@kernel
def apply_reserve(arena, slot, reserve, loss_fee):
    """Record an accepted order's reserve with it and with its position."""
    order = ORDER(arena, slot)
    held = POSITION(arena, order.position)
    if order.flags & REDUCE_ONLY:
        held.lots_reduce_only += order.lots
        return
    order.reserve = reserve
    order.loss_fee = loss_fee
    held.loss_fee += loss_fee
    add_requirement(arena, order.account, reserve + loss_fee)
    working_of(arena, order.position, order.side).slot += order.lots
    reserve_of(arena, order.position, order.side).value += reserve


@kernel
def give_back(arena, slot, lots, reserve, loss_fee):
    """Take so much off what the order has recorded, with the order and with its position."""
    order = ORDER(arena, slot)
    held = POSITION(arena, order.position)
    order.reserve -= reserve
    order.loss_fee -= loss_fee
    held.loss_fee -= loss_fee
    add_requirement(arena, order.account, -(reserve + loss_fee))
    working_of(arena, order.position, order.side).slot -= lots
    reserve_of(arena, order.position, order.side).value -= reserve


@kernel
def release_all(arena, slot):
    """Give back all that an order without hidden lots has recorded."""
    order = ORDER(arena, slot)
    if order.flags & REDUCE_ONLY:
        POSITION(arena, order.position).lots_reduce_only -= order.lots
        return
    give_back(arena, slot, order.lots, order.reserve, order.loss_fee)


@kernel
def release_reserve(arena, slot, lots):
    """Give back the share of `lots` of the order's open lots, rounded down: the rest keeps more.

    The last lot gives back all. Call before the order's own lots shrink.
    """
    order = ORDER(arena, slot)
    if order.flags & REDUCE_ONLY:
        POSITION(arena, order.position).lots_reduce_only -= lots
        return
    reserve = order.reserve
    loss_fee = order.loss_fee
    open_lots = order.lots
    if order.flags & EXTRA:
        open_lots += ORDER_EXTRA(arena, slot).lots_hidden
    if lots != open_lots:
        reserve = multiply_divide(reserve, lots, open_lots)
        loss_fee = multiply_divide(loss_fee, lots, open_lots)
    give_back(arena, slot, lots, reserve, loss_fee)
