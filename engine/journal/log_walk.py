"""All batches of a log, segment by segment, each in its place: for openings and for readers."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from engine.journal.command_file import find_fault
from engine.journal.command_framing import count_plain, find_starts
from engine.journal.command_log import Records
from engine.journal.disk import Disk
from engine.journal.log_errors import LogDamaged
from engine.journal.log_format import SLOT
from engine.journal.log_recovery import Walk, must_have_room
from engine.journal.segment_files import (
    Segment,
    SegmentMemory,
    must_be_in_place,
    read_segment,
)
from engine.schema.commands import COMMAND


class StoredBatch(NamedTuple):
    """One batch as it stands in the log."""

    first_sequence: int
    commands: int
    records: Records

    @property
    def last_sequence(self) -> int:
        return self.first_sequence + self.commands - 1


class LogWalk:
    """One walk through some segments; `at` is the walk through the one at hand, and behind the end
    through the last. With one memory for all of them a batch's records are valid until the next."""

    def __init__(
        self,
        disk: Disk,
        segments: list[Segment],
        config_digest: bytes,
        memory: SegmentMemory | None = None,
    ) -> None:
        assert segments
        self._memory = memory
        self.chain: dict[int, set[bytes]] = {}  # what it was behind the commands to be noted
        self.unsealed: list[Walk] = []  # through segments that another follows, their octets void
        self._before: Walk | None = None  # through the last of those
        self.at: Walk | None = None
        self.is_over = False
        self._disk = disk
        self._segments = segments
        self._config_digest = config_digest

    @property
    def first(self) -> int:
        return self._segments[0].first_sequence

    def note(self, sequences: Iterable[int]) -> None:
        """Note on the way what the chain is behind each of these commands: the hash of its batch,
        and of marks behind that. Nothing where no batch ends with it."""
        self.chain = {sequence: set() for sequence in sequences}

    def batches(self, sequence: int) -> Iterator[StoredBatch]:
        """From the batch with a command on; marks are left out, and segments that end before it."""
        ends = [segment.first_sequence for segment in self._segments[1:]]
        for segment, end in zip(self._segments, [*ends, None], strict=True):
            if end is not None and end <= sequence:
                continue
            octets = read_segment(self._disk, segment.path, self._config_digest, self._memory)
            must_be_in_place(segment, octets, self.at)
            if self.at is not None and self.at.lacks_seal:
                must_have_room(self.at)
                self.unsealed.append(self.at)
            self._before, self.at = self.at, Walk(segment.path.name, octets)
            self._note_hash(self.at)
            for header, body in self.at.batches():
                self._note_hash(self.at)
                if header.commands:
                    records = np.frombuffer(body, COMMAND)
                    must_be_commands(self.at, records, header.commands)
                    if header.first_sequence + header.commands > sequence:
                        yield StoredBatch(header.first_sequence, header.commands, records)
        self.is_over = True

    @property
    def last(self) -> Walk:
        """The walk through the last segment, which has come to its end."""
        assert self.is_over and self.at is not None
        return self.at

    @property
    def doubtful_seals(self) -> list[Walk]:
        """Those left out, and that of the last segment but one: its sync may have failed, and then
        it is in memory only."""
        if self._before is None or self._before.lacks_seal:
            return self.unsealed
        return [*self.unsealed, self._before]

    def _note_hash(self, walk: Walk) -> None:
        noted = self.chain.get(walk.place.sequence - 1)
        if noted is not None:
            noted.add(walk.place.hash)


def must_be_commands(walk: Walk, records: Records, commands: int) -> None:
    """Refuse what no log takes, though every hash fits: of the batch at hand."""
    if count_plain(records) == commands:
        return
    at = walk.place.offset - SLOT - records.nbytes
    fault = find_fault(records)
    if fault is not None:
        raise LogDamaged(walk.name, at + fault[0] * SLOT, f"record: {fault[1]}")
    if len(find_starts(records)) != commands:
        raise LogDamaged(walk.name, at, "the records are not as many commands as is said")


def cut_batch(batch: StoredBatch, since: int, until: int) -> Records:
    """The records of a batch's commands since one sequence until another, both included."""
    starts = [*find_starts(batch.records).tolist(), len(batch.records)]
    first = max(since - batch.first_sequence, 0)
    behind = min(until - batch.first_sequence + 1, batch.commands)
    return batch.records[starts[first] : starts[behind]]


def gather(batches: Iterator[StoredBatch], since: int, records_min: int) -> Iterator[Records]:
    """The records of the commands since a sequence, in runs of so many and more: a replay of small
    batches would spend its time between them."""
    waiting: list[bytes] = []  # copies: the next segment may be read over this one
    count = 0
    for batch in batches:
        if batch.last_sequence < since:
            continue
        is_whole = batch.first_sequence >= since
        records = batch.records if is_whole else cut_batch(batch, since, batch.last_sequence)
        waiting.append(records.tobytes())
        count += len(records)
        if count >= records_min:
            yield np.frombuffer(b"".join(waiting), COMMAND)
            waiting, count = [], 0
    if waiting:
        yield np.frombuffer(b"".join(waiting), COMMAND)
