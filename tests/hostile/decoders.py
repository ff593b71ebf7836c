"""Every decoder of the product: what it may raise, what it reads when all is well, how it is asked.

The seeds are made here, small, by the product's own writers where it has them.
"""

import gzip
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec
import zstandard

from engine.exchange import ConfigError, Exchange
from engine.feed import encoding
from engine.feed import messages as feed
from engine.importers.binance import import_binance
from engine.importers.dbn import import_dbn
from engine.importers.lobster import import_lobster
from engine.importers.quantcup import import_quantcup
from engine.importers.recording import FeedError
from engine.importers.script import import_script
from engine.journal.checkpoint import Checkpoint, CheckpointRefused, must_be_signed, read_checkpoint
from engine.journal.command_file import CommandFileError, read_command_file, write_command_file
from engine.journal.config_file import read_config
from engine.journal.event_file import EventFileError, read_event_file, write_event_file
from engine.journal.json_lines import (
    ANY,
    CLIENT,
    OPERATOR,
    PRICE_SOURCE,
    CommandLineError,
    LineDecoder,
    pack_commands,
    read_json_lines,
    unpack_commands,
    write_json_lines,
)
from engine.journal.log_errors import JournalError
from engine.journal.log_format import compute_config_digest
from engine.journal.segment_log import SegmentLog
from engine.journal.snapshot import path_of, read_snapshot, write_snapshot
from engine.report.venue_numbers import VenueDataError, compare_venue
from engine.schema import commands as c
from tests.hostile import repairs
from tests.importers.dbn_writing import event, header, record
from tests.journal.durable_runs import stream_of
from tests.journal.files import COMMANDS, CONFIG, EVENTS
from tests.journal.log_runs import CONFIG_DIGEST, make_orders, make_quotes
from tests.journal.simulated_disk import SimulatedDisk
from tests.journal.test_json_lines import SAMPLES
from tests.property.both import join

DIRECTORY = Path("/log")
SEGMENT = DIRECTORY / f"commands-{1:020}.log"
PUBLIC_KEY = bytes(range(32))


class Decoder(NamedTuple):
    """`decode` gets the bytes and a directory that it may write into; `repairs` make what guards
    the bytes fit them again."""

    name: str
    errors: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]
    decode: Callable[[bytes, Path], object]
    repairs: tuple[Callable[[bytes], bytes], ...] = (repairs.as_they_are,)


# Lines of commands


def lines_of(family: Any) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        kinds = getattr(family, "__args__", (family,))
        return [msgspec.json.encode(command) for command in SAMPLES if isinstance(command, kinds)]

    return seeds


def decode_line(decoder: LineDecoder) -> Callable[[bytes, Path], object]:
    """What is decoded goes into records and comes back the same."""

    def decode(octets: bytes, _: Path) -> None:
        for command in decoder.decode_all(io.BytesIO(octets), "lines"):
            assert unpack_commands(pack_commands([command])) == [command]

    return decode


def seeds_of_json_file() -> list[bytes]:
    stream = io.BytesIO()
    write_json_lines(stream, CONFIG, SAMPLES)
    return [stream.getvalue()]


def decode_json_file(octets: bytes, directory: Path) -> None:
    path = directory / "day.jsonl"
    path.write_bytes(octets)
    config, commands = read_json_lines(path)
    Exchange(config)
    pack_commands(commands)


# The feed


def seeds_of_feed() -> list[feed.PublicMessage]:
    return [
        feed.OrderAdded(1, 2, feed_sequence=3, public_id=4, side=0, price_ticks=5, lots=6),
        feed.OrderReduced(1, 2, feed_sequence=3, public_id=4, lots_left=5),
    ]


# Files of the journal


def seeds_of_record_file(write: Callable, records: object) -> Callable[[], list[bytes]]:
    @cache
    def seeds() -> list[bytes]:
        with TemporaryDirectory() as directory:
            path = Path(directory) / "records"
            write(path, CONFIG, records)
            return [path.read_bytes()]

    return seeds


def decode_record_file(read: Callable) -> Callable[[bytes, Path], object]:
    def decode(octets: bytes, directory: Path) -> None:
        path = directory / "records"
        path.write_bytes(octets)
        found = read(path)
        Exchange(found.config)
        found.records.tolist()

    return decode


