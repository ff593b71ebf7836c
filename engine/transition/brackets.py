"""Brackets: the stop and the target that come with an entry's fills, and grow with them (4.5)."""

from engine.book.levels import has_armed_page_room, has_page_room
from engine.book.orders import (
    children_of,
    free_order_slot,
    list_order,
    mark_extra,
    order_id_of,
    queue_order,
    stamp_arrival,
    take_order_slot,
    unlist_order,
    unqueue_order,
    would_trade,
)
from engine.book.triggers import arm_order, count_reducing, leave_waiting, wait_turn
from engine.kernel import cold, kernel
from engine.schema import events, refusals
from engine.schema.vocabulary import (
    BUY,
    CANCEL_BAND,
    CANCEL_TRIGGER,
    GTC,
    IOC,
    LIMIT,
    NONE,
    REDUCE_ONLY,
    SELL,
    STOP_MARKET,
)
from engine.state.access import (
    ACCOUNT,
    CHILD_TERMS,
    CONTRACT,
    ENGINE,
    ORDER,
    ORDER_EXTRA,
    POSITION,
    SWEEP,
)
from engine.state.events import emit
from engine.state.layout import ARMED, BRACKET, CHILD, ENDING, FIRED, STP_SHIFT
from engine.trading_state import COLLECTING, is_one_of
from engine.transition.orders import (
    emit_armed,
    emit_cancelled,
    leave_account,
    link_orders,
)


@kernel
def note_child_terms(arena, entry):
    terms = CHILD_TERMS(arena, 0)
    order = ORDER(arena, entry)
    extra = ORDER_EXTRA(arena, entry)
    terms.client_id = order.client_id
    terms.account = order.account
    terms.position = order.position
    terms.contract = order.contract
    terms.side = SELL - order.side
    terms.stp = order.flags >> STP_SHIFT
    terms.session = extra.session
    terms.trigger_source = extra.trigger_source
    terms.stop_ticks = extra.stop_ticks
    terms.target_ticks = extra.target_ticks
    terms.entry_ticks = order.price_ticks


