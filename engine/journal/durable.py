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
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from engine.exchange import Commands, Events, Exchange, join_events
from engine.journal.checkpoint import Checkpoint, find_checkpoints
from engine.journal.command_framing import find_starts
from engine.journal.command_log import CommitPolicy, GroupCommit
from engine.journal.config_file import find_digest, keep_config
from engine.journal.disk import Disk, RealDisk
from engine.journal.json_lines import pack_commands
from engine.journal.log_errors import (
    EventsHeld,
    JournalError,
    LogMissing,
    LogStopped,
    RecordsRefused,
    SequenceBroken,
    SequenceMismatch,
    SequenceNotHeld,
)
from engine.journal.log_format import compute_config_digest
from engine.journal.log_reading import LogReader
from engine.journal.segment_files import Segment, read_config_digest, segments_of
from engine.journal.segment_log import SEGMENT_BYTES, Recovery, SegmentLog
from engine.journal.snapshot import (
    SnapshotChild,
    find_snapshots,
    is_whole,
    read_snapshot,
    remove_older,
    write_snapshot,
)
from engine.journal.snapshot_errors import SnapshotForeign
from engine.journal.whole_file import remove_parts
from engine.schema.commands import ROWS_MAX, AnyCommand
from engine.schema.contract import Config
from engine.schema.events import Event
from engine.state.arena import Arena, has_account

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

    def __init__(
        self,
        disk: Disk,
        directory: Path,
        exchange: Exchange,
        log: SegmentLog,
        config_digest: bytes,
    ) -> None:
        """Neither recovered nor new: take `open`."""
        self.directory = directory
        self.log = log
        self._exchange = exchange
        self._void = ""  # why the state can't be looked at any more
        self._held: deque[tuple[int, Events]] = deque()  # with the sequence that they wait for
        self.opening = Opening()
        self._disk = disk
        self._config_digest = config_digest
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
        segments = find_segments(disk, directory)
        of_log = read_config_digest(disk, segments[0].path) if segments else None
        digest = find_digest(disk, directory, config, of_log)
        kind = SegmentLog.open if segments else SegmentLog.create
        log = kind(disk, directory, digest, segment_bytes)
        # From here on the directory is ours.
        durable = cls(disk, directory, exchange, log, digest)
        try:
            if digest == compute_config_digest(config):
                keep_config(disk, directory, config)
            durable._recover()
        except BaseException:
            log.close()
            raise
        return durable

    @property
    def exchange(self) -> Exchange:
        """The state, to look at; LogStopped once it is ahead of what survives."""
        if self._void:
            raise LogStopped(f"the state is void: {self._void}")
        return self._exchange

    @property
    def sequence(self) -> int:
        """The last command that the state has seen."""
        return int(self.exchange.arena.engine["sequence"][0])

    def submit(self, command: AnyCommand) -> tuple[Event, ...]:
        """Log, apply and commit one command; returns its events. LogStopped: nothing is told, and
        nothing is known any more. EventsHeld while those of earlier commands wait: `release`."""
        if self._held:
            raise EventsHeld("events of earlier commands wait to be told")
        with self._voiding():
            self.log.append(pack_commands([command]), self.log.last + 1)
            events = self.exchange.submit(command)
            self._must_agree()
            self.log.commit()
        return events

    def run(self, commands: Commands) -> Events:
        """Log and apply records; returns all their events once all are durable."""
        return join_events(self.batches(commands))

    def batches(self, commands: Commands, size: int = BATCH) -> Iterator[Events]:
        """Log and apply records batch by batch; yields the events of each once it is durable.

        Syncs are shared by the policy of `GroupCommit`, so events come some batches behind. What a
        caller leaves behind, or a refused batch, is told by the next call, or by `release`.
        """
        size = max(1, min(size, self.log.records_max - ROWS_MAX))  # the last may be a long quote
        for part in cut_batches(commands, size):
            with self._voiding():
                try:
                    durable = self._commits.append(part, self.log.last + 1, time.monotonic_ns())
                except RecordsRefused:
                    yield from self.release()
                    raise
                self._held.append((self.log.last, self.exchange.run(part)))
                self._must_agree()
            yield from self._told(durable)
        yield from self.release()

    def release(self) -> Iterator[Events]:
        """Commit, and yield the events that wait."""
        with self._voiding():
            durable = self.log.commit()
        yield from self._told(durable)

    def was(self, account: int, client_id: int) -> bool | None:
        """Whether a client command was taken, refused or not, by an account's id window (2.4); None
        where the id is too old to know. What it says is durable."""
        with self._voiding():
            self.log.commit()
        arena = self.exchange.arena
        if not has_account(arena, account) or client_id < 1:
            return False
        record = arena.records("accounts", account + 1)[account]
        behind = int(record["client_id_highest"]) - client_id
        if behind < 0:
            return False
        return bool(int(record["client_ids"]) >> behind & 1) if behind < WINDOW else None

    def snapshot(self) -> int:
        """Write the state while everything waits; returns its sequence. Older ones go, but one."""
        with self._voiding():
            self.log.commit()
        sequence = write_snapshot(
            self._disk, self.directory, self.exchange.arena, self._config_digest,
            self.log.chain_hash,
        )  # fmt: skip
        remove_older(self._disk, self.directory, SNAPSHOTS_KEPT, self._config_digest)
        return sequence

    def start_snapshot(self) -> SnapshotChild:
        """Begin to write the state as it is now, in a process of its own, which removes older ones
        at its end: see `poll` of it."""
        with self._voiding():
            self.log.commit()
        return SnapshotChild(
            self._disk, self.directory, self.exchange.arena, self._config_digest,
            self.log.chain_hash, SNAPSHOTS_KEPT,
        )  # fmt: skip

    def trim(self) -> int:
        """Drop what of the log no kept snapshot needs, the oldest whole one of them neither;
        returns the new first sequence of the log."""
        kept = find_snapshots(self._disk, self.directory)[:SNAPSHOTS_KEPT]
        is_whole_at = {
            sequence: is_whole(self._disk, self.directory, sequence, self._config_digest)
            for sequence in kept
        }
        needed = min((sequence for sequence in kept if is_whole_at[sequence]), default=0)
        return self.log.trim(needed + 1)

    def checkpoint(self) -> Checkpoint:
        """What log and state are now, for a key to sign (`checkpoint.py`)."""
        with self._voiding():
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
        must_not_be_ahead(self._disk, self.directory, self.log.last)
        passed_over: list[str] = []
        taken = 0
        for sequence in find_snapshots(self._disk, self.directory):
            try:
                arena = read_snapshot_of(
                    self._disk, self.directory, sequence, self._config_digest
                )
            except JournalError as error:
                passed_over.append(str(error))
                continue
            self._exchange = Exchange.restore(self.exchange.config, arena)
            taken = sequence
            break
        if taken + 1 < self.log.first:
            why = "; ".join(passed_over) or "there is no snapshot"
            raise SequenceNotHeld(f"the log begins with sequence {self.log.first}: {why}")
        for records in self.log.read_from(taken + 1):
            self.exchange.apply(records)
        self._must_agree()
        self.opening = Opening(
            taken, self.log.last - taken, tuple(passed_over), self.log.recovery
        )

    def _told(self, durable: int) -> Iterator[Events]:
        """Take the events that may be told now; what is yielded has been told."""
        while self._held and self._held[0][0] <= durable:
            yield self._held.popleft()[1]

    @contextmanager
    def _voiding(self) -> Iterator[None]:
        """Whatever breaks off between log and state, or stops the log, makes the state void; a
        batch that was refused changed nothing."""
        try:
            yield
        except (RecordsRefused, SequenceMismatch, GeneratorExit):
            raise
        except BaseException as error:
            self._void = self._void or str(error) or type(error).__name__
            self._held.clear()
            raise

    def _must_agree(self) -> None:
        """Engine and log number commands alike. Where they do not, what was logged has not been
        applied, as after an interruption between the two: the state is void."""
        if self.sequence != self.log.last:
            raise SequenceBroken(
                f"the state has seen {self.sequence} commands and the log has {self.log.last}: open"
                " the directory again"
            )


