"""Supervision of a step, suspects, and the queue of accounts in liquidation (9.1, 9.2)."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import partial

from engine.schema import events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.accounts import (
    LIQUIDATION,
    Account,
    Holding,
    Order,
    equity,
    lots_held,
    maintenance,
    maintenance_by_tiers,
    maintenance_with,
)
from tests.oracle.backstop import Step, deleverage, pair_off, take_over, takeover_lots
from tests.oracle.bands import interrupt, is_worth_an_auction
from tests.oracle.linked import cancel_ended
from tests.oracle.market import Market
from tests.oracle.matching import sweep
from tests.oracle.money import cover, suspect
from tests.oracle.providers import provide
from tests.oracle.resting import cancel_all
from tests.oracle.rounding import ceil_div, rate_down, rate_up, sign_of
from tests.oracle.states import CLOSED, COLLECTING, FROZEN
from tests.oracle.triggers import look_after_sweep
from tests.oracle.valuation import convert_everything, convert_missing
from tests.oracle.waterfall import run_waterfall

# Supervision.


def largest_position(exchange, account: Account, holdings: list[Holding]) -> Holding:
    """Of these that without which the account's maintenance would be lowest: by tiers the one with
    the largest of its own. Ties: the first of the account's contracts."""
    if len(holdings) == 1:
        return holdings[0]
    return min(holdings, key=lambda h: maintenance_with(exchange, account, h.contract, 0))


Hit = tuple[int, int, Account]  # equity, maintenance


def concerned(exchange, step: Step) -> set[int]:
    """Who has a position in a contract of the step, or any and holds the asset of the step."""
    numbers = {
        number
        for contract in step.gain_per_lot
        for number, holding in exchange.markets[contract].holders.items()
        if holding.lots
    }
    holders = [a for a in exchange.accounts.values() if step.asset in a.collateral]
    return numbers | {account.account for account in holders if account.positions()}


def convert_negative(exchange, accounts: list[Account]) -> None:
    """8.4: before anybody is a debtor all that he holds becomes cash, of the lowest first. Who has
    anything left by it goes on like others. Nothing is left to cover then: who was short already
    was so by no more than his collateral counts for, and is paid no less."""
    found = [(equity(exchange, a), a.account, a) for a in accounts if a.collateral]
    for _, _, account in sorted(hit for hit in found if hit[0] < 0):
        convert_everything(exchange, account)
        assert account.cash >= 0 or equity(exchange, account) < 0, "8.4: still short"


def find_hits(exchange, step: Step) -> tuple[list[Hit], list[Hit]]:
    """Value everyone whom the step concerns: those below zero and others below their call level,
    each in the order in which they are dealt with."""
    hits = []
    accounts = [exchange.accounts[number] for number in sorted(concerned(exchange, step))]
    convert_negative(exchange, accounts)
    for account in accounts:
        margin = maintenance(exchange, account)
        largest = largest_position(exchange, account, account.positions())
        call_ppb = exchange.markets[largest.contract].spec.margin_call_ppb
        value = equity(exchange, account)
        if value < rate_up(margin, call_ppb):
            hits.append((value, margin, account))
        else:
            account.was_called = False
    negative = [hit for hit in hits if hit[0] < 0]
    others = [hit for hit in hits if hit[0] >= 0]
    negative.sort(key=lambda hit: (hit[0], hit[2].account))
    others.sort(key=lambda hit: (hit[0] - hit[1], hit[2].account))
    return negative, others


def supervise(exchange, step: Step) -> None:
    """Calls, liquidations, and the waterfall if somebody is below zero."""
    negative, others = find_hits(exchange, step)
    for value, margin, account in negative + others:
        if value < margin:
            start_liquidation(exchange, account)
        elif not account.was_called:
            account.was_called = True
            exchange.emit(events.MARGIN_CALLED, value, margin, account=account.account)
    if negative:
        run_waterfall(exchange, step, [account for _, _, account in negative])


def supervise_settlement(exchange, step: Step, holders: list[Account]) -> None:
    """5.4: the others lose the position anyway; what they hold elsewhere is looked at then."""
    found, _ = find_hits(exchange, step)
    negative = [account for _, _, account in found]
    for account in negative:
        start_liquidation(exchange, account)
    for account in holders:
        if account not in negative:
            suspect(exchange, account)
    if negative:
        run_waterfall(exchange, step, negative)


