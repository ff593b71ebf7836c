"""A file of commands: the configuration, then one 64-byte record for each command.

    header          64 bytes, see HEADER, with its own checksum
    configuration   JSON, zero bytes up to the next multiple of 64
    records         64 bytes each, one run without a gap
    checksums       4 bytes for each block of 65,536 records

The checksums stand behind the records and not between them, so that the records are one array that
can be mapped and handed to the engine as it is; and every record is one cache line of the file.
A checksum over blocks, not over the file, names the place of a fault and lets a reader check as
it goes. CRC-32 from zlib needs no dependency; it guards against accidents, not against forgers.

Everything that a file can be wrong in is a `CommandFileError` of one line.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.schema.commands import COMMAND, FIELDS
from engine.schema.contract import Config, check_config

MAGIC = b"LIONROCK"
VERSION = 1
ALIGNMENT = 64
BLOCK_RECORDS = 65_536

Commands = NDArray[np.void]


class CommandFileError(ValueError):
    """What is wrong with a command file, in one line."""


class Header(NamedTuple):
    """The first 64 bytes, little-endian, without the checksum that ends them."""

    magic: bytes
    version: int
    record_bytes: int
    records: int
    config_bytes: int
    config_checksum: int
    block_records: int
    blocks_checksum: int  # of the checksums of all blocks
    reserved: bytes


HEADER = struct.Struct("<8sIIQIIII20s")
HEADER_CHECKSUM = struct.Struct("<I")
BLOCK_CHECKSUM = np.dtype("<u4")
assert HEADER.size + HEADER_CHECKSUM.size == ALIGNMENT == COMMAND.itemsize


class CommandFile(NamedTuple):
    """A checked file: its configuration and its records, mapped."""

    path: Path
    config: Config
    records: Commands


def _zero_masks() -> NDArray[np.uint8]:
    """Mark the bytes of a record that no field of its kind covers, one row for each kind byte."""
    places = COMMAND.fields
    assert places is not None
    masks = np.zeros((256, COMMAND.itemsize), np.uint8)
    for kind, names in FIELDS.items():
        masks[kind] = 0xFF
        for name in (*names, "kind"):
            dtype, offset = places[name][:2]
            masks[kind, offset : offset + dtype.itemsize] = 0
    return masks


_ZERO_MASKS = _zero_masks()
# Compared eight bytes at a time.
_ZERO_WORDS = _ZERO_MASKS.view("<u8")


def find_stray_bytes(records: Commands) -> int | None:
    """Find the first record with a byte set that its kind does not use.

    A later version may give such a byte a meaning; a file that had carried noise there would then
    change its meaning, too. Records of unknown kind pass: the engine refuses them (2.2).
    """
    words = records.view("<u8").reshape(-1, _ZERO_WORDS.shape[1])
    stray = (words & _ZERO_WORDS[records["kind"].view(np.uint8)]).any(axis=1)
    return int(stray.argmax()) if stray.any() else None


class CommandFileWriter:
    """Writes a command file; it appears under its name whole, or not at all.

    Use it in a `with` block: leaving it well publishes the file by a rename, leaving it through an
    exception removes what was written.
    """

    def __init__(self, path: Path | str, config: Config) -> None:
        self.path = Path(path)
        problems = check_config(config)
        if problems:
            raise CommandFileError(f"{self.path}: config: {problems[0]}")
        self.records = 0
        self._config = msgspec.json.encode(config)
        self._blocks: list[int] = []
        self._block_open = 0  # checksum of the block being filled
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            self._file = self._part.open("wb")
        except OSError as error:
            raise CommandFileError(f"{self.path}: {error.strerror}") from error
        self._file.write(bytes(ALIGNMENT))
        self._file.write(self._config + bytes(-len(self._config) % ALIGNMENT))

    def append(self, records: Commands) -> None:
        """Add records at the end."""
        if records.dtype != COMMAND or records.ndim != 1:
            raise CommandFileError(f"{self.path}: records must be one row of dtype COMMAND")
        records = np.ascontiguousarray(records)
        start = 0
        while start < len(records):
            room = BLOCK_RECORDS - self.records % BLOCK_RECORDS
            part = records[start : start + room]
            stray = find_stray_bytes(part)
            if stray is not None:
                raise _stray_error(self.path, self.records + stray, part[stray])
            octets = part.tobytes()
            self._block_open = zlib.crc32(octets, self._block_open)
            self._file.write(octets)
            self.records += len(part)
            start += len(part)
            if self.records % BLOCK_RECORDS == 0:
                self._close_block()

    def publish(self) -> None:
        """Finish the file and give it its name."""
        if self.records % BLOCK_RECORDS:
            self._close_block()
        checksums = np.array(self._blocks, BLOCK_CHECKSUM).tobytes()
        self._file.write(checksums)
        self._file.seek(0)
        self._file.write(self._header(zlib.crc32(checksums)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self.path)
        _sync_directory(self.path.parent)

    def discard(self) -> None:
        """Leave nothing behind but what has been published."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.publish()
        except OSError as fault:
            raise CommandFileError(f"{self.path}: {fault.strerror}") from fault
        finally:
            self.discard()

    def _close_block(self) -> None:
        self._blocks.append(self._block_open)
        self._block_open = 0

    def _header(self, blocks_checksum: int) -> bytes:
        header = Header(
            magic=MAGIC,
            version=VERSION,
            record_bytes=COMMAND.itemsize,
            records=self.records,
            config_bytes=len(self._config),
            config_checksum=zlib.crc32(self._config),
            block_records=BLOCK_RECORDS,
            blocks_checksum=blocks_checksum,
            reserved=b"",
        )
        octets = HEADER.pack(*header)
        return octets + HEADER_CHECKSUM.pack(zlib.crc32(octets))


