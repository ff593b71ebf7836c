"""Armed orders: a ladder of triggers per source and direction, a list of trailing stops beside it,
and the orders that have fired and wait for their turn (4.2, 2.5).

A trigger's key follows the book's rule: a trigger that fires at or above its price lies like an
ask (lowest first), one that fires at or below like a bid. So what is reached is a prefix of the
ladder. A trailing stop has no fixed trigger; each look at its source moves its best value, so all
of them are walked: detection is linear and complete.
"""

from engine.book.levels import find_level, key_of
from engine.book.orders import queue_in, unqueue_from
from engine.book.timers import clear_order_timer
from engine.kernel import cold, kernel
from engine.schema.vocabulary import (
    DAY,
    GTD,
    NONE,
    REDUCE_ONLY,
    SOURCE_INDEX,
    SOURCE_LAST,
    SOURCE_MARK,
    TAKE_LIMIT,
    TAKE_MARKET,
    TRAILING_MARKET,
)
from engine.state.access import (
    ACCOUNT,
    ACCOUNT_EXTRA,
    CONTRACT,
    ENGINE,
    LADDER,
    LEVEL,
    ORDER,
    ORDER_EXTRA,
)
from engine.state.layout import ARMED, ARMED_REDUCING, BOOK_LADDERS, FIRED

BELOW = 0  # the direction of a trigger is a side: bids' keys for below, asks' for above
ABOVE = 1
BP = 10_000


@kernel
def direction_of(order_type, side):
    """Which way the price must come: a stop fires against its side, a take-profit towards it."""
    if order_type == TAKE_LIMIT or order_type == TAKE_MARKET:
        return side + 0
    return 1 - side


@kernel
def trigger_ladder_of(contract, source, direction):
    return BOOK_LADDERS + (contract * 3 + source - 1) * 2 + direction


@kernel
def is_reached(value_ticks, trigger_ticks, direction):
    if direction == ABOVE:
        return value_ticks >= trigger_ticks
    return value_ticks <= trigger_ticks


@kernel
def trailing_trigger_of(best_ticks, trail_bp, direction):
    """Where a trailing stop fires: so far back from its best value, rounded towards the best."""
    reach_ticks = best_ticks * trail_bp // BP
    return best_ticks + reach_ticks if direction == ABOVE else best_ticks - reach_ticks


@kernel
def ladder_of_armed(arena, slot):
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    direction = direction_of(extra.order_type, order.side)
    return trigger_ladder_of(order.contract, extra.trigger_source, direction)


@kernel
def is_trailing(arena, slot):
    return ORDER_EXTRA(arena, slot).order_type == TRAILING_MARKET


@kernel
def append_trailing(arena, ladder, slot):
    side = LADDER(arena, ladder)
    order = ORDER(arena, slot)
    order.previous = side.trailing_tail
    order.next = NONE
    if side.trailing_tail == NONE:
        side.trailing_head = slot
    else:
        ORDER(arena, side.trailing_tail).next = slot
    side.trailing_tail = slot


@kernel
def remove_trailing(arena, ladder, slot):
    side = LADDER(arena, ladder)
    order = ORDER(arena, slot)
    if order.previous == NONE:
        side.trailing_head = order.next
    else:
        ORDER(arena, order.previous).next = order.next
    if order.next == NONE:
        side.trailing_tail = order.previous
    else:
        ORDER(arena, order.next).previous = order.previous


@kernel
def key_of_armed(arena, slot):
    extra = ORDER_EXTRA(arena, slot)
    direction = direction_of(extra.order_type, ORDER(arena, slot).side)
    return key_of(extra.trigger_ticks, direction)


@kernel
def count_armed(arena, slot, change):
    """Keep the counts by which fills know that there is something to look at."""
    order = ORDER(arena, slot)
    if ORDER_EXTRA(arena, slot).trigger_source == SOURCE_LAST:
        CONTRACT(arena, order.contract).armed_last += change


@kernel
def count_reducing(arena, slot, change):
    """Keep the account's count of reduce-only orders that wait, armed or fired."""
    order = ORDER(arena, slot)
    if order.flags & REDUCE_ONLY:
        extra = ACCOUNT_EXTRA(arena, order.account)
        extra.armed_reducing += change
        if extra.armed_reducing > 0:
            ACCOUNT(arena, order.account).flags |= ARMED_REDUCING
        else:
            ACCOUNT(arena, order.account).flags &= ~ARMED_REDUCING


@cold
def arm_order(arena, slot):
    """Enter an order that waits for its trigger, behind those of the same trigger."""
    ORDER_EXTRA(arena, slot).bits |= ARMED
    count_armed(arena, slot, 1)
    count_reducing(arena, slot, 1)
    ladder = ladder_of_armed(arena, slot)
    if is_trailing(arena, slot):
        append_trailing(arena, ladder, slot)
    else:
        queue_in(arena, ladder, key_of_armed(arena, slot), slot)
    return 0