def start_liquidation(exchange, account: Account) -> None:
    if account.in_liquidation:
        return
    account.in_liquidation = True
    exchange.emit(
        events.LIQUIDATION_STARTED,
        equity(exchange, account),
        maintenance(exchange, account),
        account=account.account,
    )


def end_liquidation(exchange, account: Account, end: int) -> None:
    account.leave_liquidation()
    exchange.emit(
        events.LIQUIDATION_ENDED,
        end,
        equity(exchange, account),
        maintenance(exchange, account),
        account=account.account,
    )


def convert_shorts(exchange) -> None:
    """10.4: who is short of cash and has collateral, first in, first out. Marks may have moved
    since, so that there is a profit again. While one is dealt with it is not short anew."""
    while exchange.shorts:
        account = exchange.accounts[exchange.shorts[0]]
        if account.cash < 0:
            cover(exchange, account)
        convert_missing(exchange, account)
        assert account.cash >= 0, "10.4: an equity that is not negative always suffices"
        exchange.shorts.popleft()


def drain_suspects(exchange) -> None:
    """First in, first out; orders that their siblings ended go before, then conversions."""
    cancel_ended(exchange)
    convert_shorts(exchange)
    while exchange.suspects:
        account = exchange.accounts[exchange.suspects.popleft()]
        value = equity(exchange, account)
        assert value >= 0, "I3: a negative equity outside a step"
        if value < maintenance(exchange, account):
            start_liquidation(exchange, account)


# What the next step of an account would be.


@dataclass
class Plan:
    holding: Holding
    kind: int
    lots: int
    limit: int
    equity: int
    margin: int
    share: int


def share_of(exchange, account: Account, holding: Holding) -> int:
    """9.3: the part of a positive equity that stands behind this position, in every mode by what
    the tiers say."""
    own = maintenance_by_tiers(exchange, {holding.contract: holding.lots})
    return equity(exchange, account) * own // maintenance_by_tiers(exchange, lots_held(account))


def movable_positions(exchange, account: Account) -> list[Holding]:
    """Those that the queue can act on: neither frozen nor waiting for an uncross."""
    return [
        holding
        for holding in account.positions()
        if exchange.markets[holding.contract].state not in (FROZEN, *COLLECTING)
    ]


def waiting_positions(exchange, account: Account) -> list[Holding]:
    return [
        holding
        for holding in account.positions()
        if exchange.markets[holding.contract].state in COLLECTING
    ]


def is_waiting(exchange, account: Account) -> bool:
    """Whether the next step is an uncross's; a recovery is seen before it."""
    waiting = waiting_positions(exchange, account)
    if not waiting or movable_positions(exchange, account):
        return False
    return not is_recovered(exchange, account, largest_position(exchange, account, waiting))


def is_recovered(exchange, account: Account, holding: Holding) -> bool:
    buffer = exchange.markets[holding.contract].spec.liquidation_buffer_ppb
    margin = maintenance(exchange, account)
    return equity(exchange, account) >= rate_up(margin, PPB + buffer)


def limit_of(market: Market, holding: Holding, share: int) -> int:
    """The bankruptcy price, fee included, rounded towards earlier bankruptcy: the price farthest
    from the mark at which the position's loss can still be paid."""
    spec, sign, lots = market.spec, sign_of(holding.lots), abs(holding.lots)
    left = share - rate_up(lots * market.lot_size, spec.liquidation_fee_ppb)

    def can_be_paid(price: int) -> bool:
        """By all lots in one fill."""
        return -market.gain_of_fill(-sign, lots, price) <= left

    prices = range(spec.price_ticks_min, spec.price_ticks_max + 1)
    if sign > 0:
        first = bisect_left(prices, True, key=can_be_paid)
        return prices[min(first, len(prices) - 1)]
    beyond = bisect_left(prices, True, key=lambda price: not can_be_paid(price))
    return prices[max(beyond - 1, 0)]


