"""Independent margin pools side by side: an arena for each, a thread for each, no lock between.

    python bench/scaling.py --workload steady

The same flows are applied one after the other, then by two threads at once; wall time of both, in
turns. Every pool must end with the digest that it has by itself. `run` holds no interpreter lock,
so what is left in common is the machine: memory, and the processors that it really has.
"""

import argparse
import os
import statistics
import threading
import time
from typing import NamedTuple

from bench.twin import BATCH, copy_arena, prepare
from bench.workloads import Workload, make_workload, room_of
from engine.exchange import EVENTS_PER_RUN
from engine.schema.commands import COMMAND
from engine.state.arena import Arena
from engine.transition.run import run

POOLS = 2


class Scaling(NamedTuple):
    """Nanoseconds of wall time per command, over all pools; medians of rounds."""

    cpus: int
    pools: int
    rounds: int
    serial_ns: float
    threads_ns: float
    speedup: float  # the median of the rounds' ratios
    digests_equal: bool


def apply(arena: Arena, workload: Workload) -> None:
    """The whole flow in batches, the events of each overwritten by the next."""
    base, at, total = arena.base, workload.flow.ctypes.data, len(workload.flow)
    engine = arena.engine["events"]
    for first in range(0, total, BATCH):
        engine[0] = 0
        run(base, at + first * COMMAND.itemsize, min(BATCH, total - first), EVENTS_PER_RUN)


def time_serial(arenas: list[Arena], workloads: list[Workload]) -> float:
    start = time.perf_counter_ns()
    for arena, workload in zip(arenas, workloads, strict=True):
        apply(arena, workload)
    return time.perf_counter_ns() - start


def time_threads(arenas: list[Arena], workloads: list[Workload]) -> float:
    threads = [
        threading.Thread(target=apply, args=pair) for pair in zip(arenas, workloads, strict=True)
    ]
    start = time.perf_counter_ns()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter_ns() - start


def measure_scaling(name: str, commands: int, rounds: int) -> Scaling:
    workloads = [make_workload(name, commands, seed) for seed in range(1, POOLS + 1)]
    prepared = [prepare(workload) for workload in workloads]
    total = sum(len(workload.flow) for workload in workloads)
    rows, digests = [], set()
    for _ in range(rounds):
        row = []
        for measure in (time_serial, time_threads):
            arenas = [
                copy_arena(arena, room_of(workload))
                for arena, workload in zip(prepared, workloads, strict=True)
            ]
            row.append(measure(arenas, workloads) / total)
            digests.add(tuple(arena.digest() for arena in arenas))
        rows.append(row)
    serial_ns, threads_ns = (statistics.median(series) for series in zip(*rows, strict=True))
    speedup = statistics.median(serial / threads for serial, threads in rows)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    return Scaling(cpus, POOLS, rounds, serial_ns, threads_ns, speedup, len(digests) == 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="steady")
    parser.add_argument("--commands", type=int, default=2**19)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    found = measure_scaling(arguments.workload, arguments.commands, arguments.rounds)
    print(
        f"{found.pools} pools on {found.cpus} processors: {1e3 / found.serial_ns:.2f} M/s one after"
        f" the other, {1e3 / found.threads_ns:.2f} M/s at once, {found.speedup:.2f} times; digests"
        f" {'equal' if found.digests_equal else 'DIFFER'}"
    )


if __name__ == "__main__":
    main()
