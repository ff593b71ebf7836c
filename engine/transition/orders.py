"""Ending and cutting orders: the book and the reserve change together, with an event."""

from engine.book.orders import (
    free_order_slot,
    order_id_of,
    shrink_order,
    unlist_order,
    unqueue_order,
)
from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import BUY, CANCEL_REDUCE_ONLY, NONE, REDUCE_ONLY
from engine.state.access import ACCOUNT, ORDER, POSITION
from engine.state.arithmetic import absolute
from engine.state.events import emit
from risk.accounts import first_position, next_position
from risk.reserve import release_reserve


@kernel
def emit_cancelled(arena, slot, lots, reason):
    order = ORDER(arena, slot)
    emit(
        arena, events.ORDER_CANCELLED, order.contract, order.account,
        order_id_of(arena, slot), order.client_id, order.price_ticks, lots, reason, 0,
    )  # fmt: skip


@kernel
def emit_reduced(arena, slot, lots, reason):
    """Announce that `lots` of the order are gone; its open lots are already the new ones."""
    order = ORDER(arena, slot)
    emit(
        arena, events.ORDER_REDUCED, order.contract, order.account,
        order_id_of(arena, slot), order.client_id, order.price_ticks, lots, reason, order.lots,
    )  # fmt: skip


@kernel
def unrest_order(arena, slot):
    """Take a resting order, filled or not, off the book and its account's list; free its slot."""
    unqueue_order(arena, slot)
    unlist_order(arena, slot)
    ACCOUNT(arena, ORDER(arena, slot).account).orders -= 1


@cold
def cancel_resting(arena, slot, reason):
    """End a resting order."""
    lots = ORDER(arena, slot).lots
    emit_cancelled(arena, slot, lots, reason)
    release_reserve(arena, slot, lots)
    unrest_order(arena, slot)
    free_order_slot(arena, slot)
    return 0


@cold
def reduce_resting(arena, slot, lots, reason):
    """Cut a resting order by fewer lots than it has; it keeps its priority."""
    release_reserve(arena, slot, lots)
    shrink_order(arena, slot, lots)
    emit_reduced(arena, slot, lots, reason)
    return 0


@cold
def trim_reduce_only(arena, position):
    """Cut the position's resting reduce-only orders to it, in arrival order (4.3)."""
    held = POSITION(arena, position)
    head = held.order_head
    if head == NONE:
        return 0
    left = absolute(held.lots)
    last = ORDER(arena, head).account_previous
    slot = head
    while True:
        order = ORDER(arena, slot)
        behind = order.account_next
        is_last = slot == last
        if order.flags & REDUCE_ONLY:
            closes = held.lots < 0 if order.side == BUY else held.lots > 0
            kept = min(order.lots, left) if closes else 0
            left -= kept
            if kept == 0:
                cancel_resting(arena, slot, CANCEL_REDUCE_ONLY)
            elif kept < order.lots:
                reduce_resting(arena, slot, order.lots - kept, CANCEL_REDUCE_ONLY)
        if is_last:
            return 0
        slot = behind


@kernel
def keep_reduce_only(arena, position):
    if POSITION(arena, position).lots_reduce_only != 0:
        trim_reduce_only(arena, position)


@cold
def cancel_of_position(arena, position, reason, spared_flag):
    """Cancel a position's orders in arrival order but those that carry `spared_flag`; the count."""
    count = 0
    slot = POSITION(arena, position).order_head
    if slot == NONE:
        return 0
    last = ORDER(arena, slot).account_previous
    while True:
        behind = ORDER(arena, slot).account_next
        is_last = slot == last
        if ORDER(arena, slot).flags & spared_flag == 0:
            cancel_resting(arena, slot, reason)
            count += 1
        if is_last:
            return count
        slot = behind


@cold
def cancel_of_account(arena, account, reason, spared_flag):
    """The same over all of the account's contracts, in their order."""
    count = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        count += cancel_of_position(arena, position, reason, spared_flag)
        k += 1
        position = next_position(arena, account, position, k)
    return count
