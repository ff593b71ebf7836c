"""Orders that wait for a price: when they are reached, and who is looked at when (4.2)."""

from engine.schema import events
from engine.schema import vocabulary as words
from tests.oracle.accounts import ARMED, FIRED, Order
from tests.oracle.market import Market
from tests.oracle.resting import work
from tests.oracle.states import FIRING
from tests.oracle.timers import drop_expiry

STOPS = (words.STOP_LIMIT, words.STOP_MARKET, words.TRAILING_MARKET)
BASIS_POINTS = 10_000


def source_value(market: Market, source: int) -> int:
    """What a trigger watches, at present; 0: none yet."""
    return {
        words.SOURCE_MARK: market.mark,
        words.SOURCE_INDEX: market.index,
        words.SOURCE_LAST: market.last_trade,
    }[source]


def is_trailing(order: Order) -> bool:
    return order.order_type == words.TRAILING_MARKET


def fires_below(order: Order) -> bool:
    """At or below its trigger: stops of sellers and take-profits of buyers."""
    return (order.order_type in STOPS) == (order.side == words.SELL)


def trail_ticks(order: Order) -> int:
    return order.best * order.trail_bp // BASIS_POINTS


def trigger_of(order: Order) -> int:
    if not is_trailing(order):
        return order.trigger
    way = trail_ticks(order)
    return order.best - way if order.side == words.SELL else order.best + way


def is_reached(order: Order, value: int) -> bool:
    return value <= trigger_of(order) if fires_below(order) else value >= trigger_of(order)


def is_better(order: Order, value: int) -> bool:
    """Whether the value takes a trailing stop's trigger further along."""
    return value > order.best if order.side == words.SELL else value < order.best


def arm(exchange, order: Order) -> None:
    work(exchange, order, ARMED)
    exchange.markets[order.contract].armed[order.order_id] = order
    exchange.emit(
        events.ORDER_ARMED,
        order.order_id,
        order.client_id,
        order.trigger,
        order.source,
        order.trail_bp,
        order.best,
        account=order.account,
        contract=order.contract,
    )


def fire(exchange, market: Market, order: Order, value: int) -> None:
    """Into the list of those to be worked off; it keeps its place among its account's orders."""
    del market.armed[order.order_id]
    order.place = FIRED
    order.fired_at = value
    order.was_fired = True
    market.fired_list(order)[order.order_id] = order
    drop_expiry(exchange, order)


def look(exchange, market: Market, source: int, value: int) -> None:
    """Everyone who watches this source sees this value; not in post_only, where what fires could
    not be taken."""
    if market.state not in FIRING or value == 0:
        return
    watching = [order for order in market.armed.values() if order.source == source]
    trailing = [order for order in watching if is_trailing(order)]
    for order in sorted(trailing, key=lambda o: not fires_below(o)):
        if is_better(order, value):
            order.best = value
        elif is_reached(order, value):
            fire(exchange, market, order, value)
    plain = [o for o in watching if not is_trailing(o) and is_reached(o, value)]
    below = sorted((o for o in plain if fires_below(o)), key=lambda o: -o.trigger)
    above = sorted((o for o in plain if not fires_below(o)), key=lambda o: o.trigger)
    for order in below + above:
        fire(exchange, market, order, value)


def look_at(exchange, market: Market, *sources: int) -> None:
    for source in sources:
        look(exchange, market, source, source_value(market, source))


def look_at_prices(exchange, market: Market, state_before: int) -> None:
    """At the end of a pair that published a mark. Who comes out of a state in which nobody looks
    looks at everything."""
    look_at(exchange, market, words.SOURCE_INDEX, words.SOURCE_MARK)
    if state_before not in FIRING:
        look_at(exchange, market, words.SOURCE_LAST)


def look_at_everything(exchange, market: Market) -> None:
    """Triggers are looked at from now on."""
    look_at(exchange, market, words.SOURCE_INDEX, words.SOURCE_MARK, words.SOURCE_LAST)


def look_after_sweep(exchange, market: Market, prices: list[int]) -> None:
    """`prices`: of the sweep's trades. The extremes are the first and the last one."""
    if prices:
        look(exchange, market, words.SOURCE_LAST, prices[0])
        look(exchange, market, words.SOURCE_LAST, prices[-1])
