"""Files that are there whole or not at all, whatever breaks off; and reading them.

A file is written under another name, synced, renamed, and its directory synced. What a process left
in the making is removed by the next one that opens the directory.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from engine.journal.disk import Disk, Octets

PART = re.compile(r"(.+)\.[0-9]+\.part")  # with the number of the process that writes it
CHUNK_BYTES = 1 << 22  # of one write: a system cuts one of 2 GiB short


def publish(disk: Disk, path: Path, pieces: Iterable[Octets]) -> None:
    """Write the pieces one behind the other and give the file its name, in place of what had it.
    OSError: a write that failed or was short, a sync, a rename; there is no part of it then. After
    the last sync alone it may be there, whole, and be gone with the power."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with suppress(FileNotFoundError):
        disk.remove(part)
    file = disk.create(part)
    try:
        try:
            _write_all(disk, file, pieces)
            disk.sync(file)
        finally:
            disk.close(file)
        disk.rename(part, path)
    except BaseException:
        with suppress(OSError):
            disk.remove(part)
        raise
    disk.sync_directory(path.parent)


def read_whole(disk: Disk, path: Path, size_max: int) -> bytearray:
    """All of a file of at most so many bytes; OSError, also where it is larger or cut short."""
    file = disk.open_to_read(path)
    try:
        size = disk.size(file)
        if size > size_max:
            raise OSError(f"{size} bytes are more than the {size_max} that it can have")
        octets = bytearray()
        while len(octets) < size:
            piece = disk.read(file, min(CHUNK_BYTES, size - len(octets)), len(octets))
            if not piece:
                raise OSError(f"{len(octets)} bytes of {size} could be read")
            octets += piece
    finally:
        disk.close(file)
    return octets


def remove_parts(disk: Disk, directory: Path, published: Iterable[re.Pattern[str]]) -> int:
    """Remove what a writer of such names left that did not come to its end, and nobody else's file;
    returns how many."""
    kinds = [*published]
    matches = [match for match in map(PART.fullmatch, disk.names(directory)) if match]
    parts = [
        directory / match[0] for match in matches if any(kind.fullmatch(match[1]) for kind in kinds)
    ]
    for part in parts:
        disk.remove(part)
    if parts:
        disk.sync_directory(directory)
    return len(parts)


def _write_all(disk: Disk, file: int, pieces: Iterable[Octets]) -> None:
    pending, offset = bytearray(), 0
    for piece in pieces:
        view = memoryview(piece)
        for start in range(0, len(view), CHUNK_BYTES):
            pending += view[start : start + CHUNK_BYTES]
            if len(pending) >= CHUNK_BYTES:
                offset = _write(disk, file, pending, offset)
                pending = bytearray()
    _write(disk, file, pending, offset)


def _write(disk: Disk, file: int, octets: bytearray, offset: int) -> int:
    written = disk.write(file, octets, offset)
    if written != len(octets):
        raise OSError(f"wrote {written} of {len(octets)} bytes")
    return offset + written
