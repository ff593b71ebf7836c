"""The sweep: an aggressor against the other side, best price first, oldest order first (4.1).

One visible loop. Per resting order: self-trade prevention (4.7), solvency of the maker and of the
aggressor (9.0), then the fill: settle the aggressor, settle the maker, reduce-only upkeep (2.6 d).
"""

from engine.book.levels import find_level, key_of, ladder_of
from engine.book.orders import free_order_slot, note_partial_fill, order_id_of, shrink_order
from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import (
    BUY,
    CANCEL_SELF_TRADE,
    CANCEL_SLIPPAGE,
    CANCEL_SOLVENCY,
    NONE,
    SELL,
    STP_CANCEL_BOTH,
    STP_CANCEL_NEWEST,
    STP_CANCEL_OLDEST,
    STP_NONE,
)
from engine.state.access import ACCOUNT, CONTRACT, ENGINE, LADDER, LEVEL, ORDER, POSITION
from engine.state.arithmetic import multiply_divide, multiply_rate_ceil
from engine.state.events import emit
from engine.state.layout import LIQUIDATING
from engine.transition.orders import (
    cancel_resting,
    emit_reduced,
    keep_reduce_only,
    reduce_resting,
    unrest_order,
)
from risk.margin import compute_maintenance_of, value_beside
from risk.reserve import release_reserve
from risk.settlement import (
    compute_maker_fee,
    compute_taker_fee,
    cover_if_short,
    pay_liquidation_fee,
    settle_side,
)
from risk.supervision import note_suspect

TRADED_VALUE_MAX = 2**60  # the sums behind the last price stop growing here


@kernel
def fill_maker(arena, slot, lots):
    """Take a fill off the maker's order; a filled order leaves the book and frees its slot."""
    release_reserve(arena, slot, lots)
    if lots == ORDER(arena, slot).lots:
        unrest_order(arena, slot)
        free_order_slot(arena, slot)
    else:
        shrink_order(arena, slot, lots)
        note_partial_fill(arena, slot, lots)


@kernel
def fill_aggressor(arena, slot, lots):
    """Take a fill off the aggressor's own record; a liquidation order has none."""
    if slot != NONE:
        release_reserve(arena, slot, lots)
        ORDER(arena, slot).lots -= lots


@cold
def prevent_self_trade(arena, slot, maker_slot, leaves, mode):
    """Resolve a pair of one group; returns what is left of the aggressor, -1 to stop it (4.7)."""
    if mode == STP_CANCEL_NEWEST:
        return -1
    if mode == STP_CANCEL_OLDEST or mode == STP_CANCEL_BOTH:
        cancel_resting(arena, maker_slot, CANCEL_SELF_TRADE)
        return leaves if mode == STP_CANCEL_OLDEST else -1
    resting_lots = ORDER(arena, maker_slot).lots
    if resting_lots <= leaves:
        cancel_resting(arena, maker_slot, CANCEL_SELF_TRADE)
    else:
        reduce_resting(arena, maker_slot, leaves, CANCEL_SELF_TRADE)
    if resting_lots >= leaves:
        return -1
    release_reserve(arena, slot, resting_lots)
    ORDER(arena, slot).lots -= resting_lots
    emit_reduced(arena, slot, resting_lots, CANCEL_SELF_TRADE)
    return leaves - resting_lots


@kernel
def is_beyond_slippage(terms, loss_per_lot):
    """Whether a price is worse than the mark by more than 9.2(c) assumes."""
    return loss_per_lot > terms.slip_value


@kernel
def compute_liquidation_fee(terms, value, surplus):
    """min(rate x value rounded up, what is left above the bankruptcy value) (9.4)."""
    return min(multiply_rate_ceil(value, terms.liquidation_fee_ppb), max(surplus, 0))


