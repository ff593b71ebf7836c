"""An exchange whose commands survive: logged before they are applied, told once they are durable.

    exchange = DurableExchange.open(directory, config)
    events = exchange.submit(command)

The order is log, apply, commit, tell. A command is written to the log first, so whatever the state
has seen is in the log; its events are given out only when the log calls it durable, so whoever was
told anything will find it after a crash. What was written and not told may come back after one:
`was` answers for a client's command, and a client id that was used is refused, before and after.

A log that stops (a failed write or sync) ends all of it: the state is ahead of what is durable and
is void. The process must end, and what the disk holds is found by opening it again.
"""

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
import numpy as np

from engine.exchange import Commands, Events, Exchange
from engine.journal.checkpoint import Checkpoint
from engine.journal.command_framing import find_starts
from engine.journal.command_log import CommitPolicy, GroupCommit
from engine.journal.disk import Disk, RealDisk
from engine.journal.json_lines import pack_commands
from engine.journal.log_errors import JournalError, SequenceBroken
from engine.journal.log_format import compute_config_digest
from engine.journal.segment_files import segments_of
from engine.journal.segment_log import SEGMENT_BYTES, Recovery, SegmentLog
from engine.journal.snapshot import (
    SnapshotChild,
    find_snapshots,
    read_snapshot,
    remove_older,
    remove_parts,
    write_snapshot,
)
from engine.schema.commands import ROWS_MAX, AnyCommand
from engine.schema.contract import Config
from engine.schema.events import EVENT, Event

CONFIG_NAME = "config.json"
BATCH = 4_096  # records of a batch, about
SNAPSHOTS_KEPT = 2
WINDOW = 64  # client ids that an account's window tells apart (2.4)


class Opening(NamedTuple):
    """What an opening found."""

    snapshot: int = 0  # the sequence of the one that was taken, 0: none
    replayed: int = 0  # commands behind it
    passed_over: tuple[str, ...] = ()  # snapshots that were refused, and why
    log: Recovery = Recovery()