def write_command_file(path: Path | str, config: Config, records: Commands) -> None:
    """Write a whole file at once."""
    with CommandFileWriter(path, config) as writer:
        writer.append(records)


def read_command_file(path: Path | str) -> CommandFile:
    """Map a file after every byte of it has been checked."""
    path = Path(path)
    try:
        octets = np.memmap(path, np.uint8, mode="r")
    except OSError as error:
        raise CommandFileError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:  # an empty file cannot be mapped
        raise CommandFileError(f"{path}: header: the file is empty") from error
    header = _read_header(path, octets[:ALIGNMENT].tobytes())
    start = ALIGNMENT + header.config_bytes + -header.config_bytes % ALIGNMENT
    end = start + header.records * header.record_bytes
    blocks = -(-header.records // header.block_records)
    _check_size(path, header, len(octets), end + blocks * BLOCK_CHECKSUM.itemsize)
    config = _read_config(path, header, octets[ALIGNMENT:start].tobytes())
    checksums = octets[end:].tobytes()
    if zlib.crc32(checksums) != header.blocks_checksum:
        raise CommandFileError(f"{path}: blocks_checksum: the checksums of the blocks are damaged")
    records = octets[start:end].view(COMMAND)
    _check_blocks(path, records, np.frombuffer(checksums, BLOCK_CHECKSUM))
    return CommandFile(path, config, records)


def _read_header(path: Path, octets: bytes) -> Header:
    if len(octets) < ALIGNMENT:
        raise CommandFileError(f"{path}: header: {len(octets)} bytes of {ALIGNMENT} are there")
    header = Header(*HEADER.unpack_from(octets))
    if header.magic != MAGIC:
        raise CommandFileError(f"{path}: magic: {header.magic!r} is not {MAGIC!r}")
    # Before the checksum: a later version may count it differently.
    if header.version > VERSION:
        raise CommandFileError(
            f"{path}: version: {header.version} is newer than {VERSION}, the newest known here"
        )
    if HEADER_CHECKSUM.unpack_from(octets, HEADER.size)[0] != zlib.crc32(octets[: HEADER.size]):
        raise CommandFileError(f"{path}: header: the checksum does not fit, the header is damaged")
    if header.version < 1:
        raise CommandFileError(f"{path}: version: {header.version} was never written")
    if header.record_bytes != COMMAND.itemsize:
        raise CommandFileError(
            f"{path}: record_bytes: {header.record_bytes} where {COMMAND.itemsize} are known"
        )
    if header.block_records != BLOCK_RECORDS:
        raise CommandFileError(
            f"{path}: block_records: {header.block_records} where {BLOCK_RECORDS} are known"
        )
    if any(header.reserved):
        raise CommandFileError(f"{path}: reserved: the reserved bytes of the header must be zero")
    return header


def _check_size(path: Path, header: Header, have: int, need: int) -> None:
    if have > need:
        raise CommandFileError(f"{path}: {have - need} bytes follow the last checksum")
    if have < need:
        start = ALIGNMENT + header.config_bytes + -header.config_bytes % ALIGNMENT
        whole = min(max(0, have - start) // header.record_bytes, header.records)
        where = f"record {whole}" if whole < header.records else "checksums of the blocks"
        raise CommandFileError(f"{path}: {where}: the file is {need - have} bytes short")


def _read_config(path: Path, header: Header, octets: bytes) -> Config:
    text, padding = octets[: header.config_bytes], octets[header.config_bytes :]
    if zlib.crc32(text) != header.config_checksum:
        raise CommandFileError(f"{path}: config: the checksum does not fit, it is damaged")
    if any(padding):
        raise CommandFileError(f"{path}: config: the bytes behind it must be zero")
    try:
        config = msgspec.json.decode(text, type=Config)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandFileError(f"{path}: config: {error}") from error
    problems = check_config(config)
    if problems:
        raise CommandFileError(f"{path}: config: {problems[0]}")
    return config


def blocks_of(records: Commands) -> Iterator[tuple[int, Commands]]:
    """Yield each block with its number; views, nothing is copied."""
    for block, start in enumerate(range(0, len(records), BLOCK_RECORDS)):
        yield block, records[start : start + BLOCK_RECORDS]


def _check_blocks(path: Path, records: Commands, checksums: NDArray[np.uint32]) -> None:
    for block, part in blocks_of(records):
        if zlib.crc32(part.view(np.uint8).data) != checksums[block]:
            first = block * BLOCK_RECORDS
            raise CommandFileError(
                f"{path}: block {block} (records {first} to {first + len(part) - 1}):"
                " the checksum does not fit, it is damaged"
            )
        stray = find_stray_bytes(part)
        if stray is not None:
            raise _stray_error(path, block * BLOCK_RECORDS + stray, part[stray])


def _stray_error(path: Path, index: int, record: Any) -> CommandFileError:
    kind = int(record["kind"])
    octets = np.frombuffer(record.tobytes(), np.uint8)
    offset = int((octets & _ZERO_MASKS[kind]).astype(bool).argmax())
    return CommandFileError(
        f"{path}: record {index}: byte {offset} must be zero in a command of kind {kind}"
    )


def _sync_directory(directory: Path) -> None:
    """A rename is durable only when its directory is."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
