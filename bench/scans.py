"""What supervision costs among many holders: a mark moves, or funding is due, and whom it finds.

    python bench/scans.py --holders 1000000

Every account holds one lot of one contract, half of them long, at a median leverage of five. The
time is that of one command, entry to return: the mark moves by a tick up or down, or the clock
comes to a funding time. Then some accounts are given no more than a few ticks of room.
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
from engine.exchange import Exchange
from engine.schema import bounds, commands, events
from engine.schema.contract import Config, Contract, Tier

MARK_TICKS = 50_000
TICK_VALUE = 1_000
INTERVAL_NS = 8 * 3_600 * bounds.NS_PER_SECOND
LEVERAGE_MAX = 20
THIN_PPB = 10_100_000 * 12 // 10  # of notional: a basis point above the margin call of 1.2 x 1%


class Spent(NamedTuple):
    """One kind of command, several times: how long it took, how many it called."""

    milliseconds: list[float]
    called: int


def list_contract() -> Contract:
    """Funding of a basis point each interval, out of the interest alone."""
    tiers = (Tier(0, 20_000_000, 10_000_000),)
    return make_contract(
        1, tick_value=TICK_VALUE, tiers=tiers, open_interest_lots_max=10**7,
        funding_interval_ns=INTERVAL_NS, funding_interest_ppb=100_000,
        source_stale_ns=bounds.NS_PER_DAY,
    )  # fmt: skip


def open_market(exchange: Exchange, holders: int, thin: int) -> Whole:
    """Accounts with one lot each; the last so many stand just above their margin call."""
    random = np.random.default_rng(1)
    exchange.run(publish({1: MARK_TICKS}))
    ids = open_accounts(exchange, holders)
    notional = MARK_TICKS * TICK_VALUE
    levels = np.clip(random.lognormal(np.log(5), 0.5, holders), 1, LEVERAGE_MAX)
    exchange.run(
        records(holders, commands.DEPOSIT, account=ids, amount=(notional / levels).astype(np.int64))
    )
    trade_in_pairs(
        exchange, 1, ids[::2], ids[1::2], np.ones(holders // 2, np.int64), MARK_TICKS
    )
    return ids[holders - thin :]
