"""The sweep: one resting order at a time, best price first, oldest first (4.1, 4.7, 9.0)."""

import pickle
from functools import partial

from engine.schema import events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.accounts import (
    ENDED,
    Account,
    Order,
    equity,
    fee_up,
    maintenance,
    maintenance_after,
)
from tests.oracle.bands import dynamic_band, is_outside
from tests.oracle.book import other_side
from tests.oracle.brackets import follow_entry
from tests.oracle.icebergs import refill_if_gone
from tests.oracle.linked import cancel_ended, follow_fill
from tests.oracle.market import Market
from tests.oracle.money import (
    change_position,
    cover,
    emit_leg,
    pay_liquidation_fee,
    solvent_lots,
    suspect,
    trading_fee,
)
from tests.oracle.premium import count_trade
from tests.oracle.protection import protect
from tests.oracle.resting import cancel, emit_reduced, end, keep_reduce_only, leave
from tests.oracle.rounding import ceil_div, rate_up
from tests.oracle.values import size_of_fill, value_of_fill


def sweep(exchange, order: Order) -> tuple[list[int], bool]:
    """Trade until the order is done, stopped, or meets no price any more; returns the prices of
    its trades, and whether the dynamic band, as it stood before the first of them, stopped it
    (5.3). A rest that the sweep itself ends leaves the order with nothing open."""
    market = exchange.markets[order.contract]
    band = dynamic_band(market)
    prices: list[int] = []
    while order.open > 0 and market.book.crosses(order.side, order.price):
        resting = market.book.best_order(other_side(order.side))
        if is_outside(band, resting.price):
            return prices, True
        price, filled = resting.price, order.filled
        meet(exchange, order, resting)
        if order.filled > filled:
            prices.append(price)
        cancel_ended(exchange)
    if order.open == 0 and order.place != ENDED:
        end(exchange, order)
    return prices, False


def meet(exchange, order: Order, resting: Order) -> None:
    """One resting order is dealt with, or ends the aggressor."""
    may_trade = prevent_self_trade(exchange, order, resting)
    if may_trade and is_maker_fit(exchange, order, resting):
        trade_with(exchange, order, resting)


def end_aggressor(exchange, order: Order, reason: int) -> None:
    """The rest of it ends; that of a liquidation order without an event."""
    if order.is_liquidation:
        end(exchange, order)
    else:
        cancel(exchange, order, reason)


def prevent_self_trade(exchange, order: Order, resting: Order) -> bool:
    """4.7; returns whether the two may trade."""
    group = exchange.accounts[order.account].group
    if exchange.accounts[resting.account].group != group:
        return True
    mode = words.STP_CANCEL_OLDEST if order.is_liquidation else order.stp
    if mode == words.STP_NONE:
        return True
    if mode == words.STP_DECREMENT:
        decrement(exchange, order, resting)
        return False
    if mode in (words.STP_CANCEL_OLDEST, words.STP_CANCEL_BOTH):
        cancel(exchange, resting, words.CANCEL_SELF_TRADE)
    if mode != words.STP_CANCEL_OLDEST:
        end_aggressor(exchange, order, words.CANCEL_SELF_TRADE)
    return False


def decrement(exchange, order: Order, resting: Order) -> None:
    """Both lose the same lots, of an iceberg displayed ones; the resting order first."""
    lots = min(order.open, resting.displayed)
    if lots == resting.open:
        cancel(exchange, resting, words.CANCEL_SELF_TRADE)
    else:
        resting.release(lots)
        exchange.markets[resting.contract].book.fill(resting, lots)
        emit_reduced(exchange, resting, lots, words.CANCEL_SELF_TRADE)
        refill_if_gone(exchange, resting)
    if lots == order.open:
        end_aggressor(exchange, order, words.CANCEL_SELF_TRADE)
    else:
        order.release(lots)
        order.open -= lots
        emit_reduced(exchange, order, lots, words.CANCEL_SELF_TRADE)


# Solvency at the fill (9.0).


def is_beyond_slippage(market: Market, sign: int, lots: int, price: int) -> bool:
    spec = market.spec
    allowed = ceil_div(market.lot_size * (spec.liquidation_slippage_ppb + spec.fee_taker_ppb), PPB)
    return -market.gain_of_fill(sign, lots, price) > lots * allowed


def is_short_of_maintenance(
    exchange, account: Account, market: Market, signed_lots: int, equity_after: int
) -> bool:
    needed = maintenance_after(exchange, account, market.contract, signed_lots)
    return equity_after < needed


def is_maker_fit(exchange, order: Order, resting: Order) -> bool:
    """Judged on the uncut lots; an unfit resting order is cancelled whole. A rebate is not
    counted: how much of it is paid is not known before the taker is cut."""
    market = exchange.markets[order.contract]
    maker = exchange.accounts[resting.account]
    lots, price = min(order.open, resting.displayed), resting.price
    size = size_of_fill(market.spec, lots, price)
    after = equity(exchange, maker) + market.gain_of_fill(resting.sign, lots, price)
    if after < 0:
        cancel(exchange, resting, words.CANCEL_SOLVENCY)
        return False
    if not is_beyond_slippage(market, resting.sign, lots, price):
        return True
    after -= fee_up(size, max(0, market.spec.fee_maker_ppb), after)
    if is_short_of_maintenance(exchange, maker, market, resting.sign * lots, after):
        cancel(exchange, resting, words.CANCEL_SLIPPAGE)
        return False
    return True


