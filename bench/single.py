"""One command at a time: typed, as an embedder submits it, and by the integer entry.

    python bench/single.py --workload steady

Each call lies between two readings of Python's clock, one of which its time includes; nothing is
subtracted. The garbage collector is on, as it is for whoever uses the engine. What counts is a
single round, all that the machine did included: here an empty loop of Python, half a microsecond
long, took three in one of a hundred. Every round makes the same calls on an equal exchange, so each
call has a time in each of them, and the percentiles of the calls' medians, which stand beside, are
the engine's own, the interpreter and the misses of the caches included.
"""

import argparse
import time
from array import array
from typing import NamedTuple

import msgspec
import numpy as np

from bench.twin import prepare
from bench.workloads import Workload, make_workload, room_of
from engine.exchange import Exchange
from engine.schema.commands import BY_KIND, COMMAND, FIELDS, AnyCommand
from engine.state.arena import Arena
from engine.transition.run import one

WARM = 2_000  # calls before those that count
SHARES = (50.0, 99.0, 99.9)


class Single(NamedTuple):
    """Microseconds per call: percentiles of a single round (the median of the rounds'), and of the
    calls' medians over the rounds."""

    calls: int  # of a round
    rounds: int
    p50_us: float
    p99_us: float
    p999_us: float
    call_p99_us: float
    call_p999_us: float


def typed_commands(workload: Workload, count: int) -> list[AnyCommand]:
    """The first commands of the flow as an embedder would submit them."""
    typed = []
    for record in workload.flow[:count]:
        kind = int(record["kind"])
        values = {name: int(record[name]) for name in FIELDS[kind]}
        typed.append(msgspec.convert(values, BY_KIND[kind]))
    return typed  # type: ignore[return-value]


def _room(count: int) -> "array[int]":
    """For the readings: a list of them would grow, and the pages that its new numbers touch first
    cost 2 us each, just often enough to be what the slowest hundredth shows."""
    return array("q", bytes(8 * count))


def _by_share(rounds: "list[array[int]]") -> Single:
    spent_us = np.array(rounds) / 1e3
    if spent_us.shape[1] > 2 * WARM:
        spent_us = spent_us[:, WARM:]
    of_round = np.median(np.percentile(spent_us, SHARES, axis=1), axis=1)
    of_calls = np.percentile(np.median(spent_us, axis=0), SHARES[1:])
    return Single(spent_us.shape[1], len(rounds), *of_round.tolist(), *of_calls.tolist())


def _submit_each(workload: Workload, commands: list[AnyCommand]) -> "array[int]":
    exchange = Exchange(workload.config)
    exchange.make_room(*room_of(workload))
    exchange.run(workload.setup)
    spent = _room(len(commands))
    for k, command in enumerate(commands):
        start = time.perf_counter_ns()
        exchange.submit(command)
        spent[k] = time.perf_counter_ns() - start
    return spent


def measure_submit(workload: Workload, count: int, rounds: int) -> Single:
    """A typed command in, a tuple of typed events out."""
    commands = typed_commands(workload, count)
    return _by_share([_submit_each(workload, commands) for _ in range(rounds)])


def _call_each(arena: Arena, workload: Workload, count: int) -> "array[int]":
    base, at = arena.base, workload.flow.ctypes.data
    spent = _room(count)
    for row in range(count):
        address = at + row * COMMAND.itemsize
        start = time.perf_counter_ns()
        one(base, address, 1)
        spent[row] = time.perf_counter_ns() - start
    return spent


def measure_one(workload: Workload, count: int, rounds: int) -> Single:
    """A record's address in, a refusal code out; the events stand in the arena."""
    return _by_share([_call_each(prepare(workload), workload, count) for _ in range(rounds)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="steady")
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    workload = make_workload(arguments.workload, arguments.calls)
    measures = {"submit": measure_submit, "one": measure_one}
    for name, measure in measures.items():
        found = measure(workload, arguments.calls, arguments.rounds)
        print(
            f"{name:>6}: p50 {found.p50_us:.2f} us, p99 {found.p99_us:.2f}, p99.9"
            f" {found.p999_us:.2f} of {found.calls:,} calls in a round; of a call's median of"
            f" {found.rounds} rounds: p99 {found.call_p99_us:.2f}, p99.9 {found.call_p999_us:.2f}"
        )


if __name__ == "__main__":
    main()
