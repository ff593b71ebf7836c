"""Orders: the pool, the queue of a level, the list of an account's orders in one contract."""

from engine.book.levels import drop_level, find_level, key_of, ladder_of, open_level
from engine.book.timers import clear_order_timer
from engine.kernel import cold, kernel
from engine.schema import bounds
from engine.schema.vocabulary import BUY, NONE, SELL
from engine.state.access import (
    ACCOUNT_EXTRA,
    CONTRACT,
    ENGINE,
    LADDER,
    LEVEL,
    LEVEL_ORDERS,
    LINKED_ORDER,
    ORDER,
    ORDER_EXTRA,
    POSITION,
    POSITION_EXTRA,
)
from engine.state.layout import BRACKET, CHILD, ENDING, EXTRA, PARTLY_FILLED, QUOTE

SLOT_MASK = 2**32 - 1


@kernel
def order_id_of(arena, slot):
    """generation << 32 | slot; a generation starts at 1 and ends with the order."""
    return ((ORDER(arena, slot).generation + 1) << 32) | slot


@kernel
def find_order(arena, order_id, account):
    """The slot of the working order of this id, of the account or of one of its margin accounts;
    NONE when there is none."""
    slot = order_id & SLOT_MASK
    if order_id <= 0 or slot > ENGINE(arena, 0).orders_top:
        return NONE
    order = ORDER(arena, slot)
    if order.lots == 0:
        return NONE
    if order.account != account and ACCOUNT_EXTRA(arena, order.account).parent != account:
        return NONE
    return slot if order.generation + 1 == order_id >> 32 else NONE


@kernel
def take_order_slot(arena):
    """A free slot, the one freed last first; admission saw that there is one."""
    engine = ENGINE(arena, 0)
    slot = engine.orders_free
    if slot != NONE:
        engine.orders_free = ORDER(arena, slot).next
    else:
        engine.orders_top += 1
        slot = engine.orders_top
    engine.orders_live += 1
    return slot


@cold
def mark_extra(arena, slot):
    """Give the order its extra fields, all empty; it may have them already."""
    order = ORDER(arena, slot)
    if order.flags & EXTRA:
        return 0
    order.flags |= EXTRA
    extra = ORDER_EXTRA(arena, slot)
    extra.expiry_ns = 0
    extra.arrival = 0
    extra.timer = 0
    extra.lots_hidden = 0
    extra.lots_display = 0
    extra.sibling = NONE
    extra.trigger_ticks = 0
    extra.best_ticks = 0
    extra.bits = 0
    extra.trail_bp = 0
    extra.order_type = 0
    extra.tif = 0
    extra.trigger_source = 0
    extra.session = 0
    extra.parent = NONE
    extra.child = NONE
    extra.stop_ticks = 0
    extra.target_ticks = 0
    return 0


@kernel
def open_lots_of(arena, slot):
    """All that the order could still trade, hidden lots included."""
    order = ORDER(arena, slot)
    lots = order.lots + 0
    if order.flags & EXTRA:
        lots += ORDER_EXTRA(arena, slot).lots_hidden
    return lots


@kernel
def quote_of(arena, position, side):
    """The account's present quote on a side of the contract, NONE when there is none."""
    extra = POSITION_EXTRA(arena, position)
    return extra.quote_bid + 0 if side == BUY else extra.quote_ask + 0


@kernel
def set_quote(arena, slot, value):
    """Make `value` (the order itself, or NONE) the quote of the order's side."""
    order = ORDER(arena, slot)
    extra = POSITION_EXTRA(arena, order.position)
    if order.side == BUY:
        extra.quote_bid = value
    else:
        extra.quote_ask = value


@kernel
def children_of(arena, slot):
    """How many orders a bracket entry will have."""
    extra = ORDER_EXTRA(arena, slot)
    return (1 if extra.stop_ticks != 0 else 0) + (1 if extra.target_ticks != 0 else 0)


@cold
def leave_children(arena, child):
    """A bracket's entry has ended: its stop and target stay, on their own."""
    sibling = ORDER_EXTRA(arena, child).sibling
    ORDER_EXTRA(arena, child).parent = NONE
    if sibling != NONE:
        ORDER_EXTRA(arena, sibling).parent = NONE
    return 0


