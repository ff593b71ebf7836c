"""How often supervision values an account for nothing, on real marks.

    python bench/false_triggers.py btc.csv.gz eth.csv.gz --leverage 5 --hours 720

Each file holds hourly candles (time, open, high, low, close) and becomes the marks of one contract:
open, low, high, close, or open, high, low, close where the hour fell. Accounts hold a position in
every contract, half of them long. A holder whose band the next mark has left is valued; that is a
false trigger unless the step then calls it, liquidates it, or it is called or in liquidation
already, which empties its bands (9.1).
"""

import argparse
import csv
import gzip
from pathlib import Path

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
from engine.state import layout

TICKS_PER_OPENING = 20_000  # the first price of each file, so a tick is half a basis point of it
TICK_VALUE = 100
QUARTER_NS = 900 * bounds.NS_PER_SECOND


def read_marks(path: Path, hours: int) -> list[int]:
    """Four marks an hour, in ticks."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="") as stream:
        rows = list(csv.reader(stream))[1 : hours + 1]
    scale = TICKS_PER_OPENING / float(rows[0][1])
    marks = []
    for _, *prices in rows:
        first, high, low, last = (round(float(price) * scale) for price in prices)
        marks += [first, low, high, last] if last >= first else [first, high, low, last]
    return marks


def list_contract(number: int) -> Contract:
    tiers = (Tier(0, 20_000_000, 10_000_000),)
    return make_contract(number, tick_value=TICK_VALUE, tiers=tiers, funding_interest_ppb=0)


def publish_all(marks: tuple[int, ...], time_ns: int) -> Records:
    return publish(dict(enumerate(marks, start=1)), time_ns)


def open_market(
    exchange: Exchange, marks: tuple[int, ...], accounts: int, leverage: float
) -> None:
    """Accounts with a position in every contract, their leverage lognormal around the median."""
    random = np.random.default_rng(1)
    exchange.run(publish_all(marks, TIME_NS))
    ids = open_accounts(exchange, accounts)
    lots = random.integers(1, 20, (accounts // 2, len(marks)))
    pairs = [random.permutation(accounts).reshape(2, -1) for _ in marks]
    notional = np.zeros(accounts, np.int64)
    for column, (pair, ticks) in enumerate(zip(pairs, marks, strict=True)):
        for who in pair:
            notional[who] += lots[:, column] * ticks * TICK_VALUE
    levels = np.clip(random.lognormal(np.log(leverage), 0.5, accounts), 1, 40)
    cash = (notional / levels).astype(np.int64) + 1
    exchange.run(records(accounts, commands.DEPOSIT, account=ids, amount=cash))
    for column, ((longs, shorts), ticks) in enumerate(zip(pairs, marks, strict=True)):
        trade_in_pairs(exchange, column + 1, ids[longs], ids[shorts], lots[:, column], ticks)


def find_outside(exchange: Exchange, marks: tuple[int, ...]) -> tuple[Whole, int]:
    """(accounts with a band that the next marks leave and that nothing else empties, holders)."""
    arena = exchange.arena
    outside, holders = [], 0
    for contract, ticks in enumerate(marks, start=1):
        count = int(arena.records("contracts", contract + 1)["holders"][contract])
        first = contract * layout.ACCOUNT_ROWS
        held = arena.records("holders", first + count)["slot"][first:]
        bands = arena.records("bands", first + count)[first:]
        shift = arena.records("band_shifts", contract + 1)[contract]
        value = ticks * TICK_VALUE
        left = (value - shift["low_value"] < bands["low_value"]) | (
            value - shift["high_value"] >= bands["end_value"]
        )
        positions = arena.records("positions", int(held.max(initial=0)) + 1)
        outside.append(positions["account"][held[left]].astype(np.int64))
        holders += count
    found = np.unique(np.concatenate(outside))
    flags = arena.records("accounts", int(found.max(initial=0)) + 1)["flags"][found]
    return found[flags & (layout.CALLED | layout.LIQUIDATING) == 0], holders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("candles", type=Path, nargs="+", help="one to three files")
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--leverage", type=float, default=5, help="median of the accounts")
    parser.add_argument("--hours", type=int, default=720)
    arguments = parser.parse_args()
    columns = [read_marks(path, arguments.hours) for path in arguments.candles]
    steps = list(zip(*columns, strict=True))
    contracts = tuple(list_contract(k + 1) for k in range(len(columns)))
    exchange = Exchange(Config(contracts=contracts, fund_cash=10**15))
    open_market(exchange, steps[0], arguments.accounts, arguments.leverage)
    updates = false = called = started = 0
    for k, marks in enumerate(steps[1:], start=1):
        time_ns = TIME_NS + k * QUARTER_NS
        exchange.run(records(1, commands.ADVANCE_TIME, time_ns))
        outside, holders = find_outside(exchange, marks)
        found = exchange.run(publish_all(marks, time_ns))
        hit = np.isin(found["kind"], (events.MARGIN_CALLED, events.LIQUIDATION_STARTED))
        false += len(np.setdiff1d(outside, found["account"][hit]))
        called += int((found["kind"] == events.MARGIN_CALLED).sum())
        started += int((found["kind"] == events.LIQUIDATION_STARTED).sum())
        updates += holders
    print(
        f"{arguments.accounts:,} accounts x {len(columns)} contracts, median leverage"
        f" {arguments.leverage:g}, {len(steps):,} marks: {updates:,} holder-updates"
    )
    print(
        f"false triggers: {false:,} ({false / updates * 1e6:.0f} a million updates,"
        f" {false / max(called + started, 1):.1f} for each of {called:,} calls and {started:,}"
        " liquidations)"
    )
    print(f"broken: {len(exchange.check())}")


if __name__ == "__main__":
    main()
