"""From a mapped file of commands to events told and a journal written, without its syncs.

    python bench/end_to_end.py --commands 2000000

The way is the product's own (`DurableExchange`): a batch is given to the log, whose thread hashes,
frames and writes it, while the engine applies it; its events go into a file. The disk is the real
one, but its syncs do nothing: what they cost is the machine's, and `durable.py` tells it.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.workloads import Workload, make_workload
from engine.journal.disk import RealDisk
from engine.journal.durable import DurableExchange
from engine.schema.commands import COMMAND

BATCH = 4_096


class DiskWithoutSync(RealDisk):
    """Written and not waited for: a power failure would lose what the system still holds."""

    def sync(self, file: int) -> None:
        return

    def sync_directory(self, directory: Path) -> None:
        return


def time_once(workload: Workload, directory: Path) -> float:
    """Nanoseconds per command, of wall time."""
    source, target = directory / "commands", directory / "events"
    workload.flow.tofile(source)
    log = directory / "log"
    log.mkdir()
    with DurableExchange.open(log, workload.config, DiskWithoutSync()) as exchange:
        exchange.run(workload.setup)
        start = time.perf_counter_ns()
        commands = np.memmap(source, COMMAND, mode="r")
        with target.open("wb", buffering=0) as file:
            for events in exchange.batches(commands, BATCH):
                file.write(events.data)
        exchange.log.wait()
        spent = time.perf_counter_ns() - start
        assert exchange.log.last == len(workload.setup) + len(workload.flow)
    return spent / len(workload.flow)


def measure_end_to_end(workload: Workload, rounds: int) -> float:
    """The median of the rounds; the files go."""
    spent = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as directory:
            spent.append(time_once(workload, Path(directory)))
    return statistics.median(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commands", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    spent_ns = measure_end_to_end(make_workload("steady", arguments.commands), arguments.rounds)
    print(f"{1e3 / spent_ns:.2f} M commands/s, {spent_ns:.0f} ns a command")


if __name__ == "__main__":
    main()
