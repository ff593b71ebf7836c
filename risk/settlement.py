"""One side of a fill or transfer: funding, position, profit, fee, cash, `leg` (1.5, 8.8)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import BUY, FUND
from engine.state.access import ACCOUNT, CONTRACT, POOL, POSITION
from engine.state.arithmetic import (
    absolute,
    multiply_divide_trunc,
    multiply_rate_ceil,
    multiply_rate_floor,
)
from engine.state.events import emit
from risk.accounts import add_holder, remove_holder
from risk.cover import cover_debit
from risk.ledger import apply_cash, settle_funding, write_cash, write_entry
from risk.position_history import note_fill
from risk.step import note_position_before
from risk.supervision import value_again
from risk.tiers import compute_margins_of
from risk.worth import change_position


@kernel
def compute_taker_fee(terms, value, equity):
    """The taker's fee, rounded up, cut to the equity that the fill leaves (8.8)."""
    return min(multiply_rate_ceil(value, terms.fee_taker_ppb), max(equity, 0))


@kernel
def compute_maker_fee(terms, value, equity, taker_fee):
    """The maker's fee, rounded up and cut like the taker's; a rebate is negative, rounded down
    and paid only out of the taker fee of the same fill (8.8)."""
    if terms.fee_maker_ppb < 0:
        return -min(multiply_rate_floor(value, -terms.fee_maker_ppb), taker_fee)
    return min(multiply_rate_ceil(value, terms.fee_maker_ppb), max(equity, 0))


@kernel
def compute_fee_unrebated(terms, value, equity):
    """The maker's fee without a rebate: that of either side of an uncross, and of a maker who is
    judged before it is known what fee its taker will pay (8.8)."""
    return min(multiply_rate_ceil(value, max(terms.fee_maker_ppb, 0)), max(equity, 0))


@kernel
def compute_liquidation_fee(terms, value, surplus, equity):
    """Up to what is left above the bankruptcy value of the lots, and of the equity (9.4)."""
    fee = multiply_rate_ceil(value, terms.liquidation_fee_ppb)
    return min(fee, max(min(surplus, equity), 0))


@kernel
def apply_lots(arena, contract, position, side, lots, value):
    """Change a position by a fill of `lots` worth `value`; returns the realised profit. What the
    account is worth is the caller's to keep.

    A close takes the pro-rata share of the entry value, rounded toward zero; the rest stays with
    the position, so nothing is lost over its life. A flip splits the value in the same way (1.5).
    """
    held = POSITION(arena, position)
    terms = CONTRACT(arena, contract)
    before = held.lots
    signed = lots if side == BUY else -lots
    after = before + signed
    held.lots = after
    if before >= 0:
        terms.long_lots += max(after, 0) - before
        terms.short_lots += max(-after, 0)
    else:
        terms.long_lots += max(after, 0)
        terms.short_lots += max(-after, 0) + before
    if before == 0:
        held.funding_index = terms.funding_index
        add_holder(arena, contract, position)
    elif after == 0:
        remove_holder(arena, contract, position)
    if before == 0 or (before > 0) == (side == BUY):
        write_entry(arena, position, value if side == BUY else -value)
        return 0
    closed = min(lots, absolute(before))
    part = held.entry_value
    if closed != absolute(before):
        part = multiply_divide_trunc(part, closed, absolute(before))
    closed_value = value
    if closed != lots:
        closed_value = multiply_divide_trunc(value, closed, lots)
    opened_value = value - closed_value
    if side == BUY:
        write_entry(arena, position, opened_value - part)
        return -closed_value - part
    write_entry(arena, position, -opened_value - part)
    return closed_value - part


@kernel
def settle_side(arena, contract, account, position, order_id, side, lots, value, fee):
    """Book one side of a fill at `value` with `fee` (negative: a rebate) and emit its leg; returns
    the margins by tiers that the position has now.

    Cash may stand below zero until `cover_if_short`, which the caller runs once the fill's further
    charges are booked.
    """
    margins = compute_margins_of(arena, contract, POSITION(arena, position).lots)
    return settle_side_of(
        arena, contract, account, position, margins, order_id, side, lots, value, fee
    )


@kernel
def settle_side_of(
    arena, contract, account, position, margins, order_id, side, lots, value, fee
):
    """The same of a position whose margins by tiers are known."""
    note_position_before(arena, contract, position)
    terms = CONTRACT(arena, contract)
    held = POSITION(arena, position)
    if held.lots != 0 and held.funding_index != terms.funding_index:
        settle_funding(arena, account, contract, position)
    lots_before = held.lots + 0
    entry_before = held.entry_value + 0
    realised = apply_lots(arena, contract, position, side, lots, value)
    note_fill(arena, position, lots_before, realised)
    write_cash(arena, account, realised - fee)
    gained = realised - fee - (held.entry_value - entry_before)
    margins = change_position(arena, contract, position, lots_before, margins, gained)
    POOL(arena, 0).fees += fee
    emit(
        arena, events.LEG, contract, account,
        order_id, held.lots, held.entry_value, fee, realised, ACCOUNT(arena, account).cash,
    )  # fmt: skip
    return margins


@kernel
def cover_if_short(arena, account):
    if ACCOUNT(arena, account).cash < 0:
        cover_debit(arena, account)


@cold
def pay_liquidation_fee(arena, contract, account, amount):
    """Move a liquidation fee or a takeover penalty to the fund (9.4)."""
    apply_cash(arena, account, -amount)
    apply_cash(arena, FUND, amount)
    value_again(arena, FUND)
    emit(
        arena, events.LIQUIDATION_FEE_PAID, contract, account,
        amount, ACCOUNT(arena, account).cash, 0, 0, 0, 0,
    )  # fmt: skip
    return 0