@cold
def disarm_order(arena, slot):
    """Take an armed order off its ladder or list."""
    count_armed(arena, slot, -1)
    ladder = ladder_of_armed(arena, slot)
    if is_trailing(arena, slot):
        remove_trailing(arena, ladder, slot)
    else:
        unqueue_from(arena, ladder, key_of_armed(arena, slot), slot)
    ORDER_EXTRA(arena, slot).bits &= ~ARMED
    return 0


@cold
def wait_turn(arena, slot):
    """Append an order to the contract's list of those that have fired and wait for their turn."""
    ORDER_EXTRA(arena, slot).bits |= FIRED
    order = ORDER(arena, slot)
    terms = CONTRACT(arena, order.contract)
    order.next = NONE
    if order.flags & REDUCE_ONLY:
        order.previous = terms.fired_reducing_tail
        terms.fired_reducing_tail = slot
        if order.previous == NONE:
            terms.fired_reducing_head = slot
    else:
        order.previous = terms.fired_tail
        terms.fired_tail = slot
        if order.previous == NONE:
            terms.fired_head = slot
    if order.previous != NONE:
        ORDER(arena, order.previous).next = slot
    ENGINE(arena, 0).fired += 1
    return 0


@cold
def fire_order(arena, slot, value_ticks):
    """Move an armed order whose trigger is reached to those that wait for their turn."""
    disarm_order(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    extra.best_ticks = value_ticks
    if extra.tif != GTD and extra.tif != DAY:  # the expiry was that of the trigger
        clear_order_timer(arena, slot)
        extra.expiry_ns = 0
    return wait_turn(arena, slot)


@cold
def take_fired(arena, slot):
    """Take an order off the list of those that have fired."""
    order = ORDER(arena, slot)
    terms = CONTRACT(arena, order.contract)
    if order.previous != NONE:
        ORDER(arena, order.previous).next = order.next
    elif order.flags & REDUCE_ONLY:
        terms.fired_reducing_head = order.next
    else:
        terms.fired_head = order.next
    if order.next != NONE:
        ORDER(arena, order.next).previous = order.previous
    elif order.flags & REDUCE_ONLY:
        terms.fired_reducing_tail = order.previous
    else:
        terms.fired_tail = order.previous
    ORDER_EXTRA(arena, slot).bits &= ~FIRED
    ENGINE(arena, 0).fired -= 1
    return 0


@cold
def leave_waiting(arena, slot):
    """Take an armed or fired order from wherever it waits."""
    count_reducing(arena, slot, -1)
    if ORDER_EXTRA(arena, slot).bits & ARMED:
        return disarm_order(arena, slot)
    return take_fired(arena, slot)


@cold
def cut_waiting(arena, slot, lots):
    """Take fewer lots than it has from an armed or fired order."""
    order = ORDER(arena, slot)
    order.lots -= lots
    if ORDER_EXTRA(arena, slot).bits & ARMED and not is_trailing(arena, slot):
        ladder = ladder_of_armed(arena, slot)
        LEVEL(arena, find_level(arena, ladder, key_of_armed(arena, slot))).lots -= lots
        LADDER(arena, ladder).lots -= lots
    return 0


@cold
def trail_orders(arena, ladder, direction, value_ticks):
    """Move the best of every trailing stop of a ladder, or fire it, oldest first."""
    slot = LADDER(arena, ladder).trailing_head + 0
    while slot != NONE:
        behind = ORDER(arena, slot).next + 0
        extra = ORDER_EXTRA(arena, slot)
        is_better = value_ticks < extra.best_ticks
        if direction == BELOW:
            is_better = value_ticks > extra.best_ticks
        if is_better:
            extra.best_ticks = value_ticks
        else:
            trigger_ticks = trailing_trigger_of(extra.best_ticks, extra.trail_bp, direction)
            if is_reached(value_ticks, trigger_ticks, direction):
                fire_order(arena, slot, value_ticks)
        slot = behind
    return 0


@cold
def fire_reached(arena, ladder, direction, value_ticks):
    """Fire every armed order of a ladder whose trigger the value has reached, nearest first."""
    value_key = key_of(value_ticks, direction)
    key = LADDER(arena, ladder).best_key + 0
    while key != NONE and key <= value_key:
        fire_order(arena, LEVEL(arena, find_level(arena, ladder, key)).head, value_ticks)
        key = LADDER(arena, ladder).best_key + 0
    return 0


@cold
def look_at(arena, contract, source, value_ticks):
    """Fire what a source's value reaches: trailing stops, then triggers below, then above."""
    if value_ticks == 0:
        return 0
    below = trigger_ladder_of(contract, source, BELOW)
    above = trigger_ladder_of(contract, source, ABOVE)
    trail_orders(arena, below, BELOW, value_ticks)
    trail_orders(arena, above, ABOVE, value_ticks)
    fire_reached(arena, below, BELOW, value_ticks)
    fire_reached(arena, above, ABOVE, value_ticks)
    return 0


@kernel
def value_of_source(terms, source):
    """The present value that a trigger of this source watches, 0 when there is none."""
    if source == SOURCE_MARK:
        return terms.mark_ticks + 0
    if source == SOURCE_INDEX:
        return terms.index_ticks + 0
    return terms.last_trade_ticks + 0
