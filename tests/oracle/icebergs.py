"""Icebergs: what they show, and how they show more (4.2)."""

from engine.schema import events
from tests.oracle.accounts import Order


def hide(order: Order) -> None:
    """It shows as much as it may; the rest is hidden."""
    order.hidden = max(0, order.open - order.display) if order.display else 0


def refill(exchange, order: Order) -> None:
    """At the back of its level."""
    hide(order)
    exchange.markets[order.contract].book.to_back(order)
    exchange.emit(
        events.ORDER_REFILLED,
        order.order_id,
        order.client_id,
        order.price,
        order.displayed,
        order.hidden,
        account=order.account,
        contract=order.contract,
    )


def refill_if_gone(exchange, order: Order) -> None:
    """One trade per slice: the next one is shown when the last is gone."""
    if order.displayed == 0 and order.hidden:
        refill(exchange, order)
