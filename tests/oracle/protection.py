"""Market-maker protection: quotes that have traded too much in their window go (4.8). The windows
are those of a group of accounts (15.1)."""

from engine.schema import bounds, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import Account, Order, Protection
from tests.oracle.resting import cancel_all

WINDOWS = range(1, bounds.PROTECTIONS_MAX + 1)


def set_protection(exchange, command) -> int:
    """The limits of a window, an empty one, and the reset of a trip."""
    limits = (command.lots_max, command.fills_max, command.net_lots_max)
    if command.protection not in WINDOWS or min(limits) < 0:
        return refusals.PROTECTION_INVALID
    if not 1 <= command.window_ns <= bounds.NS_PER_DAY:
        return refusals.PROTECTION_INVALID
    account = exchange.accounts[command.account]
    exchange.protections[account.group, command.protection] = Protection(
        command.window_ns, *limits, start=exchange.clock
    )
    exchange.emit(
        events.PROTECTION_SET,
        command.client_id,
        command.protection,
        command.window_ns,
        *limits,
        account=account.account,
    )
    return refusals.OK


def is_tripped(exchange, account: Account, number: int) -> bool:
    window = exchange.protections.get((account.group, number))
    return window is not None and window.is_tripped


def quotes_of(exchange, group: int, number: int) -> list[Order]:
    """The group's accounts as they were opened, their contracts in order, bid before ask."""
    found = []
    for account in exchange.accounts.values():
        if account.group != group:
            continue
        for holding in account.holdings.values():
            quotes = [order for order in holding.resting() if order.protection == number]
            found += sorted(quotes, key=lambda order: order.side)
    return found


def protect(exchange, order: Order, lots: int) -> None:
    """After a fill of `lots` of a quote, before anything else is filled."""
    account = exchange.accounts[order.account]
    window = exchange.protections.get((account.group, order.protection))
    if window is None:
        return
    if exchange.clock - window.start >= window.window_ns:
        window.start = exchange.clock
        window.lots = window.fills = window.net_lots = 0
    window.lots += lots
    window.fills += 1
    window.net_lots += order.sign * lots
    reached = (
        0 < window.lots_max <= window.lots,
        0 < window.fills_max <= window.fills,
        0 < window.net_lots_max <= abs(window.net_lots),
    )
    if any(reached) and not window.is_tripped:  # both legs of one pair can count in it
        window.is_tripped = True
        exchange.emit(
            events.PROTECTION_TRIPPED,
            order.protection,
            window.lots,
            window.fills,
            window.net_lots,
            account=account.account,
        )
        quotes = quotes_of(exchange, account.group, order.protection)
        cancel_all(exchange, quotes, words.CANCEL_PROTECTION)
