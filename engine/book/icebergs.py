"""Icebergs: an order that shows a slice; the hidden rest comes to the back slice by slice (4.2).

`order.lots` is what the order shows in its level; `lots_hidden` stands beside it. While the order
is in motion nothing is hidden: `order.lots` is then all of it.
"""

from engine.book.levels import find_level, key_of, ladder_of
from engine.book.orders import queue_order, unqueue_order
from engine.kernel import cold, kernel
from engine.schema import bounds
from engine.state.access import LADDER, LEVEL, ORDER, ORDER_EXTRA
from engine.state.layout import ICEBERG


@kernel
def is_iceberg(arena, slot):
    return ORDER_EXTRA(arena, slot).bits & ICEBERG != 0


@kernel
def has_too_many_slices(lots, display_lots):
    """Each slice is a fill of somebody else's sweep, so that their number has a bound (4.2)."""
    return lots > display_lots * bounds.ICEBERG_SLICES_MAX


@kernel
def hide_lots(arena, slot):
    """Split an order that is about to rest into what it shows and what it hides."""
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    if extra.bits & ICEBERG and order.lots > extra.lots_display:
        extra.lots_hidden = order.lots - extra.lots_display
        order.lots = extra.lots_display
        LADDER(arena, ladder_of(order.contract, order.side)).lots_hidden += extra.lots_hidden


@kernel
def unhide_lots(arena, slot):
    """Make all of an order that has left its level one quantity again."""
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    LADDER(arena, ladder_of(order.contract, order.side)).lots_hidden -= extra.lots_hidden
    order.lots += extra.lots_hidden
    extra.lots_hidden = 0


@cold
def refill_order(arena, slot):
    """Show the next slice of an iceberg whose slice is gone, at the back of its level."""
    unqueue_order(arena, slot)
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    shown = min(extra.lots_display, extra.lots_hidden)
    order.lots = shown
    extra.lots_hidden -= shown
    LADDER(arena, ladder_of(order.contract, order.side)).lots_hidden -= shown
    queue_order(arena, slot)
    return 0


@cold
def cut_resting(arena, slot, lots):
    """Take fewer lots than it has from a resting order, hidden ones first: it keeps its place."""
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    ladder = ladder_of(order.contract, order.side)
    hidden = min(lots, extra.lots_hidden)
    extra.lots_hidden -= hidden
    shown = lots - hidden
    order.lots -= shown
    LEVEL(arena, find_level(arena, ladder, key_of(order.price_ticks, order.side))).lots -= shown
    side = LADDER(arena, ladder)
    side.lots -= shown
    side.lots_hidden -= hidden
    return 0
