"""Ending and cutting orders: the book and the reserve change together, with an event."""

from engine.book.icebergs import cut_resting, refill_order
from engine.book.orders import (
    free_order_slot,
    free_plain_slot,
    leave_link,
    mark_extra,
    open_lots_of,
    order_id_of,
    shrink_order,
    unlist_order,
    unqueue_head,
    unqueue_order,
)
from engine.book.triggers import cut_waiting, leave_waiting
from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import (
    BUY,
    CANCEL_BAND,
    CANCEL_DYNAMIC_BAND,
    CANCEL_LINKED,
    CANCEL_REDUCE_ONLY,
    CANCEL_SELF_TRADE,
    CANCEL_SLIPPAGE,
    CANCEL_SOLVENCY,
    FUND,
    NONE,
    REDUCE_ONLY,
    SIDES_BOTH,
)
from engine.state.access import (
    ACCOUNT,
    ENGINE,
    LINKED_ORDER,
    ORDER,
    ORDER_EXTRA,
    POSITION,
    SWEEP,
)
from engine.state.arithmetic import absolute
from engine.state.events import emit
from engine.state.layout import ARMED, ARMED_REDUCING, ENDING, EXTRA, FIRED
from risk.accounts import find_position, first_position, next_account, next_position
from risk.reserve import release_all, release_reserve


@kernel
def emit_cancelled(arena, slot, lots, reason, code):
    order = ORDER(arena, slot)
    emit(
        arena, events.ORDER_CANCELLED, order.contract, order.account,
        order_id_of(arena, slot), order.client_id, order.price_ticks, lots, reason, code,
    )  # fmt: skip


@kernel
def emit_reduced(arena, slot, lots, reason):
    """Announce that `lots` of the order are gone; its open lots are already the new ones."""
    order = ORDER(arena, slot)
    emit(
        arena, events.ORDER_REDUCED, order.contract, order.account, order_id_of(arena, slot),
        order.client_id, order.price_ticks, lots, reason, open_lots_of(arena, slot),
    )  # fmt: skip


@kernel
def emit_refilled(arena, slot):
    order = ORDER(arena, slot)
    emit(
        arena, events.ORDER_REFILLED, order.contract, order.account, order_id_of(arena, slot),
        order.client_id, order.price_ticks, order.lots, ORDER_EXTRA(arena, slot).lots_hidden, 0,
    )  # fmt: skip


@kernel
def emit_armed(arena, slot):
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    emit(
        arena, events.ORDER_ARMED, order.contract, order.account, order_id_of(arena, slot),
        order.client_id, extra.trigger_ticks, extra.trigger_source, extra.trail_bp,
        extra.best_ticks,
    )  # fmt: skip


@cold
def link_orders(arena, slot, sibling):
    """Make two orders each other's sibling (4.5)."""
    mark_extra(arena, slot)
    mark_extra(arena, sibling)
    ORDER_EXTRA(arena, slot).sibling = sibling
    ORDER_EXTRA(arena, sibling).sibling = slot
    order = ORDER(arena, slot)
    emit(
        arena, events.ORDERS_LINKED, order.contract, order.account,
        order_id_of(arena, slot), order_id_of(arena, sibling), 0, 0, 0, 0,
    )  # fmt: skip
    return 0


@kernel
def is_waiting(arena, slot):
    """Whether a working order waits for its trigger, or has fired and waits for its turn."""
    if ORDER(arena, slot).flags & EXTRA:
        return ORDER_EXTRA(arena, slot).bits & (ARMED | FIRED) != 0
    return False


@kernel
def leave_account(arena, slot):
    """Take an order off its account's list, and count it no more."""
    unlist_order(arena, slot)
    ACCOUNT(arena, ORDER(arena, slot).account).orders -= 1


@kernel
def unrest_order(arena, slot):
    """Take a resting order, filled or not, off the book and its account's list."""
    unqueue_order(arena, slot)
    leave_account(arena, slot)


@kernel
def unrest_head(arena, ladder, key, level_slot, slot):
    """The same for the first order of a level that a sweep has found."""
    unqueue_head(arena, ladder, key, level_slot, slot)
    leave_account(arena, slot)


