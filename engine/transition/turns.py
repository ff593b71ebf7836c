"""Orders whose trigger has fired take their turn, a bounded number a command (4.2, 2.5)."""

from engine.book.orders import (
    free_order_slot,
    order_id_of,
)
from engine.book.timers import clear_order_timer
from engine.book.triggers import (
    leave_waiting,
    look_at,
)
from engine.kernel import cold, kernel
from engine.schema import events, refusals
from engine.schema.vocabulary import (
    CANCEL_LINKED,
    CANCEL_REDUCE_ONLY,
    CANCEL_TRIGGER,
    CLOSE_POSITION,
    NONE,
    POST_ONLY,
    REDUCE_ONLY,
    SOURCE_INDEX,
    SOURCE_MARK,
)
from engine.state.access import (
    ADMISSION,
    CONTRACT,
    ENGINE,
    ORDER,
    ORDER_EXTRA,
    POOL,
    POSITION,
)
from engine.state.arithmetic import absolute
from engine.state.events import emit
from engine.state.layout import CLOSES, SLIDES, WORKED
from engine.trading_state import TRIGGERING, is_one_of
from engine.transition.admission import (
    check_order,
    compute_market_price,
    compute_slid_price,
    is_market_kind,
)
from engine.transition.conditional import can_rest
from engine.transition.orders import (
    cancel_linked,
    cancel_working,
    emit_cancelled,
    emit_reduced,
    leave_account,
)
from engine.transition.placing import work_or_rest
from risk.reserve import apply_reserve
from risk.supervision import drain_suspects


@kernel
def is_triggering(terms):
    """Whether triggers are looked at and orders that have fired are worked off."""
    return is_one_of(TRIGGERING, terms.state)


@cold
def look_at_prices(arena, contract):
    """Show the triggers the contract's present index and mark."""
    terms = CONTRACT(arena, contract)
    if not is_triggering(terms):
        return 0
    look_at(arena, contract, SOURCE_INDEX, terms.index_ticks)
    return look_at(arena, contract, SOURCE_MARK, terms.mark_ticks)


@kernel
def turn_lots_of(arena, slot):
    """The lots with which a fired order takes its turn: its own, or the whole position."""
    order = ORDER(arena, slot)
    if ORDER_EXTRA(arena, slot).bits & CLOSES:
        return absolute(POSITION(arena, order.position).lots)
    return order.lots + 0


@kernel
def take_turn(arena, slot):
    """Take a fired order out of everything it waited in, with its event; it is then in motion."""
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    leave_waiting(arena, slot)
    leave_account(arena, slot)
    clear_order_timer(arena, slot)
    extra.bits |= WORKED
    emit(
        arena, events.ORDER_TRIGGERED, order.contract, order.account, order_id_of(arena, slot),
        order.client_id, extra.trigger_ticks, extra.trigger_source, extra.best_ticks,
        turn_lots_of(arena, slot),
    )  # fmt: skip
    sibling = extra.sibling + 0
    if sibling != NONE:
        extra.sibling = NONE
        ORDER_EXTRA(arena, sibling).sibling = NONE
        cancel_working(arena, sibling, CANCEL_LINKED)


@cold
def work_fired(arena, slot):
    """One order that has fired takes its turn: admitted as if it came now, or refused (4.2)."""
    take_turn(arena, slot)
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    contract = order.contract + 0
    side = order.side + 0
    flags = order.flags & (POST_ONLY | REDUCE_ONLY)
    if extra.bits & CLOSES:
        flags |= CLOSE_POSITION
    asked = turn_lots_of(arena, slot)
    price_ticks = order.price_ticks + 0
    if is_market_kind(extra.order_type):
        price_ticks = compute_market_price(arena, contract, side)
    if extra.bits & SLIDES:
        price_ticks = compute_slid_price(arena, contract, side, price_ticks)
    shown = order.lots + 0
    order.lots = 0  # as if it were not there
    code = check_order(
        arena, contract, order.account, order.position, side, price_ticks, asked, flags, slot,
        1 if can_rest(extra.tif) else 0,
    )  # fmt: skip
    if code != refusals.OK:
        order.lots = shown
        emit_cancelled(arena, slot, shown, CANCEL_TRIGGER, code)
        free_order_slot(arena, slot)
        return code
    # From here the order is admitted; nothing below may refuse.

    order.price_ticks = price_ticks
    order.lots = ADMISSION(arena, 0).lots
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    if order.lots < asked:
        emit_reduced(arena, slot, asked - order.lots, CANCEL_REDUCE_ONLY)
    work_or_rest(arena, slot, extra.tif)
    return refusals.OK


@kernel
def first_fired(arena, contract, is_reducing):
    """The contract's fired order whose turn comes first, NONE while the contract does not trade."""
    terms = CONTRACT(arena, contract)
    if not is_triggering(terms):
        return NONE
    return terms.fired_reducing_head + 0 if is_reducing == 1 else terms.fired_head + 0


@cold
def run_round(arena, is_reducing, turns_max):
    """One order of each contract, by contract id; returns how many took their turn."""
    done = 0
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        slot = first_fired(arena, contract, is_reducing)
        if slot != NONE and done < turns_max:
            work_fired(arena, slot)
            cancel_linked(arena, NONE)
            drain_suspects(arena)
            done += 1
    return done


@cold
def run_fired(arena):
    """Work off orders that have fired, a bounded number a command: round by round, the others
    only in a round in which no reducing order waits (2.5)."""
    turns = POOL(arena, 0).triggers_max
    while turns > 0 and ENGINE(arena, 0).fired > 0:
        done = run_round(arena, 1, turns)
        if done == 0:
            done = run_round(arena, 0, turns)
        if done == 0:
            break
        turns -= done
    return 0
