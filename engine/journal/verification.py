"""Proof of a directory, and travel in its time: everything is read, nothing is changed (13.1, I10).

A proof wants the directory for itself; a look at what was written can be had beside its exchange.
"""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from engine.exchange import Exchange
from engine.journal.checkpoint import (
    Checkpoint,
    CheckpointRefused,
    find_checkpoints,
    must_be_signed,
    read_checkpoint,
)
from engine.journal.config_file import KeptConfig, read_config
from engine.journal.disk import Disk
from engine.journal.log_errors import (
    JournalError,
    LogDamaged,
    LogInUse,
    LogUnreadable,
    SequenceBroken,
    SequenceNotHeld,
)
from engine.journal.log_reading import LogReader
from engine.journal.log_walk import StoredBatch, cut_batch
from engine.journal.recovery import read_snapshot_of
from engine.journal.snapshot import find_snapshots
from engine.schema import events as ev

KEY_BYTES = 32  # of an Ed25519 public key


class Verification(msgspec.Struct, kw_only=True):
    """What was found; `broken` is empty where everything holds."""

    first: int  # of the log
    last: int = 0
    segments: int = 0
    torn: str = ""  # what stands behind the last whole batch
    since: int = 0  # the sequence of the snapshot that the replay began with, 0: from nothing
    replayed: int = 0
    snapshots: int = 0  # compared with the replay
    checkpoints: int = 0
    waterfalls: int = 0  # of which the account adds up (I9)
    digest: str = ""  # of the state at the end
    broken: list[str] = []


def find_start(
    disk: Disk, directory: Path, kept: KeptConfig, until: int
) -> tuple[int, Exchange, list[str]]:
    """The newest snapshot at or before a sequence that can be read, with its sequence, and why
    newer ones can't; an exchange at its beginning where there is none."""
    refused = []
    for sequence in find_snapshots(disk, directory):
        if sequence <= until:
            try:
                arena = read_snapshot_of(disk, directory, sequence, kept.digest)
            except JournalError as error:
                refused.append(str(error))
            else:
                return sequence, Exchange.restore(kept.config, arena), refused
    return 0, Exchange(kept.config), refused


def state_at(disk: Disk, directory: Path, sequence: int) -> Exchange:
    """The exchange behind a command: the nearest snapshot before it, and the log from there. Beside
    a writer: a fault is believed when it is there at a second look."""
    try:
        return _look_back(disk, directory, sequence)
    except (LogDamaged, LogUnreadable, SequenceBroken):
        return _look_back(disk, directory, sequence)


def _look_back(disk: Disk, directory: Path, sequence: int) -> Exchange:
    kept = read_config(disk, directory)
    since, exchange, _ = find_start(disk, directory, kept, sequence)
    reader = LogReader(disk, directory, kept.digest)
    if since + 1 < reader.first and since < sequence:
        raise SequenceNotHeld(
            f"sequence {sequence} is not held: {_what_is_held(disk, directory, kept, reader.first)}"
        )
    done = since
    for batch in reader.batches(since + 1) if sequence > since else ():
        exchange.apply(cut_batch(batch, since + 1, sequence))
        done = min(batch.last_sequence, sequence)
        if done == sequence:
            break
    if done != sequence:
        raise SequenceNotHeld(f"sequence {sequence} is not held: the log ends with {done}")
    return exchange


def _what_is_held(disk: Disk, directory: Path, kept: KeptConfig, first: int) -> str:
    """Of a log that was trimmed: the state at its beginning, and all from a snapshot on."""
    for sequence in sorted(find_snapshots(disk, directory)):
        if sequence + 1 >= first:
            with contextlib.suppress(JournalError):
                read_snapshot_of(disk, directory, sequence, kept.digest)
                return f"the log begins with {first}; held are 0 and all from {sequence} on"
    return f"the log begins with {first}, and no snapshot reaches it; held is 0 alone"


