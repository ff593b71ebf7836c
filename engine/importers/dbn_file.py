"""Market-by-order records of a Databento file: DBN version 1, plain or in zstd.

    "DBN", version (1 byte), length of the metadata (4)
    metadata    dataset (16), schema (2), start, end, limit, records (8 each), symbol types (1, 1),
                send times (1), reserved (47), length of a schema definition (4), then the symbols
                asked for: their count (4) and 22 bytes each. What follows is not needed here.
    records     56 bytes each, see RECORD

Everything is little-endian. Prices are in 10^-9. Records of one event of the venue stand together;
the last one of them says so. They are read piece by piece: memory is bounded by one event.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.importers.recording import FeedError
from engine.schema import bounds

MAGIC = b"DBN"
VERSION = 1
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
PRELUDE_OCTETS = 8
SCHEMA_AT, SEND_TIMES_AT, SYMBOLS_AT = 16, 52, 104  # in the metadata
SYMBOL_OCTETS = 22
METADATA_OCTETS_MAX = 2**22
SCHEMA_MBO = 0
RECORD_TYPE_MBO = 0xA0

PIECE_OCTETS = 256  # of compressed input: at the best ratio of zstd this is 8 MiB of output
WINDOW_OCTETS_MAX = 2**27  # what zstd itself allows unless told otherwise
CHUNK_OCTETS = 2**16
EVENT_RECORDS_MAX = 2**16

RECORD = np.dtype(
    [
        ("length", "u1"),  # in words of 4 bytes
        ("record_type", "u1"),
        ("publisher", "<u2"),
        ("instrument", "<u4"),
        ("event_ns", "<u8"),
        ("order", "<u8"),
        ("price", "<i8"),
        ("size", "<u4"),
        ("flags", "u1"),
        ("channel", "u1"),
        ("action", "u1"),
        ("side", "u1"),
        ("time_ns", "<u8"),  # when it was received: the order of the file
        ("delta_ns", "<i4"),
        ("sequence", "<u4"),
    ]
)
assert RECORD.itemsize == 56

ADD, CANCEL, MODIFY, CLEAR, TRADE, FILL, NO_ACTION = b"ACMRTFN"
BID, ASK, NO_SIDE = b"BAN"
PRICE_UNKNOWN = 2**63 - 1
FLAG_LAST, FLAG_SNAPSHOT = 128, 32
FLAGS_NOT_AN_ORDER = 64 | 16  # the top of a book, or a level

Records = NDArray[np.void]


class Message(NamedTuple):
    """One record. A fill is of the resting order, a trade of the aggressor."""

    record: int
    time_ns: int
    action: int
    side: int
    order: int
    price: int
    size: int
    flags: int


class DbnFile:
    """The messages of a file; iterate as often as needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.symbol = ""
        self.instrument = 0  # that of the first record: the messages of others are left out
        self.others = 0
        self.record = 0

    def fault(self, field: str, what: str, record: int = 0) -> FeedError:
        """What is wrong with a record, by default the one that is being read; 0 is the header."""
        return FeedError(self.path, record or self.record, field, what, "record")

    def events(self) -> Iterator[list[Message]]:
        """The messages of one event after the other; those of a snapshot come alone."""
        event: list[Message] = []
        for message in self._messages():
            event.append(message)
            if message.flags & (FLAG_LAST | FLAG_SNAPSHOT):
                yield event
                event = []
            elif len(event) == EVENT_RECORDS_MAX:
                raise self.fault("flags", f"an event of more than {EVENT_RECORDS_MAX} records")
        if event:
            raise self.fault("flags", "the file ends before the event does")

    def find_tick(self) -> int:
        """The widest tick that holds all prices, in 10^-9; 1 when there is none.

        It reads the whole file; the symbol is known afterwards, too.
        """
        tick = 0
        for chunk in self._chunks():
            prices = chunk["price"][chunk["price"] != PRICE_UNKNOWN]
            tick = int(np.gcd.reduce(np.append(prices, tick)))
        return tick or 1

    def _messages(self) -> Iterator[Message]:
        last_ns = self.others = 0
        for chunk in self._chunks():
            first = self.record
            names = ["time_ns", "action", "side", "order", "price", "size", "flags", "instrument"]
            columns = [chunk[name].tolist() for name in names]
            for k, (*values, instrument) in enumerate(zip(*columns, strict=True), 1):
                self.record = first + k
                message = Message(self.record, *values)
                if message.time_ns < last_ns:
                    raise self.fault("time", "lies before the record above")
                last_ns = message.time_ns
                self.instrument = self.instrument or instrument
                if instrument == self.instrument:
                    self._check(message)
                    yield message
                else:
                    self.others += 1

    def _check(self, message: Message) -> None:
        if message.action not in b"ACMRTFN":
            raise self.fault("action", f"{chr(message.action)!r} is none of A, C, M, R, T, F, N")
        if not 0 < message.time_ns <= bounds.TIME_NS_MAX:
            raise self.fault("time", f"{message.time_ns} is unknown or out of range")
        if message.action in (CLEAR, NO_ACTION):
            return
        is_trade = message.action in (TRADE, FILL)
        if message.side not in (b"BAN" if is_trade else b"BA"):
            raise self.fault("side", f"{chr(message.side)!r} with action {chr(message.action)}")
        if not 0 < message.size <= bounds.LOTS_MAX:
            raise self.fault("size", f"{message.size} is not between 1 and {bounds.LOTS_MAX}")
        if message.price == PRICE_UNKNOWN:
            raise self.fault("price", f"is unknown with action {chr(message.action)}")
        if message.flags & FLAGS_NOT_AN_ORDER:
            raise self.fault("flags", f"{message.flags} is not of a single order")

    def _chunks(self) -> Iterator[Records]:
        """All records, some at a time; `record` counts those of the chunks before."""
        self.record = 0
        try:
            with self.path.open("rb") as stream:
                octets = Octets(self, stream)
                self._read_metadata(octets)
                done = 0
                while chunk := octets.take_records():
                    self.record = done
                    records = np.frombuffer(chunk, RECORD)
                    self._check_heads(records)
                    yield records
                    done += len(records)
                    self.record = done
        except OSError as error:
            raise self.fault("file", error.strerror or str(error)) from error

    def _check_heads(self, records: Records) -> None:
        for field, wanted in (("length", RECORD.itemsize // 4), ("record_type", RECORD_TYPE_MBO)):
            wrong = np.flatnonzero(records[field] != wanted)
            if len(wrong):
                found, name = int(records[field][wrong[0]]), field.replace("_", " ")
                what = f"{found} is not {wanted}, that of market by order"
                raise self.fault(name, what, self.record + int(wrong[0]) + 1)

    def _read_metadata(self, octets: "Octets") -> None:
        prelude = octets.take(PRELUDE_OCTETS)
        if prelude[:3] != MAGIC:
            raise self.fault("magic", f"{prelude[:3]!r} is not {MAGIC!r}")
        if prelude[3] != VERSION:
            raise self.fault("version", f"{prelude[3]} is not {VERSION}")
        length = int.from_bytes(prelude[4:], "little")
        if not SYMBOLS_AT + 4 <= length <= METADATA_OCTETS_MAX:
            what = f"{length} is not between {SYMBOLS_AT + 4} and {METADATA_OCTETS_MAX}"
            raise self.fault("length of the metadata", what)
        metadata = octets.take(length)
        schema = int.from_bytes(metadata[SCHEMA_AT : SCHEMA_AT + 2], "little")
        if schema != SCHEMA_MBO:
            raise self.fault("schema", f"{schema} is not {SCHEMA_MBO}, market by order")
        if metadata[SEND_TIMES_AT]:
            raise self.fault("send times", "records with send times are not read")
        count = int.from_bytes(metadata[SYMBOLS_AT : SYMBOLS_AT + 4], "little")
        first = metadata[SYMBOLS_AT + 4 :][:SYMBOL_OCTETS]
        if count > (length - SYMBOLS_AT - 4) // SYMBOL_OCTETS:
            raise self.fault("symbols", f"{count} do not fit into the metadata")
        try:
            self.symbol = first.rstrip(b"\0").decode("ascii") if count else ""
        except UnicodeDecodeError:
            raise self.fault("symbols", "the text is not ASCII") from None


class Octets:
    """The content of a file in order, whether it is compressed or not."""

    def __init__(self, file: DbnFile, stream: BinaryIO) -> None:
        self._file = file
        self._ahead = b""
        is_zstd = stream.read(len(ZSTD_MAGIC)) == ZSTD_MAGIC
        stream.seek(0)
        self._pieces = self._inflate(stream) if is_zstd else self._read(stream)

    def take(self, count: int) -> bytes:
        """Exactly so many bytes."""
        self._fill(count)
        if len(self._ahead) < count:
            raise self._file.fault("header", f"{len(self._ahead)} of {count} bytes")
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        return taken

    def take_records(self) -> bytes:
        """Whole records, about a chunk of them; nothing at the end."""
        self._fill(CHUNK_OCTETS)
        records = len(self._ahead) // RECORD.itemsize
        if self._ahead and not records:
            what = f"the file ends after {len(self._ahead)} of {RECORD.itemsize} bytes"
            raise self._file.fault("record", what, self._file.record + 1)
        taken = self._ahead[: records * RECORD.itemsize]
        self._ahead = self._ahead[len(taken) :]
        return taken

    def _fill(self, count: int) -> None:
        parts, have = [self._ahead], len(self._ahead)
        while have < count:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            have += len(piece)
        self._ahead = b"".join(parts)

    def _read(self, stream: BinaryIO) -> Iterator[bytes]:
        while piece := stream.read(CHUNK_OCTETS):
            yield piece

    def _inflate(self, stream: BinaryIO) -> Iterator[bytes]:
        """Frame by frame: a file that ends inside a frame is cut off."""
        zstandard = self._load_zstandard()
        decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_OCTETS_MAX)
        frame = None
        while piece := stream.read(PIECE_OCTETS):
            while piece:
                frame = frame or decompressor.decompressobj()
                try:
                    yield frame.decompress(piece)
                except zstandard.ZstdError as error:
                    raise self._file.fault("zstd", str(error)) from error
                piece = b""
                if frame.eof:
                    piece, frame = frame.unused_data, None
        if frame is not None:
            raise self._file.fault("zstd", "the file ends before the compressed data do")

    def _load_zstandard(self) -> Any:
        # Not an import at the top: only this format needs the package, and the core does not.
        try:
            return importlib.import_module("zstandard")
        except ImportError:
            what = "the package zstandard is missing: pip install 'lionrock[import]'"
            raise self._file.fault("zstd", what) from None
