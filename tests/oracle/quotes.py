"""Mass quotes: many two-sided quotes in one command, each in place of the last one (4.8)."""

from engine.schema import bounds, events, refusals
from engine.schema import vocabulary as words
from engine.schema.commands import MassQuote, Quote
from tests.oracle.accounts import Account, Order
from tests.oracle.isolated import route
from tests.oracle.orders import decrease, enter, move
from tests.oracle.protection import WINDOWS, is_tripped
from tests.oracle.resting import cancel
from tests.oracle.values import size_of_fill


def mass_quote(exchange, command: MassQuote) -> int:
    if not 1 <= len(command.rows) <= bounds.QUOTES_MAX:
        return refusals.QUOTES_INVALID
    if not 0 <= command.session <= bounds.SESSION_MAX:
        return refusals.SESSION_INVALID
    if not words.STP_CANCEL_NEWEST <= command.stp <= words.STP_NONE:
        return refusals.STP_INVALID
    if command.protection not in WINDOWS:
        return refusals.PROTECTION_INVALID
    account = exchange.accounts[command.account]
    if is_tripped(exchange, account, command.protection):
        return refusals.PROTECTION_TRIPPED
    refused = sum(
        quote_row(exchange, route(exchange, command, row.contract), row) for row in command.rows
    )
    exchange.emit(
        events.MASS_QUOTED,
        command.client_id,
        command.protection,
        len(command.rows),
        refused,
        account=account.account,
    )
    return refusals.OK


def find_quote(account: Account, contract: int, side: int) -> Order | None:
    """The account's present quote."""
    holding = account.holdings.get(contract)
    quotes = [o for o in holding.resting() if o.protection and o.side == side] if holding else []
    assert len(quotes) <= 1, "4.8: one quote a side"
    return quotes[0] if quotes else None


def quote_row(exchange, command: MassQuote, row: Quote) -> int:
    """Returns how many of its sides were refused. What moves up begins with its ask, so that it
    does not run into itself."""
    account = exchange.accounts[command.account]
    market = exchange.markets.get(row.contract)
    code = refusals.OK
    if market is None:
        code = refusals.CONTRACT_UNKNOWN
    elif command.stp == words.STP_NONE and not market.spec.stp_none_allowed:
        code = refusals.STP_INVALID
    if code:
        refuse_quote(exchange, command, row.contract, code)
        return 1
    if row.bid_lots > 0 and row.ask_lots > 0 and row.bid_ticks >= row.ask_ticks:
        for side in (words.BUY, words.SELL):
            refuse_side(exchange, command, account, row, side, refusals.QUOTE_CROSSED)
        return 2
    ask = find_quote(account, row.contract, words.SELL)
    is_ask_first = ask is not None and row.bid_ticks >= ask.price
    sides = (words.SELL, words.BUY) if is_ask_first else (words.BUY, words.SELL)
    return sum(quote_side(exchange, command, account, row, side) for side in sides)


def refuse_quote(
    exchange, command: MassQuote, contract: int, code: int, side: int = 0, price=0, lots=0
) -> None:
    exchange.emit(
        events.QUOTE_REFUSED,
        command.client_id,
        code,
        side,
        price,
        lots,
        account=command.account,
        contract=contract,
    )


def side_of(row: Quote, side: int) -> tuple[int, int]:
    """Price and lots."""
    if side == words.BUY:
        return row.bid_ticks, row.bid_lots
    return row.ask_ticks, row.ask_lots


def refuse_side(
    exchange, command: MassQuote, account: Account, row: Quote, side: int, code: int
) -> None:
    """The old quote goes, too."""
    refuse_quote(exchange, command, row.contract, code, side, *side_of(row, side))
    end_quote(exchange, find_quote(account, row.contract, side))


def quote_side(exchange, command: MassQuote, account: Account, row: Quote, side: int) -> int:
    """Returns 1 if it was refused."""
    price, lots = side_of(row, side)
    old = find_quote(account, row.contract, side)
    if lots == 0:
        code = refusals.OK
        end_quote(exchange, old)
    else:
        spec = exchange.markets[row.contract].spec
        code = check_size(spec, lots)
        if not code and old is not None and old.protection != command.protection:
            end_quote(exchange, old)
            old = None
        if not code:
            code = replace_quote(exchange, command, row.contract, side, price, lots, old)
    if code:
        refuse_side(exchange, command, account, row, side, code)
    return int(code != refusals.OK)


def check_size(spec, lots: int) -> int:
    if lots < 0:
        return refusals.LOTS_NOT_POSITIVE
    if lots > spec.order_lots_max:
        return refusals.LOTS_ABOVE_MAX
    return refusals.LOTS_BELOW_MIN if lots < spec.order_lots_min else refusals.OK


def end_quote(exchange, old: Order | None) -> None:
    if old is not None:
        cancel(exchange, old, words.CANCEL_QUOTE)


def replace_quote(
    exchange, command: MassQuote, contract: int, side: int, price: int, lots: int, old: Order | None
) -> int:
    """A quote of this size at this price in place of the old one of its group."""
    if old is None:
        quote = Order(
            0,
            command.account,
            command.client_id,
            contract,
            side,
            price,
            lots,
            flags=words.POST_ONLY,
            stp=command.stp,
            entered=lots,
            session=command.session,
            protection=command.protection,
        )
        return enter(exchange, quote, quote.flags)
    if price != old.price or lots > old.open:
        return move(exchange, old, price, lots)
    if lots < old.open:
        spec = exchange.markets[contract].spec
        if size_of_fill(spec, lots, price) < spec.order_value_min:
            return refusals.VALUE_BELOW_MIN
        decrease(exchange, exchange.markets[contract], old, old.open - lots)
    return refusals.OK