def find_segments(disk: Disk, directory: Path) -> list[Segment]:
    """The segments of a directory's log, none of one that is new. LogMissing where there is no
    directory, or something stands in it that a log has left behind."""
    try:
        names = disk.names(directory)
    except OSError as error:
        raise LogMissing(f"{directory}: {error.strerror or error}") from error
    segments = segments_of(directory, names)
    if not segments and find_snapshots(disk, directory):
        raise LogMissing(f"{directory}: there are snapshots, and no command log")
    if not segments and find_checkpoints(disk, directory):
        raise LogMissing(f"{directory}: there are checkpoints, and no command log")
    return segments


def must_not_be_ahead(disk: Disk, directory: Path, last: int) -> None:
    """A log that ends before something that was made of it has lost what was durable."""
    kept = {"snapshot": find_snapshots, "checkpoint": find_checkpoints}
    for kind, find in kept.items():
        sequence = max(find(disk, directory), default=0)
        if sequence > last:
            raise SequenceBroken(
                f"{directory}: a {kind} is of sequence {sequence}, and the log ends with {last}"
            )


def read_snapshot_of(
    disk: Disk, directory: Path, sequence: int, config_digest: bytes
) -> Arena:
    """The state of a snapshot of this very log: of what its chain was at that command. Where the
    log has been trimmed beyond its batch nobody can tell: what is left begins with the hash of the
    last mark."""
    header, arena = read_snapshot(disk, directory, sequence, config_digest)
    reader = LogReader(disk, directory, config_digest)
    if sequence >= reader.first and header.chain_hash not in reader.hashes_at(sequence):
        raise SnapshotForeign(f"the snapshot of sequence {sequence} is one of another log")
    return arena


def cut_batches(commands: Commands, size: int) -> Iterator[Commands]:
    """Records in parts of about so many, each of whole commands."""
    starts = find_starts(commands)
    start = 0
    while start < len(commands):
        k = int(np.searchsorted(starts, start + size))
        end = int(starts[k]) if k < len(starts) else len(commands)
        yield commands[start:end]
        start = end
