"""Seeded runs of a command log on a simulated disk, and what must hold wherever they break off."""

import random
from pathlib import Path

import numpy as np

from engine.journal.command_framing import find_starts
from engine.journal.log_format import SEGMENT_BYTES_MIN
from engine.journal.segment_log import SegmentLog
from engine.schema.commands import COMMAND, MASS_QUOTE, PLACE_ORDER, QUOTE_ROW
from tests.journal.simulated_disk import SimulatedDisk

DIRECTORY = Path("/log")
CONFIG_DIGEST = bytes(range(32))
SEGMENT_BYTES = 2_048
assert SEGMENT_BYTES > SEGMENT_BYTES_MIN


def make_orders(first_sequence: int, count: int) -> np.ndarray:
    """Orders that can be told apart, one record each."""
    records = np.zeros(count, COMMAND)
    records["kind"] = PLACE_ORDER
    records["time_ns"] = np.arange(first_sequence, first_sequence + count)
    records["client_id"] = records["time_ns"] * 0x9E3779B1
    records["account"] = 7
    return records


def make_quotes(sequence: int, rows: int) -> np.ndarray:
    """One mass quote with its rows."""
    records = make_orders(sequence, 1 + rows)
    records["time_ns"] = sequence
    records["kind"][0] = MASS_QUOTE
    records["kind"][1:] = QUOTE_ROW
    records["order_id"][0] = 0
    records["quotes"][0] = rows
    return records


def make_batch(chance: random.Random, first_sequence: int) -> np.ndarray:
    """One to five commands, now and then a mass quote among them."""
    parts = []
    for sequence in range(first_sequence, first_sequence + chance.randint(1, 5)):
        is_quote = chance.random() < 0.2
        rows = chance.randint(1, 3)
        parts.append(make_quotes(sequence, rows) if is_quote else make_orders(sequence, 1))
    # As bytes: joined as arrays, the fields would no longer overlap.
    return np.frombuffer(b"".join(part.tobytes() for part in parts), COMMAND)


def commands_of(records: np.ndarray) -> list[bytes]:
    """Each command as bytes, the rows of a mass quote with it."""
    starts = [*find_starts(records).tolist(), len(records)]
    octets = records.tobytes()
    ends = zip(starts, starts[1:], strict=False)
    return [octets[a * COMMAND.itemsize : b * COMMAND.itemsize] for a, b in ends]


def read_all(log: SegmentLog, sequence: int) -> list[bytes]:
    return [command for batch in log.read_from(sequence) for command in commands_of(batch)]


def create_log(disk: SimulatedDisk) -> SegmentLog:
    return SegmentLog.create(disk, DIRECTORY, CONFIG_DIGEST, SEGMENT_BYTES)


def open_log(disk: SimulatedDisk) -> SegmentLog:
    return SegmentLog.open(disk, DIRECTORY, CONFIG_DIGEST, SEGMENT_BYTES)


class Witness:
    """Knows what was appended and what was acknowledged."""

    def __init__(self) -> None:
        self.commands: list[bytes] = []  # from sequence 1 on, the batch in flight included
        self.acknowledged = 0  # by a log that is no longer open
        self.log: SegmentLog | None = None

    def append(self, records: np.ndarray) -> None:
        assert self.log is not None
        self.commands += commands_of(records)
        self.log.append(records, self.log.last + 1)

    def durable(self) -> int:
        """What the log calls durable now: anybody may have been told."""
        return max(self.acknowledged, self.log.durable if self.log else 0)

    def must_recover(self, disk: SimulatedDisk) -> None:
        """Open the disk: what was acknowledged is a prefix of what is there, and it goes on."""
        log = open_log(disk)
        assert self.durable() <= log.last <= len(self.commands)
        assert log.durable == log.last
        found = read_all(log, log.first)
        assert found == self.commands[log.first - 1 : log.last]
        more = make_orders(1_000_000, 2)
        log.append(more, log.last + 1)
        log.commit()
        again = open_log(disk.after_losing_all())
        assert read_all(again, again.first) == found + commands_of(more)
        assert not again.recovery.cut_bytes


def run_log(disk: SimulatedDisk, witness: Witness, seed: int, steps: int) -> None:
    """Append, commit, trim, close and open, by chance."""
    chance = random.Random(seed)
    witness.log = create_log(disk)
    for _ in range(steps):
        draw = chance.random()
        log = witness.log
        if draw < 0.6:
            witness.append(make_batch(chance, log.last + 1))
        elif draw < 0.88:
            log.commit()
        elif draw < 0.92:
            log.trim(log.durable)
        elif draw < 0.96:
            log.close()
            witness.acknowledged = log.durable
            witness.log = open_log(disk)
        else:
            witness.acknowledged = log.durable
            witness.log = None
            log = witness.log = open_log(disk)
            assert log.last == len(witness.commands)
