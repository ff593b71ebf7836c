"""Collected orders: the indicative price, the uncross with its trial, and what ends a collection
(5.1, 5.2, 9.0, 9.2)."""

from dataclasses import dataclass, field
from typing import Any

from engine.schema import events, refusals
from engine.schema import vocabulary as words
from tests.oracle import liquidation
from tests.oracle.accounts import (
    ENDED,
    MOVING,
    RESTING,
    Account,
    Order,
    equity,
    fee_up,
    maintenance,
    maintenance_after,
)
from tests.oracle.bands import dynamic_band, is_outside
from tests.oracle.brackets import follow_entry
from tests.oracle.linked import cancel_ended, follow_fill
from tests.oracle.liquidation import Plan
from tests.oracle.market import Market
from tests.oracle.matching import is_beyond_slippage, liquidation_fee, settle_fill
from tests.oracle.money import suspect
from tests.oracle.premium import count_trade
from tests.oracle.protection import protect
from tests.oracle.resting import cancel, cut, end, keep_reduce_only, leave
from tests.oracle.settling import settle
from tests.oracle.states import (
    COLLECTING,
    FIRING,
    SETTLING,
    TRADING,
    enter_state,
    operator_changes,
    state_instead,
)
from tests.oracle.triggers import look_at_everything
from tests.oracle.values import size_of_fill

TAKER_SIDE_OF_AN_UNCROSS = 2  # both orders rested


# Indicative price (5.2).


@dataclass(frozen=True)
class Indication:
    price: int = 0  # 0: nothing would trade
    lots: int = 0
    surplus: int = 0  # what buys are more than sells


def levels_of(orders: list[Order]) -> dict[int, int]:
    found: dict[int, int] = {}
    for order in orders:
        found[order.price] = found.get(order.price, 0) + order.open
    return found


def indicate(market: Market, forced: list[Order]) -> Indication:
    """Rule 5.2 step by step over the ticks that matter: volume and surplus change nowhere but
    beside an order's price, so the best ticks lie at the ends of the stretches between two prices,
    or at the reference. `forced`: liquidation orders beside those of the book."""
    bids = levels_of(in_priority(market, forced, words.BUY))
    asks = levels_of(in_priority(market, forced, words.SELL))

    def judge(tick: int) -> tuple[int, int]:
        """(volume, surplus)."""
        buys = sum(lots for price, lots in bids.items() if price >= tick)
        sells = sum(lots for price, lots in asks.items() if price <= tick)
        return min(buys, sells), buys - sells

    lowest, highest = market.spec.price_ticks_min, market.spec.price_ticks_max
    ticks = {lowest, highest} | {price + way for price in bids | asks for way in (-1, 0, 1)}
    judged = {tick: judge(tick) for tick in ticks if lowest <= tick <= highest}
    # first: the most volume
    volume = max(lots for lots, _ in judged.values())
    if volume == 0:
        return Indication()
    # second: the least surplus
    least = min(abs(surplus) for lots, surplus in judged.values() if lots == volume)
    best = {t: s for t, (lots, s) in judged.items() if lots == volume and abs(s) == least}
    # third: the side of the surplus
    if all(surplus > 0 for surplus in best.values()):
        price = max(best)
    elif all(surplus < 0 for surplus in best.values()):
        price = min(best)
    else:
        # fourth: nearest the reference, which may lie inside a stretch
        middle = (min(best) + max(best)) // 2
        reference = market.last_trade or market.spec.auction_reference_ticks or middle
        lots, surplus = judge(reference)
        if lots == volume and abs(surplus) == least:
            best[reference] = surplus
        price = min(best, key=lambda tick: (abs(tick - reference), tick))
    return Indication(price, volume, best[price])


def publish_indicative(exchange, market: Market) -> None:
    found = indicate(market, [])
    market.next_indicative = exchange.clock + market.spec.auction_indicative_ns
    exchange.emit(
        events.INDICATIVE_PUBLISHED,
        found.price,
        found.lots,
        found.surplus,
        contract=market.contract,
    )


# The orders of an uncross.


def in_priority(market: Market, forced: list[Order], side: int) -> list[Order]:
    """Best price first, oldest first, liquidation orders behind all others of their price."""
    orders = [*market.book.orders(side), *(order for order in forced if order.side == side)]
    return sorted(orders, key=lambda order: market.book.key(side, order.price))


