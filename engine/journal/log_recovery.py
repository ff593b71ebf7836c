"""Reading a command log back: what is taken, what is cut, what is refused.

The law: what was acknowledged is a prefix of what is recovered, or the log is refused; it is never
shortened behind an acknowledgement where that can be known. A batch that was written and not
acknowledged may be there or not.

What is assumed of a disk. A sync makes durable what was written before it. Of writes that no sync
has followed, any sector of 512 bytes may have been stored or not, in any order, each as a whole; a
write that ended short stored its first bytes and nothing came behind it. Storing a sector anew
with the same bytes does not endanger them. Unwritten parts of a segment are zeros.

So a batch that is not whole is one of two things:

* torn: some of its slots were never stored. They are still zeros, or, where a write ended short,
  zeros from some byte on. Every slot shows that: a stored header or end has a last byte that is
  not 0, and a stored record has at least two bits set.
* damaged: all of its slots were stored, and what is in them is not what was written.

Damage is refused. Flipping one bit never makes a stored slot look unstored, so one flipped bit
anywhere in a batch, the last one and acknowledged or not, is a refusal and never a cut.

A torn batch was never durable, unless a later loss put zeros in place of its sectors. What tells
that is proof behind it: the header of any later batch says how much of the segment was durable
when it was written, and a further segment is made only when all of the one before is durable. With
proof the batch is damaged. Without it the log is cut there, zeros are written over the rest, and
the cut is reported: valid batches behind it, if there are any, were in the same unsynced group.

Two marks make the proof complete wherever the log is not simply broken off. SEALED ends a segment
once the next one is durable: a missing last segment is seen. Where it was left out an opening puts
it, before anything is added to the next one. CLOSED stands behind the last batch
after a clean close. What can't be known: that after a loss of power a disk gave back zeros for
whole sectors of the very last group, which it had acknowledged.

The bytes behind the last proof are written once more and synced before anything is called durable:
a process that was killed, or whose sync failed, may have left them in memory only.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from engine.journal.checksum import crc32c
from engine.journal.disk import Octets
from engine.journal.log_errors import ForeignLog, LogDamaged, NewerVersion, SequenceBroken
from engine.journal.log_format import (
    BATCH,
    CHECKSUM,
    MARK_BYTES,
    MARKS,
    SEALED,
    SEGMENT_BYTES_MAX,
    SEGMENT_BYTES_MIN,
    SEGMENT_HEADER,
    SEGMENT_HEADER_BYTES,
    SEGMENT_MAGIC,
    SEQUENCES_MAX,
    SLOT,
    VERSION,
    BatchHeader,
    SegmentHeader,
    compute_hash,
    is_batch_header,
    pack_end,
    salt_of,
    unpack_batch_header,
)
from engine.schema.commands import COMMAND


class Place(NamedTuple):
    """Where a walk through a segment stands: behind whole batches."""

    offset: int  # bytes
    sequence: int  # of the next command
    hash: bytes  # of the last batch
    proven_bytes: int  # of this segment, durable by the word of its last batch
    mark: bytes  # of the last batch; empty at the start of a segment


class Fault(NamedTuple):
    """Why the bytes at an offset are no batch. `is_torn`: they were never stored as a whole."""

    offset: int
    what: str
    is_torn: bool


def unpack_segment_header(name: str, octets: bytes) -> SegmentHeader:
    """The header of a segment as it was written by this version or one before."""
    if len(octets) < SEGMENT_HEADER_BYTES:
        raise LogDamaged(name, len(octets), "the file ends within the header of the segment")
    header = SegmentHeader(*SEGMENT_HEADER.unpack_from(octets))
    if header.magic != SEGMENT_MAGIC:
        raise ForeignLog(f"{name}: magic: {header.magic!r} is not {SEGMENT_MAGIC!r}")
    # Before the checksum: a later version may count it differently.
    if header.version > VERSION:
        raise NewerVersion(
            f"{name}: version: {header.version} is newer than {VERSION}, the newest known here"
        )
    if salt_of(octets) != crc32c(octets[: SEGMENT_HEADER.size]):
        raise LogDamaged(name, 0, "the checksum of the segment's header does not fit")
    return header


def read_segment_header(name: str, octets: bytes, config_digest: bytes) -> SegmentHeader:
    """Check the header of a segment; whether it is in its place is the caller's to check."""
    header = unpack_segment_header(name, octets)
    if header.config_digest != config_digest:
        raise ForeignLog(f"{name}: the log was written for another configuration")
    is_sized = SEGMENT_BYTES_MIN <= header.segment_bytes <= SEGMENT_BYTES_MAX
    is_sized &= 0 < header.first_sequence <= SEQUENCES_MAX
    if not is_sized or header.segment_bytes % SLOT or header.record_bytes != COMMAND.itemsize:
        raise LogDamaged(name, 0, "the segment's header has numbers that were never written")
    if SEGMENT_HEADER.pack(*header) != octets[: SEGMENT_HEADER.size] or header.version < 1:
        raise LogDamaged(name, 0, "the segment's header has bytes that were never written")
    return header


