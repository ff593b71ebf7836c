"""From a mapped file of commands to events told and a journal written, without its syncs.

    python bench/end_to_end.py --commands 2000000

The way is the product's own (`DurableExchange`): a batch is given to the log, whose thread hashes,
frames and writes it, while the engine applies it. Its events are then copied to where another
process could read them: a ring in shared memory, or, told apart, a file, which costs more, for the
system has to find new pages for it. The disk is the real one, but its syncs do nothing: what they
cost is the machine's, and `durable.py` tells it.
"""

import argparse
import mmap
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from io import RawIOBase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.workloads import Workload, make_workload, room_of
from engine.exchange import Events
from engine.journal.disk import RealDisk
from engine.journal.durable import DurableExchange
from engine.schema.commands import COMMAND

BATCH = 16_384  # handing the interpreter over costs each batch the same: at 4,096 a fifth more
RING_BYTES = 64 << 20


class DiskWithoutSync(RealDisk):
    """Written and not waited for: a power failure would lose what the system still holds."""

    def sync(self, file: int) -> None:
        return

    def sync_directory(self, directory: Path) -> None:
        return


class EventRing:
    """So many bytes of shared memory, filled from the front again when they are full."""

    def __init__(self) -> None:
        self._octets = np.frombuffer(mmap.mmap(-1, RING_BYTES), np.uint8)
        self._octets[:] = 0  # its pages are there, as they are for any batch but the first ones
        self._end = 0

    def write(self, events: Events) -> None:
        octets = events.view(np.uint8)
        if self._end + len(octets) > RING_BYTES:
            self._end = 0
        self._octets[self._end : self._end + len(octets)] = octets
        self._end += len(octets)


def write_all(file: RawIOBase, events: Events) -> None:
    written = file.write(events.view(np.uint8).data)
    assert written == events.nbytes


class EndToEnd(NamedTuple):
    """Nanoseconds per command of wall time, medians of rounds."""

    ring_ns: float
    file_ns: float


def time_once(workload: Workload, directory: Path, tell: Callable[[Events], object]) -> float:
    """Nanoseconds per command, of wall time; `tell` gets the events of each batch."""
    source, log = directory / "commands", directory / "log"
    workload.flow.tofile(source)
    log.mkdir()
    with DurableExchange.open(log, workload.config, DiskWithoutSync()) as exchange:
        exchange.exchange.make_room(*room_of(workload))
        exchange.run(workload.setup)
        start = time.perf_counter_ns()
        for events in exchange.batches(np.memmap(source, COMMAND, mode="r"), BATCH):
            tell(events)
        spent = time.perf_counter_ns() - start
        assert exchange.log.durable == len(workload.setup) + len(workload.flow)
    return spent / len(workload.flow)


def measure_end_to_end(workload: Workload, rounds: int) -> EndToEnd:
    """Both in turns; the files go."""
    rows = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as directory:
            ring_ns = time_once(workload, Path(directory), EventRing().write)
        with tempfile.TemporaryDirectory() as directory:
            with Path(directory, "events").open("wb", buffering=0) as file:
                file_ns = time_once(workload, Path(directory), partial(write_all, file))
        rows.append((ring_ns, file_ns))
    ring_ns, file_ns = (statistics.median(series) for series in zip(*rows, strict=True))
    return EndToEnd(ring_ns, file_ns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commands", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found = measure_end_to_end(make_workload("steady", arguments.commands), arguments.rounds)
    for name, spent_ns in found._asdict().items():
        print(f"{name:>8}: {1e3 / spent_ns:.2f} M commands/s, {spent_ns:.0f} ns a command")


if __name__ == "__main__":
    main()