def drop_order(exchange, forced: list[Order], order: Order, reason: int) -> None:
    """A liquidation order ends in silence."""
    if order.is_liquidation:
        forced.remove(order)
        end(exchange, order)
    else:
        cancel(exchange, order, reason)


def cut_order(exchange, forced: list[Order], order: Order, lots: int, reason: int) -> None:
    if not order.is_liquidation:
        cut(exchange, order, lots, reason)
    elif lots < order.open:
        order.open -= lots
    else:
        drop_order(exchange, forced, order, reason)


def later_of(buy: Order, sell: Order) -> Order:
    """That which came to rest later; a liquidation order after all others."""
    return max(buy, sell, key=lambda order: (order.is_liquidation, order.arrival))


def is_prevented(exchange, buy: Order, sell: Order) -> bool:
    """4.7: a pair of one group that its later order's mode keeps from trading."""
    groups = {exchange.accounts[order.account].group for order in (buy, sell)}
    return len(groups) == 1 and later_of(buy, sell).stp != words.STP_NONE


@dataclass
class LiquidationStep:
    account: Account
    plan: Plan
    order: Order


def join_liquidations(exchange, market: Market) -> list[LiquidationStep]:
    """9.2: in an auction the liquidation order is an auction limit at the bankruptcy price."""
    closing = [
        account
        for account in exchange.accounts.values()
        if account.in_liquidation and account.lots(market.contract)
    ]
    closing.sort(key=lambda a: (equity(exchange, a) - maintenance(exchange, a), a.account))
    steps: list[LiquidationStep] = []
    for account in closing:
        holding = account.holding(market.contract)
        assert equity(exchange, account) >= 0, "I3: a negative equity outside a step"
        if liquidation.is_recovered(exchange, account, holding):
            continue
        plan = liquidation.plan_step(exchange, account, holding, in_auction=True)
        account.next_step_whole = False  # used up
        liquidation.announce_step(exchange, account, plan)
        order = liquidation.liquidation_order(account, plan)
        order.place, order.arrival = RESTING, len(steps)
        # 4.3: one that is worse in price may trade after them, and would otherwise open a position
        keep_reduce_only(exchange, account, market.contract, before=order.open)
        steps.append(LiquidationStep(account, plan, order))
    cancel_ended(exchange)
    return steps


# Solvency (9.0).


@dataclass
class Figures:
    """Equities and positions, as they are or as the fills of a trial would leave them."""

    exchange: Any
    market: Market
    equities: dict[int, int] = field(default_factory=dict)
    lots: dict[int, int] = field(default_factory=dict)  # bought since, signed

    def equity(self, account: int) -> int:
        known = self.equities.get(account)
        return equity(self.exchange, self.exchange.accounts[account]) if known is None else known

    def after_price(self, order: Order, lots: int, price: int) -> int:
        return self.equity(order.account) + self.market.gain_of_fill(order.sign, lots, price)

    def fee(self, order: Order, other: Order, lots: int, price: int) -> int:
        """Cut to what the price leaves; a buyer who meets himself has the seller's gain ahead."""
        left = self.after_price(order, lots, price)
        if order.account == other.account and order.side == words.BUY:
            left = self.equity(order.account)
        size = size_of_fill(self.market.spec, lots, price)
        return fee_up(size, max(0, self.market.spec.fee_maker_ppb), left)

    def judge(self, order: Order, other: Order, lots: int, price: int) -> int:
        """Why this side may not have the fill; 0 if it may. Who meets himself is judged on each
        side as if the other were somebody else's."""
        after = self.after_price(order, lots, price)
        if after < 0:
            return words.CANCEL_SOLVENCY
        is_beyond = is_beyond_slippage(self.market, order.sign, lots, price)
        if order.is_liquidation or not is_beyond:
            return 0
        account = self.exchange.accounts[order.account]
        bought = self.lots.get(order.account, 0) + order.sign * lots
        needed = maintenance_after(self.exchange, account, self.market.contract, bought)
        after -= self.fee(order, other, lots, price)
        return words.CANCEL_SLIPPAGE if after < needed else 0

    def judge_both(self, buy: Order, sell: Order, lots: int, price: int) -> list[tuple[Order, int]]:
        sides = ((buy, sell), (sell, buy))
        reasons = [(order, self.judge(order, other, lots, price)) for order, other in sides]
        return [(order, reason) for order, reason in reasons if reason]

    def count(self, order: Order, other: Order, lots: int, price: int) -> None:
        fee = self.fee(order, other, lots, price)
        left = self.after_price(order, lots, price) - fee
        if order.is_liquidation:
            left -= liquidation_fee(self.market, order, lots, price, fee, left)
        self.equities[order.account] = left
        self.lots[order.account] = self.lots.get(order.account, 0) + order.sign * lots


