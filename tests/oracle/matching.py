"""The sweep: one resting order at a time, best price first, oldest first (4.1, 4.7, 9.0)."""

from copy import copy

from engine.schema import events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.accounts import (
    Account,
    Order,
    equity,
    fee_up,
    maintenance,
    maintenance_after,
)
from tests.oracle.book import other_side
from tests.oracle.funding import count_trade
from tests.oracle.money import (
    change_position,
    cover,
    emit_leg,
    pay_liquidation_fee,
    solvent_lots,
    suspect,
    trading_fee,
)
from tests.oracle.prices import Market
from tests.oracle.resting import (
    cancel_resting,
    cut_resting,
    emit_cancelled,
    emit_reduced,
    keep_reduce_only,
    unrest,
)
from tests.oracle.rounding import ceil_div, rate_up

GO_ON, TRADE, STOP = "go on", "trade", "stop"


def sweep(exchange, order: Order) -> None:
    """Trade until the order is done, stopped, or meets no price any more. A rest that the sweep
    itself ends leaves the order with nothing open."""
    market = exchange.markets[order.contract]
    while order.open > 0 and market.book.crosses(order.side, order.price):
        resting = market.book.best_order(other_side(order.side))
        verdict = prevent_self_trade(exchange, order, resting)
        if verdict == TRADE and not is_maker_fit(exchange, order, resting):
            continue
        if verdict == TRADE:
            verdict = trade_with(exchange, order, resting)
        if verdict == STOP:
            return


def end_aggressor(exchange, order: Order, reason: int) -> None:
    """The rest of it ends; that of a liquidation order without an event."""
    if not order.is_liquidation:
        emit_cancelled(exchange, order, reason)
    order.open = 0


def prevent_self_trade(exchange, order: Order, resting: Order) -> str:
    group = exchange.accounts[order.account].group
    if exchange.accounts[resting.account].group != group:
        return TRADE
    mode = words.STP_CANCEL_OLDEST if order.is_liquidation else order.stp
    if mode == words.STP_NONE:
        return TRADE
    if mode == words.STP_DECREMENT:
        lots = min(order.open, resting.open)
        cut_resting(exchange, resting, lots, words.CANCEL_SELF_TRADE)
        if lots == order.open:
            end_aggressor(exchange, order, words.CANCEL_SELF_TRADE)
            return STOP
        order.release(lots)
        order.open -= lots
        emit_reduced(exchange, order, lots, words.CANCEL_SELF_TRADE)
        return GO_ON
    if mode in (words.STP_CANCEL_OLDEST, words.STP_CANCEL_BOTH):
        cancel_resting(exchange, resting, words.CANCEL_SELF_TRADE)
    if mode == words.STP_CANCEL_OLDEST:
        return GO_ON
    end_aggressor(exchange, order, words.CANCEL_SELF_TRADE)
    return STOP


# Solvency at the fill (9.0).


def gain_per_lot(market: Market, sign: int, price: int) -> int:
    """What one lot bought (+1) or sold (-1) at this price changes in equity at mark."""
    return sign * (market.mark - price) * market.spec.tick_value


def is_beyond_slippage(market: Market, sign: int, price: int) -> bool:
    spec = market.spec
    allowed = ceil_div(market.lot_value * (spec.liquidation_slippage_ppb + spec.fee_taker_ppb), PPB)
    return -gain_per_lot(market, sign, price) > allowed


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
    lots, price = min(order.open, resting.open), resting.price
    value = lots * price * market.spec.tick_value
    after = equity(exchange, maker) + lots * gain_per_lot(market, resting.sign, price)
    if after < 0:
        cancel_resting(exchange, resting, words.CANCEL_SOLVENCY)
        return False
    if not is_beyond_slippage(market, resting.sign, price):
        return True
    after -= fee_up(value, max(0, market.spec.fee_maker_ppb), after)
    if is_short_of_maintenance(exchange, maker, market, resting.sign * lots, after):
        cancel_resting(exchange, resting, words.CANCEL_SLIPPAGE)
        return False
    return True


def trade_with(exchange, order: Order, resting: Order) -> str:
    market = exchange.markets[order.contract]
    taker = exchange.accounts[order.account]
    uncut, price = min(order.open, resting.open), resting.price
    per_lot = gain_per_lot(market, order.sign, price)
    before = equity(exchange, taker)
    lots = solvent_lots(before, per_lot, uncut)
    if lots == 0:
        end_aggressor(exchange, order, words.CANCEL_SOLVENCY)
        return STOP
    if not order.is_liquidation and is_beyond_slippage(market, order.sign, price):
        after = before + lots * per_lot
        value = lots * price * market.spec.tick_value
        if resting.account == order.account:
            after = before  # its own two legs cancel out
        after -= fee_up(value, market.spec.fee_taker_ppb, after)
        if is_short_of_maintenance(exchange, taker, market, order.sign * lots, after):
            end_aggressor(exchange, order, words.CANCEL_SLIPPAGE)
            return STOP
    fill(exchange, order, resting, lots)
    if lots < uncut:
        end_aggressor(exchange, order, words.CANCEL_SOLVENCY)
        return STOP
    return GO_ON


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
    count_trade(market, lots, price)
    order.release(lots)
    order.open -= lots
    order.filled += lots
    if resting.open == lots:
        unrest(exchange, resting)
        exchange.order_ids.give_back(resting.order_id)
        resting.open = 0
    else:
        resting.release(lots)
        market.book.shrink(resting, lots)
    resting.filled += lots
    own_loss = None
    if resting.account == order.account:
        own_loss = -lots * gain_per_lot(market, order.sign, price)
    taker_fee = settle_fill(exchange, order, lots, price, None, own_loss)
    settle_fill(exchange, resting, lots, price, taker_fee)
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
    value = lots * price * market.spec.tick_value
    realised = change_position(
        exchange, account, market.contract, order.sign * lots, order.sign * value
    )
    fee = trading_fee(exchange, account, order, value, taker_fee, own_loss or 0)
    account.cash -= fee
    exchange.fees += fee
    emit_leg(exchange, account, market.contract, order.order_id, fee, realised)
    if order.is_liquidation:
        amount = liquidation_fee(exchange, account, order, lots, price, fee)
        pay_liquidation_fee(exchange, account, market.contract, amount)
    if account.cash < 0 and own_loss is None:
        cover(exchange, account)
    return fee


def liquidation_fee(
    exchange, account: Account, order: Order, lots: int, price: int, fee: int
) -> int:
    """9.4: out of the surplus over the bankruptcy price, never more."""
    market = exchange.markets[order.contract]
    value = lots * price * market.spec.tick_value
    surplus = lots * gain_per_lot(market, order.sign, price)
    surplus += order.step_share * lots // order.step_lots - fee
    surplus = min(equity(exchange, account), surplus)
    return min(rate_up(value, market.spec.liquidation_fee_ppb), max(0, surplus))


def can_fill_whole(exchange, order: Order) -> bool:
    """FOK: really done, on a copy of everything. What the book does not show can't fill."""
    book = exchange.markets[order.contract].book
    if book.lots_within(other_side(order.side), order.price) < order.open:
        return False
    trial, twin = exchange.copy(), copy(order)
    sweep(trial, twin)
    return twin.filled == order.open
