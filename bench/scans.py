"""What supervision costs among many holders: a mark moves, or funding is due, and whom that finds.

    python bench/scans.py --holders 1000000

Every account holds one lot of one contract, half of them long, at leverages about a median of five.
Measured is one command, entry to return: a price that moves the mark by a tick, or the clock that
comes to a funding time, first where nobody is hit. Then the mark falls to where it is only just
above the margin calls of a few longs, and the next funding time calls them; so in each round. Who
is called brings money, and no round finds those of another.
"""

import argparse
import statistics
import time

import numpy as np

from bench.market import (
    TIME_NS,
    Records,
    Whole,
    make_contract,
    open_accounts,
    publish,
    records,
    trade_in_pairs,
)
from engine.exchange import Exchange
from engine.schema import bounds, commands, events
from engine.schema.contract import Config, Contract, Tier
from risk.stress import Scenario, Screen

MARK_TICKS = 50_000
TICK_VALUE = 1_000
NOTIONAL = MARK_TICKS * TICK_VALUE
INTERVAL_NS = 8 * 3_600 * bounds.NS_PER_SECOND
MAINTENANCE_PPB = 10_000_000
ROUNDS = 9
GROUP = 10  # longs that one round calls
LEVERAGE_MAX = 20


def list_contract() -> Contract:
    """Longs pay a basis point each interval: the interest alone, for no book is sampled."""
    return make_contract(
        1, tick_value=TICK_VALUE, price_ticks_max=2 * MARK_TICKS,
        tiers=(Tier(0, 2 * MAINTENANCE_PPB, MAINTENANCE_PPB),),
        funding_interval_ns=INTERVAL_NS, funding_interest_ppb=100_000,
    )  # fmt: skip


def money_of(holders: int) -> Whole:
    """Of each holder; the last groups have 2.1%, 2.2%, ... of the notional."""
    levels = np.clip(np.random.default_rng(1).lognormal(np.log(5), 0.5, holders), 1, LEVERAGE_MAX)
    money = (NOTIONAL / levels).astype(np.int64)
    shares = 21 + np.arange(ROUNDS).repeat(GROUP)
    money[-2 * len(shares) :: 2] = NOTIONAL // 1_000 * shares
    return money


def open_market(exchange: Exchange, money: Whole) -> Whole:
    exchange.run(publish({1: MARK_TICKS}))
    ids = open_accounts(exchange, len(money))
    exchange.run(records(len(money), commands.DEPOSIT, account=ids, amount=money))
    lots = np.ones(len(money) // 2, np.int64)
    trade_in_pairs(exchange, 1, ids[::2], ids[1::2], lots, MARK_TICKS)
    exchange.run(publish({1: MARK_TICKS + 1}))  # values all that has changed
    return ids


class Clock:
    """Runs single commands and says how long each took, in milliseconds."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.time_ns = TIME_NS
        self.paid = 0  # per lot, in funding, so far
        self.called = 0

    def take(self, record: Records) -> float:
        start = time.perf_counter_ns()
        found = self.exchange.run(record)
        spent = (time.perf_counter_ns() - start) / 1e6
        self.paid += int(found["b"][found["kind"] == events.FUNDING_PUBLISHED].sum())
        self.called += int((found["kind"] == events.MARGIN_CALLED).sum())
        return spent

    def move(self, ticks: int) -> float:
        return self.take(publish({1: ticks}, self.time_ns))

    def fund(self) -> float:
        self.time_ns += INTERVAL_NS
        return self.take(records(1, commands.ADVANCE_TIME, self.time_ns))


def lowest_uncalled(money: int, paid: int) -> int:
    """The lowest mark at which a long with so much money has not reached his margin call."""
    ticks = MARK_TICKS
    while True:
        size = (ticks - 1) * TICK_VALUE
        level = -(-size * MAINTENANCE_PPB // bounds.PPB) * 12 // 10 + 1
        if money + size - NOTIONAL - paid < level:
            return ticks
        ticks -= 1


def tell(what: str, spent: list[float], called: int) -> None:
    print(f"{what:<34}{statistics.median(spent):9.3f} ms  (of {len(spent)}; {called} called)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--holders", type=int, default=1_000_000)
    arguments = parser.parse_args()
    exchange = Exchange(Config(contracts=(list_contract(),), fund_cash=10**15))
    money = money_of(arguments.holders)
    ids = open_market(exchange, money)
    print(f"{int(exchange.arena.records('contracts', 2)['holders'][1]):,} holders")
    clock = Clock(exchange)
    moves, times = [], []
    for k in range(ROUNDS):
        moves.append(clock.move(MARK_TICKS + k % 2))
        times.append(clock.fund())
    tell("the mark moves, nobody is hit", moves, clock.called)
    tell("a funding time, nobody is hit", times, clock.called)
    moves, times, called = [], [], clock.called
    for k in range(ROUNDS):
        row = len(money) - 2 * GROUP * (ROUNDS - k)
        moves.append(clock.move(lowest_uncalled(int(money[row]), clock.paid)))
        times.append(clock.fund())
        group = ids[row : row + 2 * GROUP : 2]
        exchange.run(
            records(GROUP, commands.DEPOSIT, clock.time_ns, account=group, amount=NOTIONAL)
        )
    tell("the mark falls close to some", moves, 0)
    tell("a funding time, some are hit", times, clock.called - called)
    equity, maintenance = Screen(exchange.config, exchange.arena).value(Scenario("now", {}))
    assert (equity >= maintenance).all(), "an account was missed"


if __name__ == "__main__":
    main()
