"""The embedded command log: preallocated segment files on one disk (`log_format.py`).

A write that fails or is short, or a sync that fails, stops the log for good: what the file holds
behind `durable` is then unknown to this process, and only a new opening may look. A sync is never
tried again. `durable` moves behind a sync that has succeeded, and nowhere else.

One process writes a log; a lock on its directory keeps a second one out.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from engine.journal.command_framing import find_starts, must_continue
from engine.journal.command_log import Records
from engine.journal.disk import Disk
from engine.journal.log_errors import (
    LogExists,
    LogInUse,
    LogMissing,
    LogStopped,
    LogUnreadable,
    SequenceNotHeld,
)
from engine.journal.log_format import (
    BATCH,
    CLOSED,
    HASH_BYTES,
    MARK_BYTES,
    NO_HASH,
    SEGMENT_BYTES_MAX,
    SEGMENT_BYTES_MIN,
    SEGMENT_HEADER_BYTES,
    SEGMENT_MAGIC,
    SLOT,
    VERSION,
    BatchHeader,
    SegmentHeader,
    pack_batch,
    pack_segment_header,
    salt_of,
)
from engine.journal.log_recovery import Walk, must_be_whole_or_torn, must_reach
from engine.journal.log_walk import LogWalk
from engine.journal.segment_files import (
    Segment,
    SegmentMemory,
    make_segment,
    parts_of,
    read_segment,
    segments_of,
)
from engine.journal.segment_seal import pack_seal, seal_later
from engine.journal.segment_writer import SegmentWriter
from engine.schema.commands import COMMAND

SEGMENT_BYTES = 64 << 20

Replay = Callable[[LogWalk], None]  # a batch's records are valid until the next one


def look_at_all(walk: LogWalk) -> None:
    """The replay of an opening that only wants to know whether the log is sound."""
    for _ in walk.batches(walk.first):
        pass


class Recovery(NamedTuple):
    """What opening a log found: where it goes on, and what was cut off its end."""

    last: int = 0  # sequence
    cut_bytes: int = 0  # 0 where the log ended cleanly
    cut_name: str = ""  # the file
    cut_offset: int = 0  # bytes
    cut_what: str = ""
    parts_removed: int = 0  # segments that were in the making
    seals_put: int = 0  # that were left out of segments before the last


class SegmentLog:
    """A `CommandLog` in a directory."""

    def __init__(
        self, disk: Disk, directory: Path, config_digest: bytes, segment_bytes: int
    ) -> None:
        """Neither created nor opened yet: take `create` or `open`."""
        if not SEGMENT_BYTES_MIN <= segment_bytes <= SEGMENT_BYTES_MAX or segment_bytes % SLOT:
            raise ValueError(f"segment_bytes {segment_bytes} is no size of a segment")
        if len(config_digest) != HASH_BYTES:
            raise ValueError(f"the digest of a configuration has {HASH_BYTES} bytes")
        self.directory = directory
        self.segment_bytes = segment_bytes  # of segments yet to be made
        self.last = 0
        self.durable = 0
        self.recovery = Recovery()
        self._disk = disk
        self._config_digest = config_digest
        self._lock = _lock(disk, directory)
        self._segments: list[Segment] = []
        self._writer: SegmentWriter | None = None
        self._hash = NO_HASH
        self._mark = b""  # of the last batch in the open segment
        self._stopped = ""  # why the log takes nothing any more

    @classmethod
    def create(
        cls,
        disk: Disk,
        directory: Path,
        config_digest: bytes,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> Self:
        """Begin a log with sequence 1, in a directory that holds none."""
        return cls(disk, directory, config_digest, segment_bytes)._begun(cls._create)

    @classmethod
    def open(
        cls,
        disk: Disk,
        directory: Path,
        config_digest: bytes,
        segment_bytes: int = SEGMENT_BYTES,
        replay: Replay = look_at_all,
    ) -> Self:
        """Open a log and go on behind its last command; `recovery` says what was found.

        Everything is read once: `replay` gets the walk through all of it, and takes every batch,
        which has been checked then. What it makes of them is void when the opening fails behind it.
        """
        log = cls(disk, directory, config_digest, segment_bytes)
        return log._begun(lambda begun: begun._recover(replay))

    @property
    def first(self) -> int:
        return self._segments[0].first_sequence

    @property
    def chain_hash(self) -> bytes:
        """Of all batches so far: what a checkpoint signs."""
        return self._hash

    @property
    def records_max(self) -> int:
        """Most records of a batch: in this segment and in the next ones there is always room behind
        it for one mark of each kind, and before it for that of a close before the first batch."""
        size = min(self._open.size, self.segment_bytes)
        return (size - SEGMENT_HEADER_BYTES - 4 * MARK_BYTES) // SLOT

    def append(self, records: Records, expected_sequence: int) -> None:
        """Write one batch behind the last; durable once `commit` has returned."""
        self._must_run()
        self.append_checked(
            *must_continue(records, expected_sequence, self.last, self.records_max)
        )

    def append_checked(self, records: Records, commands: int) -> None:
        """Write a batch of so many commands that has been found to continue this log: whoever lets
        a thread write has looked before he answered."""
        self._must_run()
        # From here on only the disk can fail, and that stops the log.
        with self._stopping("append"):
            if self._open.end + records.nbytes + 3 * MARK_BYTES > self._open.size:
                self._begin_next_segment()
            self._append_batch(BATCH, records, commands)
            self.last += commands

    def commit(self) -> int:
        """Make all that was appended durable."""
        self._must_run()
        if self._open.durable_end < self._open.end:
            with self._stopping("commit"):
                self._open.sync()
        self.durable = self.last
        return self.durable

    def wait(self) -> int:
        """Nothing is under way here once `commit` has returned."""
        self._must_run()
        return self.durable

    def pause(self) -> None:
        """Nothing of it ever runs beside its caller."""

    def read_from(self, sequence: int) -> Iterator[Records]:
        """The records from a command on, each batch checked again as it is read."""
        if not self.first <= sequence <= self.durable + 1:
            raise SequenceNotHeld(
                f"sequence {sequence} is not held: the log has {self.first} to {self.durable}"
            )
        # As they are now: whoever writes goes on.
        return self._read_from(
            sequence, [*self._segments], self.durable + 1, self._open.durable_end
        )

    def trim(self, before_sequence: int) -> int:
        """Remove the segments whose commands are all before a sequence; never the open one."""
        self._must_run()
        while len(self._segments) > 1 and self._segments[1].first_sequence <= before_sequence:
            with self._stopping("trim"):
                self._disk.remove(self._segments[0].path)
                # After each: the directory must not forget a later one and keep an earlier one.
                self._disk.sync_directory(self.directory)
                del self._segments[0]
        return self.first

    def close(self) -> None:
        """Commit, put the mark of a clean end behind the last batch, let go."""
        if self._lock < 0:
            return
        try:
            if not self._stopped:
                self.commit()
                self._mark_as_closed()
        finally:
            self._let_go("it is closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _open(self) -> SegmentWriter:
        """The segment that is being filled."""
        assert self._writer is not None
        return self._writer

    def _create(self) -> None:
        names = self._read_names()
        if segments_of(self.directory, names):
            raise LogExists(f"{self.directory}: there is a command log already")
        self._remove_parts(names)
        self._make_segment(first_sequence=1)

    def _recover(self, replay: Replay) -> None:
        """Check all that is stored, cut what is torn, and make durable what is left."""
        names = self._read_names()
        self._segments = segments_of(self.directory, names)
        if not self._segments:
            raise LogMissing(f"{self.directory}: there is no command log")
        whole = LogWalk(self._disk, self._segments, self._config_digest, SegmentMemory())
        replay(whole)
        walk = whole.last
        must_be_whole_or_torn(walk)
        # Nothing has been changed so far, and nothing is refused from here on.
        place, fault = walk.place, walk.fault
        cut = bytes(walk.octets[place.offset :]).rstrip(b"\0")
        parts_removed = self._remove_parts(names)
        path = self._segments[-1].path
        with self._stopping("recovery"):
            # All others have durable names, by the sync just before: none is missed without need.
            for unsealed in whole.doubtful_seals:
                seal_later(self._disk, self.directory, self._config_digest, unsealed)
            file = self._disk.open(path)
            self._writer = SegmentWriter(
                self._disk, path, file, len(walk.octets), walk.salt, place.offset
            )
            if cut:  # at once no header any more, wherever the zeros fall short
                self._writer.write(b"\0", place.offset + SLOT - 1)
            self._writer.write(bytes(len(cut)), place.offset)
            self._writer.write(walk.octets[place.proven_bytes : place.offset], place.proven_bytes)
            self._writer.sync()
        self._hash, self._mark = place.hash, place.mark
        self.last = self.durable = place.sequence - 1
        self.recovery = Recovery(
            last=self.last,
            cut_bytes=len(cut),
            cut_name=walk.name,
            cut_offset=place.offset,
            cut_what=fault.what if fault else "",
            parts_removed=parts_removed,
            seals_put=len(whole.unsealed),
        )

    def _read_names(self) -> list[str]:
        try:
            return self._disk.names(self.directory)
        except OSError as error:
            raise LogUnreadable(f"{self.directory}: {error.strerror or error}") from error

    def _remove_parts(self, names: list[str]) -> int:
        """Remove segments that were in the making when a process ended; returns how many."""
        parts = parts_of(self.directory, names)
        with self._stopping("removal of a segment in the making"):
            for part in parts:
                self._disk.remove(part)
            self._disk.sync_directory(self.directory)
        return len(parts)

    def _read_from(
        self, sequence: int, segments: list[Segment], next_durable: int, durable_end: int
    ) -> Iterator[Records]:
        firsts = [segment.first_sequence for segment in segments[1:]]
        for segment, next_first in zip(segments, [*firsts, None], strict=True):
            if next_first is not None and next_first <= sequence:
                continue
            octets = read_segment(self._disk, segment.path, self._config_digest)
            name = segment.path.name
            walk = Walk(name, octets[:durable_end] if next_first is None else octets)
            for header, body in walk.batches():
                if header.first_sequence + header.commands > sequence:
                    yield _records_from(sequence, header, body)
            must_reach(walk, next_durable if next_first is None else next_first)

    def _begin_next_segment(self) -> None:
        """All of this segment becomes durable, then the next one, then the seal of this one."""
        # Else the next one would take the name of this one, and its place.
        assert self.last >= self._segments[-1].first_sequence
        self.commit()
        full = self._open
        seal = pack_seal(full.end, self.last + 1, self._hash, full.salt)
        self._make_segment(first_sequence=self.last + 1)
        full.append(seal)
        full.sync()
        full.close()

    def _make_segment(self, first_sequence: int) -> None:
        header = SegmentHeader(
            magic=SEGMENT_MAGIC,
            version=VERSION,
            record_bytes=COMMAND.itemsize,
            segment_bytes=self.segment_bytes,
            first_sequence=first_sequence,
            config_digest=self._config_digest,
            previous_hash=self._hash,
        )
        with self._stopping(f"creation of the segment of sequence {first_sequence}"):
            segment, file = make_segment(self._disk, self.directory, header)
        self._segments.append(segment)
        salt = salt_of(pack_segment_header(header))
        self._writer = SegmentWriter(
            self._disk, segment.path, file, self.segment_bytes, salt, SEGMENT_HEADER_BYTES
        )
        self._writer.durable_end = SEGMENT_HEADER_BYTES
        self._mark = b""

    def _mark_as_closed(self) -> None:
        if self._mark != CLOSED:
            with self._stopping("close"):
                self._append_batch(CLOSED, np.empty(0, COMMAND), 0)
                self._open.sync()

    def _append_batch(self, mark: bytes, records: Records, commands: int) -> None:
        header = self._header(mark, len(records), commands)
        batch = pack_batch(header, records.view(np.uint8).data, self._open.salt)
        self._open.append(batch.octets)
        self._hash = batch.hash
        self._mark = mark

    def _header(self, mark: bytes, records: int, commands: int) -> BatchHeader:
        """The header of the next batch, without its checksums."""
        return BatchHeader(
            checksum=0,
            body_checksum=0,
            records=records,
            commands=commands,
            first_sequence=self.last + 1,
            durable_bytes=self._open.durable_end,
            previous_hash=self._hash,
            mark=mark,
        )

    def _must_run(self) -> None:
        if self._stopped:
            raise LogStopped(f"the log has stopped: {self._stopped}")

    @contextlib.contextmanager
    def _stopping(self, what: str) -> Iterator[None]:
        """Stop the log for good when what is done here fails or is interrupted."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            self._stopped = f"{what}: {reason}; durable to sequence {self.durable}"
            raise LogStopped(f"the log stops: {self._stopped}") from error
        except BaseException:
            self._stopped = self._stopped or f"{what}: it was interrupted"
            raise

    def _begun(self, begin: Callable[[Self], None]) -> Self:
        try:
            begin(self)
        except BaseException:
            self._let_go("it was never opened")
            raise
        return self

    def _let_go(self, why: str) -> None:
        self._stopped = self._stopped or why
        with contextlib.suppress(OSError):
            if self._writer is not None:
                self._writer.close()
        # Forgotten before it is closed: once it is, the number may be that of a stranger's file.
        lock, self._lock = self._lock, -1
        with contextlib.suppress(OSError):
            if lock >= 0:
                self._disk.close(lock)


def _records_from(sequence: int, header: BatchHeader, body: memoryview) -> Records:
    """The records of a batch, without those of commands before a sequence."""
    records = np.frombuffer(body, COMMAND)
    if header.first_sequence >= sequence:
        return records
    return records[find_starts(records)[sequence - header.first_sequence] :]


def _lock(disk: Disk, directory: Path) -> int:
    try:
        return disk.lock(directory)
    except FileNotFoundError as error:
        raise LogMissing(f"{directory}: there is no such directory") from error
    except BlockingIOError as error:
        raise LogInUse(f"{directory}: another process writes this log") from error
    except OSError as error:
        raise LogUnreadable(f"{directory}: {error.strerror or error}") from error
