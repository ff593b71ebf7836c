"""Due times of orders and accounts: one binary heap, earliest first, ties by kind, then id (2.6 b).

Each order and account knows its place (stored + 1), so an order that ends takes its timer with it
and the heap holds no stale entries: orders and accounts bound its size. An opened account has two
timers at most and a margin account none, so there is a row of the heap for each.
"""

from engine.kernel import cold, kernel
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT_EXTRA, ENGINE, ORDER, ORDER_EXTRA, TIMER
from engine.state.due import hasten_due
from engine.state.layout import TIMER_EXPIRY, TIMER_HEARTBEAT, TIMER_PROFESSIONAL


@kernel
def id_of_timer(arena, kind, slot):
    """What ties are broken by: the order's id or the account's."""
    if kind == TIMER_EXPIRY:
        return ((ORDER(arena, slot).generation + 1) << 32) | slot
    return slot


@kernel
def is_timer_before(arena, due_ns, kind, slot, other):
    b = TIMER(arena, other)
    if due_ns != b.due_ns:
        return due_ns < b.due_ns
    if kind != b.kind:
        return kind < b.kind
    return id_of_timer(arena, kind, slot) < id_of_timer(arena, b.kind, b.slot)


@kernel
def put_timer(arena, place, due_ns, kind, slot):
    timer = TIMER(arena, place)
    timer.due_ns = due_ns
    timer.kind = kind
    timer.slot = slot
    if kind == TIMER_EXPIRY:
        ORDER_EXTRA(arena, slot).timer = place + 1
    elif kind == TIMER_HEARTBEAT:
        ACCOUNT_EXTRA(arena, slot).timer = place + 1
    else:
        ACCOUNT_EXTRA(arena, slot).timer_professional = place + 1


@cold
def sift_timer(arena, place, due_ns, kind, slot):
    """Put a timer where it belongs, starting at a free place of the heap."""
    count = ENGINE(arena, 0).timers
    while place > 0:
        parent = (place - 1) // 2
        if not is_timer_before(arena, due_ns, kind, slot, parent):
            break
        above = TIMER(arena, parent)
        put_timer(arena, place, above.due_ns, above.kind, above.slot)
        place = parent
    while 2 * place + 1 < count:
        child = 2 * place + 1
        if child + 1 < count:
            right = TIMER(arena, child + 1)
            if is_timer_before(arena, right.due_ns, right.kind, right.slot, child):
                child += 1
        if is_timer_before(arena, due_ns, kind, slot, child):
            break
        below = TIMER(arena, child)
        put_timer(arena, place, below.due_ns, below.kind, below.slot)
        place = child
    put_timer(arena, place, due_ns, kind, slot)
    return 0


@cold
def remove_timer(arena, place):
    """Take the timer at a place out of the heap."""
    engine = ENGINE(arena, 0)
    engine.timers -= 1
    if place != engine.timers:
        last = TIMER(arena, engine.timers)
        sift_timer(arena, place, last.due_ns, last.kind, last.slot)
    return 0


@kernel
def add_timer(arena, due_ns, kind, slot):
    engine = ENGINE(arena, 0)
    engine.timers += 1
    sift_timer(arena, engine.timers - 1, due_ns, kind, slot)
    hasten_due(arena, due_ns)


@kernel
def clear_order_timer(arena, slot):
    extra = ORDER_EXTRA(arena, slot)
    if extra.timer != 0:
        remove_timer(arena, extra.timer - 1)
        extra.timer = 0


@cold
def set_order_timer(arena, slot):
    """Start the expiry of an order that comes to rest or waits, if it has one."""
    extra = ORDER_EXTRA(arena, slot)
    if extra.expiry_ns != 0:
        add_timer(arena, extra.expiry_ns, TIMER_EXPIRY, slot)
    return 0


@cold
def set_heartbeat_timer(arena, account, due_ns):
    """Arm, move or (0) disarm an account's cancel-after timer (4.6)."""
    extra = ACCOUNT_EXTRA(arena, account)
    if extra.timer != 0:
        remove_timer(arena, extra.timer - 1)
        extra.timer = 0
    extra.heartbeat_ns = due_ns
    if due_ns != 0:
        add_timer(arena, due_ns, TIMER_HEARTBEAT, account)
    return 0


@cold
def set_professional_timer(arena, account, due_ns):
    """Set, move or (0) take out the end of a client's professional status (3.1)."""
    extra = ACCOUNT_EXTRA(arena, account)
    if extra.timer_professional != 0:
        remove_timer(arena, extra.timer_professional - 1)
        extra.timer_professional = 0
    if due_ns != 0:
        add_timer(arena, due_ns, TIMER_PROFESSIONAL, account)
    return 0


@kernel
def next_timer_ns(arena):
    """When the earliest timer is due, NONE when there is none."""
    return TIMER(arena, 0).due_ns if ENGINE(arena, 0).timers > 0 else NONE
