"""Brackets: an entry whose fills get a stop and a target (4.5)."""

from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import ARMED, ENDED, FIRED, RESTING, Bracket, Order
from tests.oracle.book import other_side
from tests.oracle.ladder import would_trade
from tests.oracle.linked import link
from tests.oracle.resting import cancel, emit_accepted, emit_amended, rest, work
from tests.oracle.states import COLLECTING
from tests.oracle.triggers import arm

ENTRY_TYPES = (words.LIMIT, words.MARKET)
SOURCES = (words.SOURCE_MARK, words.SOURCE_INDEX, words.SOURCE_LAST)


def plain_order(command) -> commands.PlaceOrder:
    """The entry alone, as the order that it is. A type that waits is none of an entry."""
    own = {name: getattr(command, name) for name in command.__struct_fields__}
    for name in ("stop_ticks", "target_ticks", "trigger_source"):
        del own[name]
    if command.order_type not in ENTRY_TYPES:
        own["order_type"] = -1
    return commands.PlaceOrder(**own)


def check_bracket(command, exchange, spec, _) -> int:
    """In the place of the trigger."""
    stop, target = command.stop_ticks, command.target_ticks
    if command.flags & (words.REDUCE_ONLY | words.CLOSE_POSITION):
        return refusals.BRACKET_INVALID
    if (not stop and not target) or command.trigger_source not in SOURCES:
        return refusals.BRACKET_INVALID
    base = command.price_ticks
    if command.order_type == words.MARKET:
        base = exchange.markets[command.contract].mark
    for price, is_above in (
        (stop, command.side == words.SELL),
        (target, command.side == words.BUY),
    ):
        if not price:
            continue
        if not spec.price_ticks_min <= price <= spec.price_ticks_max:
            return refusals.BRACKET_INVALID
        if (price <= base) if is_above else (price >= base):
            return refusals.BRACKET_INVALID
    return refusals.OK


def follow_entry(exchange, entry: Order, lots: int) -> None:
    """After a fill of `lots` of an entry: its children come, and grow with each later one."""
    bracket = entry.bracket
    if bracket is None:
        return
    if bracket.has_children:
        grow(exchange, bracket.target, lots)
        grow(exchange, bracket.stop, lots)
        return
    bracket.has_children = True
    if bracket.target_ticks:
        bracket.target = bring_target(exchange, entry, bracket, lots)
    if bracket.stop_ticks:
        bracket.stop = bring_stop(exchange, entry, bracket, lots)
    if bracket.stop and bracket.target and bracket.target.place != ENDED:
        link(exchange, bracket.stop, bracket.target)


def child_of(exchange, entry: Order, lots: int, price: int, order_type: int, tif: int) -> Order:
    child = Order(
        exchange.order_ids.take(),
        entry.account,
        entry.client_id,
        entry.contract,
        other_side(entry.side),
        price,
        lots,
        order_type,
        tif,
        words.REDUCE_ONLY,
        entry.stp,
        entered=lots,
        session=entry.session,
        is_child=True,
    )
    return child


def bring_target(exchange, entry: Order, bracket: Bracket, lots: int) -> Order:
    """It rests; one that could trade waits for its turn instead, as if it had fired. Outside the
    static band it is no more when it has hardly been."""
    target = child_of(exchange, entry, lots, bracket.target_ticks, words.LIMIT, words.GTC)
    emit_accepted(exchange, target, target.flags)
    market = exchange.markets[target.contract]
    low, high = market.band()
    if not low <= target.price <= high:
        cancel(exchange, target, words.CANCEL_BAND)
    elif would_trade(market, target) or would_meet(market, entry, target):
        work(exchange, target, FIRED)
        target.was_fired = True
        market.fired_list(target)[target.order_id] = target
    else:
        rest(exchange, target)
    return target


def would_meet(market, entry: Order, target: Order) -> bool:
    """The entry itself, be it in motion: it was a market order, or amended past its target."""
    if market.state in COLLECTING:
        return False
    return (target.price - entry.price) * entry.sign <= 0


def bring_stop(exchange, entry: Order, bracket: Bracket, lots: int) -> Order:
    """Reached already or not: it is looked at when the next value comes."""
    stop = child_of(exchange, entry, lots, 0, words.STOP_MARKET, words.IOC)
    stop.trigger, stop.source = bracket.stop_ticks, bracket.source
    emit_accepted(exchange, stop, stop.flags)
    arm(exchange, stop)
    return stop


def grow(exchange, child: Order | None, lots: int) -> None:
    """It arrives anew. One that has fired or ended is passed over, and so is one that will end now
    that its sibling has."""
    if child is None or child.place not in (RESTING, ARMED):
        return
    if child.sibling is not None and child.sibling.place == ENDED:
        return
    market = exchange.markets[child.contract]
    child.entered += lots
    if child.place == RESTING:
        market.book.leave(child)
        child.open += lots
        exchange.rested += 1
        child.arrival = exchange.rested
        market.book.rest(child)
    else:
        child.open += lots
        market.armed[child.order_id] = market.armed.pop(child.order_id)
    orders = exchange.accounts[child.account].holdings[child.contract].orders
    orders[child.order_id] = orders.pop(child.order_id)
    emit_amended(exchange, child, priority_kept=False)
