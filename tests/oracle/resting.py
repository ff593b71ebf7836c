"""What happens to orders that stand in a book: they come, shrink and leave."""

from engine.schema import events
from engine.schema import vocabulary as words
from tests.oracle.accounts import Account, Order


def rest(exchange, order: Order) -> None:
    """To the back of its level, and to the back of the account's orders in this contract."""
    exchange.markets[order.contract].book.rest(order)
    exchange.accounts[order.account].holding(order.contract).orders[order.order_id] = order


def unrest(exchange, order: Order) -> None:
    exchange.markets[order.contract].book.leave(order)
    del exchange.accounts[order.account].holdings[order.contract].orders[order.order_id]


def emit_cancelled(exchange, order: Order, reason: int) -> None:
    """All open lots of the order end."""
    exchange.emit(
        events.ORDER_CANCELLED,
        order.order_id,
        order.client_id,
        order.price,
        order.open,
        reason,
        account=order.account,
        contract=order.contract,
    )
    order.cancelled += order.open


def emit_reduced(exchange, order: Order, lots: int, reason: int) -> None:
    """`lots` have left an order that keeps some."""
    exchange.emit(
        events.ORDER_REDUCED,
        order.order_id,
        order.client_id,
        order.price,
        lots,
        reason,
        order.open,
        account=order.account,
        contract=order.contract,
    )
    order.cancelled += lots


def cancel_resting(exchange, order: Order, reason: int) -> None:
    unrest(exchange, order)
    emit_cancelled(exchange, order, reason)
    order.open = 0
    exchange.order_ids.give_back(order.order_id)


def cut_resting(exchange, order: Order, lots: int, reason: int) -> None:
    """Take `lots` off; an order with nothing left is cancelled."""
    if lots >= order.open:
        cancel_resting(exchange, order, reason)
        return
    order.release(lots)
    exchange.markets[order.contract].book.shrink(order, lots)
    emit_reduced(exchange, order, lots, reason)


def keep_reduce_only(exchange, account: Account, contract: int) -> None:
    """4.3: resting reduce-only orders never exceed the position; the oldest keep first."""
    holding = account.holdings[contract]
    room = abs(holding.lots)
    closing_side = words.SELL if holding.lots > 0 else words.BUY
    for order in list(holding.orders.values()):
        if not order.is_reduce_only:
            continue
        kept = min(order.open, room) if holding.lots and order.side == closing_side else 0
        if kept < order.open:
            cut_resting(exchange, order, order.open - kept, words.CANCEL_REDUCE_ONLY)
        room -= kept
