"""Matching alone, against a reference book: what the engine's book costs without the exchange.

    python bench/matching.py DIR

DIR holds the reference (`bench/reference.py`). A round is a whole workload by each of three, one
after the other: the reference, the engine's book under the loop of `matching_kernels.py`, and the
same book in C++ out of the twin. What counts is the median of the rounds' ratios. The engine's side
of it reads the same 16-byte commands, recycles slots, tells each trade as an event of 64 bytes and
keeps orders of 64 bytes; its cancels name the engine's order id, slot and generation, as those of a
client do. The reference keeps 16 bytes for an order at its number, never uses one twice and writes
16 bytes for a fill.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.market import make_contract
from bench.matching_kernels import AHEAD, CONTRACT, FLOW, learn_ids, match
from bench.native.build import load_matching
from bench.reference import Flow, Reference
from engine.exchange import Exchange
from engine.schema.contract import Config, Tier
from engine.state.arena import Arena

BATCH = 16_384  # the reference is called once; a call of ours takes a microsecond
EVENTS_TOUCHED = 4 * BATCH
PRICE_TICKS_MAX = 2**16

Pass = Callable[[Arena, NDArray[np.void], int, int, NDArray[np.int64]], object]


class Matched(NamedTuple):
    """One mix: nanoseconds per command, medians; ratios, medians of the rounds' ratios."""

    mix: str
    ours_ns: float
    twin_ns: float
    reference_ns: float
    ratio: float  # ours / reference
    twin_ratio: float  # the twin's book / reference


def open_arena() -> Arena:
    """An empty book; the memory of events is there, as that of the reference is."""
    terms = make_contract(
        CONTRACT, tick_value=1, price_ticks_max=PRICE_TICKS_MAX,
        tiers=(Tier(0, 20_000_000, 10_000_000),),
    )  # fmt: skip
    arena = Exchange(Config(contracts=(terms,))).arena
    arena.records("events", EVENTS_TOUCHED)["sequence"] = 0
    return arena


def translate(flow: Flow) -> NDArray[np.void]:
    """The records with the engine's ids in their cancels, and room behind for the look-ahead."""
    records = np.zeros(len(flow.records) + AHEAD, FLOW)
    records[: len(flow.records)] = flow.records
    arena, totals = open_arena(), np.zeros(3, np.int64)
    ids = np.zeros(flow.id_max + 1, np.int64)
    for first in range(0, len(flow.records), BATCH):
        arena.engine["events"] = 0
        end = min(first + BATCH, len(flow.records))
        learn_ids(arena.base, records, first, end, ids, totals)
    must_be_right(flow, arena, totals)
    return records


def must_be_right(flow: Flow, arena: Arena, totals: NDArray[np.int64]) -> None:
    """Trades, lots, notional and what is left are those that the generator has counted."""
    assert tuple(totals.tolist()) == flow.totals, (flow.mix, totals, flow.totals)
    assert int(arena.engine["orders_live"][0]) == flow.live, flow.mix
    pages = int(arena.engine["pages_top"][0]) + 1
    words = arena.records("page_words", 8 * pages)["bits"]
    assert int(np.bitwise_count(words).sum()) == flow.levels, flow.mix


def time_pass(function: Pass, flow: Flow, records: NDArray[np.void]) -> float:
    """One pass on a new arena: nanoseconds of CPU time per command behind the prefill."""
    arena, totals = open_arena(), np.zeros(3, np.int64)
    end = flow.prefill + flow.commands

    def run(first: int, last: int) -> None:
        for start in range(first, last, BATCH):
            arena.engine["events"] = 0
            function(arena, records, start, min(start + BATCH, last), totals)

    run(0, flow.prefill)
    begun = time.thread_time_ns()
    run(flow.prefill, end)
    spent = time.thread_time_ns() - begun
    must_be_right(flow, arena, totals)
    return spent / flow.commands


def find_passes() -> tuple[Pass, Pass]:
    """(ours, the twin's)."""
    twin = load_matching()
    return (
        lambda arena, records, first, end, totals: match(arena.base, records, first, end, totals),
        lambda arena, records, first, end, totals: twin(
            arena.base, records.ctypes.data, first, end, totals.ctypes.data
        ),
    )


def measure_mix(reference: Reference, flow: Flow, rounds: int) -> Matched:
    ours, twin = find_passes()
    records = translate(flow)
    times = []
    for k in range(rounds + 1):
        row = (time_pass(ours, flow, records), time_pass(twin, flow, records), reference.time(flow))
        if k > 0:  # the first warms up
            times.append(row)
    medians = (statistics.median(series) for series in zip(*times, strict=True))
    ratios = (statistics.median(row[k] / row[2] for row in times) for k in (0, 1))
    return Matched(flow.mix, *medians, *ratios)


def measure_matching(reference: Reference, rounds: int) -> list[Matched]:
    return [measure_mix(reference, flow, rounds) for flow in reference.flows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    for found in measure_matching(Reference(arguments.reference), arguments.rounds):
        print(
            f"{found.mix:>6}: ours {found.ours_ns:5.1f} ns, twin {found.twin_ns:5.1f}, reference"
            f" {found.reference_ns:5.1f}; ratio {found.ratio:.2f}, twin {found.twin_ratio:.2f}"
        )


if __name__ == "__main__":
    main()
