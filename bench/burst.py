"""A liquidation burst: one mark move puts many accounts under water, until nothing is left to do.

    python bench/burst.py --accounts 100000

Every account is long one lot, against shorts with money enough. The mark falls by a tenth: nine of
ten longs keep something, less than their maintenance, and are closed step by step, worst first, the
pool's sixteen steps in a command, into bids that wait at the new mark; each tenth is below zero
and is finished in the step itself, by deleveraging.
Measured is the price command, then every command behind it until no account is in liquidation: the
last steps only end what has been closed.
"""

import argparse
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
from engine.schema import vocabulary as words
from engine.schema.contract import Config, Contract, Tier
from engine.transition.run import run

MARK_TICKS = 50_000
FALLEN_TICKS = 45_000
TICK_VALUE = 1_000
MAINTENANCE_PPB = 10_000_000
BIDS = 1_000
BELOW_ZERO = 10  # each so-manieth
COMMANDS = 64  # of a call, while liquidations wait


class Burst(NamedTuple):
    """Seconds of the step that finds them, and of it with all steps behind."""

    accounts: int
    steps: int  # liquidation steps
    finished: int  # accounts that the step itself has closed
    commands: int  # behind the step
    step_s: float
    total_s: float


def list_contract() -> Contract:
    return make_contract(
        1, tick_value=TICK_VALUE, price_ticks_max=2 * MARK_TICKS,
        tiers=(Tier(0, 2 * MAINTENANCE_PPB, MAINTENANCE_PPB),), funding_interest_ppb=0,
    )  # fmt: skip


def money_of(accounts: int) -> Whole:
    """Of each long: what the fall takes, and some of its maintenance, or a little less than all."""
    lost = (MARK_TICKS - FALLEN_TICKS) * TICK_VALUE
    maintenance = FALLEN_TICKS * TICK_VALUE * MAINTENANCE_PPB // bounds.PPB
    kept = np.random.default_rng(1).integers(maintenance // 10, maintenance, accounts)
    kept[::BELOW_ZERO] = -maintenance // 10
    return lost + kept


def open_market(accounts: int) -> Exchange:
    exchange = Exchange(Config(contracts=(list_contract(),), fund_cash=10**15))
    exchange.run(publish({1: MARK_TICKS}))
    ids = open_accounts(exchange, 2 * accounts + 1)
    longs, shorts, maker = ids[:accounts], ids[accounts:-1], ids[-1:]
    plenty = MARK_TICKS * TICK_VALUE
    exchange.run(records(accounts, commands.DEPOSIT, account=longs, amount=money_of(accounts)))
    exchange.run(records(accounts, commands.DEPOSIT, account=shorts, amount=plenty))
    exchange.run(records(1, commands.DEPOSIT, account=maker, amount=plenty * accounts))
    lots = np.ones(accounts, np.int64)
    trade_in_pairs(exchange, 1, longs, shorts, lots, MARK_TICKS)
    exchange.run(
        records(
            BIDS, commands.PLACE_ORDER, account=maker, contract=1, side=words.BUY,
            client_id=np.arange(BIDS) + 1, lots=-(-accounts // BIDS), price_ticks=FALLEN_TICKS,
        )
    )  # fmt: skip
    exchange.run(publish({1: MARK_TICKS + 1}))  # values all that has changed
    return exchange


class Drain:
    """Runs commands, counts what they did, and adds up how long they took."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.clock_ns = TIME_NS
        self.seconds = 0.0
        self.counts: dict[int, int] = {}

    @property
    def waiting(self) -> int:
        engine = self.exchange.arena.engine[0]
        return int(engine["liquidations"]) + int(engine["cooling"])

    def take(self, commands_: Records) -> int:
        arena = self.exchange.arena
        arena.engine["events"] = 0
        start = time.perf_counter()
        taken = run(arena.base, commands_.ctypes.data, len(commands_), EVENTS_PER_RUN)
        self.seconds += time.perf_counter() - start
        found, counts = np.unique(self.exchange.last_events()["kind"], return_counts=True)
        for kind, count in zip(found.tolist(), counts.tolist(), strict=True):
            self.counts[kind] = self.counts.get(kind, 0) + count
        return int(taken)

    def advance(self, count: int) -> int:
        """So many seconds, one command each."""
        times = self.clock_ns + bounds.NS_PER_SECOND * (np.arange(count) + 1)
        taken = self.take(records(count, commands.ADVANCE_TIME, time_ns=times))
        self.clock_ns = int(times[taken - 1])
        return taken


def measure_burst(accounts: int) -> Burst:
    exchange = open_market(accounts)
    drain, behind = Drain(exchange), 0
    drain.take(publish({1: FALLEN_TICKS}))
    step_s = drain.seconds
    finished = drain.counts.get(events.WATERFALL_CLOSED, 0)
    while drain.waiting > 0:
        behind += drain.advance(COMMANDS)
    steps = drain.counts.get(events.LIQUIDATION_STEPPED, 0)
    assert exchange.check() == []
    return Burst(accounts, steps, finished, behind, step_s, drain.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=100_000)
    found = measure_burst(parser.parse_args().accounts)
    print(
        f"{found.accounts:,} accounts under water: {found.total_s:.3f} s, {found.step_s:.3f} of"
        f" it the step; {found.finished:,} finished there, {found.steps:,} steps in"
        f" {found.commands:,} commands behind it"
    )


if __name__ == "__main__":
    main()