@cold
def bear_child(arena, order_type, tif, price_ticks, trigger_ticks, lots):
    """Accept a reduce-only order as CHILD_TERMS say; the caller brings it to where it waits."""
    terms = CHILD_TERMS(arena, 0)
    slot = take_order_slot(arena)
    order = ORDER(arena, slot)
    order.reserve = 0
    order.loss_fee = 0
    order.client_id = terms.client_id
    order.price_ticks = price_ticks
    order.lots = lots
    order.account = terms.account
    order.position = terms.position
    order.contract = terms.contract
    order.side = terms.side
    order.flags = REDUCE_ONLY | (terms.stp << STP_SHIFT)
    mark_extra(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    extra.order_type = order_type
    extra.tif = tif
    extra.session = terms.session
    extra.bits |= CHILD
    if trigger_ticks != 0:
        extra.trigger_source = terms.trigger_source
        extra.trigger_ticks = trigger_ticks
    emit(
        arena, events.ORDER_ACCEPTED, terms.contract, terms.account,
        order_id_of(arena, slot), terms.client_id, price_ticks, lots, terms.side,
        order_type | (tif << 8) | (REDUCE_ONLY << 16) | (terms.stp << 24),
    )  # fmt: skip
    list_order(arena, slot)
    ACCOUNT(arena, order.account).orders += 1
    return slot


@cold
def drop_child(arena, slot, reason, code):
    """A child that can't stand where it should ends at once, with the reason."""
    order = ORDER(arena, slot)
    emit_cancelled(arena, slot, order.lots, reason, code)
    leave_account(arena, slot)
    free_order_slot(arena, slot)
    return NONE


@kernel
def queue_child(arena, slot):
    if is_one_of(COLLECTING, CONTRACT(arena, ORDER(arena, slot).contract).state):
        stamp_arrival(arena, slot)
    queue_order(arena, slot)


@cold
def could_trade(arena, slot):
    """1 when a target would meet an order of the book or its own entry; while orders are
    collected none trades."""
    order = ORDER(arena, slot)
    if is_one_of(COLLECTING, CONTRACT(arena, order.contract).state):
        return 0
    entry_ticks = CHILD_TERMS(arena, 0).entry_ticks
    meets_entry = order.price_ticks <= entry_ticks
    if order.side == BUY:
        meets_entry = order.price_ticks >= entry_ticks
    if meets_entry or would_trade(arena, order.contract, order.side, order.price_ticks):
        return 1
    return 0


@cold
def bear_target(arena, lots):
    """The order at the target. It rests, unless it could trade: then it waits for its turn."""
    if CHILD_TERMS(arena, 0).target_ticks == 0:
        return NONE
    slot = bear_child(arena, LIMIT, GTC, CHILD_TERMS(arena, 0).target_ticks, 0, lots)
    terms = CONTRACT(arena, ORDER(arena, slot).contract)
    price_ticks = ORDER(arena, slot).price_ticks
    if price_ticks < terms.band_low_ticks or price_ticks > terms.band_high_ticks:
        return drop_child(arena, slot, CANCEL_BAND, 0)  # as the next mark would do (5.3)
    if not has_page_room(arena):
        return drop_child(arena, slot, CANCEL_TRIGGER, refusals.POOL_FULL)
    if could_trade(arena, slot):
        # the entry was amended past its target, or was a market order: it takes its turn
        wait_turn(arena, slot)
        count_reducing(arena, slot, 1)
        return slot
    queue_child(arena, slot)
    POSITION(arena, ORDER(arena, slot).position).lots_reduce_only += lots
    return slot


@cold
def bear_stop(arena, lots):
    """The order that waits at the stop."""
    if CHILD_TERMS(arena, 0).stop_ticks == 0:
        return NONE
    slot = bear_child(arena, STOP_MARKET, IOC, 0, CHILD_TERMS(arena, 0).stop_ticks, lots)
    if not has_armed_page_room(arena):
        return drop_child(arena, slot, CANCEL_TRIGGER, refusals.POOL_FULL)
    arm_order(arena, slot)
    emit_armed(arena, slot)
    return slot


@cold
def bear_children(arena, entry, lots, is_over):
    """The first fill of a bracket's entry: target, then stop, each other's sibling."""
    note_child_terms(arena, entry)
    ORDER_EXTRA(arena, entry).bits &= ~BRACKET
    if is_over == 0:
        ENGINE(arena, 0).orders_live -= children_of(arena, entry)
    target = bear_target(arena, lots)
    stop = bear_stop(arena, lots)
    if target != NONE and stop != NONE:
        link_orders(arena, stop, target)
    if is_over == 1:
        return 0
    if target != NONE:
        ORDER_EXTRA(arena, target).parent = entry
    if stop != NONE:
        ORDER_EXTRA(arena, stop).parent = entry
    ORDER_EXTRA(arena, entry).child = target if target != NONE else stop
    return 0


@cold
def grow_child(arena, slot, lots):
    """Add what the entry filled to a child that still waits; it loses its place."""
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    if extra.bits & (FIRED | ENDING) or slot == SWEEP(arena, 0).slot:
        return 0
    unlist_order(arena, slot)
    if extra.bits & ARMED:
        leave_waiting(arena, slot)
        order.lots += lots
        arm_order(arena, slot)
    else:
        unqueue_order(arena, slot)
        order.lots += lots
        POSITION(arena, order.position).lots_reduce_only += lots
        queue_child(arena, slot)
    list_order(arena, slot)
    emit(
        arena, events.ORDER_AMENDED, order.contract, order.account, order_id_of(arena, slot),
        order.client_id, order.price_ticks, order.lots, 0, 0,
    )  # fmt: skip
    return 0


@cold
def follow_entry(arena, entry, lots, is_over):
    """After a fill of an order with extra fields: what a bracket's entry filled is protected."""
    extra = ORDER_EXTRA(arena, entry)
    if extra.bits & BRACKET:
        return bear_children(arena, entry, lots, is_over)
    child = extra.child + 0
    if child == NONE:
        return 0
    sibling = ORDER_EXTRA(arena, child).sibling + 0
    grow_child(arena, child, lots)
    if sibling != NONE and ORDER_EXTRA(arena, sibling).bits & CHILD:  # not what was linked since
        grow_child(arena, sibling, lots)
    return 0
