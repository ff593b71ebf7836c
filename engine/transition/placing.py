"""Client commands: place, cancel, amend, mass cancel (4.1-4.7)."""

from engine.book.orders import (
    filled_lots_of,
    find_order,
    free_order_slot,
    list_order,
    note_partial_fill,
    order_id_of,
    queue_order,
    shrink_order,
    take_order_slot,
    unlist_order,
    unqueue_order,
    would_trade,
)
from engine.kernel import cold, kernel
from engine.schema import events, refusals
from engine.schema.vocabulary import (
    CANCEL_AMEND,
    CANCEL_CLIENT,
    CANCEL_FOK,
    CANCEL_IOC,
    CANCEL_MASS,
    CANCEL_REDUCE_ONLY,
    FLAGS_CLIENT,
    FOK,
    GTC,
    MARKET,
    NONE,
)
from engine.state.access import ACCOUNT, ADMISSION, CONTRACT, ENGINE, ORDER, SWEEP
from engine.state.events import emit
from engine.state.layout import STP_SHIFT
from engine.transition.admission import (
    check_client,
    check_order,
    check_shape,
    compute_market_price,
)
from engine.transition.feasibility import is_fillable
from engine.transition.orders import (
    cancel_of_account,
    cancel_of_position,
    cancel_resting,
    emit_cancelled,
    emit_reduced,
)
from engine.transition.sweep import sweep
from risk.accounts import find_position, open_position
from risk.reserve import apply_reserve, release_reserve


@kernel
def rest_order(arena, slot):
    queue_order(arena, slot)
    list_order(arena, slot)
    ACCOUNT(arena, ORDER(arena, slot).account).orders += 1


@cold
def end_aggressor(arena, slot, reason):
    """Cancel what is left of an order that never rested."""
    lots = ORDER(arena, slot).lots
    emit_cancelled(arena, slot, lots, reason)
    release_reserve(arena, slot, lots)
    free_order_slot(arena, slot)
    return 0


@cold
def work_aggressor(arena, slot, tif):
    """Sweep an accepted order that may trade, then end or rest what is left of it."""
    order = ORDER(arena, slot)
    lots = order.lots
    if tif == FOK and is_fillable(arena, slot) == 0:
        return end_aggressor(arena, slot, CANCEL_FOK)
    leaves = sweep(
        arena, order.contract, order.account, order.position, slot,
        order.side, order.price_ticks, lots, order.flags >> STP_SHIFT, 0,
    )  # fmt: skip
    if leaves == 0:
        free_order_slot(arena, slot)
        return 0
    stop_reason = SWEEP(arena, 0).stop_reason
    if stop_reason != 0:
        return end_aggressor(arena, slot, stop_reason)
    if tif != GTC:
        return end_aggressor(arena, slot, CANCEL_IOC)
    filled = SWEEP(arena, 0).filled
    if filled > 0:
        note_partial_fill(arena, slot, filled)
    rest_order(arena, slot)
    return 0


@kernel
def place_order(arena, command):
    """A new order: refused with a code, or accepted, swept and ended or rested."""
    account = command.account
    code = check_client(arena, account, command.client_id)
    if code != refusals.OK:
        return code
    contract = command.contract
    side = command.side
    flags = command.flags
    code = check_shape(
        arena, contract, side, command.order_type, command.tif, flags, command.stp
    )
    if code != refusals.OK:
        return code
    asked = command.lots
    if asked < 1:
        return refusals.LOTS_NOT_POSITIVE
    if asked > CONTRACT(arena, contract).order_lots_max:
        return refusals.LOTS_ABOVE_MAX
    price_ticks = command.price_ticks + 0
    if command.order_type == MARKET:
        price_ticks = compute_market_price(arena, contract, side)
    position = find_position(arena, account, contract)
    code = check_order(
        arena, contract, account, position, side, price_ticks, asked, flags, NONE,
        1 if command.tif == GTC else 0,
    )  # fmt: skip
    if code != refusals.OK:
        return code
    lots = ADMISSION(arena, 0).lots
    # From here the order is accepted; nothing below may refuse.

    if position == NONE:
        position = open_position(arena, account, contract)
    slot = take_order_slot(arena)
    order = ORDER(arena, slot)
    order.reserve = 0
    order.loss_fee = 0
    order.client_id = command.client_id
    order.price_ticks = price_ticks
    order.lots = lots
    order.account = account
    order.position = position
    order.contract = contract
    order.side = side
    order.flags = flags | (command.stp << STP_SHIFT)
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    terms = command.order_type | (command.tif << 8) | (flags << 16) | (command.stp << 24)
    emit(
        arena, events.ORDER_ACCEPTED, contract, account,
        order_id_of(arena, slot), command.client_id, price_ticks, asked, side, terms,
    )  # fmt: skip
    if lots < asked:
        emit_reduced(arena, slot, asked - lots, CANCEL_REDUCE_ONLY)
    if command.tif != GTC or would_trade(arena, contract, side, price_ticks):
        work_aggressor(arena, slot, command.tif)
    else:
        rest_order(arena, slot)
    return refusals.OK


