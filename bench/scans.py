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
from typing import NamedTuple

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
from engine.exchange import EVENTS_PER_RUN, Exchange
from engine.schema import bounds, commands, events
from engine.schema.contract import Config, Contract, Tier
from engine.transition.run import run
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
    """Runs single commands and says how long each took, in milliseconds, entry to return."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.time_ns = TIME_NS
        self.paid = 0  # per lot, in funding, so far
        self.called = 0

    def take(self, record: Records) -> float:
        arena, at = self.exchange.arena, record.ctypes.data
        arena.engine["events"] = 0
        start = time.perf_counter_ns()
        run(arena.base, at, 1, EVENTS_PER_RUN)
        spent = (time.perf_counter_ns() - start) / 1e6
        found = self.exchange.last_events()
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


class Scans(NamedTuple):
    """Milliseconds a command, medians of rounds; of which some call holders."""

    holders: int
    rounds: int
    move_ms: float
    fund_ms: float
    move_close_ms: float
    fund_hit_ms: float
    called: int


def measure_scans(holders: int) -> Scans:
    """Rounds where nobody is hit, then rounds where each funding time calls a group."""
    exchange = Exchange(Config(contracts=(list_contract(),), fund_cash=10**15))
    money = money_of(holders)
    ids = open_market(exchange, money)
    found = int(exchange.arena.records("contracts", 2)["holders"][1])
    clock = Clock(exchange)
    quiet = [(clock.move(MARK_TICKS + k % 2), clock.fund()) for k in range(ROUNDS)]
    assert clock.called == 0, "somebody was hit"
    close = []
    for k in range(ROUNDS):
        row = len(money) - 2 * GROUP * (ROUNDS - k)
        ticks = lowest_uncalled(int(money[row]), clock.paid)
        close.append((clock.move(ticks), clock.fund()))
        group = ids[row : row + 2 * GROUP : 2]
        exchange.run(
            records(GROUP, commands.DEPOSIT, clock.time_ns, account=group, amount=NOTIONAL)
        )
    equity, maintenance = Screen(exchange.config, exchange.arena).value(Scenario("now", {}))
    assert (equity >= maintenance).all(), "an account was missed"
    move_ms, fund_ms = (statistics.median(series) for series in zip(*quiet, strict=True))
    move_close_ms, fund_hit_ms = (statistics.median(series) for series in zip(*close, strict=True))
    return Scans(found, ROUNDS, move_ms, fund_ms, move_close_ms, fund_hit_ms, clock.called)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--holders", type=int, default=1_000_000)
    found = measure_scans(parser.parse_args().holders)
    print(f"{found.holders:,} holders, medians of {found.rounds}")
    print(f"the mark moves, nobody is hit   {found.move_ms:9.4f} ms")
    print(f"a funding time, nobody is hit   {found.fund_ms:9.4f} ms")
    print(f"the mark falls close to some    {found.move_close_ms:9.4f} ms")
    print(f"a funding time, some are hit    {found.fund_hit_ms:9.4f} ms  ({found.called} called)")


if __name__ == "__main__":
    main()
