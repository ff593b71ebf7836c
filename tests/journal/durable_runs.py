"""Seeded runs of a durable exchange, and what must hold wherever they break off."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.exchange import Exchange
from engine.journal.checkpoint import write_checkpoint
from engine.journal.command_framing import count_commands
from engine.journal.command_log import CommandLog
from engine.journal.durable import DurableExchange
from engine.journal.log_errors import JournalError, RecordsRefused
from engine.journal.segment_log import SegmentLog
from engine.schema import commands as c
from engine.schema.contract import Config
from tests.journal.simulated_disk import SimulatedDisk
from tests.oracle.workload import Workload, configs
from tests.property.both import join, pack

DIRECTORY = Path("/log")
SEGMENT_BYTES = 1 << 14
START_NS = 1_790_000_000_000_000_000


def stream_of(name: str, seed: int, count: int) -> tuple[Config, list[np.ndarray]]:
    """So many commands of a hostile stream, each as its records; what no decoder would form and no
    log would take is left out."""
    config = configs()[name]
    exchange, workload = Exchange(config), Workload(seed, config)
    found: list[np.ndarray] = []
    while len(found) < count:
        command = workload.next_command()
        records = pack(command)
        if is_refused_by_logs(records):
            continue
        workload.observe([tuple(event) for event in exchange.run(records).tolist()])
        found.append(records)
    return config, found


def is_refused_by_logs(records: np.ndarray) -> bool:
    """What no decoder forms: rows without their quotes, blank records."""
    try:
        return count_commands(records) != 1
    except RecordsRefused:
        return True


def digests_of(config: Config, commands: list[np.ndarray]) -> list[str]:
    """The digest of the state behind each so many commands, from none on."""
    exchange = Exchange(config)
    digests = [exchange.digest()]
    for records in commands:
        exchange.run(records)
        digests.append(exchange.digest())
    return digests


WrittenBy = Callable[[SegmentLog], CommandLog]


def by_caller(log: SegmentLog) -> CommandLog:
    """No thread: where power is lost follows from the seed."""
    return log


def open_on(
    disk: SimulatedDisk, config: Config, written_by: WrittenBy = by_caller
) -> DurableExchange:
    return DurableExchange.open(DIRECTORY, config, disk, SEGMENT_BYTES, written_by)


class Teller:
    """Runs a durable exchange by chance, and remembers what it was told."""

    def __init__(
        self,
        disk: SimulatedDisk,
        config: Config,
        commands: list[np.ndarray],
        written_by: WrittenBy = by_caller,
    ) -> None:
        self.disk, self.config, self.commands = disk, config, commands
        self.written_by = written_by
        self.told = 0  # commands whose events were given out
        self.events: list[bytes] = []

    def run(self, seed: int) -> None:
        """To the end of the commands, with snapshots, trims and new openings on the way, or until
        the disk fails."""
        chance = random.Random(seed)
        durable = self._open()
        while self.told < len(self.commands):
            draw, count = chance.random(), chance.randint(1, 12)
            part = self.commands[self.told : self.told + count]
            if draw < 0.8:
                for events in durable.batches(join(part), chance.randint(1, 6)):
                    self.events.append(events.tobytes())
                    self.told = int(events["sequence"][-1])
            elif draw < 0.9:
                durable.snapshot()
                if draw < 0.87:
                    durable.trim()
            elif draw < 0.95:
                durable.close()
                durable = self._open()
            else:
                durable.log.close()
                durable = self._open()
                assert durable.sequence == self.told

    def _open(self) -> DurableExchange:
        return open_on(self.disk, self.config, self.written_by)


def must_recover(disk: SimulatedDisk, teller: Teller, digests: list[str]) -> int:
    """What was told is a prefix of what is there, and it is the state behind so many commands;
    returns how many. Nothing at all may be there only when nothing was told."""
    try:
        durable = open_on(disk, teller.config)
    except JournalError as error:
        raise AssertionError(f"told {teller.told}: {error}") from error
    sequence = durable.sequence
    assert teller.told <= sequence <= len(teller.commands)
    assert durable.exchange.digest() == digests[sequence]
    return sequence


def story_of(disk: SimulatedDisk) -> DurableExchange:
    """An exchange with an account that has 1,000 and has withdrawn 10 under client id 5."""
    durable = open_on(disk, configs()["queue"])
    for command in (
        c.OpenAccount(time_ns=START_NS, account=2, owner=2, group=2),
        c.Deposit(time_ns=START_NS, account=2, amount=1_000),
        c.Withdraw(time_ns=START_NS, account=2, client_id=5, amount=10),
    ):
        durable.submit(command)
    return durable


def trimmed() -> tuple[SimulatedDisk, list[int]]:
    """A log that begins behind the first of two snapshots, with a checkpoint at that one."""
    config, commands = stream_of("queue", 2, 400)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands[:120]))
    first = durable.snapshot()
    write_checkpoint(disk, DIRECTORY, durable.checkpoint())
    durable.run(join(commands[120:300]))
    assert durable.log.trim(first + 1) == first + 1
    second = durable.snapshot()
    durable.run(join(commands[300:]))
    durable.close()
    return disk, [first, second]
