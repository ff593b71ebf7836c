"""The ways in which orders are cancelled, one or many, by their owner or by the clock (4.6)."""

from engine.schema import events, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import Account, Order
from tests.oracle.isolated import own_accounts, own_orders
from tests.oracle.resting import cancel, cancel_all
from tests.oracle.timers import stop_heartbeat

SIDES = {
    words.SIDES_BOTH: (words.BUY, words.SELL),
    words.SIDES_BUY: (words.BUY,),
    words.SIDES_SELL: (words.SELL,),
}


def find_order(exchange, command) -> Order | None:
    """The account's own, or one of a margin account of its."""
    for account in own_accounts(exchange, exchange.accounts[command.account]):
        for holding in account.holdings.values():
            if command.order_id in holding.orders:
                return holding.orders[command.order_id]
    return None


def cancel_order(exchange, command) -> int:
    order = find_order(exchange, command)
    if order is None:
        return refusals.ORDER_UNKNOWN
    cancel(exchange, order, words.CANCEL_CLIENT)
    return refusals.OK


def mass_cancel(exchange, command) -> int:
    account = exchange.accounts[command.account]
    if command.contract != 0 and command.contract not in exchange.markets:
        return refusals.CONTRACT_UNKNOWN
    if command.sides not in SIDES:
        return refusals.SIDES_INVALID
    orders = [
        order
        for order in own_orders(exchange, account)
        if command.contract in (0, order.contract) and order.side in SIDES[command.sides]
    ]
    count = cancel_all(exchange, orders, words.CANCEL_MASS)
    exchange.emit(
        events.MASS_CANCELLED,
        command.client_id,
        count,
        account=account.account,
        contract=command.contract,
    )
    return refusals.OK


def cancel_session(exchange, command) -> int:
    if not 1 <= command.session <= 127:
        return refusals.SESSION_INVALID
    account = exchange.accounts[command.account]
    orders = [o for o in own_orders(exchange, account) if o.session == command.session]
    count = cancel_all(exchange, orders, words.CANCEL_SESSION)
    exchange.emit(
        events.SESSION_CANCELLED,
        command.client_id,
        command.session,
        count,
        account=account.account,
    )
    return refusals.OK


# By the clock.


def expire(exchange, order: Order) -> None:
    cancel(exchange, order, words.CANCEL_EXPIRY)


def lose_heartbeat(exchange, account: Account) -> None:
    """The account's timer ran out: all of its orders go, and it is no longer armed."""
    due = account.heartbeat_due
    stop_heartbeat(exchange, account)
    count = cancel_all(exchange, own_orders(exchange, account), words.CANCEL_HEARTBEAT)
    exchange.emit(events.HEARTBEAT_LOST, count, due, account=account.account)
