"""Checksums and hashes made to fit damaged files: what stands behind them must hold by itself."""

import hashlib
import struct
import zlib

from engine.journal.checksum import crc32c
from engine.journal.log_format import (
    BATCH_HEADER,
    CHECKSUM,
    SEGMENT_HEADER,
    SEGMENT_HEADER_BYTES,
    SLOT,
    BatchHeader,
    compute_hash,
    pack_end,
    salt_of,
)
from engine.journal.record_file import ALIGNMENT, BLOCK_RECORDS, HEADER, HEADER_CHECKSUM, Header
from engine.journal.snapshot_format import HEADER as SNAPSHOT_HEADER
from engine.journal.snapshot_format import MAGIC as SNAPSHOT_MAGIC
from engine.journal.snapshot_format import RUN
from engine.journal.snapshot_format import Header as SnapshotHeader

HASH_BYTES = hashlib.sha256().digest_size
CHECKSUM_BYTES = HEADER_CHECKSUM.size


def as_they_are(octets: bytes) -> bytes:
    return octets


def repair_record_file(octets: bytes) -> bytes:
    """All three kinds of checksum, of as many blocks as the header says while they are there."""
    if len(octets) < ALIGNMENT:
        return octets
    header = Header(*HEADER.unpack_from(octets))
    start = ALIGNMENT + header.config_bytes + -header.config_bytes % ALIGNMENT
    end = start + header.records * ALIGNMENT
    if end <= len(octets):
        block = BLOCK_RECORDS * ALIGNMENT
        sums = [zlib.crc32(octets[at : min(at + block, end)]) for at in range(start, end, block)]
        tail = struct.pack(f"<{len(sums)}I", *sums)
        octets = octets[:end] + tail
        header = header._replace(
            config_checksum=zlib.crc32(octets[ALIGNMENT : ALIGNMENT + header.config_bytes]),
            blocks_checksum=zlib.crc32(tail),
        )
    packed = HEADER.pack(*header)
    return packed + HEADER_CHECKSUM.pack(zlib.crc32(packed)) + octets[ALIGNMENT:]


def resize_record_file(octets: bytes) -> bytes:
    """The same, and the header counts what there is: records that were cut or put in are taken."""
    if len(octets) < ALIGNMENT:
        return octets
    header = Header(*HEADER.unpack_from(octets))
    start = ALIGNMENT + header.config_bytes + -header.config_bytes % ALIGNMENT
    records = max(0, len(octets) - start) // ALIGNMENT
    packed = HEADER.pack(*header._replace(records=records))
    return repair_record_file(packed + octets[HEADER.size :])


def repair_snapshot(octets: bytes) -> bytes:
    """The hash of everything, at the end."""
    return octets[:-HASH_BYTES] + hashlib.sha256(octets[:-HASH_BYTES]).digest()


def resize_snapshot(octets: bytes) -> bytes:
    """The same, and the header counts what there is."""
    if len(octets) < SNAPSHOT_HEADER.size + HASH_BYTES or octets[:8] != SNAPSHOT_MAGIC:
        return octets
    header = SnapshotHeader(*SNAPSHOT_HEADER.unpack_from(octets))
    told = SNAPSHOT_HEADER.size + header.description_bytes + header.runs * RUN.itemsize
    rows_bytes = max(0, len(octets) - HASH_BYTES - told)
    packed = SNAPSHOT_HEADER.pack(*header._replace(rows_bytes=rows_bytes))
    return repair_snapshot(packed + octets[SNAPSHOT_HEADER.size :])


def repair_segment(octets: bytes) -> bytes:
    """The header's checksum, then each batch sealed and chained anew, as long as they fit."""
    if len(octets) < SEGMENT_HEADER_BYTES:
        return octets
    fixed = bytearray(octets)
    covered = octets[: SEGMENT_HEADER.size]
    CHECKSUM.pack_into(fixed, SEGMENT_HEADER.size, crc32c(covered))
    salt = salt_of(fixed)
    previous, at = SEGMENT_HEADER.unpack_from(octets)[6], SEGMENT_HEADER_BYTES
    while at + 2 * SLOT <= len(fixed) and any(fixed[at : at + SLOT]):
        header = BatchHeader(*BATCH_HEADER.unpack_from(fixed, at))
        end_at = at + SLOT + header.records * SLOT
        if end_at + SLOT > len(fixed):
            break
        body = bytes(fixed[at + SLOT : end_at])
        header = header._replace(previous_hash=previous, body_checksum=crc32c(body))
        packed = BATCH_HEADER.pack(*header)[CHECKSUM.size :]
        header = header._replace(checksum=crc32c(packed, salt))
        previous = compute_hash(packed, body)
        fixed[at : at + SLOT] = BATCH_HEADER.pack(*header)
        if not 0 <= header.first_sequence + header.commands - 1 < 2**64:
            break  # no end can say this
        fixed[end_at : end_at + SLOT] = pack_end(header, previous)
        at = end_at + SLOT
    return bytes(fixed)