class DurableExchange:
    """An exchange with its command log and its snapshots, in one directory."""

    def __init__(self, disk: Disk, directory: Path, exchange: Exchange, log: SegmentLog) -> None:
        """Neither recovered nor new: take `open`."""
        self.directory = directory
        self.exchange = exchange
        self.log = log
        self.opening = Opening()
        self._disk = disk
        self._config_digest = compute_config_digest(exchange.config)
        self._commits = GroupCommit(log, CommitPolicy())

    @classmethod
    def open(
        cls,
        directory: Path,
        config: Config,
        disk: Disk | None = None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> Self:
        """The exchange of a directory as its log has it, or a new one where there is no log.

        Raises ConfigError, and a JournalError for whatever it can't prove: gaps, forks, damage,
        another configuration, a later version's files, a snapshot ahead of the log.
        """
        exchange = Exchange(config)
        disk = disk or RealDisk()
        digest = compute_config_digest(config)
        is_new = not segments_of(directory, disk.names(directory))
        if is_new:
            write_config(disk, directory, config)
        kind = SegmentLog.create if is_new else SegmentLog.open
        log = kind(disk, directory, digest, segment_bytes)
        durable = cls(disk, directory, exchange, log)
        try:
            durable._recover()
        except BaseException:
            log.close()
            raise
        return durable

    @property
    def sequence(self) -> int:
        """The last command that the state has seen."""
        return int(self.exchange.arena.engine["sequence"][0])

    def submit(self, command: AnyCommand) -> tuple[Event, ...]:
        """Log, apply and commit one command; returns its events. LogStopped: nothing is told."""
        self.log.append(pack_commands([command]), self.log.last + 1)
        events = self.exchange.submit(command)
        self._must_agree()
        self.log.commit()
        return events

    def run(self, commands: Commands) -> Events:
        """Log and apply records; returns all their events once all are durable."""
        parts = list(self.batches(commands))
        return np.concatenate(parts) if parts else np.zeros(0, EVENT)

    def batches(self, commands: Commands, size: int = BATCH) -> Iterator[Events]:
        """Log and apply records batch by batch; yields the events of each once it is durable.

        Syncs are shared by the policy of `GroupCommit`, so events come some batches behind.
        """
        size = max(1, min(size, self.log.records_max - ROWS_MAX))  # the last may be a long quote
        held: deque[tuple[int, Events]] = deque()
        for part in cut_batches(commands, size):
            durable = self._commits.append(part, self.log.last + 1, time.monotonic_ns())
            held.append((self.log.last, self.exchange.run(part)))
            self._must_agree()
            while held and held[0][0] <= durable:
                yield held.popleft()[1]
        self.log.commit()
        for _, events in held:
            yield events

    def was(self, account: int, client_id: int) -> bool | None:
        """Whether a client command was taken, refused or not, by an account's id window (2.4); None
        where the id is too old to know. What is not durable yet counts, too: ask behind it."""
        records = self.exchange.arena.records("accounts", max(account, 0) + 1)
        highest = int(records["client_id_highest"][max(account, 0)])
        if client_id > highest or client_id < 1:
            return False
        if highest - client_id >= WINDOW:
            return None
        return bool(int(records["client_ids"][max(account, 0)]) >> (highest - client_id) & 1)

    def snapshot(self) -> int:
        """Write the state while everything waits; returns its sequence. Older ones go, but one."""
        self.log.commit()
        sequence = write_snapshot(
            self._disk, self.directory, self.exchange.arena, self._config_digest,
            self.log.chain_hash,
        )  # fmt: skip
        remove_older(self._disk, self.directory, SNAPSHOTS_KEPT)
        return sequence

    def start_snapshot(self) -> SnapshotChild:
        """Begin to write the state as it is now, in a process of its own: see `poll` of it."""
        self.log.commit()
        return SnapshotChild(
            self._disk, self.directory, self.exchange.arena, self._config_digest,
            self.log.chain_hash,
        )  # fmt: skip

    def checkpoint(self) -> Checkpoint:
        """What log and state are now, for a key to sign (`checkpoint.py`)."""
        self.log.commit()
        return Checkpoint(
            sequence=self.sequence,
            chain_hash=self.log.chain_hash.hex(),
            state_digest=self.exchange.digest(),
            config_digest=self._config_digest.hex(),
        )

    def close(self) -> None:
        """Commit and let go; the exchange can still be read."""
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _recover(self) -> None:
        """The newest snapshot that can be proven, and the log behind it."""
        remove_parts(self._disk, self.directory)
        passed_over: list[str] = []
        taken = 0
        for sequence in find_snapshots(self._disk, self.directory):
            if sequence > self.log.last:
                raise SequenceBroken(
                    f"{self.directory}: a snapshot is of sequence {sequence}, and the log ends"
                    f" with {self.log.last}"
                )
            try:
                _, arena = read_snapshot(
                    self._disk, self.directory, sequence, self._config_digest
                )
            except JournalError as error:
                passed_over.append(str(error))
                continue
            self.exchange = Exchange.restore(self.exchange.config, arena)
            taken = sequence
            break
        for records in self.log.read_from(taken + 1):
            self.exchange.apply(records)
        self._must_agree()
        self.opening = Opening(
            taken, self.log.last - taken, tuple(passed_over), self.log.recovery
        )

    def _must_agree(self) -> None:
        """Engine and log number commands alike, or one of them is wrong."""
        assert self.sequence == self.log.last, (self.sequence, self.log.last)


def cut_batches(commands: Commands, size: int) -> Iterator[Commands]:
    """Records in parts of about so many, each of whole commands."""
    starts = find_starts(commands)
    start = 0
    while start < len(commands):
        k = int(np.searchsorted(starts, start + size))
        end = int(starts[k]) if k < len(starts) else len(commands)
        yield commands[start:end]
        start = end


def write_config(disk: Disk, directory: Path, config: Config) -> None:
    """The configuration beside its log, for whoever comes with the directory alone."""
    path = directory / CONFIG_NAME
    part = path.with_name(f"{CONFIG_NAME}.part")
    names = disk.names(directory)
    if part.name in names:
        disk.remove(part)
    if path.name in names:
        disk.remove(path)
    octets = msgspec.json.encode(config)
    file = disk.create(part)
    try:
        if disk.write(file, octets, 0) != len(octets):
            raise OSError(f"{path}: it could not be written whole")
        disk.sync(file)
    finally:
        disk.close(file)
    disk.rename(part, path)
    disk.sync_directory(directory)


def read_config(disk: Disk, directory: Path) -> Config:
    """The configuration that stands beside a log; the log's own digest says whether it is its."""
    path = directory / CONFIG_NAME
    try:
        file = disk.open_to_read(path)
        try:
            octets = disk.read(file, disk.size(file), 0)
        finally:
            disk.close(file)
        return msgspec.json.decode(octets, type=Config)
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalError(f"{path}: {error}") from error
