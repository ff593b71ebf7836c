"""The reader of DBN: what it reads, and that damage is told in one line, in bounded memory."""

import importlib
import tracemalloc

import pytest
import zstandard

from engine.importers import dbn_file
from engine.importers.dbn_file import DbnFile
from engine.importers.recording import FeedError
from tests.importers.dbn_writing import SECOND, START_NS, TICK, event, header, record

ADD = record("A", "B", 5, 100, 2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.dbn"


def read(path, *parts):
    path.write_bytes(b"".join(parts))
    file = DbnFile(path)
    return file, list(file.events())


def test_messages(path):
    file, events = read(path, header(), ADD, record("C", "B", 5, 100, 2, seconds=3))
    assert file.symbol == "ESH4" and file.instrument == 17
    assert [len(messages) for messages in events] == [1, 1]
    added, cancelled = events[0][0], events[1][0]
    assert (added.record, added.action, added.side) == (1, ord("A"), ord("B"))
    assert (added.order, added.price, added.size) == (5, 100 * TICK, 2)
    assert (cancelled.record, cancelled.time_ns) == (2, START_NS + 3 * SECOND)


def test_records_of_an_event_stand_together(path):
    trade = event(("T", "B", 9, 100, 2), ("F", "A", 5, 100, 2), ("C", "A", 5, 100, 2))
    assert [len(messages) for messages in read(path, header(), ADD, trade)[1]] == [1, 3]


def test_a_snapshot_has_no_events(path):
    rows = [record("A", "B", k, 100, 1, flags=dbn_file.FLAG_SNAPSHOT) for k in (1, 2)]
    assert [len(messages) for messages in read(path, header(), *rows)[1]] == [1, 1]


def test_other_instruments_are_left_out(path):
    file, events = read(path, header(), ADD, record("A", "B", 6, 100, 2, instrument=18))
    assert len(events) == 1 and file.others == 1


def test_the_prices_tell_the_tick(path):
    file, _ = read(path, header(), ADD, record("A", "B", 6, 103, 2))
    assert file.find_tick() == TICK
    assert read(path, header())[0].find_tick() == 1


def test_compressed_in_frames(path):
    frames = [zstandard.compress(part) for part in (header(), ADD, ADD[:20], ADD[20:])]
    assert read(path, *frames)[1] == read(path, header(), ADD, ADD)[1]


def test_files_without_symbols(path):
    assert read(path, header(symbols=()), ADD)[0].symbol == ""


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ((), "record 0: header: 0 of 8 bytes"),
        ((b"DBN\1",), "record 0: header: 4 of 8 bytes"),
        ((b"DBZ" + header()[3:],), "record 0: magic: b'DBZ' is not b'DBN'"),
        ((header(version=2),), "record 0: version: 2 is not 1"),
        ((header(version=3), ADD), "record 0: version: 3 is not 1"),
        ((header(schema=1),), "record 0: schema: 1 is not 0, market by order"),
        ((header(send_times=1),), "record 0: send times: "),
        ((header(length=2**32 - 1),), "record 0: length of the metadata: 4294967295 is not"),
        ((header(length=7),), "record 0: length of the metadata: 7 is not"),
        ((header()[:90],), "record 0: header: 82 of 142 bytes"),
        ((header(count=2**31),), "record 0: symbols: 2147483648 do not fit"),
        ((header(symbols=(b"\xff\xfe",)),), "record 0: symbols: the text is not ASCII"),
        ((header(), ADD[:-1]), "record 1: record: the file ends after 55 of 56 bytes"),
        ((header(), ADD, ADD, b"\0"), "record 3: record: the file ends after 1 of 56 bytes"),
        ((header(), ADD, record("A", length=20)), "record 2: length: 20 is not 14"),
        ((header(), record("A", record_type=1)), "record 1: record type: 1 is not 160"),
        ((header(), ADD, record("X", "B", 5, 100, 2)), "record 2: action: 'X' is none of"),
        ((header(), ADD, record("A", "N", 5, 100, 2)), "record 2: side: 'N' with action A"),
        ((header(), ADD, record("A", "\0", 5, 100, 2)), "record 2: side: '\\x00' with action A"),
        ((header(), ADD, record("C", "B", 5, 100, 0)), "record 2: size: 0 is not between"),
        ((header(), record("F", "B", 5, 100, 2**32 - 1)), "record 1: size: 4294967295 is not"),
        ((header(), record("A", "B", 5, 0, 2, price=2**63 - 1)), "record 1: price: is unknown"),
        ((header(), record("A", "B", 5, 100, 2, flags=192)), "record 1: flags: 192 is not of a"),
        ((header(), record("A", "B", 5, 100, 2, time_ns=0)), "record 1: time: 0 is unknown"),
        ((header(), record("A", "B", 5, 1, 2, time_ns=2**64 - 1)), "record 1: time: 1844674"),
        ((header(), ADD, record("A", "B", 6, 1, 2, seconds=-1)), "record 2: time: lies before"),
        ((header(), record("A", "B", 5, 100, 2, flags=0)), "record 1: flags: the file ends before"),
        ((zstandard.compress(header() + ADD)[:-3],), "record 0: zstd: the file ends before"),
        ((zstandard.compress(header() + ADD), b"tail"), "record 0: zstd: "),
        ((b"\x28\xb5\x2f\xfd" + b"\xff" * 30,), "record 0: zstd: "),
    ],
)
def test_faults_are_named(path, parts, fault):
    with pytest.raises(FeedError) as caught:
        read(path, *parts)
    assert str(caught.value).startswith(f"{path}: {fault}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(path):
    with pytest.raises(FeedError, match="record 0: file: No such file"):
        list(DbnFile(path).events())


def test_without_the_package(path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert len(read(path, header(), ADD)[1]) == 1
    with pytest.raises(FeedError, match="the package zstandard is missing"):
        read(path, zstandard.compress(header() + ADD))


def test_an_event_without_end_is_bounded(path, monkeypatch):
    monkeypatch.setattr(dbn_file, "EVENT_RECORDS_MAX", 10)
    rows = [record("A", "B", k, 100, 1, flags=0) for k in range(12)]
    with pytest.raises(FeedError, match="record 10: flags: an event of more than 10 records"):
        read(path, header(), *rows)


def test_what_unpacks_to_far_more_is_read_in_bounded_memory(path):
    content = (record("N", flags=dbn_file.FLAG_LAST) * 2_000_000)[: 100 * 2**20 // 56 * 56]
    path.write_bytes(zstandard.compress(header() + content))
    assert path.stat().st_size < 2**16
    count = len(content) // 56
    del content
    file = DbnFile(path)
    tracemalloc.start()
    try:
        file.find_tick()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.record == count > 1_000_000
    assert peak < 64 * 2**20
