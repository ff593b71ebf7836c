"""What happens to working orders: they come, shrink and leave, from wherever they are."""

from engine.schema import events
from engine.schema import vocabulary as words
from tests.oracle.accounts import ARMED, ENDED, FIRED, MOVING, RESTING, Account, Order
from tests.oracle.icebergs import hide
from tests.oracle.timers import start_expiry, stop_expiry

# Reasons for which the exchange takes an order away, though neither its owner nor its own fill has
# ended it: its sibling lives on (4.5).
DISSOLVING = (
    words.CANCEL_BAND,
    words.CANCEL_DYNAMIC_BAND,
    words.CANCEL_SELF_TRADE,
    words.CANCEL_SOLVENCY,
    words.CANCEL_SLIPPAGE,
)


def work(exchange, order: Order, place: str) -> None:
    """It becomes a working order: the youngest of its account in this contract."""
    order.place = place
    exchange.accounts[order.account].holding(order.contract).orders[order.order_id] = order
    start_expiry(exchange, order)


def rest(exchange, order: Order) -> None:
    """To the back of its level, and to the back of the account's orders in this contract."""
    work(exchange, order, RESTING)
    hide(order)
    exchange.rested += 1
    order.arrival = exchange.rested
    exchange.markets[order.contract].book.rest(order)
    if order.display or order.was_fired:  # what it shows, or its price, is not known yet
        exchange.emit(
            events.ORDER_RESTED,
            order.order_id,
            order.side,
            order.price,
            order.displayed,
            order.hidden,
            account=order.account,
            contract=order.contract,
        )


def leave(exchange, order: Order) -> None:
    """Out of wherever it is, into motion."""
    market = exchange.markets[order.contract]
    if order.place == RESTING:
        market.book.leave(order)
    elif order.place == ARMED:
        del market.armed[order.order_id]
    elif order.place == FIRED:
        del market.fired_list(order)[order.order_id]
    stop_expiry(exchange, order)
    del exchange.accounts[order.account].holdings[order.contract].orders[order.order_id]
    order.place = MOVING


def end(exchange, order: Order) -> None:
    """It is no more, and its slot is free. (A liquidation order has none.)"""
    order.open = order.hidden = 0
    order.place = ENDED
    if order.order_id:
        exchange.order_ids.give_back(order.order_id)


def dissolve_link(order: Order) -> Order | None:
    """The two are strangers from here on; returns the other one."""
    other = order.sibling
    if other is not None:
        order.sibling = other.sibling = None
    return other


def end_sibling(exchange, order: Order) -> None:
    """4.5: the other one ends, too, at the next point where that may happen; its end does nothing
    to the first."""
    other = dissolve_link(order)
    if other is not None:
        exchange.ending.append(other)


def emit_accepted(exchange, order: Order, flags: int) -> None:
    """`flags` as its owner gave them."""
    exchange.emit(
        events.ORDER_ACCEPTED,
        order.order_id,
        order.client_id,
        order.price,
        order.open,
        order.side,
        order.order_type | order.tif << 8 | flags << 16 | order.stp << 24,
        account=order.account,
        contract=order.contract,
    )


def emit_amended(exchange, order: Order, priority_kept: bool) -> None:
    exchange.emit(
        events.ORDER_AMENDED,
        order.order_id,
        order.client_id,
        order.price,
        order.open,
        int(priority_kept),
        account=order.account,
        contract=order.contract,
    )


def emit_cancelled(exchange, order: Order, reason: int, code: int = 0) -> None:
    """All open lots of the order end."""
    exchange.emit(
        events.ORDER_CANCELLED,
        order.order_id,
        order.client_id,
        order.price,
        order.open,
        reason,
        code,
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


def cancel(exchange, order: Order, reason: int, code: int = 0) -> None:
    """A working order, or the rest of one in motion."""
    if order.place != MOVING:
        leave(exchange, order)
    emit_cancelled(exchange, order, reason, code)
    end(exchange, order)
    if reason in DISSOLVING:
        dissolve_link(order)
    else:
        end_sibling(exchange, order)


def cancel_all(exchange, orders: list[Order], reason: int) -> int:
    """Returns their number."""
    for order in orders:
        cancel(exchange, order, reason)
    return len(orders)


def cut(exchange, order: Order, lots: int, reason: int) -> None:
    """Take `lots` off, hidden ones first; an order with nothing left is cancelled."""
    if lots >= order.open:
        cancel(exchange, order, reason)
        return
    order.release(lots)
    if order.place == RESTING:
        exchange.markets[order.contract].book.cut(order, lots)
    else:
        order.open -= lots
    emit_reduced(exchange, order, lots, reason)


def keep_reduce_only(exchange, account: Account, contract: int, before: int = 0) -> None:
    """4.3: resting reduce-only orders never exceed the position; the oldest keep first. Those that
    wait for a trigger end with the position. `before`: lots of a liquidation order that is counted
    before them."""
    holding = account.holdings[contract]
    room = abs(holding.lots) - before
    closing_side = words.SELL if holding.lots > 0 else words.BUY
    for order in list(holding.orders.values()):
        if not order.is_reduce_only:
            continue
        is_closing = bool(holding.lots) and order.side == closing_side
        if order.place != RESTING:
            if not is_closing:
                cancel(exchange, order, words.CANCEL_REDUCE_ONLY)
            continue
        kept = min(order.open, room) if is_closing else 0
        if kept < order.open:
            cut(exchange, order, order.open - kept, words.CANCEL_REDUCE_ONLY)
        room -= kept