@cold
def cancel_waiting(arena, slot, reason):
    """End an order that waits; it has reserved nothing."""
    leave_waiting(arena, slot)
    emit_cancelled(arena, slot, ORDER(arena, slot).lots, reason, 0)
    leave_account(arena, slot)
    free_order_slot(arena, slot)
    return 0


@kernel
def is_taken_away(reason):
    """Whether an order ends by neither its owner nor its own fill, so that its sibling stays (4.5):
    a stop must outlive the target that the band has cancelled."""
    return (
        reason == CANCEL_BAND
        or reason == CANCEL_DYNAMIC_BAND
        or reason == CANCEL_SELF_TRADE
        or reason == CANCEL_SOLVENCY
        or reason == CANCEL_SLIPPAGE
    )


@cold
def cancel_special(arena, slot, reason):
    """End a working order with extra fields."""
    if is_waiting(arena, slot):
        return cancel_waiting(arena, slot, reason)
    if is_taken_away(reason):
        leave_link(arena, slot)
    lots = open_lots_of(arena, slot)
    emit_cancelled(arena, slot, lots, reason, 0)
    release_reserve(arena, slot, lots)
    unrest_order(arena, slot)
    free_order_slot(arena, slot)
    return 0


@kernel
def end_working(arena, slot, reason):
    """End a working order, resting or waiting. A plain one is asked once whether it is plain."""
    if ORDER(arena, slot).flags & EXTRA:
        cancel_special(arena, slot, reason)
        return
    emit_cancelled(arena, slot, ORDER(arena, slot).lots, reason, 0)
    release_all(arena, slot)
    unrest_order(arena, slot)
    free_plain_slot(arena, slot)


@cold
def cancel_working(arena, slot, reason):
    """The same for whatever but its owner's command to cancel it, which has it in line."""
    end_working(arena, slot, reason)
    return 0


@cold
def cut_working(arena, slot, lots):
    """Take fewer lots than it has from a working order; it keeps its priority."""
    if is_waiting(arena, slot):
        return cut_waiting(arena, slot, lots)
    release_reserve(arena, slot, lots)
    if ORDER(arena, slot).flags & EXTRA:
        return cut_resting(arena, slot, lots)
    shrink_order(arena, slot, lots)
    return 0


@cold
def reduce_working(arena, slot, lots, reason):
    """The same with an event that gives the reason."""
    cut_working(arena, slot, lots)
    emit_reduced(arena, slot, lots, reason)
    return 0


@cold
def decrement_resting(arena, slot, lots, reason):
    """Take lots that a resting order shows; an iceberg then shows its next ones (4.7)."""
    if lots == open_lots_of(arena, slot):
        return cancel_working(arena, slot, reason)
    release_reserve(arena, slot, lots)
    shrink_order(arena, slot, lots)
    emit_reduced(arena, slot, lots, reason)
    if ORDER(arena, slot).lots == 0:
        refill_order(arena, slot)
        emit_refilled(arena, slot)
    return 0


@cold
def end_by_link(arena, slot):
    """Let an order end at the next point where linked orders are cancelled; its link is gone."""
    engine = ENGINE(arena, 0)
    extra = ORDER_EXTRA(arena, slot)
    ORDER_EXTRA(arena, extra.sibling).sibling = NONE
    extra.sibling = NONE
    extra.bits |= ENDING
    LINKED_ORDER(arena, engine.linked).slot = slot
    engine.linked += 1
    return 0


@cold
def cut_in_motion(arena, slot, lots):
    """The aggressor has met its own sibling: it is cut like any other, and asks for less."""
    release_reserve(arena, slot, lots)
    ORDER(arena, slot).lots -= lots
    SWEEP(arena, 0).leaves -= lots
    emit_reduced(arena, slot, lots, CANCEL_LINKED)
    return 0


@cold
def cut_sibling(arena, slot, lots, is_over):
    """After a fill of its sibling: cut the order by as many lots; it ends when it has no more, or
    when the sibling `is_over` (4.5)."""
    if ORDER_EXTRA(arena, slot).bits & ENDING:
        return 0
    has_more = open_lots_of(arena, slot) > lots
    if has_more and slot == SWEEP(arena, 0).slot:
        cut_in_motion(arena, slot, lots)
    elif has_more:
        reduce_working(arena, slot, lots, CANCEL_LINKED)
    if is_over == 1 or not has_more:
        end_by_link(arena, slot)
    return 0


