"""The state of a directory: its newest snapshot that can be proven, and the log behind it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.exchange import Exchange
from engine.journal import config_file
from engine.journal.checkpoint import find_checkpoints
from engine.journal.disk import Disk
from engine.journal.log_errors import (
    JournalError,
    LogMissing,
    SequenceBroken,
    SequenceNotHeld,
)
from engine.journal.log_reading import LogReader
from engine.journal.log_walk import LogWalk, StoredBatch, gather
from engine.journal.read_ahead import read_ahead
from engine.journal.segment_files import Segment, segments_of
from engine.journal.segment_log import Recovery
from engine.journal.snapshot import Chain, find_snapshots, read_header, read_snapshot
from engine.journal.snapshot_errors import SnapshotForeign
from engine.schema.contract import Config
from engine.state.arena import Arena

RUN_RECORDS = 4_096
# That are read and checked while those before them are replayed, 16 MiB: a replay of them takes as
# long as it takes to read the next segment.
RUNS_AHEAD = 64


class Opening(NamedTuple):
    """What an opening found."""

    snapshot: int = 0  # the sequence of the one that was taken, 0: none
    replayed: int = 0  # commands behind it
    passed_over: tuple[str, ...] = ()  # snapshots that were refused, and why
    log: Recovery = Recovery()


class Replay:
    """What an opening makes of a log while it is checked: the exchange that wrote it."""

    def __init__(self, disk: Disk, directory: Path, config: Config, config_digest: bytes) -> None:
        """Raises ConfigError."""
        self.exchange = Exchange(config)
        self.snapshot = 0
        self.passed_over: list[str] = []
        self.chain: Chain = {}  # of the log, behind the commands of which there are snapshots
        self._last = 0  # command of the log, so far
        self._disk, self._directory, self._config_digest = disk, directory, config_digest

    def take(self, walk: LogWalk) -> None:
        """Replay all batches of a log; raises a JournalError where they do not make the state that
        snapshots and checkpoints tell of."""
        self._take_snapshot()
        if self.snapshot + 1 < walk.first:
            why = "; ".join(self.passed_over) or "there is no snapshot"
            raise SequenceNotHeld(f"the log begins with sequence {walk.first}: {why}")
        self._last = walk.first - 1
        walk.note(find_snapshots(self._disk, self._directory))
        self.chain = walk.chain
        behind = gather(self._noted(walk.batches(walk.first)), self.snapshot + 1, RUN_RECORDS)
        for records in read_ahead(behind, RUNS_AHEAD):
            self.exchange.apply(records)
        must_not_be_ahead(self._disk, self._directory, self._last)
        must_agree(self.exchange, self._last)

    def found(self, log: Recovery) -> Opening:
        replayed = log.last - self.snapshot
        return Opening(self.snapshot, replayed, tuple(self.passed_over), log)

    def _take_snapshot(self) -> None:
        """Begin with the newest one that can be proven, with nothing where there is none."""
        for sequence in find_snapshots(self._disk, self._directory):
            try:
                arena = read_snapshot_of(self._disk, self._directory, sequence, self._config_digest)
            except JournalError as error:
                self.passed_over.append(str(error))
                continue
            self.exchange = Exchange.restore(self.exchange.config, arena)
            self.snapshot = sequence
            return

    def _noted(self, batches: Iterator[StoredBatch]) -> Iterator[StoredBatch]:
        for batch in batches:
            self._last = batch.last_sequence
            yield batch


def find_segments(disk: Disk, directory: Path) -> list[Segment]:
    """The segments of a directory's log, none of one that is new. LogMissing where there is no
    directory, or something stands in it that a log has left behind: a configuration is kept once
    the first segment is durable, so no crash leaves it alone."""
    try:
        names = disk.names(directory)
    except OSError as error:
        raise LogMissing(f"{directory}: {error.strerror or error}") from error
    segments = segments_of(directory, names)
    if not segments and find_snapshots(disk, directory):
        raise LogMissing(f"{directory}: there are snapshots, and no command log")
    if not segments and find_checkpoints(disk, directory):
        raise LogMissing(f"{directory}: there are checkpoints, and no command log")
    if not segments and config_file.NAME in names:
        raise LogMissing(f"{directory}: there is a {config_file.NAME}, and no command log")
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


def must_agree(exchange: Exchange, last: int) -> None:
    """Engine and log number commands alike. Where they do not, what was logged has not been
    applied, as after an interruption between the two: the state is void."""
    sequence = int(exchange.arena.engine["sequence"][0])
    if sequence != last:
        raise SequenceBroken(
            f"the state has seen {sequence} commands and the log has {last}: open the directory"
            " again"
        )


def read_snapshot_of(disk: Disk, directory: Path, sequence: int, config_digest: bytes) -> Arena:
    """The state of a snapshot of this very log: of what its chain was at that command. Of one that
    ends before what the log still holds nobody can tell, and no replay begins with it."""
    # The body comes last: it may be as large as somebody has made it.
    header = read_header(disk, directory, sequence)
    reader = LogReader(disk, directory, config_digest)
    if sequence + 1 < reader.first:
        raise SnapshotForeign(
            f"the snapshot of sequence {sequence} is of before the log, which begins with"
            f" {reader.first}"
        )
    if header.chain_hash not in reader.hashes_at(sequence):
        raise SnapshotForeign(
            f"the snapshot of sequence {sequence} is one of another log, or its header is damaged"
        )
    again, arena = read_snapshot(disk, directory, sequence, config_digest)
    if again != header:
        raise SnapshotForeign(f"the snapshot of sequence {sequence} was replaced while it was read")
    return arena
