"""Reading a command log beside its writer, or after it: nothing is locked, cut or written.

What a writer is about to write may be torn when a reader comes by; it is told in `fault` and is no
error here. Everything before it is checked like at an opening. A reader is told what was written,
which may not be durable yet; and a look at a moment of a writer's can show a fault that is none: it
counts when it is there at a second look, too (`state_at`).
"""

from collections.abc import Iterator
from pathlib import Path

from engine.journal.disk import Disk
from engine.journal.log_errors import LogMissing, LogUnreadable, SequenceNotHeld
from engine.journal.log_recovery import Fault, Walk, must_be_whole_or_torn
from engine.journal.log_walk import LogWalk, StoredBatch
from engine.journal.segment_files import read_segment, segments_of


class LogReader:
    """The batches of a log in a directory, marks left out."""

    def __init__(self, disk: Disk, directory: Path, config_digest: bytes) -> None:
        try:
            names = disk.names(directory)
        except OSError as error:
            raise LogUnreadable(f"{directory}: {error.strerror or error}") from error
        self.segments = segments_of(directory, names)
        if not self.segments:
            raise LogMissing(f"{directory}: there is no command log")
        self.fault: Fault | None = None  # what ended the last segment, if not its zeros
        self._disk = disk
        self._config_digest = config_digest

    @property
    def first(self) -> int:
        return self.segments[0].first_sequence

    def batches(self, sequence: int = 0) -> Iterator[StoredBatch]:
        """From the batch with a command on, 0: from the first that is held."""
        sequence = sequence or self.first
        if sequence < self.first:
            raise SequenceNotHeld(
                f"sequence {sequence} is not held: the log begins with {self.first}"
            )
        walk = LogWalk(self._disk, self.segments, self._config_digest)
        yield from walk.batches(sequence)
        must_be_whole_or_torn(walk.last)
        self.fault = walk.last.fault

    def hashes_at(self, sequence: int) -> set[bytes]:
        """What the chain was behind a command: the hash of its batch, and of marks behind that.
        Empty where no batch ends with it."""
        found: set[bytes] = set()
        ends = [segment.first_sequence for segment in self.segments[1:]]
        for segment, end in zip(self.segments, [*ends, None], strict=True):
            if segment.first_sequence > sequence + 1:
                break
            if end is not None and end <= sequence:
                continue
            octets = read_segment(self._disk, segment.path, self._config_digest)
            walk = Walk(segment.path.name, octets)
            found |= {walk.place.hash} if walk.place.sequence == sequence + 1 else set()
            for _ in walk.batches():
                if walk.place.sequence > sequence + 1:
                    break
                found |= {walk.place.hash} if walk.place.sequence == sequence + 1 else set()
        return found
