"""What durability costs: the same commands in memory, in a durable exchange, and recovered.

    python bench/durable.py --directory /somewhere/on/a/disk --rounds 5

Each round runs the same flow three times, one behind the other: applied in memory with its events
copied out, through a durable exchange that tells the events of each batch once it is on the disk,
and read back by an opening from nothing. The directory decides which disk is measured.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.workloads import Workload, make_workload, room_of
from engine.exchange import Exchange
from engine.journal.durable import DurableExchange

COMMANDS = 2_000_000
BATCH = 1_000


class Durability(NamedTuple):
    """Nanoseconds a command, medians of rounds."""

    commands: int
    batch: int
    memory_ns: float
    durable_ns: float
    recovery_ns: float


def time_memory(workload: Workload, batch: int) -> float:
    """Applied in memory in batches, the events of each copied."""
    exchange = Exchange(workload.config)
    exchange.make_room(*room_of(workload))
    exchange.run(workload.setup)
    start = time.perf_counter_ns()
    for first in range(0, len(workload.flow), batch):
        exchange.run(workload.flow[first : first + batch])
    return (time.perf_counter_ns() - start) / len(workload.flow)


def time_durable(workload: Workload, batch: int, directory: Path) -> float:
    """Log, apply, sync, tell; the log of the set-up is there before."""
    with DurableExchange.open(directory, workload.config) as exchange:
        exchange.exchange.make_room(*room_of(workload))
        exchange.run(workload.setup)
        start = time.perf_counter_ns()
        for _ in exchange.batches(workload.flow, batch):
            pass
        return (time.perf_counter_ns() - start) / len(workload.flow)


def time_recovery(workload: Workload, directory: Path) -> float:
    """An opening without a snapshot, to the state behind the last command."""
    start = time.perf_counter_ns()
    with DurableExchange.open(directory, workload.config) as exchange:
        spent = time.perf_counter_ns() - start
        assert exchange.sequence == len(workload.setup) + len(workload.flow)
        return spent / exchange.sequence


def measure_durability(
    workload: Workload, batch: int, rounds: int, directory: Path | None = None
) -> Durability:
    """All three, interleaved; the files go."""
    rows = []
    for _ in range(rounds):
        place = Path(tempfile.mkdtemp(prefix="durable-", dir=directory))
        try:
            memory_ns = time_memory(workload, batch)
            durable_ns = time_durable(workload, batch, place)
            rows.append((memory_ns, durable_ns, time_recovery(workload, place)))
        finally:
            shutil.rmtree(place)
    medians = (statistics.median(series) for series in zip(*rows, strict=True))
    return Durability(len(workload.flow), batch, *medians)


def measure_durability_apart() -> Durability:
    """The same with the defaults of this script, in a process of its own."""
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "bench.durable", "--json"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return Durability(**json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--commands", type=int, default=COMMANDS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    workload = make_workload("steady", arguments.commands)
    found = measure_durability(workload, arguments.batch, arguments.rounds, arguments.directory)
    if arguments.json:
        print(json.dumps(found._asdict()))
        return
    for name in ("memory", "durable", "recovery"):
        spent_ns = getattr(found, f"{name}_ns")
        print(f"{name:>9}: {1e3 / spent_ns:.2f} M commands/s, {spent_ns:.0f} ns a command")


if __name__ == "__main__":
    main()
