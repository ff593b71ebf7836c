"""The engine's book alone: its own functions under a loop without accounts, risk or admission.

A flow is an array of FLOW records, the commands of a reference workload. An order rests, is
cancelled or trades by what `engine.book` has for it, on a real arena; what is missing against the
engine is all that stands between a command and its book, and behind a fill.
"""

import numpy as np
from numba import types
from numba.np.numpy_support import from_dtype

from engine.book.levels import find_level, key_of, ladder_of
from engine.book.orders import (
    SLOT_MASK,
    free_order_slot,
    order_id_of,
    queue_order,
    shrink_in_level,
    take_order_slot,
    unqueue_head,
    unqueue_order,
)
from engine.kernel import entry, kernel
from engine.schema.events import TRADE
from engine.schema.vocabulary import NONE, SELL
from engine.state.access import ENGINE, LADDER, LEVEL, ORDER
from engine.state.events import emit
from engine.state.lines import ask_for_order

# `id` numbers orders from 1 on in a workload as it comes; `learn_ids` makes those of cancels the
# engine's own: the slot, and the generation in the place of a price that no cancel needs.
FLOW = np.dtype(
    {
        "names": ["op", "side", "id", "price", "qty"],
        "formats": ["i1", "i1", "<i4", "<i4", "<i4"],
        "offsets": [0, 1, 4, 8, 12],
        "itemsize": 16,
    }
)
PASSIVE, CANCEL, TAKE = 0, 1, 2
CONTRACT = 1
# How many commands ahead lines are asked for. These commands take a third of the engine's, so it
# is three times as many; and as many orders as the caches hold need no asking. `matching.cpp` has
# the same.
AHEAD, NEAR, CACHED_ORDERS = 24, 12, 2**15

_FLOW = types.Array(from_dtype(FLOW), 1, "C")
_WORDS = types.Array(types.int64, 1, "C")


@kernel
def rest(arena, side, number, price_ticks, lots):
    """Write what the book reads of an order, and whose it is; append it to its level."""
    slot = take_order_slot(arena)
    order = ORDER(arena, slot)
    order.client_id = number
    order.price_ticks = price_ticks
    order.lots = lots
    order.contract = CONTRACT
    order.side = side
    order.flags = 0
    queue_order(arena, slot)
    return slot


@kernel
def cancel(arena, slot, generation):
    """Take the order out, if it is still the one that was meant."""
    order = ORDER(arena, slot)
    if order.lots != 0 and order.generation == generation:
        unqueue_order(arena, slot)
        free_order_slot(arena, slot)


@kernel
def is_beyond_caches(arena):
    """Whether the book has had more orders at once than the caches hold."""
    return ENGINE(arena, 0).orders_top > CACHED_ORDERS


@kernel
def take(arena, totals, side, number, limit_ticks, lots):
    """Trade against the other side, best price first, oldest order first, never past the limit."""
    maker_side = SELL - side
    ladder = ladder_of(CONTRACT, maker_side)
    limit_key = key_of(limit_ticks, maker_side)
    leaves = lots
    while leaves > 0:
        key = LADDER(arena, ladder).best_key
        if key == NONE or key > limit_key:
            break
        level_slot = find_level(arena, ladder, key)
        slot = LEVEL(arena, level_slot).head
        order = ORDER(arena, slot)
        if is_beyond_caches(arena):
            ask_for_order(arena, order.next)
        price_ticks = order.price_ticks + 0
        fill = min(leaves, order.lots)
        emit(
            arena, TRADE, CONTRACT, 0, price_ticks, fill, number, order_id_of(arena, slot), side, 0
        )
        totals[0] += 1
        totals[1] += fill
        totals[2] += fill * price_ticks
        if fill == order.lots:
            unqueue_head(arena, ladder, key, level_slot, slot)
            free_order_slot(arena, slot)
        else:
            shrink_in_level(arena, ladder, level_slot, slot, fill)
        leaves -= fill


@kernel
def prefetch_ahead(arena, flow, row):
    """The two stages of the engine's `run`, for the lines that a book has: the order that a cancel
    names, and its neighbours; else the nil order's, for a branch would be guessed wrong."""
    far = flow[row + AHEAD]
    ask_for_order(arena, far.id * (far.op & CANCEL))
    near = flow[row + NEAR]
    order = ORDER(arena, near.id * (near.op & CANCEL))
    ask_for_order(arena, order.next)
    ask_for_order(arena, order.previous)


@entry(types.int64(types.int64, _FLOW, types.int64, types.int64, _WORDS), nogil=True)
def match(arena, flow, first, end, totals):
    """Run the records from `first` to before `end`, at least AHEAD of which follow; adds fills,
    lots and notional to `totals`. Whoever calls empties the events."""
    for row in range(first, end):
        if is_beyond_caches(arena):
            prefetch_ahead(arena, flow, row)
        command = flow[row]
        if command.op == PASSIVE:
            rest(arena, command.side, command.id, command.price, command.qty)
        elif command.op == CANCEL:
            cancel(arena, command.id, command.price)
        else:
            take(arena, totals, command.side, command.id, command.price, command.qty)
    return end


@entry(types.int64(types.int64, _FLOW, types.int64, types.int64, _WORDS, _WORDS))
def learn_ids(arena, flow, first, end, ids, totals):
    """Run the records, and put into each cancel the id that the engine gave its order; `ids` has a
    place for each number of the workload."""
    for row in range(first, end):
        command = flow[row]
        if command.op == PASSIVE:
            slot = rest(arena, command.side, command.id, command.price, command.qty)
            ids[command.id] = order_id_of(arena, slot)
        elif command.op == CANCEL:
            order_id = ids[command.id]
            slot = order_id & SLOT_MASK
            generation = (order_id >> 32) - 1
            command.id = slot
            command.price = generation
            cancel(arena, slot, generation)
        else:
            take(arena, totals, command.side, command.id, command.price, command.qty)
    return end
