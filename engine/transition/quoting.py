"""Mass quotes: many two-sided quotes in one command, each in place of the last (4.8)."""

from engine.book.orders import (
    mark_extra,
    open_lots_of,
    order_id_of,
    quote_of,
    set_quote,
    take_order_slot,
)
from engine.kernel import cold, kernel
from engine.schema import bounds, events, refusals
from engine.schema.commands import QUOTE_ROW
from engine.schema.vocabulary import (
    BUY,
    CANCEL_QUOTE,
    GTC,
    LIMIT,
    NONE,
    POST_ONLY,
    SELL,
    STP_NONE,
)
from engine.state.access import (
    ADMISSION,
    CONTRACT,
    ENGINE,
    ORDER,
    ORDER_EXTRA,
    PROTECTION,
    command_accessor,
)
from engine.state.events import emit
from engine.state.layout import PROTECTION_SHIFT, QUOTE, STP_SHIFT
from engine.transition.admission import check_client, check_lots, check_order, check_value_min
from engine.transition.orders import cancel_working, cut_working
from engine.transition.placing import emit_amended, replace_order, rest_order
from engine.transition.protection import protection_of, window_at
from risk.accounts import find_position, is_listed, open_position
from risk.isolation import trading_account_of
from risk.reserve import apply_reserve

COMMAND = command_accessor()


@cold
def set_protection(
    arena, account, client_id, number, window_ns, lots_max, fills_max, net_lots_max
):
    """Set a window's limits for the account's group; it starts empty and not tripped."""
    code = check_client(arena, account, client_id, 0)
    if code != refusals.OK:
        return code
    if number < 1 or number > bounds.PROTECTIONS_MAX:
        return refusals.PROTECTION_INVALID
    if window_ns < 1 or window_ns > bounds.NS_PER_DAY or min(lots_max, fills_max, net_lots_max) < 0:
        return refusals.PROTECTION_INVALID
    window = PROTECTION(arena, window_at(arena, account, number))
    window.window_ns = window_ns
    window.lots_max = lots_max
    window.fills_max = fills_max
    window.net_lots_max = net_lots_max
    window.from_ns = ENGINE(arena, 0).clock_ns
    window.lots = 0
    window.fills = 0
    window.net_lots = 0
    window.tripped = 0
    emit(
        arena, events.PROTECTION_SET, 0, account,
        client_id, number, window_ns, lots_max, fills_max, net_lots_max,
    )  # fmt: skip
    return refusals.OK


@kernel
def refuse_quote(arena, contract, account, client_id, code, side, price_ticks, lots):
    emit(
        arena, events.QUOTE_REFUSED, contract, account,
        client_id, code, side, price_ticks, lots, 0,
    )  # fmt: skip
    return code


