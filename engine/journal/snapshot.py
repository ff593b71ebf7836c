"""Snapshots of the state: written beside a running exchange, published whole, checked when read.

A snapshot only saves time: the command log is the record, and any snapshot can be made anew from
it. So one that can't be proven whole is refused, never mended.

`write_snapshot` writes in place, while the exchange waits. `SnapshotChild` forks: the child has the
state of the moment, copied on write by the system, and writes it while the parent goes on. The
parent waits for the fork alone, some milliseconds (`README.md` has the numbers). A second replaying
instance would need none, but twice the memory and a core of its own, all the time.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.journal.disk import Disk, Octets
from engine.journal.log_errors import JournalError
from engine.journal.log_format import HASH_BYTES
from engine.journal.snapshot_errors import (
    OlderNotRemoved,
    SnapshotDamaged,
    SnapshotFailed,
    SnapshotForeign,
    SnapshotMissing,
    SnapshotNewer,
)
from engine.journal.snapshot_format import (
    ALIGNMENT,
    DESCRIPTION_BYTES_MAX,
    HEADER,
    MAGIC,
    RUN,
    RUNS_MAX,
    VERSION,
    Description,
    Header,
    SectionDescription,
    digest_version_of,
    dtype_of,
    find_fault,
    layout_version_of,
    make_header,
    new_hash,
    pack_description,
)
from engine.journal.whole_file import publish, read_whole
from engine.schema.decoding import Undecodable, decode_json
from engine.state.arena import DIGEST_VERSION, Arena
from engine.state.copying import ROWS, VOID, find_impossible_count
from engine.state.layout import ARENA_BYTES, LAYOUT_VERSION, SECTIONS

NAME = re.compile(r"state-([0-9]{20})\.snapshot")
BLOCK_BYTES = 4_096  # whole blocks of zeros are left out

NOT_PROVEN = (SnapshotDamaged, SnapshotForeign, SnapshotMissing, SnapshotNewer)
NOT_WRITTEN, NOT_REMOVED = 1, 2  # how a child ends where it was not all done

Run = tuple[int, int, int]  # section number, first row, rows
Chain = Mapping[int, Collection[bytes]]  # what the chain of a log was behind some commands


class Shelf(NamedTuple):
    """Where the snapshots of a log lie, and what tells them from those of others."""

    disk: Disk
    directory: Path
    config_digest: bytes
    chain: Chain  # of the log, behind every command of which there is a snapshot of it


def path_of(directory: Path, sequence: int) -> Path:
    return directory / f"state-{sequence:020}.snapshot"


def find_snapshots(disk: Disk, directory: Path) -> list[int]:
    """The sequences of which there is a published snapshot, newest first."""
    matches = (NAME.fullmatch(name) for name in disk.names(directory))
    return sorted((int(match[1]) for match in matches if match), reverse=True)


def find_proven(shelf: Shelf, count: int) -> list[int]:
    """The newest so many of which every byte is what was written, of the very log with this chain:
    that of another exchange with the same configuration is as whole. JournalError where one can't
    be read at the moment, which proves nothing."""

    def is_proven(sequence: int) -> bool:
        if not _is_said_to_be_of(shelf, sequence):
            return False
        try:
            _read_checked(shelf.disk, path_of(shelf.directory, sequence), shelf.config_digest)
        except NOT_PROVEN:
            return False
        return True

    return list(islice(filter(is_proven, find_snapshots(shelf.disk, shelf.directory)), count))


def remove_older(shelf: Shelf, keep: int) -> list[int]:
    """Keep the newest so many that are proven, at least one, and remove what is older, oldest
    first: what a crash leaves is never older than what it takes. What does not say that it is of
    this log is left where it is: it is not ours. Returns the sequences removed. `OSError`, which
    names the file, where the disk fails; what another process has removed is gone as well."""
    count = max(keep, 1)
    kept = find_proven(shelf, count)
    return remove_before(shelf, kept[-1]) if len(kept) == count else []


def remove_before(shelf: Shelf, end: int) -> list[int]:
    """Remove what says that it is of this log and is older than that, as `remove_older` does."""
    gone = [
        sequence
        for sequence in reversed(find_snapshots(shelf.disk, shelf.directory))
        if sequence < end and _is_said_to_be_of(shelf, sequence)
    ]
    for sequence in gone:
        path = path_of(shelf.directory, sequence)
        try:
            with suppress(FileNotFoundError):
                shelf.disk.remove(path)
            shelf.disk.sync_directory(shelf.directory)
        except OSError as error:
            raise OSError(error.errno, f"{path.name}: {error.strerror or error}") from error
    return gone


def _is_said_to_be_of(shelf: Shelf, sequence: int) -> bool:
    """Whether the header of a snapshot, which may be damaged, names this log."""
    try:
        octets, _ = _read_start(shelf.disk, path_of(shelf.directory, sequence))
    except SnapshotMissing:
        return False
    header = Header(*HEADER.unpack(octets.ljust(HEADER.size, b"\0")))
    is_ours = header.magic == MAGIC and header.config_digest == shelf.config_digest
    return is_ours and header.chain_hash in shelf.chain.get(sequence, ())


# Writing


def keep_snapshot(shelf: Shelf, arena: Arena, chain_hash: bytes, keep: int) -> int:
    """Write the state and remove older ones; returns its sequence. Raises SnapshotFailed, then all
    others are still there, or OlderNotRemoved, then it is written. `chain_hash` is what the log's
    chain is now; the shelf has it, too."""
    sequence = write_snapshot(shelf.disk, shelf.directory, arena, shelf.config_digest, chain_hash)
    try:
        remove_older(shelf, keep)
    except OSError as error:
        raise OlderNotRemoved(sequence, error.strerror or str(error)) from error
    except JournalError as error:
        raise OlderNotRemoved(sequence, str(error)) from error
    return sequence


def write_snapshot(
    disk: Disk, directory: Path, arena: Arena, config_digest: bytes, chain_hash: bytes = b""
) -> int:
    """Write and publish the state as it stands; returns its sequence. Raises SnapshotFailed, and
    then none is known to be written."""
    sequence = int(arena.engine["sequence"][0])
    path = path_of(directory, sequence)
    try:
        publish(disk, path, _pieces_of(arena, sequence, config_digest, chain_hash))
    except OSError as error:
        raise SnapshotFailed(f"{path.name}: {error.strerror or error}") from error
    return sequence


def _pieces_of(
    arena: Arena, sequence: int, config_digest: bytes, chain_hash: bytes
) -> Iterator[Octets]:
    """The whole file in pieces, the hash last."""
    runs = list(_runs_of(arena))
    table = np.zeros(len(runs), RUN)
    for column, name in enumerate(("section", "first", "rows")):
        table[name] = [run[column] for run in runs]
    names = list(ROWS)
    sizes = np.array([SECTIONS[name].record.itemsize for name in names], np.int64)
    description = pack_description()
    header = make_header(
        sequence,
        config_digest,
        chain_hash,
        description_bytes=len(description),
        runs=len(runs),
        rows_bytes=int((table["rows"].astype(np.int64) * sizes[table["section"]]).sum()),
    )._replace(state_digest=bytes.fromhex(arena.digest()))
    covered = new_hash()
    for part in (HEADER.pack(*header), description, table.tobytes()):
        covered.update(part)
        yield part
    for number, first, rows in runs:
        octets = _octets_of(arena, names[number], first, rows)
        covered.update(octets)
        yield octets
    yield covered.digest()


def _octets_of(arena: Arena, name: str, first: int, rows: int) -> memoryview:
    return arena.records(name, first + rows)[first:].view(np.uint8).data


def _runs_of(arena: Arena) -> Iterator[Run]:
    """Rows that mean something now, in runs, without blocks of zeros."""
    for number, (name, rows_of) in enumerate(ROWS.items()):
        for first, count in rows_of(arena):
            yield from _used_runs(number, arena, name, first, count)


def _used_runs(number: int, arena: Arena, name: str, first: int, count: int) -> Iterator[Run]:
    record_bytes = SECTIONS[name].record.itemsize
    block = max(1, BLOCK_BYTES // record_bytes)
    octets = np.frombuffer(_octets_of(arena, name, first, count), np.uint8)
    whole = count // block * block
    is_used = octets[: whole * record_bytes].reshape(-1, block * record_bytes).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_used, [False])).astype(np.int8)))
    for start, end in edges.reshape(-1, 2).tolist():
        yield number, first + start * block, (end - start) * block
    if octets[whole * record_bytes :].any():
        yield number, first + whole, count - whole


class SnapshotChild:
    """A process of its own that writes the state as it was when it was started, and then removes
    older ones."""

    def __init__(self, shelf: Shelf, arena: Arena, chain_hash: bytes, keep: int) -> None:
        """As `keep_snapshot`."""
        self.sequence = int(arena.engine["sequence"][0])
        self._status: int | None = None
        self._process = os.fork()
        if self._process == 0:
            # The child. It must never come back into the parent's code, whatever happens.
            status = NOT_WRITTEN
            try:
                # Nothing of the parent's but its memory: no lock may outlive the parent in here.
                os.closerange(3, os.sysconf("SC_OPEN_MAX"))
                keep_snapshot(shelf, arena, chain_hash, keep)
                status = os.EX_OK
            except OlderNotRemoved:
                status = NOT_REMOVED
            finally:
                os._exit(status)

    @property
    def is_known_to_have_ended(self) -> bool:
        """Whether `poll` or `wait` has found its end."""
        return self._status is not None

    def poll(self) -> bool:
        """Whether it has ended. Raises SnapshotFailed when it has, and without a snapshot, and
        OlderNotRemoved when it has written one, and another is still there."""
        if self._status is None:
            process, status = os.waitpid(self._process, os.WNOHANG)
            if process == 0:
                return False
            self._status = status
        return self._end()

    def wait(self) -> None:
        """Until it has ended; raises what `poll` does."""
        if self._status is None:
            _, self._status = os.waitpid(self._process, 0)
        self._end()

    def _end(self) -> bool:
        assert self._status is not None
        if os.waitstatus_to_exitcode(self._status) == NOT_REMOVED:
            raise OlderNotRemoved(self.sequence, "its process says no more")
        if self._status != os.EX_OK:
            raise SnapshotFailed(
                f"the snapshot of sequence {self.sequence} is not known to be written"
            )
        return True


# Reading


def read_snapshot(
    disk: Disk, directory: Path, sequence: int, config_digest: bytes
) -> tuple[Header, Arena]:
    """The state of a snapshot, in an arena of its own, and its header; every byte is checked before
    one is used."""
    path = path_of(directory, sequence)
    octets = memoryview(_read_checked(disk, path, config_digest))  # it may be large: no copies
    header = Header(*HEADER.unpack_from(octets))
    if header.sequence != sequence:
        raise SnapshotDamaged(f"{path.name}: it is of sequence {header.sequence}")
    end = HEADER.size + header.description_bytes
    description = _read_description(path.name, bytes(octets[HEADER.size : end]))
    table = np.frombuffer(octets, RUN, header.runs, end)
    arena = _fill(path.name, description, table, octets[end + table.nbytes :])
    # Of an older canonical form nobody can compute the digest any more.
    if digest_version_of(header) == DIGEST_VERSION:
        if _digest_of(path.name, arena) != header.state_digest.hex():
            raise SnapshotDamaged(f"{path.name}: its state has another digest than it says")
    return header, arena


def read_header(disk: Disk, directory: Path, sequence: int) -> Header:
    """What a snapshot says of itself, and fits its size; whether it is true is not looked at."""
    path = path_of(directory, sequence)
    return _read_header(path.name, *_read_start(disk, path))


def _digest_of(name: str, arena: Arena) -> str:
    try:
        return arena.digest()
    except (IndexError, ValueError, OverflowError) as error:
        raise SnapshotDamaged(f"{name}: its records are no state: {error}") from error


def _read_checked(disk: Disk, path: Path, config_digest: bytes) -> bytearray:
    """All of a snapshot whose hash fits; its size is believed when its header has said it, too."""
    start, size = _read_start(disk, path)
    header = _read_header(path.name, start, size)
    try:
        octets = read_whole(disk, path, size)
    except OSError as error:
        raise JournalError(f"{path.name}: {error.strerror or error}") from error
    covered = new_hash()
    covered.update(memoryview(octets)[:-HASH_BYTES])
    if covered.digest() != octets[-HASH_BYTES:]:
        raise SnapshotDamaged(f"{path.name}: its hash does not fit")
    if header.config_digest != config_digest:
        raise SnapshotForeign(f"{path.name}: it is of an exchange with another configuration")
    return octets


def _read_start(disk: Disk, path: Path) -> tuple[bytes, int]:
    """The bytes of a snapshot's header, as many as there are, and the size of the file."""
    try:
        file = disk.open_to_read(path)
        try:
            return disk.read(file, HEADER.size, 0), disk.size(file)
        finally:
            disk.close(file)
    except FileNotFoundError as error:
        raise SnapshotMissing(f"{path.name}: there is no such snapshot") from error
    except OSError as error:
        raise JournalError(f"{path.name}: {error.strerror or error}") from error


