"""Linked orders: what happens to one happens to the other (4.5)."""

from engine.schema import events
from engine.schema import vocabulary as words
from tests.oracle.accounts import ENDED, Order
from tests.oracle.resting import cancel, cut, end_sibling


def find_free(exchange, account: int, contract: int, order_id: int) -> Order | None:
    """The working order that a new one of this account and contract can be linked with. Quotes
    never are."""
    holding = exchange.accounts[account].holdings.get(contract)
    order = holding.orders.get(order_id) if holding else None
    if order is None or order.sibling is not None or order.protection:
        return None
    return order


def link(exchange, order: Order, other: Order) -> None:
    order.sibling, other.sibling = other, order
    exchange.emit(
        events.ORDERS_LINKED,
        order.order_id,
        other.order_id,
        account=order.account,
        contract=order.contract,
    )


def follow_fill(exchange, order: Order, lots: int) -> None:
    """After a fill of `lots` of the order: its sibling can do as much less, or nothing any more."""
    other = order.sibling
    if other is None:
        return
    if other.open > lots:
        cut(exchange, other, lots, words.CANCEL_LINKED)
    elif other.open:  # else the two met each other, and its own turn comes
        end_sibling(exchange, order)
    if order.open == 0:
        end_sibling(exchange, order)


def cancel_ended(exchange) -> None:
    """The orders that their siblings ended, first in first out; an aggressor may be among them."""
    while exchange.ending:
        order = exchange.ending.popleft()
        if order.place != ENDED and order.open > 0:
            cancel(exchange, order, words.CANCEL_LINKED)