@cache
def seeds_of_segment() -> list[bytes]:
    disk = SimulatedDisk()
    log = SegmentLog.create(disk, DIRECTORY, CONFIG_DIGEST, 2_048)
    log.append(make_orders(1, 2), 1)
    log.append(make_quotes(3, 2), 3)
    log.commit()
    open_end = disk.content()[SEGMENT]
    log.close()
    return [open_end, disk.content()[SEGMENT]]


def decode_segment(octets: bytes, _: Path) -> None:
    log = SegmentLog.open(SimulatedDisk({SEGMENT: octets}), DIRECTORY, CONFIG_DIGEST, 2_048)
    assert sum(len(batch) for batch in log.read_from(1)) >= 0


@cache
def small_exchange() -> Exchange:
    config, commands = stream_of("collateral", 3, 120)
    exchange = Exchange(config)
    exchange.run(join(commands))
    return exchange


@cache
def seeds_of_snapshot() -> list[bytes]:
    exchange, disk = small_exchange(), SimulatedDisk()
    digest = compute_config_digest(exchange.config)
    sequence = write_snapshot(disk, DIRECTORY, exchange.arena, digest)
    return [disk.content()[path_of(DIRECTORY, sequence)]]


def decode_snapshot(octets: bytes, _: Path) -> None:
    exchange = small_exchange()
    sequence = int(exchange.arena.engine["sequence"][0])
    disk = SimulatedDisk({path_of(DIRECTORY, sequence): octets})
    read_snapshot(disk, DIRECTORY, sequence, compute_config_digest(exchange.config))


def seeds_of_config() -> list[bytes]:
    small, _ = stream_of("collateral", 3, 1)
    return [msgspec.json.encode(CONFIG), msgspec.json.encode(small)]


def decode_config(octets: bytes, _: Path) -> None:
    disk = SimulatedDisk({DIRECTORY / "config.json": octets})
    Exchange(read_config(disk, DIRECTORY).config)


def seeds_of_checkpoint() -> list[bytes]:
    checkpoint = Checkpoint(7, "ab" * 32, "cd" * 32, "ef" * 32, "01" * 64)
    return [msgspec.json.encode(checkpoint)]


def decode_checkpoint(octets: bytes, _: Path) -> None:
    disk = SimulatedDisk({DIRECTORY / f"checkpoint-{7:020}.json": octets})
    must_be_signed(read_checkpoint(disk, DIRECTORY, 7), PUBLIC_KEY)


# Feeds of others

BINANCE = b"""\
1700000000000000000 {"stream":"x@bookTicker","data":{"e":"bookTicker","T":1700000000000,"s":"X",\
"u":9,"b":"99.5","B":"1","a":"100.5","A":"2"}}
1700000000000000001 {"lastUpdateId":10,"T":1700000000000,"bids":[["99.5","1"],["99.0","3"]],\
"asks":[["100.5","2"],["101.0","4"]]}
1700000000000000002 {"stream":"x@trade","data":{"e":"trade","T":1700000000001,"s":"X","p":"100.5",\
"q":"1","m":false,"X":"MARKET"}}
1700000000000000003 {"stream":"x@depth@0ms","data":{"e":"depthUpdate","T":1700000000002,"s":"X",\
"U":11,"u":12,"pu":10,"b":[["99.5","0"]],"a":[["100.0","7"]]}}
"""
LOBSTER = b"""\
34200.5,1,7,10,1000000,1
34201.5,1,8,20,1010000,-1
34202.5,4,3,5,1000000,1
34203.5,2,7,4,1000000,1
34204.5,4,7,6,1000000,1
34205.5,3,8,20,1010000,-1
34206.5,5,0,5,1000000,1
"""
QUANTCUP = b"S,a,Bid,100,5\nS,b,Bid,101,5\nT,b,Ask,100,8\nS,a,Ask,99,7\nS,a,Bid,0,2\n"
SCRIPT = b"""\
#name: a
N, 1, IBM, 10, 100, B, 1
N, 2, IBM, 11, 50, S, 7
N, 3, IBM, 11, 20, B, 1
N, 3, AAPL, 0, 20, B, 2
C, 1, 1
F
"""
DBN = header() + b"".join(
    (
        record("A", "B", 1, 100, 5),
        record("A", "B", 2, 100, 5),
        record("A", "A", 3, 102, 5),
        event(("T", "A", 9, 100, 6), ("F", "B", 1, 100, 5), ("C", "B", 1, 100, 5)),
        record("M", "A", 3, 103, 7),
        record("R"),
    )
)
HYPERLIQUID = (
    b'{"data": {"ctxs": [["", [{"premium": "-0.0005927453", "oraclePx": "77605.0",'
    b' "impactPxs": ["77558.0", "77559.0"]}]]]}}'
)
BITMEX = b"timestamp,size,price,grossValue\na,2670,7513.5,35535030\n"