def _read_header(name: str, octets: bytes, size: int) -> Header:
    """A header that fits the size of its file."""
    if len(octets) < HEADER.size:
        raise SnapshotDamaged(f"{name}: {size} bytes are no snapshot")
    header = Header(*HEADER.unpack_from(octets))
    if header.magic != MAGIC:
        raise SnapshotForeign(f"{name}: magic: {header.magic!r} is not {MAGIC!r}")
    # Before the hash: a later version may compute it differently.
    if header.version > VERSION:
        raise SnapshotNewer(
            f"{name}: version: {header.version} is newer than {VERSION}, the newest known here"
        )
    if layout_version_of(header) > LAYOUT_VERSION or digest_version_of(header) > DIGEST_VERSION:
        raise SnapshotNewer(f"{name}: its records are those of a later version")
    is_sane = header.version >= 1 and header.runs <= RUNS_MAX and header.rows_bytes <= ARENA_BYTES
    is_sane &= header.description_bytes <= DESCRIPTION_BYTES_MAX
    if not is_sane or header.description_bytes % ALIGNMENT or HEADER.pack(*header) != octets:
        raise SnapshotDamaged(f"{name}: its header has numbers that were never written")
    told = HEADER.size + header.description_bytes + header.runs * RUN.itemsize + header.rows_bytes
    if told + HASH_BYTES != size:
        raise SnapshotDamaged(f"{name}: {size} bytes are not as many as its header says")
    return header


