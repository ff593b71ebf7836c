"""Plain orders from acceptance to rest, and what a client does to a working one (4.1-4.4, 4.7)."""

from engine.book.icebergs import has_too_many_slices, hide_lots, unhide_lots
from engine.book.orders import (
    filled_lots_of,
    find_order,
    free_order_slot,
    leave_link,
    list_order,
    note_partial_fill,
    open_lots_of,
    order_id_of,
    queue_order,
    stamp_arrival,
    take_order_slot,
    would_trade,
)
from engine.book.timers import clear_order_timer, set_order_timer
from engine.kernel import cold, kernel, stage
from engine.schema import events, refusals
from engine.schema.vocabulary import (
    CANCEL_AMEND,
    CANCEL_CLIENT,
    CANCEL_DYNAMIC_BAND,
    CANCEL_FOK,
    CANCEL_IOC,
    CANCEL_REDUCE_ONLY,
    CLOSE_POSITION,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    NONE,
    POST_ONLY,
    REDUCE_ONLY,
    STATE_CONTINUOUS,
)
from engine.state.access import (
    ACCOUNT,
    ADMISSION,
    CONTRACT,
    ORDER,
    ORDER_EXTRA,
    POSITION,
    SWEEP,
    command_accessor,
)
from engine.state.events import emit
from engine.state.layout import CLOSES, EXTRA, ICEBERG, SLIDES, STP_SHIFT, WORKED
from engine.state.lines import ask_for_order
from engine.transition.admission import (
    check_admission,
    check_client,
    check_lots,
    check_order,
    check_value_min,
    compute_market_price,
    compute_slid_price,
)
from engine.transition.feasibility import is_fillable
from engine.transition.interruptions import interrupt_trading, is_rest_small
from engine.transition.orders import (
    cancel_linked,
    cancel_working,
    cut_working,
    emit_cancelled,
    emit_reduced,
    end_working,
    is_taken_away,
    is_waiting,
    unrest_order,
)
from engine.transition.states import is_collecting
from engine.transition.sweep import look_at_trades, sweep
from risk.accounts import find_position, open_position
from risk.isolation import trading_account_of
from risk.reserve import apply_reserve, release_reserve

COMMAND = command_accessor()


@kernel
def emit_rested(arena, slot):
    """Of most orders the events before tell where they rest; an iceberg's slice and where a fired
    order stands are told here."""
    order = ORDER(arena, slot)
    emit(
        arena, events.ORDER_RESTED, order.contract, order.account,
        order_id_of(arena, slot), order.side, order.price_ticks, order.lots,
        ORDER_EXTRA(arena, slot).lots_hidden, 0,
    )  # fmt: skip


@cold
def rest_with_extra(arena, slot):
    """Bring an order with extra fields to rest: an iceberg shows a slice, an expiry starts."""
    hide_lots(arena, slot)
    queue_order(arena, slot)
    list_order(arena, slot)
    ACCOUNT(arena, ORDER(arena, slot).account).orders += 1
    set_order_timer(arena, slot)
    if ORDER_EXTRA(arena, slot).bits & (ICEBERG | WORKED):
        emit_rested(arena, slot)
    return 0


@kernel
def rest_order(arena, slot):
    order = ORDER(arena, slot)
    if CONTRACT(arena, order.contract).state != STATE_CONTINUOUS:
        if is_collecting(arena, order.contract):
            stamp_arrival(arena, slot)
    if order.flags & EXTRA:
        rest_with_extra(arena, slot)
    else:
        queue_order(arena, slot)
        list_order(arena, slot)
        ACCOUNT(arena, order.account).orders += 1


@cold
def end_aggressor(arena, slot, reason):
    """Cancel what is left of an order that never rested."""
    lots = ORDER(arena, slot).lots
    emit_cancelled(arena, slot, lots, reason, 0)
    release_reserve(arena, slot, lots)
    if ORDER(arena, slot).flags & EXTRA and is_taken_away(reason):
        leave_link(arena, slot)
    free_order_slot(arena, slot)
    return 0