def try_out(exchange, market: Market, forced: list[Order], price: int) -> list[tuple[Order, int]]:
    """The uncross on paper: which orders would breach 9.0, and why, in the order found."""
    figures = Figures(exchange, market)
    bids = [o for o in in_priority(market, forced, words.BUY) if o.price >= price]
    asks = [o for o in in_priority(market, forced, words.SELL) if o.price <= price]
    left = {order: order.open for order in bids + asks}
    breaching: list[tuple[Order, int]] = []
    while bids and asks:
        buy, sell = bids[0], asks[0]
        lots = min(left[buy], left[sell])
        if not is_prevented(exchange, buy, sell):
            found = figures.judge_both(buy, sell, lots, price)
            if found:
                breaching += found
                for order, _ in found:
                    (bids if order is buy else asks).pop(0)
                continue
            figures.count(buy, sell, lots, price)
            figures.count(sell, buy, lots, price)
        for order, queue in ((buy, bids), (sell, asks)):
            left[order] -= lots
            if left[order] == 0:
                queue.pop(0)
    return breaching


# The uncross.


def uncross(exchange, market: Market) -> list[LiquidationStep]:
    """Returns the liquidation steps that took part; they go on when the state has changed."""
    steps = join_liquidations(exchange, market)
    forced = [step.order for step in steps]
    while True:
        found = indicate(market, forced)
        breaching = try_out(exchange, market, forced, found.price) if found.price else []
        if not breaching:
            break
        for order, reason in breaching:
            drop_order(exchange, forced, order, reason)
        cancel_ended(exchange)
    spared: set[Order] = set()
    traded = trade_pairs(exchange, market, forced, found, spared) if found.price else 0
    exchange.emit(
        events.UNCROSSED, found.price, traded, found.surplus, contract=market.contract
    )  # fmt: skip
    forced.clear()
    part_the_rest(exchange, market, spared)
    return steps


def trade_pairs(
    exchange, market: Market, forced: list[Order], found: Indication, spared: set[Order]
) -> int:
    """All fills at the one price; returns the lots traded. `spared` receives the orders of
    prevented pairs, those that are left of them among others.

    Each pair is judged again. An order that upkeep or its sibling has ended or cut, or that
    self-trade prevention has taken out whole, may bring others to trade than the trial saw.
    """
    price, done, traded = found.price, 0, 0
    while done < found.lots:
        bids = in_priority(market, forced, words.BUY)
        asks = in_priority(market, forced, words.SELL)
        if not bids or not asks or bids[0].price < price or asks[0].price > price:
            break
        buy, sell = bids[0], asks[0]
        # what a prevented pair did not trade is not replaced
        lots = min(buy.open, sell.open, found.lots - done)
        if is_prevented(exchange, buy, sell):
            prevent(exchange, forced, buy, sell, lots)
            if later_of(buy, sell).stp != words.STP_DECREMENT:  # which takes its lots out of both
                spared |= {buy, sell}
            cancel_ended(exchange)
            done += lots
            continue
        breaching = Figures(exchange, market).judge_both(buy, sell, lots, price)
        for order, reason in breaching:
            drop_order(exchange, forced, order, reason)
        if not breaching:
            fill_pair(exchange, market, forced, buy, sell, lots, price)
            done += lots
            traded += lots
        cancel_ended(exchange)
    return traded


def prevent(exchange, forced: list[Order], buy: Order, sell: Order, lots: int) -> None:
    later = later_of(buy, sell)
    earlier = sell if later is buy else buy
    if later.stp == words.STP_DECREMENT:
        cut_order(exchange, forced, buy, lots, words.CANCEL_SELF_TRADE)
        cut_order(exchange, forced, sell, lots, words.CANCEL_SELF_TRADE)
        return
    ended = {
        words.STP_CANCEL_NEWEST: (later,),
        words.STP_CANCEL_OLDEST: (earlier,),
        words.STP_CANCEL_BOTH: (buy, sell),
    }[later.stp]
    for order in ended:
        drop_order(exchange, forced, order, words.CANCEL_SELF_TRADE)