def _read_description(name: str, octets: bytes) -> Description:
    try:
        description = decode_json(octets, Description)
    except Undecodable as error:
        raise SnapshotDamaged(f"{name}: description: {error}") from error
    fault = find_fault(description)
    if fault is not None:
        raise SnapshotDamaged(f"{name}: description: {fault}")
    return description


def _fill(name: str, description: Description, table: "np.ndarray", octets: memoryview) -> Arena:
    """An arena with the rows of all runs."""
    arena = Arena()
    arena.use_large_pages()
    offset = 0
    for number, _, first, rows in table.tolist():
        if number >= len(description.sections):
            raise SnapshotDamaged(f"{name}: a run of section {number}, which is not described")
        section = description.sections[number]
        size = rows * section.record_bytes
        if size > len(octets) - HASH_BYTES - offset:
            raise SnapshotDamaged(f"{name}: a run of {section.name} passes the end")
        _put_rows(name, arena, section, first, octets[offset : offset + size])
        offset += size
    fault = find_impossible_count(arena)
    if fault is not None:
        raise SnapshotDamaged(f"{name}: its records are no state: {fault}")
    arena.engine["version"] = LAYOUT_VERSION
    arena.engine["events"] = 0  # those of the last command stay behind
    return arena


def _put_rows(
    name: str, arena: Arena, section: SectionDescription, first: int, octets: memoryview
) -> None:
    """Rows into their section: as they are where records are what they were, else by the names of
    fields."""
    known = SECTIONS.get(section.name)
    if known is None or ROWS[section.name] is VOID:
        return  # what this version does without, or finds out by itself
    rows = len(octets) // section.record_bytes
    if first + rows > known.rows:
        raise SnapshotDamaged(f"{name}: a run of {section.name} passes the section's bound")
    target = arena.records(section.name, first + rows)[first:]
    written = np.frombuffer(octets, dtype_of(section))
    if written.dtype == known.record:
        target.view(np.uint8)[:] = np.frombuffer(octets, np.uint8)
        return
    for field in set(written.dtype.names or ()) & set(known.record.names or ()):
        target[field] = written[field]
