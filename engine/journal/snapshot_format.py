"""The bytes of a snapshot of the state: a header, a description, a table of runs, rows, a hash.

    header        256 bytes, see HEADER
    description   JSON: of every section its name and the fields of its records
    runs          32 bytes each: section, first row, how many rows
    rows          as they lie in the arena, run after run
    hash          SHA-256 of everything before

A snapshot tells itself what its records look like, so a later version reads it by the names of
fields: what it does not know any more is left out, what is new is zero, which means empty
everywhere. The hash covers every bit of the file, and is checked before anything else is believed.
"""

import hashlib
import re
import struct
from typing import Any, NamedTuple

import msgspec
import numpy as np

from engine.journal.log_format import HASH_BYTES, NO_HASH
from engine.state.arena import DIGEST_VERSION
from engine.state.copying import ROWS
from engine.state.layout import LAYOUT_VERSION, SECTIONS

MAGIC = b"LIONSNAP"
VERSION = 1
ALIGNMENT = 64
DESCRIPTION_BYTES_MAX = 1 << 20
RUNS_MAX = 1 << 24
RECORD_BYTES_MAX = 1 << 16
KIND = re.compile(r"[<|][iu][1248]")
RUN = np.dtype([("section", "<u4"), ("reserved", "<u4"), ("first", "<u8"), ("rows", "<u8")])
HEADER = struct.Struct("<8sIIQQQQ32s32s32s112x")
assert HEADER.size == 256


class Header(NamedTuple):
    """The first bytes of a snapshot, little-endian."""

    magic: bytes
    version: int
    description_bytes: int
    runs: int
    rows_bytes: int
    sequence: int  # of the last command that the state has seen
    versions: int  # layout << 32 | digest: of whoever wrote it
    config_digest: bytes
    chain_hash: bytes  # of the command log behind that command; zeros where nobody knew
    state_digest: bytes  # of the logical state (13.2)


class SectionDescription(msgspec.Struct, frozen=True):
    """One section as it lay in the arena that was written."""

    name: str
    record_bytes: int
    fields: list[tuple[str, str, int]]  # name, format, offset


class Description(msgspec.Struct, frozen=True):
    sections: list[SectionDescription]


def describe_sections() -> Description:
    """What the records of this version look like."""
    found = []
    for name in ROWS:
        record = SECTIONS[name].record
        fields = [
            (field, place[0].str, place[1]) for field, place in (record.fields or {}).items()
        ]
        found.append(SectionDescription(name, record.itemsize, fields))
    return Description(found)


def pack_description() -> bytes:
    """Padded to the alignment, so that what follows can be viewed as it lies."""
    octets = msgspec.json.encode(describe_sections())
    return octets + b" " * (-len(octets) % ALIGNMENT)


def make_header(sequence: int, config_digest: bytes, chain_hash: bytes, **sizes: Any) -> Header:
    """A header of this version; the digest of the state comes last, when it has been computed."""
    return Header(
        magic=MAGIC,
        version=VERSION,
        sequence=sequence,
        versions=LAYOUT_VERSION << 32 | DIGEST_VERSION,
        config_digest=config_digest,
        chain_hash=chain_hash or NO_HASH,
        state_digest=NO_HASH,
        **sizes,
    )


def layout_version_of(header: Header) -> int:
    return header.versions >> 32


def digest_version_of(header: Header) -> int:
    return header.versions & 0xFFFF_FFFF


def find_fault(description: Description) -> str | None:
    """What a description can't have been written with: fields that are no integers, or not within
    their record."""
    for section in description.sections:
        if not 1 <= section.record_bytes <= RECORD_BYTES_MAX:
            return f"a record of {section.name} has {section.record_bytes} bytes"
        if len({name for name, _, _ in section.fields}) != len(section.fields):
            return f"{section.name}: two fields have one name"
        for name, kind, offset in section.fields:
            if not KIND.fullmatch(kind):
                return f"{section.name}: {name} is of the kind {kind!r}"
            if not 0 <= offset <= section.record_bytes - int(kind[2:]):
                return f"{section.name}: {name} lies at {offset}"
    return None


def dtype_of(section: SectionDescription) -> np.dtype[Any]:
    """The records of a description without fault."""
    return np.dtype(
        {
            "names": [name for name, _, _ in section.fields],
            "formats": [kind for _, kind, _ in section.fields],
            "offsets": [offset for _, _, offset in section.fields],
            "itemsize": section.record_bytes,
        }
    )


def new_hash() -> "hashlib._Hash":
    return hashlib.sha256()


assert hashlib.sha256().digest_size == HASH_BYTES
