"""An exchange whose commands survive: logged before they are applied, told once they are durable.

    exchange = DurableExchange.open(directory, config)
    events = exchange.submit(command)

The order is log, apply, commit, tell. A command is given to the log first, which writes it while it
is applied; its events are given out only when the log calls it durable, so whoever was told
anything will find it after a crash. What was written and not told may come back after one: `was`
answers for a client's command, and a client id that was used is refused, before and after.

A log that stops (a failed write or sync) ends all of it: the state is ahead of what is durable and
is void. The process must end, and what the disk holds is found by opening it again.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np

from engine.exchange import Commands, Events, Exchange, join_events
from engine.journal import checkpoint, config_file, snapshot
from engine.journal.checkpoint import Checkpoint
from engine.journal.command_log import CommandLog, CommitPolicy, GroupCommit
from engine.journal.config_file import find_digest, keep_config
from engine.journal.disk import Disk, RealDisk
from engine.journal.held_events import HeldEvents
from engine.journal.json_lines import pack_commands
from engine.journal.log_errors import (
    EventsHeld,
    LogStopped,
    LogUnreadable,
    RecordsRefused,
    SequenceMismatch,
)
from engine.journal.log_format import compute_config_digest
from engine.journal.log_thread import ThreadedLog
from engine.journal.recovery import Opening, Replay, find_segments, must_agree
from engine.journal.segment_files import read_config_digest
from engine.journal.segment_log import SEGMENT_BYTES, SegmentLog
from engine.journal.snapshot import (
    Chain,
    Shelf,
    SnapshotChild,
    find_proven,
    find_snapshots,
    keep_snapshot,
    remove_before,
)
from engine.journal.whole_file import remove_parts
from engine.schema.commands import QUOTE_ROW, ROWS_MAX, AnyCommand
from engine.schema.contract import Config
from engine.schema.events import Event
from engine.state.arena import has_account

# Names beside the log: of a process that ended before, parts of them may be there.
PUBLISHED = (re.compile(re.escape(config_file.NAME)), snapshot.NAME, checkpoint.NAME)
BATCH = 4_096  # records of a batch, about
SNAPSHOTS_KEPT = 2
WINDOW = 64  # client ids that an account's window tells apart (2.4)


class DurableExchange:
    """An exchange with its command log and its snapshots, in one directory."""

    def __init__(
        self,
        disk: Disk,
        directory: Path,
        exchange: Exchange,
        log: CommandLog,
        config_digest: bytes,
        opening: Opening,
        chain: Chain,
    ) -> None:
        """Of a state that is that of the log: take `open`."""
        self.directory = directory
        self.log = log
        self.opening = opening
        self._exchange = exchange
        self._void = ""  # why the state can't be looked at any more
        self._held = HeldEvents()
        self._disk = disk
        self._config_digest = config_digest
        # What the log's chain was where there are snapshots: it tells ours from others.
        self._chain = {sequence: {*hashes} for sequence, hashes in chain.items()}
        self._children: list[SnapshotChild] = []  # not known to have ended
        self._commits = GroupCommit(log, CommitPolicy())

    @classmethod
    def open(
        cls,
        directory: Path,
        config: Config,
        disk: Disk | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        written_by: Callable[[SegmentLog], CommandLog] = ThreadedLog,
    ) -> Self:
        """The exchange of a directory as its log has it, or a new one where there is no log.

        `written_by` decides who writes the log: a thread of its own, or, by the identity, whoever
        calls. Raises ConfigError, and a JournalError for whatever it can't prove: gaps, forks,
        damage, another configuration, a later version's files, a snapshot ahead of the log.
        """
        disk = disk or RealDisk()
        with reading(directory):
            segments = find_segments(disk, directory)
            of_log = read_config_digest(disk, segments[0].path) if segments else None
            digest = find_digest(disk, directory, config, of_log)
            replay = Replay(disk, directory, config, digest)
            if segments:
                log = SegmentLog.open(disk, directory, digest, segment_bytes, replay.take)
            else:
                log = SegmentLog.create(disk, directory, digest, segment_bytes)
            # From here on the directory is ours, and nothing in it is refused.
            found = replay.found(log.recovery)
            try:
                remove_parts(disk, directory, PUBLISHED)
                if digest == compute_config_digest(config):
                    keep_config(disk, directory, config)
                return cls(
                    disk, directory, replay.exchange, written_by(log), digest, found, replay.chain
                )
            except BaseException:
                log.close()
                raise

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
        exchange, records = self.exchange, pack_commands([command])
        with self._voiding():
            self.log.append(records, self.log.last + 1)
            events = exchange.submit(command)
            must_agree(self.exchange, self.log.last)
            self._commit()
        return events

    def run(self, commands: Commands) -> Events:
        """Log and apply records; returns all their events once all are durable."""
        return join_events(self.batches(commands))

    def batches(self, commands: Commands, size: int = BATCH) -> Iterator[Events]:
        """Log and apply records batch by batch; yields views of the events of each once it is
        durable, valid until the next step: copy them before a command goes another way.

        Syncs are shared by the policy of `GroupCommit`, so events may come some batches behind.
        Events that a caller leaves behind are told by the next call, before anything of it is
        logged, or by `release`; those that wait when a batch is refused, before the refusal.
        """
        size = max(1, min(size, self.log.records_max - ROWS_MAX))  # the last may be a long quote
        for part in cut_batches(np.ascontiguousarray(commands), size):
            with self._voiding():
                yield from self._held.tell(self.log.durable)
            exchange = self.exchange  # before it is logged: a void one could not apply it
            with self._voiding():
                try:
                    self._commits.append(part, self.log.last + 1, time.monotonic_ns())
                except RecordsRefused:
                    yield from self.release()
                    raise
                parts = exchange.batches(part, len(part))
                events = next(parts)
                if self._is_told_at_once():
                    yield events
                else:
                    self._held.hold(self.log.last, chain((events,), parts))
                    must_agree(exchange, self.log.last)
        yield from self.release()

    def release(self) -> Iterator[Events]:
        """Commit, and yield the events that wait, as `batches` does: first those that need no
        commit any more."""
        with self._voiding():
            yield from self._held.tell(self.log.durable)
            yield from self._held.tell(self._commit())

    def was(self, account: int, client_id: int) -> bool | None:
        """Whether a client command was taken, refused or not, by an account's id window (2.4); None
        where the id is too old to know. What it says is durable."""
        with self._voiding():
            self._commit()
        arena = self.exchange.arena
        if not has_account(arena, account) or client_id < 1:
            return False
        record = arena.records("accounts", account + 1)[account]
        behind = int(record["client_id_highest"]) - client_id
        if behind < 0:
            return False
        return bool(int(record["client_ids"]) >> behind & 1) if behind < WINDOW else None

    def snapshot(self) -> int:
        """Write the state while everything waits; returns its sequence. Older ones go, but one.
        Raises SnapshotFailed, then all others are still there, and OlderNotRemoved, then it is
        written."""
        with self._voiding():
            self._commit()
            chain_hash = self._note_chain()
        return keep_snapshot(self._shelf, self.exchange.arena, chain_hash, SNAPSHOTS_KEPT)

    def start_snapshot(self) -> SnapshotChild:
        """Begin to write the state as it is now, in a process of its own, which removes older ones
        at its end: see `poll` of it."""
        with self._voiding():
            self._commit()
            chain_hash = self._note_chain()
            self.log.pause()
        child = SnapshotChild(self._shelf, self.exchange.arena, chain_hash, SNAPSHOTS_KEPT)
        self._children.append(child)
        return child

    def trim(self) -> int:
        """Drop what of the log no kept snapshot of it needs, the oldest neither; returns the new
        first sequence of the log. The batches that they end with stay: their hashes prove them.
        Raises a JournalError, and nothing is dropped, where one can't be read or its name not be
        made durable, or where what an older one left can't be removed."""
        with self._voiding():
            self._commit()
        disk, directory = self._disk, self.directory
        with reading(directory):
            # Whoever wrote one may have ended, or failed, between its rename and this, and a child
            # may be there at any time: what was seen before the sync is durable behind it. (It may
            # be one that failed before. A file system that can't write names shuts itself down; it
            # does not forget them, as it does with what was written into a file.)
            named = find_snapshots(disk, directory)
            disk.sync_directory(directory)
            proven = find_proven(self._shelf, SNAPSHOTS_KEPT)
            kept = [sequence for sequence in proven if sequence in named]
            needed = min(kept, default=0)
            if len(kept) == SNAPSHOTS_KEPT:
                # What is left of older ones goes before what tells that they are ours.
                remove_before(self._shelf, needed)
            self._forget_removed(find_snapshots(disk, directory))
        return self.log.trim(needed)

    def checkpoint(self) -> Checkpoint:
        """What log and state are now, for a key to sign (`checkpoint.py`)."""
        with self._voiding():
            self._commit()
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

    @property
    def _shelf(self) -> Shelf:
        return Shelf(self._disk, self.directory, self._config_digest, self._chain)

    def _note_chain(self) -> bytes:
        """What the log's chain is now, for a snapshot of this moment; noted for the time after."""
        chain_hash = self.log.chain_hash
        self._chain.setdefault(self.log.last, set()).add(chain_hash)
        return chain_hash

    def _forget_removed(self, published: list[int]) -> None:
        """What the chain was where there is no snapshot any more, nor a child that writes one."""
        self._children = [c for c in self._children if not c.is_known_to_have_ended]
        held = {*published, *(child.sequence for child in self._children)}
        self._chain = {at: hashes for at, hashes in self._chain.items() if at in held}

    def _is_told_at_once(self) -> bool:
        """Whether all that was logged is applied and durable, and nothing waits to be told before
        its events: then they are told from where they lie and not copied. It takes a commit for
        each batch, so a megabyte of records, or a caller that leaves time between two."""
        return not self._held and self.log.durable == self.log.last == self.sequence

    def _commit(self) -> int:
        """Make all that was logged durable; returns its last sequence."""
        self.log.commit()
        durable = self.log.wait()
        if durable != self.log.last:  # the law itself, so no assertion
            raise LogStopped(f"the log has stopped: {durable} of {self.log.last} are durable")
        return durable

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


@contextmanager
def reading(directory: Path) -> Iterator[None]:
    """Where the system fails beside the log, the directory can't be read."""
    try:
        yield
    except OSError as error:
        raise LogUnreadable(f"{directory}: {error.strerror or error}") from error


def cut_batches(commands: Commands, size: int) -> Iterator[Commands]:
    """Records in parts of about so many, each of whole commands."""
    kinds = commands["kind"]
    start = 0
    while start < len(commands):
        end = start + size
        if end < len(commands) and kinds[end] == QUOTE_ROW:
            behind = np.flatnonzero(kinds[end : end + ROWS_MAX] != QUOTE_ROW)
            end += int(behind[0]) if len(behind) else ROWS_MAX
        yield commands[start:end]
        start = end