def smallest_cut(exchange, account: Account, holding: Holding) -> int:
    """The fewest lots that reach maintenance x (1 + buffer); 0 if no part of the position does. A
    small part may do where a larger one does not: what is above the target rises with the cut, and
    from some cut on it falls."""
    market = exchange.markets[holding.contract]
    spec, lots = market.spec, abs(holding.lots)
    value = equity(exchange, account)
    cost = ceil_div(market.lot_size * (spec.liquidation_slippage_ppb + spec.fee_taker_ppb), PPB)

    def excess(cut: int) -> int:
        left = sign_of(holding.lots) * (lots - cut)
        margin = maintenance_with(exchange, account, holding.contract, left)
        return value - cut * cost - rate_up(margin, PPB + spec.liquidation_buffer_ppb)

    cuts = range(1, lots + 1)
    best = lots
    if excess(lots) < 0:
        falls = bisect_left(cuts, True, hi=lots - 1, key=lambda cut: excess(cut + 1) <= excess(cut))
        best = cuts[falls]
        if excess(best) < 0:
            return 0
    cut = cuts[bisect_left(cuts, True, hi=best - 1, key=lambda cut: excess(cut) >= 0)]
    return cut if cut < lots else 0


def visible_lots(market: Market, account: Account, side: int, limit: int) -> int:
    """What the book shows within the limit, without the orders that the step cancels first."""
    own = sum(
        order.displayed
        for order in account.holding(market.contract).resting()
        if order.side == side and not order.is_reduce_only
        and (order.price >= limit if side == words.BUY else order.price <= limit)
    )  # fmt: skip
    return market.book.lots_within(side, limit) - own


def reason_to_end(exchange, account: Account) -> int:
    """Why liquidation ends before another step; 0 if it goes on."""
    movable = movable_positions(exchange, account)
    waiting = waiting_positions(exchange, account)
    if not movable and not waiting:
        return words.END_FROZEN if account.positions() else words.END_FLAT
    largest = largest_position(exchange, account, movable or waiting)
    if is_recovered(exchange, account, largest):
        return words.END_RECOVERED
    return 0


def plan_step(exchange, account: Account, holding: Holding, in_auction: bool = False) -> Plan:
    """9.2 c-d for this position. In an auction depth is no bound; where nothing trades the whole
    position goes."""
    market = exchange.markets[holding.contract]
    spec, lots = market.spec, abs(holding.lots)
    value, margin = equity(exchange, account), maintenance(exchange, account)
    share = share_of(exchange, account, holding)
    limit = limit_of(market, holding, share)
    cut = 0
    is_whole = (
        lots <= spec.liquidation_whole_lots
        or value < rate_up(margin, spec.liquidation_whole_equity_ppb)
        or account.next_step_whole
        or market.state in CLOSED
    )
    if not is_whole:
        cut = smallest_cut(exchange, account, holding)
    if cut and not in_auction:
        bid_or_ask = words.BUY if holding.lots > 0 else words.SELL
        visible = visible_lots(market, account, bid_or_ask, limit)
        cut = min(cut, rate_down(visible, spec.liquidation_depth_ppb))
    if cut == 0:
        return Plan(holding, words.STEP_WHOLE, lots, limit, value, margin, share)
    return Plan(holding, words.STEP_PARTIAL, cut, limit, value, margin, share)


def next_step_lots(exchange, account: Account, contract: int) -> int:
    """What the account's next step in the queue would close in this contract."""
    movable = movable_positions(exchange, account)
    if not movable or reason_to_end(exchange, account):
        return 0
    holding = largest_position(exchange, account, movable)
    if holding.contract != contract:
        return 0
    return plan_step(exchange, account, holding).lots


# The queue.


def is_cooling(exchange, account: Account) -> bool:
    """9.2 d: neither a whole close-out nor the end of a liquidation waits for a cooldown."""
    if exchange.clock >= account.cools_until:
        return False
    movable = movable_positions(exchange, account)
    if movable:
        largest = largest_position(exchange, account, movable)
        share_ppb = exchange.markets[largest.contract].spec.liquidation_whole_equity_ppb
        is_whole = equity(exchange, account) < rate_up(maintenance(exchange, account), share_ppb)
        if not is_whole and not is_recovered(exchange, account, largest):
            return True
    account.cools_until = 0  # for good, whatever its next value
    return False


def risky_orders(account: Account) -> list[Order]:
    """Those that 9.2 b cancels."""
    return [order for order in account.orders() if not order.is_reduce_only]


def is_taken(exchange, account: Account) -> bool:
    """By the queue; one that waits for an uncross only to lose the orders that could add risk."""
    if not account.in_liquidation:
        return False
    if is_waiting(exchange, account):
        return bool(risky_orders(account))
    return not is_cooling(exchange, account)