def fill_pair(
    exchange, market: Market, forced: list[Order], buy: Order, sell: Order, lots: int, price: int
) -> None:
    exchange.emit(
        events.TRADE,
        price,
        lots,
        buy.order_id,
        sell.order_id,
        TAKER_SIDE_OF_AN_UNCROSS,
        contract=market.contract,
    )
    count_trade(exchange, market, (buy, sell), lots, price)
    market.last_trade = price
    for order in (buy, sell):
        take_lots(exchange, market, forced, order, lots)
    own_loss = None
    if buy.account == sell.account:
        own_loss = -market.gain_of_fill(buy.sign, lots, price)
    # nobody pays a taker's fee, so nobody is paid a rebate
    settle_fill(exchange, buy, lots, price, 0, own_loss)
    settle_fill(exchange, sell, lots, price, 0)
    for order in (buy, sell):
        protect(exchange, order, lots)
        follow_entry(exchange, order, lots)
    for order in (buy, sell):
        if order.place == MOVING:
            end(exchange, order)  # an entry that filled, behind its children
    for order in (buy, sell):
        follow_fill(exchange, order, lots)
    parties = [exchange.accounts[order.account] for order in (buy, sell)]
    for account in parties:
        keep_reduce_only(exchange, account, market.contract)
    for account in parties:
        if equity(exchange, account) < maintenance(exchange, account):
            suspect(exchange, account)


def take_lots(exchange, market: Market, forced: list[Order], order: Order, lots: int) -> None:
    order.filled += lots
    if order.is_liquidation:
        order.open -= lots
        if order.open == 0:
            forced.remove(order)
            order.place = ENDED
    elif order.open == lots:
        leave(exchange, order)
        order.open = order.hidden = 0
        if order.bracket is None:
            end(exchange, order)
    else:
        order.release(lots)
        market.book.cut(order, lots)  # hidden lots first, so that nothing is to be refilled


def part_the_rest(exchange, market: Market, spared: set[Order]) -> None:
    """Prevented pairs may leave a crossed book, with which no trading can begin (4.1). What they
    left over goes rather than what it meets now: its quantity is not replaced (5.2)."""
    while True:
        buy, sell = (market.book.best_order(side) for side in (words.BUY, words.SELL))
        if buy is None or sell is None or buy.price < sell.price:
            return
        left_over = [order for order in (buy, sell) if order in spared]
        order = left_over[0] if len(left_over) == 1 else later_of(buy, sell)
        cancel(exchange, order, words.CANCEL_SELF_TRADE)
        cancel_ended(exchange)


# What ends a collection.


def leave_collection(exchange, market: Market, state: int, why: int) -> None:
    steps = uncross(exchange, market)
    enter_state(exchange, market, *state_instead(market, state, why))
    look_at_everything(exchange, market)
    for step in steps:
        account, filled = step.account, step.order.filled
        is_partial = step.plan.kind == words.STEP_PARTIAL
        account.next_step_whole = is_partial and filled == 0
        if is_partial and filled:  # else it cools on from whatever it cooled from before
            account.cools_until = exchange.clock + market.spec.liquidation_cooldown_ns


def end_auction(exchange, market: Market) -> None:
    """Its time has come: once more if the price would leave the dynamic band, else uncross."""
    spec = market.spec
    price = indicate(market, []).price
    is_far = price > 0 and is_outside(dynamic_band(market), price)
    if is_far and market.extensions < spec.auction_extensions_max:
        market.extensions += 1
        market.auction_end = exchange.clock + spec.auction_ns
        exchange.emit(
            events.AUCTION_EXTENDED,
            market.auction_end,
            market.extensions,
            price,
            contract=market.contract,
        )
        return
    leave_collection(exchange, market, market.operator_state, words.WHY_UNCROSSED)


def change_state(exchange, command) -> int:
    """The operator's command."""
    market = exchange.markets.get(command.contract)
    if market is None:
        return refusals.CONTRACT_UNKNOWN
    state, why = state_instead(market, command.state, words.WHY_OPERATOR)
    if command.state not in operator_changes(market):
        return refusals.STATE_CHANGE_INVALID
    if command.state in TRADING:
        market.operator_state = command.state
    if state == SETTLING:
        settle(exchange, [market], why)
    elif market.state in COLLECTING and state in TRADING:
        leave_collection(exchange, market, command.state, words.WHY_OPERATOR)
    else:
        was_firing = market.state in FIRING
        enter_state(exchange, market, state, why)
        if not was_firing:  # out of post_only
            look_at_everything(exchange, market)
    return refusals.OK
