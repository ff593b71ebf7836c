"""A file of records of one kind: the configuration, then one array of 64-byte records.

    header          64 bytes, see HEADER, with its own checksum
    configuration   JSON, zero bytes up to the next multiple of 64
    records         64 bytes each, one run without a gap
    checksums       4 bytes for each block of 65,536 records

The checksums stand behind the records and not between them, so that the records are one array that
can be mapped and handed on as it is; and every record is one cache line of the file.
A checksum over blocks, not over the file, names the place of a fault and lets a reader check as
it goes. CRC-32 from zlib needs no dependency; it guards against accidents, not against forgers.

What the records are is a `Layout`: command files and event files differ in nothing else.
Everything that a file can be wrong in is a `RecordFileError` of one line.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import ClassVar, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.schema.contract import Config, check_config
from engine.schema.decoding import Undecodable, decode_json

ALIGNMENT = 64
BLOCK_RECORDS = 65_536

Records = NDArray[np.void]


class RecordFileError(ValueError):
    """What is wrong with a file of records, in one line."""


class Layout(NamedTuple):
    """What one kind of file holds."""

    magic: bytes
    version: int
    dtype: np.dtype[np.void]
    dtype_name: str
    error: type[RecordFileError]
    find_fault: Callable[[Records], tuple[int, str] | None]  # the first bad record, what is wrong


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
assert HEADER.size + HEADER_CHECKSUM.size == ALIGNMENT


class RecordFile(NamedTuple):
    """A checked file: its configuration and its records, mapped."""

    path: Path
    config: Config
    records: Records


def make_zero_masks(
    dtype: np.dtype[np.void], fields: dict[int, tuple[str, ...]]
) -> NDArray[np.uint8]:
    """Mark the bytes of a record that no field of its kind covers, one row for each kind byte."""
    places = dtype.fields
    assert places is not None and dtype.itemsize == ALIGNMENT
    masks = np.zeros((256, dtype.itemsize), np.uint8)
    for kind, names in fields.items():
        masks[kind] = 0xFF
        for name in (*names, "kind"):
            field, offset = places[name][:2]
            masks[kind, offset : offset + field.itemsize] = 0
    return masks


def find_stray_bytes(masks: NDArray[np.uint8], records: Records) -> tuple[int, int] | None:
    """Find the first record with a byte set that its kind does not use, and that byte.

    A later version may give such a byte a meaning; a file that had carried noise there would then
    change its meaning, too.
    """
    # Compared eight bytes at a time.
    words = records.view("<u8").reshape(-1, ALIGNMENT // 8)
    stray = words & masks.view("<u8").take(records["kind"].astype(np.uint8), axis=0)
    # All at once first: a reduction along rows of 8 takes four times as long.
    if not stray.any():
        return None
    index = int(stray.any(axis=1).argmax())
    octets = np.frombuffer(records[index].tobytes(), np.uint8)
    unused = octets & masks[np.uint8(records["kind"][index])]
    return index, int(unused.astype(bool).argmax())


def find_stray_fault(
    masks: NDArray[np.uint8], records: Records, name_of: Callable[[int], str]
) -> tuple[int, str] | None:
    """The same as a sentence, in which `name_of` names the kind."""
    found = find_stray_bytes(masks, records)
    if found is None:
        return None
    index, offset = found
    return index, f"byte {offset} must be zero in {name_of(int(records['kind'][index]))}"


class RecordFileWriter:
    """Writes a file; it appears under its name whole, or not at all.

    Use it in a `with` block: leaving it well publishes the file by a rename, leaving it through an
    exception removes what was written.
    """

    layout: ClassVar[Layout]

    def __init__(self, path: Path | str, config: Config) -> None:
        self.path = Path(path)
        problems = check_config(config)
        if problems:
            raise self.layout.error(f"{self.path}: config: {problems[0]}")
        self.records = 0
        self._config = msgspec.json.encode(config)
        self._blocks: list[int] = []
        self._block_open = 0  # checksum of the block being filled
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            self._file = self._part.open("wb")
        except OSError as error:
            raise self.layout.error(f"{self.path}: {error.strerror}") from error
        self._file.write(bytes(ALIGNMENT))
        self._file.write(self._config + bytes(-len(self._config) % ALIGNMENT))

    def append(self, records: Records) -> None:
        """Add records at the end."""
        if records.dtype != self.layout.dtype or records.ndim != 1:
            raise self.layout.error(
                f"{self.path}: records must be one row of dtype {self.layout.dtype_name}"
            )
        records = np.ascontiguousarray(records)
        start = 0
        while start < len(records):
            room = BLOCK_RECORDS - self.records % BLOCK_RECORDS
            part = records[start : start + room]
            _check_records(self.layout, self.path, self.records, part)
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
            raise self.layout.error(f"{self.path}: {fault.strerror}") from fault
        finally:
            self.discard()

    def _close_block(self) -> None:
        self._blocks.append(self._block_open)
        self._block_open = 0

    def _header(self, blocks_checksum: int) -> bytes:
        header = Header(
            magic=self.layout.magic,
            version=self.layout.version,
            record_bytes=self.layout.dtype.itemsize,
            records=self.records,
            config_bytes=len(self._config),
            config_checksum=zlib.crc32(self._config),
            block_records=BLOCK_RECORDS,
            blocks_checksum=blocks_checksum,
            reserved=b"",
        )
        octets = HEADER.pack(*header)
        return octets + HEADER_CHECKSUM.pack(zlib.crc32(octets))


def read_record_file(layout: Layout, path: Path | str) -> RecordFile:
    """Map a file after every byte of it has been checked."""
    path = Path(path)
    try:
        octets = np.memmap(path, np.uint8, mode="r")
    except OSError as error:
        raise layout.error(f"{path}: {error.strerror or error}") from error
    except ValueError as error:  # an empty file cannot be mapped
        raise layout.error(f"{path}: header: the file is empty") from error
    header = _read_header(layout, path, octets[:ALIGNMENT].tobytes())
    start = ALIGNMENT + header.config_bytes + -header.config_bytes % ALIGNMENT
    end = start + header.records * header.record_bytes
    blocks = -(-header.records // header.block_records)
    _check_size(layout, path, header, len(octets), end + blocks * BLOCK_CHECKSUM.itemsize)
    config = _read_config(layout, path, header, octets[ALIGNMENT:start].tobytes())
    checksums = octets[end:].tobytes()
    if zlib.crc32(checksums) != header.blocks_checksum:
        raise layout.error(f"{path}: blocks_checksum: the checksums of the blocks are damaged")
    records = octets[start:end].view(layout.dtype)
    _check_blocks(layout, path, records, np.frombuffer(checksums, BLOCK_CHECKSUM))
    return RecordFile(path, config, records)


def _read_header(layout: Layout, path: Path, octets: bytes) -> Header:
    if len(octets) < ALIGNMENT:
        raise layout.error(f"{path}: header: {len(octets)} bytes of {ALIGNMENT} are there")
    header = Header(*HEADER.unpack_from(octets))
    if header.magic != layout.magic:
        raise layout.error(f"{path}: magic: {header.magic!r} is not {layout.magic!r}")
    # Before the checksum: a later version may count it differently.
    if header.version > layout.version:
        raise layout.error(
            f"{path}: version: {header.version} is newer than {layout.version},"
            " the newest known here"
        )
    if HEADER_CHECKSUM.unpack_from(octets, HEADER.size)[0] != zlib.crc32(octets[: HEADER.size]):
        raise layout.error(f"{path}: header: the checksum does not fit, the header is damaged")
    if header.version < 1:
        raise layout.error(f"{path}: version: {header.version} was never written")
    if header.record_bytes != layout.dtype.itemsize:
        raise layout.error(
            f"{path}: record_bytes: {header.record_bytes} where {layout.dtype.itemsize} are known"
        )
    if header.block_records != BLOCK_RECORDS:
        raise layout.error(
            f"{path}: block_records: {header.block_records} where {BLOCK_RECORDS} are known"
        )
    if any(header.reserved):
        raise layout.error(f"{path}: reserved: the reserved bytes of the header must be zero")
    return header


def _check_size(layout: Layout, path: Path, header: Header, have: int, need: int) -> None:
    if have > need:
        raise layout.error(f"{path}: {have - need} bytes follow the last checksum")
    if have < need:
        start = ALIGNMENT + header.config_bytes + -header.config_bytes % ALIGNMENT
        whole = min(max(0, have - start) // header.record_bytes, header.records)
        where = f"record {whole}" if whole < header.records else "checksums of the blocks"
        raise layout.error(f"{path}: {where}: the file is {need - have} bytes short")


def _read_config(layout: Layout, path: Path, header: Header, octets: bytes) -> Config:
    text, padding = octets[: header.config_bytes], octets[header.config_bytes :]
    if zlib.crc32(text) != header.config_checksum:
        raise layout.error(f"{path}: config: the checksum does not fit, it is damaged")
    if any(padding):
        raise layout.error(f"{path}: config: the bytes behind it must be zero")
    try:
        config = decode_json(text, Config)
    except Undecodable as error:
        raise layout.error(f"{path}: config: {error}") from error
    problems = check_config(config)
    if problems:
        raise layout.error(f"{path}: config: {problems[0]}")
    return config


def blocks_of(records: Records) -> Iterator[tuple[int, Records]]:
    """Yield each block with its number; views, nothing is copied."""
    for block, start in enumerate(range(0, len(records), BLOCK_RECORDS)):
        yield block, records[start : start + BLOCK_RECORDS]


def _check_blocks(
    layout: Layout, path: Path, records: Records, checksums: NDArray[np.uint32]
) -> None:
    for block, part in blocks_of(records):
        if zlib.crc32(part.view(np.uint8).data) != checksums[block]:
            first = block * BLOCK_RECORDS
            raise layout.error(
                f"{path}: block {block} (records {first} to {first + len(part) - 1}):"
                " the checksum does not fit, it is damaged"
            )
        _check_records(layout, path, block * BLOCK_RECORDS, part)


def _check_records(layout: Layout, path: Path, first: int, records: Records) -> None:
    fault = layout.find_fault(records)
    if fault is not None:
        index, what = fault
        raise layout.error(f"{path}: record {first + index}: {what}")


def _sync_directory(directory: Path) -> None:
    """A rename is durable only when its directory is."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