def run_queue(exchange) -> None:
    steps = 0
    while steps < exchange.config.liquidation_steps_max:
        ready = [a for a in exchange.accounts.values() if is_taken(exchange, a)]
        if not ready:
            return
        worst = min(
            ready,
            key=lambda a: (equity(exchange, a) - maintenance(exchange, a), a.account),
        )
        if is_waiting(exchange, worst):
            cancel_all(exchange, risky_orders(worst), words.CANCEL_LIQUIDATION)
        else:
            run_step(exchange, worst)
            steps += 1
        drain_suspects(exchange)


def run_step(exchange, account: Account) -> None:
    end = reason_to_end(exchange, account)
    if end:
        end_liquidation(exchange, account, end)
        return
    movable = movable_positions(exchange, account)
    plan = plan_step(exchange, account, largest_position(exchange, account, movable))
    announce_step(exchange, account, plan)
    market = exchange.markets[plan.holding.contract]
    filled, is_interrupted = 0, False
    if market.state not in CLOSED:
        order = liquidation_order(account, plan)
        is_interrupted = sweep_forced(exchange, market, order)
        filled = order.filled
    is_partial = plan.kind == words.STEP_PARTIAL
    account.next_step_whole = is_partial and filled == 0 and not is_interrupted
    if is_partial and filled:
        account.cools_until = exchange.clock + market.spec.liquidation_cooldown_ns
    if not is_partial and plan.holding.lots and not is_interrupted:
        close_rest(exchange, account, plan.holding)


def sweep_forced(exchange, market: Market, order: Order) -> bool:
    """Returns whether the dynamic band interrupted the contract (5.3): what is left then waits for
    the auction. To a small rest it is as if the book had ended there."""
    prices, is_stopped = sweep(exchange, order)
    if is_stopped and is_worth_an_auction(market, order):
        interrupt(exchange, market, may_halt=False)  # in an auction nobody looks
        return True
    look_after_sweep(exchange, market, prices)
    return False


def announce_step(exchange, account: Account, plan: Plan) -> None:
    """9.2 b, then the step with its inputs."""
    cancel_all(exchange, risky_orders(account), words.CANCEL_LIQUIDATION)
    exchange.emit(
        events.LIQUIDATION_STEPPED,
        plan.kind,
        plan.lots,
        plan.limit,
        plan.equity,
        plan.margin,
        plan.share,
        account=account.account,
        contract=plan.holding.contract,
    )


def liquidation_order(account: Account, plan: Plan) -> Order:
    """Of id 0; its rest ends in silence."""
    lots = plan.holding.lots
    return Order(
        0,
        account.account,
        0,
        plan.holding.contract,
        words.SELL if lots > 0 else words.BUY,
        plan.limit,
        plan.lots,
        tif=words.IOC,
        flags=LIQUIDATION | words.REDUCE_ONLY,
        stp=words.STP_CANCEL_OLDEST,
        step_lots=abs(lots),
        step_share=plan.share,
        entered=plan.lots,
    )


def takeover_penalty(exchange, account: Account, holding: Holding, lots: int) -> int:
    """9.4: for so many lots of the position as it stands now, never more than their part of what
    stands behind it."""
    market = exchange.markets[holding.contract]
    most = share_of(exchange, account, holding) * lots // abs(holding.lots)
    return min(most, rate_up(lots * market.lot_size, market.spec.takeover_penalty_ppb))


def close_rest(exchange, account: Account, holding: Holding) -> None:
    """9.2 e-f: what the book could not take of a whole position."""
    market = exchange.markets[holding.contract]
    penalty_of = partial(takeover_penalty, exchange, account, holding)
    provide(exchange, market, account, penalty_of)
    if holding.lots == 0:
        return
    lots, share = abs(holding.lots), share_of(exchange, account, holding)
    taken = takeover_lots(exchange, market, account, [0] * lots, 0)
    if taken:
        take_over(exchange, market, account, taken, 0, penalty_of(taken))
    if holding.lots:
        pair_off(exchange, market, account, [])
    left = abs(holding.lots)
    if left:
        share_left = 0 if account is exchange.fund else share * left // lots
        deleverage(exchange, market, account, -share_left)