@cold
def sweep(arena, contract, account, position, slot, side, limit_ticks, lots, mode, share):
    """Trade until the limit, the quantity or a rule stops it; returns the lots left.

    `slot` is the aggressor's order, NONE for a liquidation order, which then has `share`, its
    position's part of the account's equity. `engine.stop_reason` tells why a rest must be
    cancelled, 0 when nothing but limit or quantity ended the sweep.
    """
    engine = ENGINE(arena, 0)
    terms = CONTRACT(arena, contract)
    tick_value = terms.tick_value
    maker_side = SELL - side
    ladder = LADDER(arena, ladder_of(contract, maker_side))
    limit_key = key_of(limit_ticks, maker_side)
    order_id = order_id_of(arena, slot) if slot != NONE else 0
    group = ACCOUNT(arena, account).group
    share_lots = POSITION(arena, position).lots
    if share_lots < 0:
        share_lots = -share_lots
    equity, beside = value_beside(arena, account, contract)
    leaves = lots
    filled = 0
    engine.stop_reason = 0
    while leaves > 0:
        key = ladder.best_key
        if key == NONE or key > limit_key:
            break
        maker_slot = LEVEL(arena, find_level(arena, ladder_of(contract, maker_side), key)).head
        maker_order = ORDER(arena, maker_slot)
        maker = maker_order.account
        if ACCOUNT(arena, maker).group == group and mode != STP_NONE:
            leaves_now = prevent_self_trade(arena, slot, maker_slot, leaves, mode)
            if leaves_now < 0:
                engine.stop_reason = CANCEL_SELF_TRADE
                break
            leaves = leaves_now
            continue

        price_ticks = maker_order.price_ticks
        asked = min(leaves, maker_order.lots)
        # what the aggressor gains against the mark per lot is what the maker loses
        edge = (terms.mark_ticks - price_ticks) * tick_value
        if side != BUY:
            edge = -edge
        maker_position = maker_order.position
        maker_equity, maker_beside = value_beside(arena, maker, contract)
        if maker_equity - asked * edge < 0:
            cancel_resting(arena, maker_slot, CANCEL_SOLVENCY)
            continue
        maker_signed = -1 if side == BUY else 1
        if is_beyond_slippage(terms, edge):
            value = asked * price_ticks * tick_value
            taker_fee = multiply_rate_ceil(value, terms.fee_taker_ppb)
            after = maker_equity - asked * edge
            after -= compute_maker_fee(terms, value, after, taker_fee)
            lots_after = POSITION(arena, maker_position).lots + maker_signed * asked
            if after < maker_beside + compute_maintenance_of(arena, contract, lots_after):
                cancel_resting(arena, maker_slot, CANCEL_SLIPPAGE)
                continue

        fill_lots = asked
        if edge < 0:
            fill_lots = min(asked, equity // -edge)
            if fill_lots == 0:
                engine.stop_reason = CANCEL_SOLVENCY
                break
        value = fill_lots * price_ticks * tick_value
        equity_after = equity + fill_lots * edge
        fee = compute_taker_fee(terms, value, equity_after)
        equity_after -= fee
        liquidation_fee = 0
        if slot == NONE:
            own = multiply_divide(share, fill_lots, share_lots)
            surplus = fill_lots * edge + own - fee
            liquidation_fee = compute_liquidation_fee(terms, value, min(surplus, equity_after))
            equity_after -= liquidation_fee
        lots_after = POSITION(arena, position).lots - maker_signed * fill_lots
        required = beside + compute_maintenance_of(arena, contract, lots_after)
        if slot != NONE and equity_after < required and is_beyond_slippage(terms, -edge):
            engine.stop_reason = CANCEL_SLIPPAGE
            break
        # From here the fill stands; nothing below may refuse.

        emit(
            arena, events.TRADE, contract, 0,
            price_ticks, fill_lots, order_id, order_id_of(arena, maker_slot), side, 0,
        )  # fmt: skip
        if terms.traded_value <= TRADED_VALUE_MAX:
            terms.traded_lots += fill_lots
            terms.traded_value += value
        maker_order_id = order_id_of(arena, maker_slot)
        fill_maker(arena, maker_slot, fill_lots)
        fill_aggressor(arena, slot, fill_lots)
        settle_side(arena, contract, account, position, order_id, side, fill_lots, value, fee)
        if liquidation_fee != 0:
            pay_liquidation_fee(arena, contract, account, liquidation_fee)
        cover_if_short(arena, account)
        if maker == account:
            maker_equity = equity_after
        maker_equity -= fill_lots * edge
        maker_fee = compute_maker_fee(terms, value, maker_equity, fee)
        maker_equity -= maker_fee
        settle_side(
            arena, contract, maker, maker_position, maker_order_id, maker_side, fill_lots,
            value, maker_fee,
        )  # fmt: skip
        cover_if_short(arena, maker)
        equity = equity_after if maker != account else maker_equity
        keep_reduce_only(arena, position)
        keep_reduce_only(arena, maker_position)
        lots_now = POSITION(arena, position).lots
        if equity < beside + compute_maintenance_of(arena, contract, lots_now):
            note_suspect(arena, account)
        lots_now = POSITION(arena, maker_position).lots
        required = maker_beside + compute_maintenance_of(arena, contract, lots_now)
        if maker_equity < required or ACCOUNT(arena, maker).flags & LIQUIDATING:
            note_suspect(arena, maker)
        leaves -= fill_lots
        filled += fill_lots
        if fill_lots < asked:
            engine.stop_reason = CANCEL_SOLVENCY
            break
    engine.swept_lots = filled
    return leaves