def packed(seed: bytes) -> Callable[[], list[bytes]]:
    return lambda: [seed, gzip.compress(seed, mtime=0)]


def decode_feed(importer: Callable, several: bool = False) -> Callable[[bytes, Path], object]:
    """What is written is a file of commands whose run breaks no invariant."""

    def decode(octets: bytes, directory: Path) -> None:
        source = directory / "feed_message.csv"
        source.write_bytes(octets)
        target = directory / "out"
        target.unlink(missing_ok=True)
        try:
            summary = importer([source] if several else source, target)
        except Exception:
            assert not target.exists()
            raise
        broken = [line for line in summary.broken if "ticker differs" not in line]
        assert broken == []
        read_command_file(target)

    return decode


def decode_numbers(venue: str) -> Callable[[bytes, Path], object]:
    def decode(octets: bytes, directory: Path) -> None:
        path = directory / "numbers.json"
        path.write_bytes(octets)
        compare_venue(venue, [path])

    return decode


FEED_ERRORS = (FeedError, CommandFileError)

DECODERS = [
    Decoder("client lines", (CommandLineError,), lines_of(c.ClientCommand), decode_line(CLIENT)),
    Decoder(
        "price lines", (CommandLineError,), lines_of(c.PriceCommand), decode_line(PRICE_SOURCE)
    ),
    Decoder(
        "operator lines", (CommandLineError,), lines_of(c.OperatorCommand), decode_line(OPERATOR)
    ),
    Decoder("any line", (CommandLineError,), lines_of(c.AnyCommand), decode_line(ANY)),
    Decoder("replay file", (CommandLineError, ConfigError), seeds_of_json_file, decode_json_file),
    Decoder(
        "feed as JSON", (msgspec.DecodeError,),
        lambda: [encoding.encode_json(seeds_of_feed())],
        lambda octets, _: list(encoding.decode_json(octets)),
    ),
    Decoder(
        "feed as MessagePack", (msgspec.DecodeError,),
        lambda: [encoding.encode_msgpack(seeds_of_feed())],
        lambda octets, _: list(encoding.decode_msgpack(octets)),
    ),
    Decoder(
        "command file", (CommandFileError,), seeds_of_record_file(write_command_file, COMMANDS),
        decode_record_file(read_command_file),
        (repairs.as_they_are, repairs.repair_record_file, repairs.resize_record_file),
    ),
    Decoder(
        "event file", (EventFileError,), seeds_of_record_file(write_event_file, EVENTS),
        decode_record_file(read_event_file),
        (repairs.as_they_are, repairs.repair_record_file, repairs.resize_record_file),
    ),
    Decoder(
        "segment", (JournalError,), seeds_of_segment, decode_segment,
        (repairs.as_they_are, repairs.repair_segment),
    ),
    Decoder(
        "snapshot", (JournalError,), seeds_of_snapshot, decode_snapshot,
        (repairs.as_they_are, repairs.repair_snapshot, repairs.resize_snapshot),
    ),
    Decoder("config.json", (JournalError, ConfigError), seeds_of_config, decode_config),
    Decoder("checkpoint", (CheckpointRefused,), seeds_of_checkpoint, decode_checkpoint),
    Decoder("binance", FEED_ERRORS, packed(BINANCE), decode_feed(import_binance, several=True)),
    Decoder("lobster", FEED_ERRORS, packed(LOBSTER), decode_feed(import_lobster)),
    Decoder("quantcup", FEED_ERRORS, packed(QUANTCUP), decode_feed(import_quantcup)),
    Decoder("script", FEED_ERRORS, packed(SCRIPT), decode_feed(import_script)),
    Decoder(
        "dbn", FEED_ERRORS,
        lambda: [DBN, zstandard.ZstdCompressor().compress(DBN)], decode_feed(import_dbn),
    ),
    Decoder(
        "hyperliquid premiums", (VenueDataError,), lambda: [HYPERLIQUID],
        decode_numbers("hyperliquid-premium"),
    ),
    Decoder("bitmex trades", (VenueDataError,), lambda: [BITMEX], decode_numbers("bitmex")),
]  # fmt: skip