@stage
def work_aggressor(arena, slot, tif):
    """Sweep an accepted order that may trade, then end or rest what is left of it; while orders
    are collected it rests at once."""
    order = ORDER(arena, slot)
    if is_collecting(arena, order.contract):
        rest_order(arena, slot)
        return 0
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
    contract = order.contract + 0
    banded = SWEEP(arena, 0).banded + 0
    if banded == 1 and is_rest_small(arena, contract, leaves, order.price_ticks) == 1:
        end_aggressor(arena, slot, CANCEL_DYNAMIC_BAND)
        return look_at_trades(arena, contract)
    if tif == IOC or tif == FOK:
        end_aggressor(arena, slot, CANCEL_IOC)
    else:
        filled = SWEEP(arena, 0).filled
        if filled > 0:
            note_partial_fill(arena, slot, filled)
        if banded == 1:
            stamp_arrival(arena, slot)  # it rests crossed: the first of those collected
        rest_order(arena, slot)
    if banded == 1:
        cancel_linked(arena, NONE)
        interrupt_trading(arena, contract)
    return 0


@kernel
def write_order(
    arena, slot, client_id, contract, side, stp, account, position, price_ticks, lots, flags
):
    """Fill the record of an order that has just been accepted."""
    order = ORDER(arena, slot)
    order.reserve = 0
    order.loss_fee = 0
    order.client_id = client_id
    order.price_ticks = price_ticks
    order.lots = lots
    order.account = account
    order.position = position
    order.contract = contract
    order.side = side
    order.flags = (flags & (POST_ONLY | REDUCE_ONLY)) | (stp << STP_SHIFT)


@kernel
def write_command(arena, slot, command, account, position, price_ticks, lots, flags):
    """The same for an order that a client has sent."""
    write_order(
        arena, slot, command.client_id, command.contract, command.side, command.stp,
        account, position, price_ticks, lots, flags,
    )  # fmt: skip


@kernel
def emit_accepted(arena, slot, order_type, tif, flags, price_ticks, asked):
    """Tell of an order whose record has been written; its flags as they were given."""
    order = ORDER(arena, slot)
    terms = order_type | (tif << 8) | (flags << 16) | ((order.flags >> STP_SHIFT) << 24)
    emit(
        arena, events.ORDER_ACCEPTED, order.contract, order.account,
        order_id_of(arena, slot), order.client_id, price_ticks, asked, order.side, terms,
    )  # fmt: skip


@kernel
def work_or_rest(arena, slot, tif):
    """Sweep an accepted order that can trade or must not rest; else it rests."""
    order = ORDER(arena, slot)
    if tif == IOC or tif == FOK or would_trade(
        arena, order.contract, order.side, order.price_ticks
    ):
        work_aggressor(arena, slot, tif)
    else:
        rest_order(arena, slot)


@kernel
def accept_order(
    arena, command, account, position, order_type, flags, price_ticks, asked, lots
):
    """Enter an order that was admitted with these lots of those asked for, and work it."""
    # From here the order is accepted; nothing below may refuse.

    if position == NONE:
        position = open_position(arena, account, command.contract)
    slot = take_order_slot(arena)
    write_command(arena, slot, command, account, position, price_ticks, lots, flags)
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    emit_accepted(arena, slot, order_type, command.tif, flags, price_ticks, asked)
    if lots < asked:
        emit_reduced(arena, slot, asked - lots, CANCEL_REDUCE_ONLY)
    work_or_rest(arena, slot, command.tif)


@kernel
def place_plain(arena, command):
    """A limit order, GTC or IOC, without a flag or anything special: refused, or accepted and
    worked. The only one whose checks stand in line: what flags ask for falls away."""
    contract = command.contract
    account = trading_account_of(arena, command.account, contract)
    side = command.side
    lots = command.lots + 0
    code = check_lots(CONTRACT(arena, contract), lots, 0)
    if code != refusals.OK:
        return code
    price_ticks = command.price_ticks + 0
    position = find_position(arena, account, contract)
    ask_for_order(arena, POSITION(arena, position).order_head)  # its neighbour when it rests
    may_rest = 1 if command.tif == GTC else 0
    code = check_admission(
        arena, contract, account, position, side, price_ticks, lots, 0, NONE, may_rest
    )
    if code != refusals.OK:
        return code
    accept_order(arena, command, account, position, LIMIT, 0, price_ticks, lots, lots)
    return refusals.OK


@cold
def place_flagged(arena, commands, row):
    """Any other limit or market order without extra fields: one to be filled at once, not to trade
    or only to reduce, or that trades with its own group."""
    command = COMMAND(commands, row)
    contract = command.contract
    account = trading_account_of(arena, command.account, contract)
    side = command.side
    flags = command.flags
    asked = command.lots
    code = check_lots(CONTRACT(arena, contract), asked, flags)
    if code != refusals.OK:
        return code
    price_ticks = command.price_ticks + 0
    if command.order_type == MARKET:
        price_ticks = compute_market_price(arena, contract, side)
    position = find_position(arena, account, contract)
    may_rest = 0 if command.tif == IOC or command.tif == FOK else 1
    code = check_order(
        arena, contract, account, position, side, price_ticks, asked, flags, NONE, may_rest
    )
    if code != refusals.OK:
        return code
    lots = ADMISSION(arena, 0).lots
    accept_order(
        arena, command, account, position, command.order_type, flags, price_ticks, asked, lots
    )
    return refusals.OK


