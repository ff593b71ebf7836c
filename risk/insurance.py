"""The pool's fund: what it may take over, what it may lose, what it must cover, and cash it pays
(9.2 e, 9.6, 9.8)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import NS_PER_DAY, PPB
from engine.schema.vocabulary import FUND, LAYER_FUND, LAYER_HOUSE, NONE
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, CONTRACT, ENGINE, POOL, POSITION
from engine.state.arithmetic import (
    absolute,
    is_ratio_above,
    multiply_divide,
    multiply_rate_ceil,
    multiply_rate_floor,
)
from engine.state.events import emit
from risk.accounts import find_position, has_position_room
from risk.ledger import apply_cash
from risk.margin import compute_equity


@cold
def compute_loss_room(arena):
    """What the fund may still lose in this step and this UTC day (9.6)."""
    pool = POOL(arena, 0)
    day = ENGINE(arena, 0).clock_ns // NS_PER_DAY
    lost_today = pool.fund_loss_day if pool.fund_day >= day else 0
    step_room = pool.fund_loss_step_max - pool.fund_loss_step
    return max(0, min(step_room, pool.fund_loss_day_max - lost_today))


@cold
def note_fund_loss(arena, amount):
    """Count a payment of the fund against its caps, and take it out of its gains of this step:
    what it has paid can't be cut once more, or a haircut could take the fund below zero."""
    pool = POOL(arena, 0)
    extra = ACCOUNT_EXTRA(arena, FUND)
    if extra.step == ENGINE(arena, 0).step:
        extra.gain_step -= amount
    day = ENGINE(arena, 0).clock_ns // NS_PER_DAY
    if pool.fund_day < day:  # funding made up for an earlier day counts into the latest one
        pool.fund_day = day
        pool.fund_loss_day = 0
    pool.fund_loss_step += amount
    pool.fund_loss_day += amount
    return 0


@kernel
def compute_spread(total, lots_total, lots):
    """What the first `lots` of `lots_total` bear of a total spread lot by lot.

    Every lot bears the total divided, rounded down; the last ones one unit more.
    """
    each = total // lots_total
    rest = total - each * lots_total
    return lots * each + max(0, lots - (lots_total - rest))


@kernel
def compute_affordable(total, lots_total, room):
    """The most first lots whose spread stays within `room`."""
    each = total // lots_total
    rest = total - each * lots_total
    plain_lots = lots_total - rest
    if each > 0 and plain_lots * each > room:
        return room // each
    return min(lots_total, plain_lots + (room - plain_lots * each) // (each + 1))


@cold
def compute_takeover_lots(arena, contract, lots, charge):
    """The most of `lots` (signed as the debtor holds them) that the fund may take, with what it
    is charged for all of them. Caps never forbid what makes the fund's position smaller."""
    terms = CONTRACT(arena, contract)
    equity = compute_equity(arena, FUND)
    if equity < 0:
        return 0
    position = find_position(arena, FUND, contract)
    if position == NONE and not has_position_room(arena):
        return 0
    held = POSITION(arena, position).lots + 0 if position != NONE else 0
    cap_lots = min(
        terms.fund_value_max // terms.mark_size,
        multiply_rate_floor(terms.long_lots, terms.fund_share_ppb),
    )
    limit_lots = max(cap_lots, absolute(held))
    is_same_side = held == 0 or (held > 0) == (lots > 0)
    room_lots = limit_lots - absolute(held) if is_same_side else limit_lots + absolute(held)
    room_lots = min(room_lots, absolute(lots))
    if charge == 0:
        return room_lots
    room = min(compute_loss_room(arena), equity)
    return min(room_lots, compute_affordable(charge, absolute(lots), room))


@kernel
def compute_penalty(arena, contract, share, lots_total, lots):
    """What a debtor with equity >= 0 pays for `lots` of `lots_total` that are taken off it at mark:
    the disclosed rate, at most their part of the position's share of equity (9.4)."""
    terms = CONTRACT(arena, contract)
    own = multiply_divide(share, lots, lots_total)
    return min(own, multiply_rate_ceil(lots * terms.mark_size, terms.takeover_penalty_ppb))


@kernel
def is_below_cover(arena):
    """Whether the fund's equity is less than the share that it must cover of the loss that the last
    stress test found (9.6)."""
    pool = POOL(arena, 0)
    equity = max(0, compute_equity(arena, FUND))
    return is_ratio_above(pool.stress_loss, equity, PPB, pool.fund_cover_min_ppb)


@kernel
def emit_covered(arena, debtor, layer, amount):
    cash = ACCOUNT(arena, debtor).cash
    emit(arena, events.DEFICIT_COVERED, 0, debtor, layer, amount, cash, 0, 0, 0)


@cold
def pay_from_fund(arena, debtor, deficit):
    """Cover a deficit from the fund's cash within its equity and caps; returns what it paid."""
    amount = min(deficit, compute_loss_room(arena), max(0, compute_equity(arena, FUND)))
    if debtor == FUND or amount <= 0:
        return 0
    apply_cash(arena, FUND, -amount)
    apply_cash(arena, debtor, amount)
    note_fund_loss(arena, amount)
    emit_covered(arena, debtor, LAYER_FUND, amount)
    return amount


@cold
def pay_from_house(arena, debtor, deficit):
    """Cover a deficit from the house layer up to its amount; returns what it paid."""
    pool = POOL(arena, 0)
    amount = min(deficit, pool.house)
    if amount <= 0:
        return 0
    pool.house -= amount
    apply_cash(arena, debtor, amount)
    emit_covered(arena, debtor, LAYER_HOUSE, amount)
    return amount
