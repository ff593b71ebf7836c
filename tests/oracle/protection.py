"""Market-maker protection: a group of quotes that has traded too much in its window goes (4.8)."""

from engine.schema import bounds, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import Account, Order, Protection
from tests.oracle.resting import cancel_all

GROUPS = range(1, bounds.PROTECTIONS_MAX + 1)


def set_protection(exchange, command) -> int:
    """The limits of a group, an empty window, and the reset of a trip."""
    limits = (command.lots_max, command.fills_max, command.net_lots_max)
    if command.protection not in GROUPS or min(limits) < 0:
        return refusals.PROTECTION_INVALID
    if not 1 <= command.window_ns <= bounds.NS_PER_DAY:
        return refusals.PROTECTION_INVALID
    account = exchange.accounts[command.account]
    account.protections[command.protection] = Protection(
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


def is_tripped(account: Account, group: int) -> bool:
    return group in account.protections and account.protections[group].is_tripped


def quotes_of(account: Account, group: int) -> list[Order]:
    """Its contracts in order, bid before ask."""
    found = []
    for holding in account.holdings.values():
        quotes = [order for order in holding.resting() if order.protection == group]
        found += sorted(quotes, key=lambda order: order.side)
    return found


def protect(exchange, order: Order, lots: int) -> None:
    """After a fill of `lots` of a quote, before anything else is filled."""
    account = exchange.accounts[order.account]
    window = account.protections.get(order.protection)
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
    if any(reached) and not window.is_tripped:  # both legs of one pair can be the group's
        window.is_tripped = True
        exchange.emit(
            events.PROTECTION_TRIPPED,
            order.protection,
            window.lots,
            window.fills,
            window.net_lots,
            account=account.account,
        )
        cancel_all(exchange, quotes_of(account, order.protection), words.CANCEL_PROTECTION)
