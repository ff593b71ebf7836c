"""The seal of a segment that is full: without it nobody would miss the segment that follows.

It is written when the next segment is durable. Where a crash or a failed write left it out, the
next opening puts it, bit for bit the same: one that is torn again can be put again.
"""

from pathlib import Path

from engine.journal.disk import Disk
from engine.journal.log_format import MARK_BYTES, SEALED, BatchHeader, pack_batch
from engine.journal.log_recovery import Walk
from engine.journal.segment_files import read_segment
from engine.journal.segment_writer import SegmentWriter


def pack_seal(offset: int, sequence: int, previous_hash: bytes, salt: int) -> bytes:
    """The seal at an offset, up to which all of the segment is durable; `sequence` is the first of
    the next segment."""
    header = BatchHeader(
        checksum=0,
        body_checksum=0,
        records=0,
        commands=0,
        first_sequence=sequence,
        durable_bytes=offset,
        previous_hash=previous_hash,
        mark=SEALED,
    )
    return pack_batch(header, b"", salt).octets


def seal_later(disk: Disk, directory: Path, config_digest: bytes, walk: Walk) -> None:
    """Put the seal behind the last batch of a segment, durably, where it was left out or may not be
    durable. `OSError` where the disk fails, a short write included."""
    path = directory / walk.name
    end = walk.place.offset + MARK_BYTES if walk.lacks_seal else walk.place.offset
    offset = end - MARK_BYTES
    strays = b""
    if walk.lacks_seal:  # read again: of the walk's octets nothing may be left but their number
        strays = bytes(read_segment(disk, path, config_digest)[end:]).rstrip(b"\0")
    writer = SegmentWriter(disk, path, disk.open(path), len(walk.octets), walk.salt, end)
    try:
        if strays:  # before the seal: behind one they would be damage
            writer.write(bytes(len(strays)), end)
            writer.sync()
        writer.write(pack_seal(offset, walk.place.sequence, walk.place.hash, walk.salt), offset)
        writer.sync()
    finally:
        writer.close()