class Verifier:
    """A replay of a whole log, with everything that can be compared on the way."""

    def __init__(
        self, disk: Disk, directory: Path, public_key: bytes | None, check_every: int
    ) -> None:
        """Without a public key checkpoints are compared, and nobody asks who signed them."""
        if public_key is not None and len(public_key) != KEY_BYTES:
            raise CheckpointRefused(f"a public key has {KEY_BYTES} bytes, not {len(public_key)}")
        self._disk, self._directory = disk, directory
        self._public_key = public_key
        self._check_every = check_every

    def verify(self, progress: Callable[[int], object] = lambda _: None) -> Verification:
        """Raises a JournalError where the log itself can't be read to its end, and LogInUse while
        an exchange runs in the directory."""
        # Before the first look: an exchange that ends meanwhile leaves other files than were there.
        try:
            lock = self._disk.lock(self._directory)
        except BlockingIOError as error:
            raise LogInUse(f"{self._directory}: an exchange runs in it") from error
        except OSError as error:
            raise LogUnreadable(f"{self._directory}: {error.strerror or error}") from error
        try:
            self._look()
            self._read_checkpoints()
            self._replay(progress)
        finally:
            self._disk.close(lock)
        return self.found

    def _look(self) -> None:
        """What there is to prove."""
        disk, directory = self._disk, self._directory
        self._kept = read_config(disk, directory)
        self._digest = self._kept.digest
        self._reader = LogReader(disk, directory, self._digest)
        self._snapshots = set(find_snapshots(disk, directory))
        self._checkpoints: dict[int, Checkpoint] = {}
        self.found = Verification(first=self._reader.first, segments=len(self._reader.segments))

    def _read_checkpoints(self) -> None:
        for sequence in find_checkpoints(self._disk, self._directory):
            self._note(lambda at=sequence: self._read_checkpoint(at))  # type: ignore[misc]
        if self._public_key is not None and not self._checkpoints:
            self.found.broken.append("no checkpoint is there that the key could have signed")

    def _read_checkpoint(self, sequence: int) -> None:
        checkpoint = read_checkpoint(self._disk, self._directory, sequence)
        self._checkpoints[sequence] = checkpoint
        if self._public_key is not None:
            must_be_signed(checkpoint, self._public_key)

    def _replay(self, progress: Callable[[int], object]) -> None:
        found = self.found
        exchange = self._start()
        stops = self._snapshots | set(self._checkpoints)
        if found.since in stops:
            self._compare(exchange, found.since)
        for batch in self._reader.batches(found.since + 1):
            for stop in sorted(s for s in stops if batch.first_sequence <= s < batch.last_sequence):
                self._apply(exchange, cut_batch(batch, found.since + found.replayed + 1, stop))
                self._compare(exchange, stop)
            since = found.since + found.replayed + 1
            self._apply(exchange, cut_batch(batch, since, batch.last_sequence))
            if batch.last_sequence in stops:
                self._compare(exchange, batch.last_sequence)
            self._check_now_and_then(exchange, batch)
            progress(batch.commands)
        found.last = found.since + found.replayed
        found.torn = self._reader.fault.what if self._reader.fault else ""
        found.broken += exchange.check()
        for stop in sorted(stops):
            if stop > found.last:
                what = f"a snapshot or checkpoint is of sequence {stop}"
                found.broken.append(f"{what}, and the log ends with {found.last}")
            elif stop < found.since and stop in self._checkpoints and self._public_key is not None:
                found.broken.append(f"the checkpoint of sequence {stop} is of what was trimmed")
        found.digest = exchange.digest()

    def _start(self) -> Exchange:
        """From nothing, or, where the log was trimmed, from the oldest snapshot that reaches it and
        can be read."""
        found = self.found
        if found.first == 1:
            return Exchange(self._kept.config)
        for sequence in sorted(s for s in self._snapshots if s + 1 >= found.first):
            try:
                arena = read_snapshot_of(self._disk, self._directory, sequence, self._digest)
            except JournalError as error:
                found.broken.append(str(error))
            else:
                found.since = sequence
                return Exchange.restore(self._kept.config, arena)
        raise SequenceNotHeld(f"the log begins with {found.first}, and no snapshot reaches it")

    def _apply(self, exchange: Exchange, records: Iterable[object]) -> None:
        before = int(exchange.arena.engine["sequence"][0])
        for events in exchange.batches(records):  # type: ignore[arg-type]
            closed = events[events["kind"] == ev.WATERFALL_CLOSED]
            layers = closed["b"] + closed["c"] + closed["d"] + closed["e"]
            self.found.waterfalls += len(closed)
            for event in closed[closed["a"] != layers]:
                self.found.broken.append(f"I9: sequence {event['sequence']}: layers do not add up")
        self.found.replayed += int(exchange.arena.engine["sequence"][0]) - before

    def _compare(self, exchange: Exchange, sequence: int) -> None:
        """The state at a snapshot or a checkpoint with what it says."""
        digest = exchange.digest()
        if sequence in self._snapshots:
            self.found.snapshots += 1
            self._note(lambda: self._must_be_state(sequence, digest))
        checkpoint = self._checkpoints.get(sequence)
        if checkpoint is not None:
            self.found.checkpoints += 1
            self._note(lambda: self._must_be_checkpoint(checkpoint, digest))

    def _must_be_state(self, sequence: int, digest: str) -> None:
        arena = read_snapshot_of(self._disk, self._directory, sequence, self._digest)
        if arena.digest() != digest:
            raise JournalError(f"I10: the snapshot of sequence {sequence} is not that state")

    def _must_be_checkpoint(self, checkpoint: Checkpoint, digest: str) -> None:
        # Behind what was trimmed the chain is known from the first batch that is left on.
        is_known = checkpoint.sequence >= self.found.first or checkpoint.sequence == 0
        chain = {chain_hash.hex() for chain_hash in self._reader.hashes_at(checkpoint.sequence)}
        is_chained = not is_known or checkpoint.chain_hash in chain
        told = (checkpoint.state_digest, checkpoint.config_digest)
        if told != (digest, self._digest.hex()) or not is_chained:
            raise JournalError(
                f"the log is not the one of the checkpoint of sequence {checkpoint.sequence}"
            )

    def _note(self, check: Callable[[], None]) -> None:
        try:
            check()
        except JournalError as error:
            self.found.broken.append(str(error))

    def _check_now_and_then(self, exchange: Exchange, batch: StoredBatch) -> None:
        every = self._check_every
        if every and batch.last_sequence // every > (batch.first_sequence - 1) // every:
            self.found.broken += exchange.check()