class Walk:
    """A walk through the batches of one segment, from its first.

    `octets` are the segment, or as much of it as ends with a whole batch; its header is checked.
    """

    def __init__(self, name: str, octets: Octets) -> None:
        header = SegmentHeader(*SEGMENT_HEADER.unpack_from(octets))
        self.name = name
        self.octets = octets
        self.salt = salt_of(octets)
        self.place = Place(
            offset=SEGMENT_HEADER_BYTES,
            sequence=header.first_sequence,
            hash=header.previous_hash,
            proven_bytes=SEGMENT_HEADER_BYTES,
            mark=b"",
        )
        self.fault: Fault | None = None

    @property
    def lacks_seal(self) -> bool:
        """Whether there is no seal behind the last batch; there is always room for one."""
        return self.place.mark != SEALED

    def batches(self) -> Iterator[tuple[BatchHeader, memoryview]]:
        """Yield each whole batch with its records as bytes; ends at a fault or at the zeros.

        `place` stands behind the batch that was yielded last, `fault` says what ended the walk.
        """
        view = memoryview(self.octets)
        while True:
            at = self.place.offset
            if self.place.mark == SEALED or not self._is_header_at(at):
                self.fault = self._judge_end(at)
                return
            header = unpack_batch_header(view, at)
            end_at = at + SLOT + header.records * SLOT
            self.fault = self._find_impossible(at, header)
            if self.fault is not None:
                return
            body = view[at + SLOT : end_at]
            digest = compute_hash(view[at + CHECKSUM.size : at + SLOT], body)
            is_whole = view[end_at : end_at + SLOT] == pack_end(header, digest)
            if not is_whole or crc32c(body) != header.body_checksum:
                self.fault = self._judge_batch(at, end_at, header)
                return
            self._must_follow(at, header)
            self.place = Place(
                offset=end_at + SLOT,
                sequence=header.first_sequence + header.commands,
                # The next segment was made before the seal, so it follows what the seal follows.
                hash=self.place.hash if header.mark == SEALED else digest,
                proven_bytes=header.durable_bytes,
                mark=header.mark,
            )
            yield header, body

    def find_proof(self, offset: int) -> int | None:
        """Find a header behind an offset that says that what is there was durable."""
        slots = np.frombuffer(self.octets, "<u4").reshape(-1, SLOT // 4)
        marks = np.array([int.from_bytes(mark, "little") for mark in MARKS], "<u4")
        start = offset // SLOT + 1
        for slot in np.flatnonzero(np.isin(slots[start:, -1], marks)) + start:
            at = int(slot) * SLOT
            if self._is_header_at(at):
                if unpack_batch_header(self.octets, at).durable_bytes > offset:
                    return at
        return None

    def _is_header_at(self, at: int) -> bool:
        has_room = at + MARK_BYTES <= len(self.octets)
        return has_room and is_batch_header(self.octets, at, self.salt)

    def _judge_end(self, at: int) -> Fault | None:
        """Tell the end of the log from a header that is not whole and from one that is damaged."""
        rest = np.frombuffer(self.octets, np.uint8, offset=at)
        if not rest.any():
            return None
        if self.place.mark == SEALED:
            return Fault(at, "bytes stand behind the seal of the segment", is_torn=False)
        if len(rest) < MARK_BYTES or not rest[SLOT - 1]:
            return Fault(at, "the header of a batch was not stored as a whole", is_torn=True)
        return Fault(at, "the header of a batch is damaged", is_torn=False)

    def _find_impossible(self, at: int, header: BatchHeader) -> Fault | None:
        """Check the numbers of a header before anything is done with them."""
        room_bytes = len(self.octets) - at - MARK_BYTES
        is_counted = (
            0 < header.commands <= header.records
            if header.mark == BATCH
            else header.commands == header.records == 0
        )
        is_proof = SEGMENT_HEADER_BYTES <= header.durable_bytes <= at
        is_counted &= 0 < header.first_sequence <= SEQUENCES_MAX - header.commands
        if header.records * SLOT <= room_bytes and is_counted and is_proof:
            return None
        return Fault(at, "the header of a batch has numbers that were never written", False)

    def _judge_batch(self, at: int, end_at: int, header: BatchHeader) -> Fault:
        """Tell a batch that was not stored as a whole from one that was and is damaged."""
        if not self.octets[end_at + SLOT - 1]:
            return Fault(at, "the end of a batch was not stored", is_torn=True)
        words = np.frombuffer(self.octets, "<u8", header.records * 8, at + SLOT).reshape(-1, 8)
        is_stored = words.any(axis=1)
        if not is_stored.all():
            what = f"record {int(is_stored.argmin())} of a batch was not stored"
            return Fault(at, what, is_torn=True)
        if crc32c(memoryview(self.octets)[at + SLOT : end_at]) != header.body_checksum:
            return Fault(at, "the records of a batch are damaged", is_torn=False)
        return Fault(at, "the end of a batch is damaged", is_torn=False)

    def _must_follow(self, at: int, header: BatchHeader) -> None:
        if header.first_sequence != self.place.sequence:
            raise SequenceBroken(
                f"{self.name}: offset {at}: the batch has sequence {header.first_sequence}"
                f" where {self.place.sequence} follows"
            )
        if header.previous_hash != self.place.hash:
            raise SequenceBroken(
                f"{self.name}: offset {at}: the batch of sequence {header.first_sequence}"
                " follows another batch than the one before it"
            )


def must_reach(walk: Walk, sequence: int) -> None:
    """Refuse a segment that does not hold all before a sequence; all of it was durable.

    Torn bytes behind the last batch are those of a seal, or of nothing.
    """
    fault = walk.fault
    if fault is not None and not (fault.is_torn and walk.place.sequence == sequence):
        raise LogDamaged(walk.name, fault.offset, fault.what)
    if walk.place.sequence != sequence:
        raise SequenceBroken(
            f"{walk.name}: the segment ends with sequence {walk.place.sequence - 1}, and what"
            f" follows it begins with {sequence}"
        )


def must_have_room(walk: Walk) -> None:
    """Refuse a whole segment that another follows and that has neither its seal nor room for it: no
    log writes that, and a seal that is put later would be put over its last batch."""
    if walk.lacks_seal and walk.place.offset + MARK_BYTES > len(walk.octets):
        raise LogDamaged(walk.name, walk.place.offset, "there is no room for the segment's seal")


def must_be_whole_or_torn(walk: Walk) -> None:
    """Refuse what can't be the end of a log that broke off."""
    if walk.place.mark == SEALED:
        raise SequenceBroken(
            f"{walk.name}: the segment was sealed, and the one that goes on with sequence"
            f" {walk.place.sequence} is missing"
        )
    fault = walk.fault
    if fault is None:
        return
    if not fault.is_torn:
        raise LogDamaged(walk.name, fault.offset, fault.what)
    proof = walk.find_proof(fault.offset)
    if proof is not None:
        what = f"{fault.what}, and the batch at offset {proof} says that it was durable"
        raise LogDamaged(walk.name, fault.offset, what)