@cold
def place_quote(arena, commands, row, contract, side, price_ticks, lots):
    """A first quote on a side: a post-only order in a window of protection. Returns its refusal."""
    header = COMMAND(commands, row)
    account = trading_account_of(arena, header.account, contract)
    position = find_position(arena, account, contract)
    code = check_order(
        arena, contract, account, position, side, price_ticks, lots, POST_ONLY, NONE, 1
    )
    if code != refusals.OK:
        return code
    # From here the quote stands; nothing below may refuse.

    if position == NONE:
        position = open_position(arena, account, contract)
    slot = take_order_slot(arena)
    order = ORDER(arena, slot)
    order.reserve = 0
    order.loss_fee = 0
    order.client_id = header.client_id
    order.price_ticks = price_ticks
    order.lots = lots
    order.account = account
    order.position = position
    order.contract = contract
    order.side = side
    order.flags = POST_ONLY | (header.stp << STP_SHIFT)
    mark_extra(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    extra.session = header.session
    extra.bits = QUOTE | ((header.protection - 1) << PROTECTION_SHIFT)
    set_quote(arena, slot, slot)
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    terms = LIMIT | (GTC << 8) | (POST_ONLY << 16) | (header.stp << 24)
    emit(
        arena, events.ORDER_ACCEPTED, contract, account,
        order_id_of(arena, slot), header.client_id, price_ticks, lots, side, terms,
    )  # fmt: skip
    rest_order(arena, slot)
    return refusals.OK


@cold
def replace_quote(arena, slot, price_ticks, lots):
    """Bring a present quote to another price or size; returns why it can't be."""
    order = ORDER(arena, slot)
    open_lots = open_lots_of(arena, slot)
    if price_ticks == order.price_ticks and lots == open_lots:
        return refusals.OK
    if price_ticks == order.price_ticks and lots < open_lots:
        terms = CONTRACT(arena, order.contract)
        code = check_value_min(terms, price_ticks, lots, order.flags)
        if code != refusals.OK:
            return code
        cut_working(arena, slot, open_lots - lots)
        emit_amended(arena, slot, 1)
        return refusals.OK
    return replace_order(arena, slot, price_ticks, lots)


@cold
def refuse_side(arena, commands, row, contract, side, price_ticks, lots, code):
    """One side is refused: a quote that it should have replaced goes, too. Returns 1."""
    header = COMMAND(commands, row)
    account = trading_account_of(arena, header.account, contract)
    refuse_quote(arena, contract, account, header.client_id, code, side, price_ticks, lots)
    slot = quote_of(arena, find_position(arena, account, contract), side)
    if slot != NONE:
        cancel_working(arena, slot, CANCEL_QUOTE)
    return 1


@cold
def quote_side(arena, commands, row, contract, side, price_ticks, lots):
    """One side of a quote row; 1 when it was refused, else 0."""
    header = COMMAND(commands, row)
    account = trading_account_of(arena, header.account, contract)
    slot = quote_of(arena, find_position(arena, account, contract), side)
    code = refusals.OK
    if lots != 0:
        code = check_lots(CONTRACT(arena, contract), lots, 0)
    if code != refusals.OK:
        return refuse_side(arena, commands, row, contract, side, price_ticks, lots, code)
    if slot != NONE and (lots == 0 or protection_of(arena, slot) != header.protection):
        cancel_working(arena, slot, CANCEL_QUOTE)
        slot = NONE
    if lots == 0:
        return 0
    if slot != NONE:
        code = replace_quote(arena, slot, price_ticks, lots)
    else:
        code = place_quote(arena, commands, row, contract, side, price_ticks, lots)
    if code != refusals.OK:
        return refuse_side(arena, commands, row, contract, side, price_ticks, lots, code)
    return 0


@cold
def quote_row(arena, commands, row, k):
    """The k-th row behind the header; returns the sides refused."""
    header = COMMAND(commands, row)
    quote = COMMAND(commands, row + k)
    contract = quote.contract + 0
    account = header.account + 0
    code = refusals.OK
    if not is_listed(arena, contract):
        code = refusals.CONTRACT_UNKNOWN
    else:
        account = trading_account_of(arena, account, contract)
        if header.stp == STP_NONE and CONTRACT(arena, contract).stp_none_allowed == 0:
            code = refusals.STP_INVALID
    if code != refusals.OK:
        refuse_quote(arena, contract, account, header.client_id, code, 0, 0, 0)
        return 1
    if quote.bid_lots > 0 and quote.ask_lots > 0 and quote.bid_ticks >= quote.ask_ticks:
        code = refusals.QUOTE_CROSSED
        refused = refuse_side(
            arena, commands, row, contract, BUY, quote.bid_ticks, quote.bid_lots, code
        )
        return refused + refuse_side(
            arena, commands, row, contract, SELL, quote.ask_ticks, quote.ask_lots, code
        )
    ask = quote_of(arena, find_position(arena, account, contract), SELL)
    refused = 0
    # The ask makes room first when the bid moves up to where it stands.
    if ask != NONE and quote.bid_ticks >= ORDER(arena, ask).price_ticks:
        refused += quote_side(
            arena, commands, row, contract, SELL, quote.ask_ticks, quote.ask_lots
        )
        refused += quote_side(arena, commands, row, contract, BUY, quote.bid_ticks, quote.bid_lots)
    else:
        refused += quote_side(arena, commands, row, contract, BUY, quote.bid_ticks, quote.bid_lots)
        refused += quote_side(
            arena, commands, row, contract, SELL, quote.ask_ticks, quote.ask_lots
        )
    return refused


@kernel
def has_rows(arena, commands, row, count):
    """Whether as many quote rows follow as the header says."""
    if count < 1 or count > bounds.QUOTES_MAX or count >= ENGINE(arena, 0).rows_left:
        return False
    for k in range(1, count + 1):
        if COMMAND(commands, row + k).kind != QUOTE_ROW:
            return False
    return True


@cold
def frame_quotes(arena, commands, row):
    """Make the rows of a whole mass quote part of its command, however the command ends."""
    count = COMMAND(commands, row).quotes + 0
    ENGINE(arena, 0).rows = 1 + count if has_rows(arena, commands, row, count) else 1
    return 0


@cold
def mass_quote(arena, commands, row):
    """All rows of a mass quote; a refused side is an event, not the end of the command."""
    header = COMMAND(commands, row)
    account = header.account + 0
    count = header.quotes + 0
    frame_quotes(arena, commands, row)
    code = check_client(arena, account, header.client_id, 0)
    if code != refusals.OK:
        return code
    if ENGINE(arena, 0).rows == 1:
        return refusals.QUOTES_INVALID
    if header.session < 0:
        return refusals.SESSION_INVALID
    if header.stp < 0 or header.stp > STP_NONE:
        return refusals.STP_INVALID
    if header.protection < 1 or header.protection > bounds.PROTECTIONS_MAX:
        return refusals.PROTECTION_INVALID
    if PROTECTION(arena, window_at(arena, account, header.protection)).tripped == 1:
        return refusals.PROTECTION_TRIPPED
    refused = 0
    for k in range(1, count + 1):
        refused += quote_row(arena, commands, row, k)
    emit(
        arena, events.MASS_QUOTED, 0, account,
        header.client_id, header.protection, count, refused, 0, 0,
    )  # fmt: skip
    return refusals.OK
