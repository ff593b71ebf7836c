"""The files of a command log: their names, making one, reading one."""

import errno
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.journal.disk import Disk
from engine.journal.log_errors import LogDamaged, LogUnreadable, SequenceBroken
from engine.journal.log_format import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    pack_segment_header,
)
from engine.journal.log_recovery import (
    Walk,
    must_reach,
    read_segment_header,
    unpack_segment_header,
)

NAME = re.compile(r"commands-(\d{20})\.log")
PART = re.compile(r"commands-\d{20}\.log\.part")


class Segment(NamedTuple):
    """A segment that is known to be whole, by its name."""

    path: Path
    first_sequence: int


def segments_of(directory: Path, names: Iterable[str]) -> list[Segment]:
    """The segments among the names in a directory, in the order of their sequences."""
    matches = sorted(match[0] for match in map(NAME.fullmatch, names) if match)
    return [Segment(directory / name, int(name[9:29])) for name in matches]


def parts_of(directory: Path, names: Iterable[str]) -> list[Path]:
    """Segments in the making, which hold nothing yet."""
    return [directory / name for name in names if PART.fullmatch(name)]


def make_segment(disk: Disk, directory: Path, header: SegmentHeader) -> tuple[Segment, int]:
    """Make a segment that is durable once it has its name; returns its open file, too.

    `OSError` where the disk fails, a short write included, and where something has that name: a
    rename would put nothing in the place of commands.
    """
    path = directory / f"commands-{header.first_sequence:020}.log"
    if path.name in disk.names(directory):
        raise FileExistsError(errno.EEXIST, "there is a file of that name", str(path))
    part = path.with_name(f"{path.name}.part")
    file = disk.create(part)
    try:
        disk.preallocate(file, header.segment_bytes)
        written = disk.write(file, pack_segment_header(header), 0)
        if written != SEGMENT_HEADER_BYTES:
            raise OSError(f"wrote {written} of {SEGMENT_HEADER_BYTES} bytes")
        disk.sync(file)
        disk.rename(part, path)
        disk.sync_directory(directory)
    except BaseException:
        disk.close(file)
        raise
    return Segment(path, header.first_sequence), file


class SegmentMemory:
    """Room for one segment at a time. Memory that is new costs more than what is read into it: the
    system clears it, and under a hypervisor another one may have to find it first."""

    def __init__(self) -> None:
        self._octets = np.empty(0, np.uint8)

    def take(self, size: int) -> memoryview:
        """So many bytes, those of the segment before. An array, because it comes in large pages."""
        if len(self._octets) < size:
            self._octets = np.empty(size, np.uint8)
        return memoryview(self._octets[:size].data)


def read_segment(
    disk: Disk, path: Path, config_digest: bytes, memory: SegmentMemory | None = None
) -> memoryview:
    """Read a segment whose header is good, after a look at its size; into memory of its own, or
    over what was read into the same memory before."""
    memory = memory or SegmentMemory()
    try:
        file = disk.open_to_read(path)
        try:
            size = disk.size(file)
            octets = disk.read(file, SEGMENT_HEADER_BYTES, 0)
            header = read_segment_header(path.name, octets, config_digest)
            if size != header.segment_bytes:
                what = f"the file has {size} bytes where a segment has {header.segment_bytes}"
                raise LogDamaged(path.name, min(size, header.segment_bytes), what)
            segment = memory.take(size)
            count = disk.read_into(file, segment, 0)
        finally:
            disk.close(file)
    except OSError as error:
        raise LogUnreadable(f"{path.name}: {error.strerror or error}") from error
    if count != size:
        raise LogUnreadable(f"{path.name}: {count} bytes of {size} could be read")
    return segment.toreadonly()


def read_config_digest(disk: Disk, path: Path) -> bytes:
    """What a segment says that its configuration is, in a header that is what was written; the rest
    is found out when it is read."""
    try:
        file = disk.open_to_read(path)
        try:
            octets = disk.read(file, SEGMENT_HEADER_BYTES, 0)
        finally:
            disk.close(file)
    except OSError as error:
        raise LogUnreadable(f"{path.name}: {error.strerror or error}") from error
    return unpack_segment_header(path.name, octets).config_digest


def must_be_in_place(segment: Segment, octets: memoryview, before: Walk | None) -> None:
    """Refuse a segment that is not the one of its name, or does not follow the one before."""
    name = segment.path.name
    place = Walk(name, octets).place
    if place.sequence != segment.first_sequence:
        raise SequenceBroken(
            f"{name}: the segment begins with sequence {place.sequence}, not with that of its name"
        )
    if before is not None:
        must_reach(before, place.sequence)
        if before.place.hash != place.hash:
            raise SequenceBroken(f"{name}: the segment follows another one than the one before it")
