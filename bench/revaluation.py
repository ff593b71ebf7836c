"""A mark move that values every holder anew and finds nobody in need.

    python bench/revaluation.py --holders 250000

Every account is long a lot of one contract and short a lot of the other, so both marks in one step
leave its equity where it was. Its bands know of one contract at a time, though, and both are left:
each account is valued exactly, once, and gets new bands. Measured is that command, entry to return.
"""

import argparse
import statistics
from typing import NamedTuple

import numpy as np

from bench.market import make_contract, open_accounts, publish, records, trade_in_pairs
from bench.scans import Clock
from engine.exchange import Exchange
from engine.schema import commands
from engine.schema.contract import Config, Contract, Tier
from engine.state import layout

MARK_TICKS = 50_000
MOVE_TICKS = 6_000  # beyond every band at ten times leverage, up and down again
LEVERAGE = 10
ROUNDS = 9


class Revaluation(NamedTuple):
    """Milliseconds of one step, the median of rounds, and how many accounts each has valued."""

    holders: int
    valued: int
    rounds: int
    move_ms: float


def list_contract(number: int) -> Contract:
    tiers = (Tier(0, 20_000_000, 10_000_000),)
    return make_contract(
        number, tick_value=1_000, price_ticks_max=2 * MARK_TICKS, tiers=tiers,
        funding_interest_ppb=0,
    )  # fmt: skip


def open_market(holders: int) -> Exchange:
    contracts = (list_contract(1), list_contract(2))
    exchange = Exchange(Config(contracts=contracts))
    exchange.run(publish({1: MARK_TICKS, 2: MARK_TICKS}))
    ids = open_accounts(exchange, holders)
    money = 2 * MARK_TICKS * 1_000 // LEVERAGE
    exchange.run(records(holders, commands.DEPOSIT, account=ids, amount=money))
    lots = np.ones(holders // 2, np.int64)
    trade_in_pairs(exchange, 1, ids[::2], ids[1::2], lots, MARK_TICKS)
    trade_in_pairs(exchange, 2, ids[1::2], ids[::2], lots, MARK_TICKS)
    exchange.run(publish({1: MARK_TICKS + 1, 2: MARK_TICKS + 1}))  # values all that has changed
    return exchange


def count_left(exchange: Exchange, ticks: int) -> int:
    """How many of the first contract's holders have a band that this mark leaves."""
    first = layout.ACCOUNT_ROWS
    count = int(exchange.arena.records("contracts", 2)["holders"][1])
    bands = exchange.arena.records("bands", first + count)[first:]
    value = ticks * 1_000
    return int(((value < bands["low_value"]) | (value >= bands["end_value"])).sum())


def measure_revaluation(holders: int) -> Revaluation:
    exchange = open_market(holders)
    clock, spent, valued = Clock(exchange), [], []
    for k in range(ROUNDS):
        ticks = MARK_TICKS + (0 if k % 2 else MOVE_TICKS)
        valued.append(count_left(exchange, ticks))
        spent.append(clock.take(publish({1: ticks, 2: ticks}, clock.time_ns)))
    assert clock.called == 0, "somebody was called"
    return Revaluation(holders, min(valued), ROUNDS, statistics.median(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--holders", type=int, default=250_000)
    found = measure_revaluation(parser.parse_args().holders)
    print(f"{found.valued:,} of {found.holders:,} holders valued: {found.move_ms:.2f} ms")


if __name__ == "__main__":
    main()
