"""How long a command takes inside a batch, each by itself.

    python bench/batch_latency.py --workload steady

Time stamps stand between the commands of a batch (`stamped_kernels.py`), so a command's time
is all that the processor did from the end of the one before to its own, the look-ahead for later
ones and one reading of the clock included; nothing is subtracted. A round is so many batches on
an arena of its own; what counts is the median of the rounds' percentiles. What a neighbour or the
system's timer takes from the thread is in it.
"""

import argparse
import statistics
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.stamped_kernels import cycles, read_often, run_stamped
from bench.twin import copy_arena, prepare
from bench.workloads import Workload, make_workload
from engine.schema.commands import COMMAND
from engine.state.arena import Arena

BATCH = 4_096
SHARES = (50.0, 99.0, 99.9)
CALIBRATION_NS = 50_000_000
WARM_BATCHES = 4
READINGS = 100_000


class BatchLatency(NamedTuple):
    """Nanoseconds per command, and what one reading of the clock takes of them."""

    p50_ns: float
    p99_ns: float
    p999_ns: float
    clock_ns: float
    rounds: int
    commands: int  # of a round


def calibrate() -> float:
    """Cycles of the processor's clock in a nanosecond."""
    begun_ns, begun = time.perf_counter_ns(), cycles()
    while time.perf_counter_ns() - begun_ns < CALIBRATION_NS:
        pass
    ended_ns, ended = time.perf_counter_ns(), cycles()
    return float((ended - begun) / (ended_ns - begun_ns))


def stamp_batches(arena: Arena, flow: NDArray[np.void]) -> NDArray[np.int64]:
    """Cycles of each command behind the batches that warm up."""
    at, stamps = flow.ctypes.data, np.zeros(BATCH + 1, np.int64)
    spent = []
    for first in range(0, len(flow) - BATCH + 1, BATCH):
        arena.engine["events"] = 0
        run_stamped(arena.base, at + first * COMMAND.itemsize, BATCH, stamps)
        spent.append(np.diff(stamps))
    return np.concatenate(spent[WARM_BATCHES:])


def measure_batch_latency(workload: Workload, rounds: int) -> BatchLatency:
    per_ns = calibrate()
    prepared = prepare(workload)
    rows, commands = [], 0
    for _ in range(rounds):
        spent = stamp_batches(copy_arena(prepared), workload.flow)
        rows.append((np.percentile(spent, SHARES) / per_ns).tolist())
        commands = len(spent)
    p50_ns, p99_ns, p999_ns = (statistics.median(series) for series in zip(*rows, strict=True))
    clock_ns = read_often(READINGS) / READINGS / per_ns
    return BatchLatency(p50_ns, p99_ns, p999_ns, clock_ns, rounds, commands)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="steady")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    found = measure_batch_latency(make_workload(arguments.workload, 2**18), arguments.rounds)
    print(
        f"{arguments.workload}: p50 {found.p50_ns:.0f} ns, p99 {found.p99_ns:.0f}, p99.9"
        f" {found.p999_ns:.0f}; medians of {found.rounds} rounds of {found.commands:,} commands;"
        f" the clock takes {found.clock_ns:.0f} ns"
    )


if __name__ == "__main__":
    main()
