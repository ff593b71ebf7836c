"""One command at a time: typed, as an embedder submits it, and by the integer entry.

    python bench/single.py --workload steady

Each call lies between two readings of Python's clock, one of which its time includes; nothing is
subtracted. The garbage collector is on, as it is for whoever uses the engine.
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
from engine.transition.run import one

WARM = 2_000  # calls before those that count
SHARES = (50.0, 99.0, 99.9)


class Single(NamedTuple):
    """Microseconds per call by share of the calls."""

    calls: int
    p50_us: float
    p99_us: float
    p999_us: float


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


def _by_share(spent_ns: "array[int]") -> Single:
    counted = spent_ns[WARM:] if len(spent_ns) > 2 * WARM else spent_ns
    return Single(len(counted), *(np.percentile(counted, SHARES) / 1e3).tolist())


def measure_submit(workload: Workload, count: int) -> Single:
    """A typed command in, a tuple of typed events out."""
    exchange = Exchange(workload.config)
    exchange.make_room(*room_of(workload))
    exchange.run(workload.setup)
    spent = _room(count)
    for k, command in enumerate(typed_commands(workload, count)):
        start = time.perf_counter_ns()
        exchange.submit(command)
        spent[k] = time.perf_counter_ns() - start
    return _by_share(spent)


def measure_one(workload: Workload, count: int) -> Single:
    """A record's address in, a refusal code out; the events stand in the arena."""
    arena = prepare(workload)
    base, at = arena.base, workload.flow.ctypes.data
    spent = _room(count)
    for row in range(count):
        address = at + row * COMMAND.itemsize
        start = time.perf_counter_ns()
        one(base, address, 1)
        spent[row] = time.perf_counter_ns() - start
    return _by_share(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="steady")
    parser.add_argument("--calls", type=int, default=50_000)
    arguments = parser.parse_args()
    workload = make_workload(arguments.workload, arguments.calls)
    measures = {"submit": measure_submit, "one": measure_one}
    for name, measure in measures.items():
        found = measure(workload, arguments.calls)
        print(
            f"{name:>6}: p50 {found.p50_us:.2f} us, p99 {found.p99_us:.2f}, p99.9"
            f" {found.p999_us:.2f} of {found.calls:,} calls"
        )


if __name__ == "__main__":
    main()