@kernel
def cancel_order(arena, command):
    code = check_client(arena, command.account, command.client_id)
    if code != refusals.OK:
        return code
    slot = find_order(arena, command.order_id, command.account)
    if slot == NONE:
        return refusals.ORDER_UNKNOWN
    cancel_resting(arena, slot, CANCEL_CLIENT)
    return refusals.OK


@kernel
def emit_amended(arena, slot, priority_kept):
    order = ORDER(arena, slot)
    emit(
        arena, events.ORDER_AMENDED, order.contract, order.account, order_id_of(arena, slot),
        order.client_id, order.price_ticks, order.lots, priority_kept, 0,
    )  # fmt: skip


@kernel
def replace_order(arena, slot, price_ticks, asked):
    """Re-enter a resting order at a new limit or size: it keeps its id and loses its priority."""
    order = ORDER(arena, slot)
    code = check_order(
        arena, order.contract, order.account, order.position,
        order.side, price_ticks, asked, order.flags & FLAGS_CLIENT, slot, 1,
    )  # fmt: skip
    if code != refusals.OK:
        return code
    lots = ADMISSION(arena, 0).lots
    # From here the amendment stands; nothing below may refuse.

    release_reserve(arena, slot, order.lots)
    unqueue_order(arena, slot)
    unlist_order(arena, slot)
    ACCOUNT(arena, order.account).orders -= 1
    order.price_ticks = price_ticks
    order.lots = asked
    emit_amended(arena, slot, 0)
    order.lots = lots
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    if lots < asked:
        emit_reduced(arena, slot, asked - lots, CANCEL_REDUCE_ONLY)
    if would_trade(arena, order.contract, order.side, price_ticks):
        work_aggressor(arena, slot, GTC)
    else:
        rest_order(arena, slot)
    return refusals.OK


@cold
def amend_order(arena, account, client_id, order_id, price_ticks, total):
    """A new limit and total quantity (4.4); only a pure decrease keeps priority."""
    code = check_client(arena, account, client_id)
    if code != refusals.OK:
        return code
    slot = find_order(arena, order_id, account)
    if slot == NONE:
        return refusals.ORDER_UNKNOWN
    order = ORDER(arena, slot)
    if total < 0:
        return refusals.LOTS_NOT_POSITIVE
    if total > CONTRACT(arena, order.contract).order_lots_max:
        return refusals.LOTS_ABOVE_MAX
    lots = total - filled_lots_of(arena, slot)
    if lots <= 0:
        cancel_resting(arena, slot, CANCEL_AMEND)
        return refusals.OK
    if price_ticks == order.price_ticks and lots == order.lots:
        return refusals.AMEND_NOTHING
    if price_ticks == order.price_ticks and lots < order.lots:
        release_reserve(arena, slot, order.lots - lots)
        shrink_order(arena, slot, order.lots - lots)
        emit_amended(arena, slot, 1)
        return refusals.OK
    return replace_order(arena, slot, price_ticks, lots)


@cold
def mass_cancel(arena, account, client_id, contract):
    """Cancel the account's orders in one contract, or in all of them (contract 0) (4.6)."""
    code = check_client(arena, account, client_id)
    if code != refusals.OK:
        return code
    if contract < 0 or contract > ENGINE(arena, 0).contracts:
        return refusals.CONTRACT_UNKNOWN
    if contract == 0:
        count = cancel_of_account(arena, account, CANCEL_MASS, 0)
    else:
        count = cancel_of_position(
            arena, find_position(arena, account, contract), CANCEL_MASS, 0
        )
    emit(arena, events.MASS_CANCELLED, contract, account, client_id, count, 0, 0, 0, 0)
    return refusals.OK


