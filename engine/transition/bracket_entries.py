"""Entries whose stop and target come with their first fill: shape and admission (4.5)."""

from engine.book.orders import (
    mark_extra,
    take_order_slot,
)
from engine.kernel import cold, kernel
from engine.schema import refusals
from engine.schema.vocabulary import (
    BUY,
    CLOSE_POSITION,
    MARKET,
    NONE,
    REDUCE_ONLY,
    SLIDE,
    SOURCE_LAST,
    SOURCE_MARK,
)
from engine.state.access import (
    ADMISSION,
    CONTRACT,
    ENGINE,
    ORDER_EXTRA,
    command_accessor,
)
from engine.state.layout import BRACKET, SLIDES
from engine.transition.admission import (
    check_client,
    check_lots,
    check_order,
    check_shape,
    compute_market_price,
    compute_slid_price,
)
from engine.transition.conditional import can_rest, check_lifetime
from engine.transition.placing import emit_accepted, work_or_rest, write_command
from risk.accounts import find_position, open_position
from risk.isolation import trading_account_of
from risk.reserve import apply_reserve

COMMAND = command_accessor()


@kernel
def is_price_or_none(terms, price_ticks):
    if price_ticks == 0:
        return True
    return price_ticks >= terms.price_ticks_min and price_ticks <= terms.price_ticks_max


@kernel
def check_bracket(arena, command, price_ticks):
    """Stop and target on their sides of the entry's limit, or of the mark for a market entry."""
    if command.flags & (REDUCE_ONLY | CLOSE_POSITION):
        return refusals.BRACKET_INVALID
    if command.trigger_source < SOURCE_MARK or command.trigger_source > SOURCE_LAST:
        return refusals.BRACKET_INVALID
    stop_ticks = command.stop_ticks + 0
    target_ticks = command.target_ticks + 0
    terms = CONTRACT(arena, command.contract)
    if not is_price_or_none(terms, stop_ticks) or not is_price_or_none(terms, target_ticks):
        return refusals.BRACKET_INVALID
    if stop_ticks == 0 and target_ticks == 0:
        return refusals.BRACKET_INVALID
    low_ticks = stop_ticks if command.side == BUY else target_ticks
    high_ticks = target_ticks if command.side == BUY else stop_ticks
    # a contract that is not live has no mark, and what is not given lies nowhere
    if low_ticks != 0 and low_ticks >= price_ticks:
        return refusals.BRACKET_INVALID
    if high_ticks != 0 and high_ticks <= price_ticks:
        return refusals.BRACKET_INVALID
    return refusals.OK


@cold
def check_bracket_entry(arena, commands, row):
    """The shape of a bracket's entry; its expiry is left in ADMISSION."""
    command = COMMAND(commands, row)
    terms = CONTRACT(arena, command.contract)
    if command.flags & CLOSE_POSITION == 0:
        code = check_lots(terms, command.lots, command.flags)
        if code != refusals.OK:
            return code
    is_market = command.order_type == MARKET
    code = check_bracket(arena, command, terms.mark_ticks if is_market else command.price_ticks)
    if code != refusals.OK:
        return code
    return check_lifetime(arena, command)


@cold
def place_bracket(arena, commands, row):
    """An entry order with a stop and a target that come with its fills (4.5)."""
    command = COMMAND(commands, row)
    account = command.account
    contract = command.contract
    side = command.side
    flags = command.flags | 0
    code = check_client(arena, account, command.client_id, 0)
    if code == refusals.OK:
        # no entry waits for a trigger: such a type is none at all
        order_type = command.order_type if command.order_type <= MARKET else -1
        code = check_shape(arena, contract, side, order_type, command.tif, flags, command.stp)
    if code == refusals.OK:
        code = check_bracket_entry(arena, commands, row)
    if code != refusals.OK:
        return code
    price_ticks = command.price_ticks + 0
    if command.order_type == MARKET:
        price_ticks = compute_market_price(arena, contract, side)
    if flags & SLIDE:
        price_ticks = compute_slid_price(arena, contract, side, price_ticks)
    account = trading_account_of(arena, account, contract)
    position = find_position(arena, account, contract)
    may_rest = 1 if can_rest(command.tif) else 0
    asked = command.lots + 0
    children = (1 if command.stop_ticks != 0 else 0) + (1 if command.target_ticks != 0 else 0)
    ADMISSION(arena, 0).children = children
    ENGINE(arena, 0).orders_live += 2  # the children's slots must be free, too
    code = check_order(
        arena, contract, account, position, side, price_ticks, asked, flags, NONE, may_rest
    )
    ENGINE(arena, 0).orders_live -= 2
    ADMISSION(arena, 0).children = 0
    if code != refusals.OK:
        return code
    # From here the order is accepted; nothing below may refuse.

    if position == NONE:
        position = open_position(arena, account, contract)
    slot = take_order_slot(arena)
    write_command(arena, slot, command, account, position, price_ticks, asked, flags)
    mark_extra(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    extra.expiry_ns = ADMISSION(arena, 0).expiry_ns
    extra.order_type = command.order_type
    extra.tif = command.tif
    extra.session = command.session
    extra.trigger_source = command.trigger_source
    extra.stop_ticks = command.stop_ticks
    extra.target_ticks = command.target_ticks
    extra.bits = BRACKET | (SLIDES if flags & SLIDE else 0)
    ENGINE(arena, 0).orders_live += children
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    emit_accepted(
        arena, slot, command.order_type, command.tif, command.flags, price_ticks, asked
    )
    work_or_rest(arena, slot, command.tif)
    return refusals.OK
