"""The kill switch: who is stopped, and what stopping does (4.6)."""

from engine.schema import events, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import Order
from tests.oracle.isolated import own_orders
from tests.oracle.resting import cancel_all


def is_stopped(exchange, number: int, contract: int) -> bool:
    account = exchange.accounts[number]
    scopes = (
        (words.SCOPE_ACCOUNT, account.main or number),
        (words.SCOPE_GROUP, account.group),
        (words.SCOPE_CONTRACT, contract),
        (words.SCOPE_ALL, 0),
    )
    return any(scope in exchange.stopped for scope in scopes)


def is_there(exchange, scope: int, number: int) -> bool:
    """Whether there is anything of this scope and number."""
    if scope == words.SCOPE_ACCOUNT:
        return exchange.client(number) is not None
    if scope == words.SCOPE_GROUP:
        clients = [a for a in exchange.accounts.values() if a is not exchange.fund]
        return any(account.group == number for account in clients)
    if scope == words.SCOPE_CONTRACT:
        return number in exchange.markets
    return scope == words.SCOPE_ALL and number == 0


def orders_of(exchange, scope: int, number: int) -> list[Order]:
    """By account id, then as a mass cancel takes them; of one account as its mass cancel."""
    if scope == words.SCOPE_ACCOUNT:
        return own_orders(exchange, exchange.accounts[number])
    found = []
    for account in sorted(exchange.accounts):
        if scope == words.SCOPE_GROUP and exchange.accounts[account].group != number:
            continue
        for order in exchange.accounts[account].orders():
            if scope != words.SCOPE_CONTRACT or order.contract == number:
                found.append(order)
    return found


def columns(scope: int, number: int) -> dict[str, int]:
    """Whom the event names: the account or the contract that is meant."""
    if scope == words.SCOPE_ACCOUNT:
        return {"account": number}
    return {"contract": number} if scope == words.SCOPE_CONTRACT else {}


def stop_trading(exchange, command) -> int:
    stop = scope, number = command.scope, command.number
    if stop in exchange.stopped or not is_there(exchange, scope, number):
        return refusals.SCOPE_INVALID
    exchange.stopped.add(stop)
    count = cancel_all(exchange, orders_of(exchange, scope, number), words.CANCEL_KILL)
    exchange.emit(events.TRADING_STOPPED, scope, number, count, **columns(scope, number))
    return refusals.OK


def release_trading(exchange, command) -> int:
    stop = scope, number = command.scope, command.number
    if stop not in exchange.stopped:
        return refusals.SCOPE_INVALID
    exchange.stopped.remove(stop)
    exchange.emit(events.TRADING_RELEASED, scope, number, **columns(scope, number))
    return refusals.OK