def trade_with(exchange, order: Order, resting: Order) -> None:
    market = exchange.markets[order.contract]
    taker = exchange.accounts[order.account]
    uncut, price = min(order.open, resting.displayed), resting.price
    before = equity(exchange, taker)
    lots = solvent_lots(before, partial(market.gain_of_fill, order.sign, price=price), uncut)
    if lots == 0:
        end_aggressor(exchange, order, words.CANCEL_SOLVENCY)
        return
    if not order.is_liquidation and is_beyond_slippage(market, order.sign, lots, price):
        after = before + market.gain_of_fill(order.sign, lots, price)
        size = size_of_fill(market.spec, lots, price)
        if resting.account == order.account:
            after = before  # its own two legs cancel out
        after -= fee_up(size, market.spec.fee_taker_ppb, after)
        if is_short_of_maintenance(exchange, taker, market, order.sign * lots, after):
            end_aggressor(exchange, order, words.CANCEL_SLIPPAGE)
            return
    fill(exchange, order, resting, lots)
    if lots < uncut and order.open > 0:
        end_aggressor(exchange, order, words.CANCEL_SOLVENCY)


# The fill.


def fill(exchange, order: Order, resting: Order, lots: int) -> None:
    market = exchange.markets[order.contract]
    price = resting.price
    exchange.emit(
        events.TRADE,
        price,
        lots,
        order.order_id,
        resting.order_id,
        order.side,
        contract=market.contract,
    )
    count_trade(exchange, market, (order, resting), lots, price)
    market.last_trade = price
    order.release(lots)
    order.open -= lots
    order.filled += lots
    resting.filled += lots
    if resting.open == lots:
        leave(exchange, resting)
        end(exchange, resting)
    else:
        resting.release(lots)
        market.book.fill(resting, lots)
        refill_if_gone(exchange, resting)
    own_loss = None
    if resting.account == order.account:
        own_loss = -market.gain_of_fill(order.sign, lots, price)
    taker_fee = settle_fill(exchange, order, lots, price, None, own_loss)
    settle_fill(exchange, resting, lots, price, taker_fee)
    protect(exchange, resting, lots)
    for filled in (resting, order):
        follow_entry(exchange, filled, lots)
    for filled in (order, resting):
        follow_fill(exchange, filled, lots)
    parties = (exchange.accounts[order.account], exchange.accounts[resting.account])
    for account in parties:
        keep_reduce_only(exchange, account, market.contract)
    for account in parties:
        if equity(exchange, account) < maintenance(exchange, account):
            suspect(exchange, account)


def settle_fill(
    exchange,
    order: Order,
    lots: int,
    price: int,
    taker_fee: int | None,
    own_loss: int | None = None,
) -> int:
    """One side of a fill (the taker's if `taker_fee` is None); returns its fee.

    `own_loss`: what an aggressor that meets its own order gets back by the other leg.
    """
    market = exchange.markets[order.contract]
    account = exchange.accounts[order.account]
    value = value_of_fill(market.spec, lots, price)
    realised = change_position(
        exchange, account, market.contract, order.sign * lots, order.sign * value
    )
    fee = trading_fee(exchange, account, order, abs(value), taker_fee, own_loss or 0)
    account.cash -= fee
    exchange.fees += fee
    emit_leg(exchange, account, market.contract, order.order_id, fee, realised)
    if order.is_liquidation:
        left = equity(exchange, account)
        amount = liquidation_fee(market, order, lots, price, fee, left)
        pay_liquidation_fee(exchange, account, market.contract, amount)
    if account.cash < 0 and own_loss is None:
        cover(exchange, account)
    return fee


def liquidation_fee(
    market: Market, order: Order, lots: int, price: int, fee: int, equity_left: int
) -> int:
    """9.4: out of the surplus over the bankruptcy price, never more."""
    size = size_of_fill(market.spec, lots, price)
    surplus = market.gain_of_fill(order.sign, lots, price)
    surplus += order.step_share * lots // order.step_lots - fee
    surplus = min(equity_left, surplus)
    return min(rate_up(size, market.spec.liquidation_fee_ppb), max(0, surplus))


def can_fill_whole(exchange, order: Order) -> bool:
    """FOK: really done, on a copy of everything. What is not in the book can't fill."""
    book, side = exchange.markets[order.contract].book, other_side(order.side)
    within = [o.open for o in book.orders(side) if order.sign * (order.price - o.price) >= 0]
    if sum(within) < order.open:
        return False
    # in one piece, so that the copy of the order is linked with the copy of its sibling
    trial, twin = pickle.loads(pickle.dumps((exchange, order)))
    sweep(trial, twin)
    filled: int = twin.filled - order.filled
    return filled == order.open
