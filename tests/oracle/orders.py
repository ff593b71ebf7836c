"""Placing, amending and cancelling: what is checked, in which order, and what follows (4, 8.2)."""

from dataclasses import replace

from engine.schema import events, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import (
    Account,
    Holding,
    Order,
    equity,
    initial_needed,
    initial_rate,
    need,
)
from tests.oracle.book import other_side
from tests.oracle.matching import can_fill_whole, end_aggressor, sweep
from tests.oracle.prices import Market
from tests.oracle.resting import cancel_resting, emit_reduced, rest, unrest
from tests.oracle.rounding import clamp, rate_down, rate_up

# Checks.


def check_shape(exchange, command) -> int:
    """What can be seen without looking at prices or accounts."""
    market = exchange.markets.get(command.contract)
    if market is None:
        return refusals.CONTRACT_UNKNOWN
    is_market = command.order_type == words.MARKET
    if command.order_type not in (words.LIMIT, words.MARKET):
        return refusals.ORDER_TYPE_INVALID
    if command.side not in (words.BUY, words.SELL):
        return refusals.SIDE_INVALID
    if command.tif not in (words.GTC, words.IOC, words.FOK):
        return refusals.TIF_INVALID
    if is_market and command.tif == words.GTC:
        return refusals.TIF_INVALID
    if not 0 <= command.flags <= words.FLAGS_CLIENT:
        return refusals.FLAGS_INVALID
    if command.flags & words.POST_ONLY and (is_market or command.tif != words.GTC):
        return refusals.FLAGS_INVALID
    if not 0 <= command.stp <= words.STP_NONE:
        return refusals.STP_INVALID
    if command.stp == words.STP_NONE and not market.spec.stp_none_allowed:
        return refusals.STP_INVALID
    return check_lots(market, command.lots)


def check_lots(market: Market, lots: int) -> int:
    if lots <= 0:
        return refusals.LOTS_NOT_POSITIVE
    if lots > market.spec.order_lots_max:
        return refusals.LOTS_ABOVE_MAX
    return refusals.OK


def check_price(market: Market, price: int) -> int:
    if price <= 0:
        return refusals.PRICE_NOT_POSITIVE
    if price > market.spec.price_ticks_max:
        return refusals.PRICE_ABOVE_MAX
    low, high = market.band()
    if not low <= price <= high:
        return refusals.PRICE_OUTSIDE_BAND
    return refusals.OK


def market_price(market: Market, side: int) -> int:
    """4.2: how far a market order may go."""
    base = market.book.best_price(other_side(side))
    if base is None:
        base = market.mark
    way = rate_down(base, market.spec.market_range_ppb)
    low, high = market.band()
    return clamp(base + way if side == words.BUY else base - way, low, high)


def is_against(lots: int, order: Order) -> bool:
    """Whether an order of this sign makes a position of `lots` smaller."""
    return lots * order.sign < 0


def only_reduces(holding: Holding, order: Order, without: Order | None) -> bool:
    working = holding.open_lots(order.side, without)
    return is_against(holding.lots, order) and working + order.open <= abs(holding.lots)


def reduce_only_room(holding: Holding, order: Order, without: Order | None) -> int:
    if not is_against(holding.lots, order):
        return 0
    return max(0, abs(holding.lots) - holding.reduce_only_lots(order.side, without))


def check_entry(exchange, order: Order, without: Order | None = None) -> int:
    """Everything that depends on the state. `without`: the order that this one replaces."""
    market = exchange.markets[order.contract]
    account = exchange.accounts[order.account]
    holding = account.holdings.get(order.contract) or Holding(order.contract)
    if market.state == words.STATE_FROZEN:
        return refusals.CONTRACT_FROZEN
    if account.in_liquidation:
        return refusals.ACCOUNT_IN_LIQUIDATION
    if order.order_type == words.MARKET:
        order.price = market_price(market, order.side)
    else:
        code = check_price(market, order.price)
        if code:
            return code
    is_free = order.is_reduce_only or only_reduces(holding, order, without)
    if market.state == words.STATE_REDUCE_ONLY and not is_free:
        return refusals.CONTRACT_REDUCE_ONLY
    if order.is_reduce_only and reduce_only_room(holding, order, without) == 0:
        return refusals.REDUCE_ONLY_NOTHING
    if order.flags & words.POST_ONLY and market.book.crosses(order.side, order.price):
        return refusals.POST_ONLY_WOULD_TRADE
    if not is_free:
        code = check_limits(market, holding, order, without)
        if code:
            return code
    if not order.is_reduce_only and not is_covered(exchange, account, holding, order, without):
        return refusals.MARGIN_INSUFFICIENT
    return refusals.OK


def check_limits(market: Market, holding: Holding, order: Order, without: Order | None) -> int:
    """4.9, with every working order of the side filled."""
    spec = market.spec
    could_add = holding.open_lots(order.side, without) + order.open
    already = abs(holding.lots) if holding.lots * order.sign > 0 else 0
    if already + could_add > spec.position_lots_max:
        return refusals.POSITION_LIMIT
    resting = market.book.resting_lots[order.side] - (without.open if without else 0)
    if market.open_interest() + resting + order.open > spec.open_interest_lots_max:
        return refusals.OPEN_INTEREST_LIMIT
    return refusals.OK


# Margin before the book (8.2).