@kernel
def unlink_order(arena, slot):
    """Take the link off both siblings, if there is one."""
    extra = ORDER_EXTRA(arena, slot)
    if extra.sibling != NONE:
        ORDER_EXTRA(arena, extra.sibling).sibling = NONE
        extra.sibling = NONE


@cold
def leave_link(arena, slot):
    """Dissolve the order's link: its sibling lives on, and a bracket's child goes on growing."""
    extra = ORDER_EXTRA(arena, slot)
    sibling = extra.sibling + 0
    if sibling == NONE:
        return 0
    unlink_order(arena, slot)
    if extra.parent != NONE and ORDER_EXTRA(arena, sibling).bits & CHILD:
        ORDER_EXTRA(arena, extra.parent).child = sibling
        extra.parent = NONE
    return 0


@cold
def release_extra(arena, slot):
    """An order with extra fields ends: its timer goes, and its sibling is to end, too (4.5)."""
    clear_order_timer(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    if extra.lots_hidden != 0:
        order = ORDER(arena, slot)
        LADDER(arena, ladder_of(order.contract, order.side)).lots_hidden -= extra.lots_hidden
    sibling = extra.sibling + 0
    if sibling != NONE:
        engine = ENGINE(arena, 0)
        ORDER_EXTRA(arena, sibling).sibling = NONE
        ORDER_EXTRA(arena, sibling).bits |= ENDING
        LINKED_ORDER(arena, engine.linked).slot = sibling
        engine.linked += 1
    if extra.bits & QUOTE:
        set_quote(arena, slot, NONE)
    if extra.bits & BRACKET:
        ENGINE(arena, 0).orders_live -= children_of(arena, slot)
    if extra.child != NONE:
        leave_children(arena, extra.child)
    if extra.parent != NONE and ORDER_EXTRA(arena, extra.parent).child == slot:
        is_child = sibling != NONE and ORDER_EXTRA(arena, sibling).bits & CHILD != 0
        ORDER_EXTRA(arena, extra.parent).child = sibling if is_child else NONE
    return 0


@kernel
def free_plain_slot(arena, slot):
    engine = ENGINE(arena, 0)
    order = ORDER(arena, slot)
    order.lots = 0
    order.generation += 1
    # With its ids used up a slot counts as live for ever: the slot freed last is taken first, so a
    # stream of orders that never rest comes to the end of one in minutes.
    if order.generation < bounds.GENERATIONS_MAX:
        order.next = engine.orders_free
        engine.orders_free = slot
        engine.orders_live -= 1


@kernel
def free_order_slot(arena, slot):
    if ORDER(arena, slot).flags & EXTRA:
        release_extra(arena, slot)
    free_plain_slot(arena, slot)


@kernel
def count_in_level(arena, contract, level_slot, orders):
    """Count the orders of a level, beside its record, and only where a limit asks for it (4.9)."""
    if CONTRACT(arena, contract).level_orders_max != bounds.ORDERS_MAX:
        LEVEL_ORDERS(arena, level_slot).slot += orders


@kernel
def queue_in(arena, ladder, key, slot):
    """Append the order at the back of a level of a ladder."""
    order = ORDER(arena, slot)
    level_slot = open_level(arena, ladder, key)
    level = LEVEL(arena, level_slot)
    tail = level.tail
    order.previous = tail
    order.next = NONE
    if tail == NONE:
        level.head = slot
    else:
        ORDER(arena, tail).next = slot
    level.tail = slot
    level.lots += order.lots
    count_in_level(arena, order.contract, level_slot, 1)
    side = LADDER(arena, ladder)
    side.lots += order.lots
    side.orders += 1


@kernel
def unqueue_from(arena, ladder, key, slot):
    """Take the order out of its level, with the lots it still shows there."""
    order = ORDER(arena, slot)
    level_slot = find_level(arena, ladder, key)
    level = LEVEL(arena, level_slot)
    behind = order.next
    ahead = order.previous
    if ahead == NONE:
        level.head = behind
    else:
        ORDER(arena, ahead).next = behind
    if behind == NONE:
        level.tail = ahead
    else:
        ORDER(arena, behind).previous = ahead
    level.lots -= order.lots
    count_in_level(arena, order.contract, level_slot, -1)
    side = LADDER(arena, ladder)
    side.lots -= order.lots
    side.orders -= 1
    if level.head == NONE:
        drop_level(arena, ladder, key, level_slot)


@kernel
def unqueue_head(arena, ladder, key, level_slot, slot):
    """Take the first order out of a level that has been found, with the lots it shows there."""
    order = ORDER(arena, slot)
    level = LEVEL(arena, level_slot)
    behind = order.next
    level.head = behind
    level.lots -= order.lots
    count_in_level(arena, order.contract, level_slot, -1)
    side = LADDER(arena, ladder)
    side.lots -= order.lots
    side.orders -= 1
    if behind != NONE:
        ORDER(arena, behind).previous = NONE
    else:
        level.tail = NONE
        drop_level(arena, ladder, key, level_slot)


@kernel
def shrink_in_level(arena, ladder, level_slot, slot, lots):
    """Lower a resting order's displayed lots in a level that has been found: it keeps its
    priority."""
    LEVEL(arena, level_slot).lots -= lots
    LADDER(arena, ladder).lots -= lots
    ORDER(arena, slot).lots -= lots


@kernel
def queue_order(arena, slot):
    """Append the order at the back of its level of the book."""
    order = ORDER(arena, slot)
    ladder = ladder_of(order.contract, order.side)
    queue_in(arena, ladder, key_of(order.price_ticks, order.side), slot)


@kernel
def unqueue_order(arena, slot):
    order = ORDER(arena, slot)
    ladder = ladder_of(order.contract, order.side)
    unqueue_from(arena, ladder, key_of(order.price_ticks, order.side), slot)


@kernel
def shrink_order(arena, slot, lots):
    """The same, by its own terms."""
    order = ORDER(arena, slot)
    ladder = ladder_of(order.contract, order.side)
    level_slot = find_level(arena, ladder, key_of(order.price_ticks, order.side))
    shrink_in_level(arena, ladder, level_slot, slot, lots)


@kernel
def note_partial_fill(arena, slot, lots):
    """Count the filled lots of an order that lives on; amendments need them."""
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    if order.flags & PARTLY_FILLED:
        extra.lots_filled += lots
    else:
        order.flags |= PARTLY_FILLED
        extra.lots_filled = lots


@kernel
def filled_lots_of(arena, slot):
    if ORDER(arena, slot).flags & PARTLY_FILLED:
        return ORDER_EXTRA(arena, slot).lots_filled
    return 0


@cold
def stamp_arrival(arena, slot):
    """Number the orders that come to rest while orders are collected: an uncross asks who is later
    (5.2), and one command may bring several."""
    mark_extra(arena, slot)
    ENGINE(arena, 0).collected += 1
    ORDER_EXTRA(arena, slot).arrival = ENGINE(arena, 0).collected
    return 0


@kernel
def arrival_of(arena, slot):
    """The order's number, 0 when it came to rest before orders were collected."""
    if ORDER(arena, slot).flags & EXTRA == 0:
        return 0
    return ORDER_EXTRA(arena, slot).arrival + 0


@kernel
def list_order(arena, slot):
    """Append to the position's ring of orders: arrival order, the head's previous is the tail."""
    order = ORDER(arena, slot)
    position = POSITION(arena, order.position)
    head = position.order_head
    if head == NONE:
        position.order_head = slot
        order.account_next = slot
        order.account_previous = slot
        return
    tail = ORDER(arena, head).account_previous
    ORDER(arena, tail).account_next = slot
    ORDER(arena, head).account_previous = slot
    order.account_previous = tail
    order.account_next = head


@kernel
def unlist_order(arena, slot):
    order = ORDER(arena, slot)
    position = POSITION(arena, order.position)
    behind = order.account_next
    if behind == slot:
        position.order_head = NONE
        return
    ahead = order.account_previous
    ORDER(arena, ahead).account_next = behind
    ORDER(arena, behind).account_previous = ahead
    if position.order_head == slot:
        position.order_head = behind


@kernel
def best_price_ticks(arena, contract, side):
    """The best resting price of a side, 0 when it is empty."""
    key = LADDER(arena, ladder_of(contract, side)).best_key
    return key_of(key, side) if key != NONE else key


@kernel
def would_trade(arena, contract, side, price_ticks):
    """Whether an order of this side and limit would meet the best resting price."""
    opposite = SELL - side
    best_key = LADDER(arena, ladder_of(contract, opposite)).best_key
    return best_key != NONE and best_key <= key_of(price_ticks, opposite)
