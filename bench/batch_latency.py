"""How long a command takes inside a batch, each by itself.

    python bench/batch_latency.py --workload steady

Time stamps stand between the commands of a batch (`stamped_kernels.py`), so a command's time
is all that the processor did from the end of the one before to its own, the look-ahead for later
ones and one reading of the clock included; nothing is subtracted. Every round applies the same
batches to an equal arena, so each command has a time in each of them. Its median is the engine's
own: misses of the caches are in it, for every round has the same ones; what a neighbour or the
system's timer takes now and then is not. The percentiles of a single round, which have that too,
stand beside, and those of the C++ twin, where there is one: what the same design costs when it is
compiled ahead.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.native.build import Stamp, TwinMissing, load_stamped
from bench.stamped_kernels import cycles, read_often, run_stamped
from bench.twin import BATCH, copy_arena, prepare
from bench.workloads import Workload, make_workload, room_of
from engine.schema.commands import COMMAND
from engine.state.arena import Arena

SHARES = (50.0, 99.0, 99.9)
CALIBRATION_NS = 50_000_000
WARM_BATCHES = 16
READINGS = 100_000


class BatchLatency(NamedTuple):
    """Nanoseconds: percentiles of the commands' medians, of a single round (the median of the
    rounds'), and what one reading of the clock takes of each."""

    p50_ns: float
    p99_ns: float
    p999_ns: float
    max_ns: float
    round_p50_ns: float
    round_p99_ns: float
    round_p999_ns: float
    clock_ns: float
    rounds: int
    commands: int  # of a round
    twin_ns: tuple[float, ...]  # p50, p99, p99.9 of the C++ twin's medians; empty without one


def calibrate() -> float:
    """Cycles of the processor's clock in a nanosecond."""
    begun_ns, begun = time.perf_counter_ns(), cycles()
    while time.perf_counter_ns() - begun_ns < CALIBRATION_NS:
        pass
    ended_ns, ended = time.perf_counter_ns(), cycles()
    return float((ended - begun) / (ended_ns - begun_ns))


def stamp_batches(arena: Arena, flow: NDArray[np.void], stamp: Stamp) -> NDArray[np.int64]:
    """Cycles of each command behind the batches that warm up."""
    at, stamps = flow.ctypes.data, np.zeros(BATCH + 1, np.int64)
    spent = []
    for first in range(0, len(flow) - BATCH + 1, BATCH):
        arena.engine["events"] = 0
        stamp(arena.base, at + first * COMMAND.itemsize, BATCH, stamps.ctypes.data)
        spent.append(np.diff(stamps))
    return np.concatenate(spent[WARM_BATCHES:])


def _spend(arena: Arena, workload: Workload, stamp: Stamp, rounds: int) -> NDArray[np.int64]:
    """Cycles by round and command."""
    room = room_of(workload)
    spent = [stamp_batches(copy_arena(arena, room), workload.flow, stamp) for _ in range(rounds)]
    return np.array(spent)


def measure_batch_latency(workload: Workload, rounds: int) -> BatchLatency:
    per_ns = calibrate()
    prepared = prepare(workload)
    spent_ns = _spend(prepared, workload, run_stamped, rounds) / per_ns
    try:
        twin_ns = _spend(prepared, workload, load_stamped(), rounds) / per_ns
        of_twin = tuple(np.percentile(np.median(twin_ns, axis=0), SHARES).tolist())
    except TwinMissing:
        of_twin = ()
    of_commands = np.median(spent_ns, axis=0)
    p50_ns, p99_ns, p999_ns = np.percentile(of_commands, SHARES).tolist()
    round_p50_ns, round_p99_ns, round_p999_ns = np.median(
        np.percentile(spent_ns, SHARES, axis=1), axis=1
    ).tolist()
    return BatchLatency(
        p50_ns, p99_ns, p999_ns, float(of_commands.max()),
        round_p50_ns, round_p99_ns, round_p999_ns,
        read_often(READINGS) / READINGS / per_ns, rounds, spent_ns.shape[1],
        of_twin,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="steady")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    found = measure_batch_latency(make_workload(arguments.workload, 2**18), arguments.rounds)
    print(
        f"{found.commands:,} commands, each the median of {found.rounds} rounds: p50"
        f" {found.p50_ns:.0f} ns, p99 {found.p99_ns:.0f}, p99.9 {found.p999_ns:.0f}, worst"
        f" {found.max_ns:,.0f}; of a round: p50 {found.round_p50_ns:.0f}, p99"
        f" {found.round_p99_ns:.0f}, p99.9 {found.round_p999_ns:.0f}; the clock takes"
        f" {found.clock_ns:.0f}; C++ twin: {[round(ns) for ns in found.twin_ns]}"
    )


if __name__ == "__main__":
    main()