def record_reserve(market: Market, holding: Holding, order: Order, without: Order | None) -> None:
    """Write into the order what its acceptance reserves."""
    spec, mark = market.spec, market.mark
    working = {
        side: holding.open_lots(side, without) + (order.open if side == order.side else 0)
        for side in (words.BUY, words.SELL)
    }
    worst = max(abs(holding.lots + working[words.BUY]), abs(holding.lots - working[words.SELL]))
    rate = initial_rate(spec, worst * market.lot_value)
    priced_at = order.price if order.side == words.BUY else max(order.price, mark)
    value = order.open * spec.tick_value * priced_at
    worse_ticks = max(0, order.sign * (order.price - mark))
    loss = order.open * spec.tick_value * worse_ticks
    fee = rate_up(value, max(spec.fee_taker_ppb, spec.fee_maker_ppb, 0))
    order.reserve = rate_up(value, rate)
    order.charges = loss + fee


def is_covered(
    exchange, account: Account, holding: Holding, order: Order, without: Order | None
) -> bool:
    record_reserve(exchange.markets[order.contract], holding, order, without)
    before = need(exchange, holding, without)
    after = need(exchange, holding, without, order)
    raised = after - before
    if not only_reduces(holding, order, without):
        raised += order.charges
    if raised <= 0:
        return True
    others = initial_needed(exchange, account, besides=holding.contract)
    own = after + holding.charges(without) + order.charges
    return equity(exchange, account) >= others + own


# Commands.


def place_order(exchange, command) -> int:
    code = check_shape(exchange, command)
    if code:
        return code
    order = Order(
        0,
        command.account,
        command.client_id,
        command.contract,
        command.side,
        command.price_ticks,
        command.lots,
        command.order_type,
        command.tif,
        command.flags,
        command.stp,
        entered=command.lots,
    )
    code = check_entry(exchange, order)
    if code:
        return code
    # From here the order is accepted.
    order.order_id = exchange.order_ids.take()
    exchange.accounts[order.account].holding(order.contract)
    exchange.emit(
        events.ORDER_ACCEPTED,
        order.order_id,
        order.client_id,
        order.price,
        order.open,
        order.side,
        order.order_type | order.tif << 8 | order.flags << 16 | order.stp << 24,
        account=order.account,
        contract=order.contract,
    )
    work_order(exchange, order)
    return refusals.OK


def work_order(exchange, order: Order) -> None:
    """Cut by reduce-only, sweep, then rest or end."""
    if order.is_reduce_only:
        holding = exchange.accounts[order.account].holding(order.contract)
        excess = order.open - reduce_only_room(holding, order, None)
        if excess > 0:
            order.open -= excess
            emit_reduced(exchange, order, excess, words.CANCEL_REDUCE_ONLY)
    if order.tif == words.FOK and not can_fill_whole(exchange, order):
        end_aggressor(exchange, order, words.CANCEL_FOK)
    else:
        sweep(exchange, order)
    if order.open > 0 and order.tif == words.GTC:
        rest(exchange, order)
        return
    if order.open > 0:
        end_aggressor(exchange, order, words.CANCEL_IOC)
    exchange.order_ids.give_back(order.order_id)


def find_order(exchange, command) -> Order | None:
    for holding in exchange.accounts[command.account].holdings.values():
        if command.order_id in holding.orders:
            return holding.orders[command.order_id]
    return None


def cancel_order(exchange, command) -> int:
    order = find_order(exchange, command)
    if order is None:
        return refusals.ORDER_UNKNOWN
    cancel_resting(exchange, order, words.CANCEL_CLIENT)
    return refusals.OK


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


def amend_order(exchange, command) -> int:
    order = find_order(exchange, command)
    if order is None:
        return refusals.ORDER_UNKNOWN
    market = exchange.markets[order.contract]
    if command.lots < 0:
        return refusals.LOTS_NOT_POSITIVE
    if command.lots > market.spec.order_lots_max:
        return refusals.LOTS_ABOVE_MAX
    new_open = command.lots - order.filled
    if new_open <= 0:
        cancel_resting(exchange, order, words.CANCEL_AMEND)
        return refusals.OK
    if command.price_ticks == order.price and new_open == order.open:
        return refusals.AMEND_NOTHING
    if command.price_ticks == order.price and new_open < order.open:
        cut = order.open - new_open
        order.release(cut)
        market.book.shrink(order, cut)
        order.cancelled += cut
        emit_amended(exchange, order, priority_kept=True)
        return refusals.OK
    wanted = replace(order, price=command.price_ticks, open=new_open, reserve=0, charges=0)
    code = check_entry(exchange, wanted, without=order)
    if code:
        return code
    # From here the amendment is accepted.
    unrest(exchange, order)
    grown = new_open - order.open
    wanted.entered += max(0, grown)
    wanted.cancelled += max(0, -grown)
    emit_amended(exchange, wanted, priority_kept=False)
    work_order(exchange, wanted)
    return refusals.OK


def mass_cancel(exchange, command) -> int:
    account = exchange.accounts[command.account]
    if command.contract != 0 and command.contract not in exchange.markets:
        return refusals.CONTRACT_UNKNOWN
    orders = [o for o in account.orders() if command.contract in (0, o.contract)]
    for order in orders:
        cancel_resting(exchange, order, words.CANCEL_MASS)
    exchange.emit(
        events.MASS_CANCELLED,
        command.client_id,
        len(orders),
        account=account.account,
        contract=command.contract,
    )
    return refusals.OK