@kernel
def cancel_order(arena, command):
    code = check_client(arena, command.account, command.client_id, 1)
    if code != refusals.OK:
        return code
    slot = find_order(arena, command.order_id, command.account)
    if slot == NONE:
        return refusals.ORDER_UNKNOWN
    end_working(arena, slot, CANCEL_CLIENT)
    return refusals.OK


@kernel
def emit_amended(arena, slot, priority_kept):
    order = ORDER(arena, slot)
    emit(
        arena, events.ORDER_AMENDED, order.contract, order.account, order_id_of(arena, slot),
        order.client_id, order.price_ticks, open_lots_of(arena, slot), priority_kept, 0,
    )  # fmt: skip


@kernel
def replace_order(arena, slot, price_ticks, asked):
    """Re-enter a resting order at a new limit or size: it keeps its id and loses its priority."""
    order = ORDER(arena, slot)
    flags = order.flags & (POST_ONLY | REDUCE_ONLY)
    if order.flags & EXTRA and ORDER_EXTRA(arena, slot).bits & CLOSES:
        flags |= CLOSE_POSITION
    if order.flags & EXTRA and ORDER_EXTRA(arena, slot).bits & SLIDES:
        price_ticks = compute_slid_price(arena, order.contract, order.side, price_ticks)
    code = check_order(
        arena, order.contract, order.account, order.position,
        order.side, price_ticks, asked, flags, slot, 1,
    )  # fmt: skip
    if code != refusals.OK:
        return code
    lots = ADMISSION(arena, 0).lots
    # From here the amendment stands; nothing below may refuse.

    release_reserve(arena, slot, open_lots_of(arena, slot))
    unrest_order(arena, slot)
    if order.flags & EXTRA:
        unhide_lots(arena, slot)
        clear_order_timer(arena, slot)
    order.price_ticks = price_ticks
    order.lots = asked
    emit_amended(arena, slot, 0)
    order.lots = lots
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    if lots < asked:
        emit_reduced(arena, slot, asked - lots, CANCEL_REDUCE_ONLY)
    work_or_rest(arena, slot, GTC)
    return refusals.OK


@kernel
def check_amended(arena, slot, total, open_lots):
    """Whether the order could have been placed with this total (4.9); what only reduces may be as
    small as it likes."""
    order = ORDER(arena, slot)
    terms = CONTRACT(arena, order.contract)
    if total < terms.order_lots_min and order.flags & REDUCE_ONLY == 0:
        return refusals.LOTS_BELOW_MIN
    if order.flags & EXTRA and ORDER_EXTRA(arena, slot).bits & ICEBERG:
        if has_too_many_slices(open_lots, ORDER_EXTRA(arena, slot).lots_display):
            return refusals.DISPLAY_INVALID
    return refusals.OK


@cold
def amend_order(arena, account, client_id, order_id, price_ticks, total):
    """A new limit and total quantity (4.4); only a pure decrease keeps priority."""
    code = check_client(arena, account, client_id, 0)
    if code != refusals.OK:
        return code
    slot = find_order(arena, order_id, account)
    if slot == NONE or is_waiting(arena, slot):
        return refusals.ORDER_UNKNOWN
    order = ORDER(arena, slot)
    if total < 0:
        return refusals.LOTS_NOT_POSITIVE
    if total > CONTRACT(arena, order.contract).order_lots_max:
        return refusals.LOTS_ABOVE_MAX
    lots = total - filled_lots_of(arena, slot)
    if lots <= 0:
        cancel_working(arena, slot, CANCEL_AMEND)
        return refusals.OK
    code = check_amended(arena, slot, total, lots)
    if code != refusals.OK:
        return code
    open_lots = open_lots_of(arena, slot)
    if price_ticks == order.price_ticks and lots == open_lots:
        return refusals.AMEND_NOTHING
    if price_ticks == order.price_ticks and lots < open_lots:
        terms = CONTRACT(arena, order.contract)
        code = check_value_min(terms, price_ticks, total, order.flags)
        if code != refusals.OK:
            return code
        cut_working(arena, slot, open_lots - lots)
        emit_amended(arena, slot, 1)
        return refusals.OK
    return replace_order(arena, slot, price_ticks, lots)
