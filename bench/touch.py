"""What owed funding adds to a fill.

    python bench/touch.py --holders 100000

A funding time costs no pass over the holders: each settles when it is next touched. Measured are
parts of positions whose lines and accounts a fill would have in the cache and noted as changed:
first as they owe, then as they don't. The difference is what one settlement costs, with its event.
"""

import argparse
import statistics
import time
from typing import NamedTuple

from bench.scans import Clock, list_contract, money_of, open_market
from bench.touch_kernels import credit_nothing, touch_all
from engine.exchange import Exchange
from engine.schema.contract import Config

PART = 1_024
ROUNDS = 3


class Touch(NamedTuple):
    """Nanoseconds a position, medians over parts."""

    parts: int
    owing_ns: float
    clear_ns: float

    @property
    def added_ns(self) -> float:
        return self.owing_ns - self.clear_ns


def time_part(exchange: Exchange, first: int) -> tuple[float, float]:
    """(nanoseconds a position that owes, and that owes nothing any more)."""
    arena, end = exchange.arena, first + PART
    credit_nothing(arena.base, first, end)
    spent = []
    for settled in (PART, 0):
        arena.engine["events"] = 0
        start = time.perf_counter_ns()
        found = touch_all(arena.base, 1, first, end)
        spent.append((time.perf_counter_ns() - start) / PART)
        assert found == settled, (found, settled)
    return spent[0], spent[1]


def measure_touch(holders: int) -> Touch:
    exchange = Exchange(Config(contracts=(list_contract(),), fund_cash=10**15))
    open_market(exchange, money_of(holders))
    clock, rows = Clock(exchange), []
    for _ in range(ROUNDS):
        clock.fund()
        rows += [time_part(exchange, first) for first in range(1, holders - PART, PART)]
    assert exchange.check() == []
    owing_ns, clear_ns = (statistics.median(series) for series in zip(*rows, strict=True))
    return Touch(len(rows), owing_ns, clear_ns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--holders", type=int, default=100_000)
    found = measure_touch(parser.parse_args().holders)
    print(
        f"{found.added_ns:.1f} ns: {found.owing_ns:.1f} of a position that owes,"
        f" {found.clear_ns:.1f} of one that does not"
    )


if __name__ == "__main__":
    main()