@cold
def cancel_linked(arena, in_motion):
    """Cancel the orders whose siblings have ended, first in first out.

    Returns 1 when the aggressor `in_motion` (NONE outside a sweep) is among them: it rests
    nowhere, so ending it is its sweep's business.
    """
    engine = ENGINE(arena, 0)
    must_stop = 0
    k = 0
    while k < engine.linked:
        slot = LINKED_ORDER(arena, k).slot + 0
        order = ORDER(arena, slot)
        if order.lots != 0 and order.flags & EXTRA and ORDER_EXTRA(arena, slot).bits & ENDING:
            if slot == in_motion:
                must_stop = 1
            else:
                cancel_working(arena, slot, CANCEL_LINKED)
        k += 1
    engine.linked = 0
    return must_stop


@cold
def trim_reduce_only(arena, position, lots_ahead):
    """Cut the position's resting reduce-only orders to it, in arrival order, behind lots of a
    liquidation order; those that wait end with the position (4.3)."""
    held = POSITION(arena, position)
    head = held.order_head
    if head == NONE:
        return 0
    left = max(0, absolute(held.lots) - lots_ahead)
    last = ORDER(arena, head).account_previous
    slot = head
    while True:
        order = ORDER(arena, slot)
        behind = order.account_next
        is_last = slot == last
        if order.flags & REDUCE_ONLY:
            closes = held.lots < 0 if order.side == BUY else held.lots > 0
            if is_waiting(arena, slot):
                if not closes:
                    cancel_working(arena, slot, CANCEL_REDUCE_ONLY)
            else:
                lots = open_lots_of(arena, slot)
                kept = min(lots, left) if closes else 0
                left -= kept
                if kept == 0:
                    cancel_working(arena, slot, CANCEL_REDUCE_ONLY)
                elif kept < lots:
                    reduce_working(arena, slot, lots - kept, CANCEL_REDUCE_ONLY)
        if is_last:
            return 0
        slot = behind


@kernel
def keep_reduce_only(arena, position, account):
    held = POSITION(arena, position)
    if held.lots_reduce_only != 0 or ACCOUNT(arena, account).flags & ARMED_REDUCING:
        trim_reduce_only(arena, position, 0)


@kernel
def is_meant(arena, slot, spared_flag, spared_bits, sides, session):
    """Whether a cancel of many means this order: it has neither the flag nor any of the bits (of
    its extra record) that are spared; 0 in `sides` and `session` means any."""
    order = ORDER(arena, slot)
    if order.flags & spared_flag != 0 or (sides != SIDES_BOTH and order.side + 1 != sides):
        return False
    if order.flags & EXTRA and ORDER_EXTRA(arena, slot).bits & spared_bits:
        return False
    if session == 0:
        return True
    return order.flags & EXTRA != 0 and ORDER_EXTRA(arena, slot).session == session


@cold
def cancel_of_position(arena, position, reason, spared_flag, spared_bits, sides, session):
    """Cancel a position's orders in arrival order, those that are meant; returns the count."""
    count = 0
    slot = POSITION(arena, position).order_head
    if slot == NONE:
        return 0
    last = ORDER(arena, slot).account_previous
    while True:
        behind = ORDER(arena, slot).account_next
        is_last = slot == last
        if is_meant(arena, slot, spared_flag, spared_bits, sides, session):
            cancel_working(arena, slot, reason)
            count += 1
        if is_last:
            return count
        slot = behind


@cold
def cancel_of_contract(arena, contract, reason):
    """Cancel every order of a contract, by account id; returns the count."""
    count = 0
    account = next_account(arena, FUND)
    while account != NONE:
        position = find_position(arena, account, contract)
        count += cancel_of_position(arena, position, reason, 0, 0, SIDES_BOTH, 0)
        account = next_account(arena, account)
    return count


@cold
def cancel_of_account(arena, account, reason, spared_flag, sides, session):
    """The same over all of the account's contracts, in their order."""
    count = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        count += cancel_of_position(arena, position, reason, spared_flag, 0, sides, session)
        k += 1
        position = next_position(arena, account, position, k)
    return count
