"""Gaps are seen, marked and closed by a snapshot; a slow reader costs a bounded buffer."""

import random

import pytest

from engine.feed.book import BOOKS, OrdersBook
from engine.feed.messages import ALL_LINES, GapMarked, Increment, Line, OrderAdded, Snapshot
from engine.feed.public import PublicFeed
from engine.feed.reader import ConflatingBuffer, FeedReader
from engine.schema.vocabulary import BUY, SELL
from tests.feed.streams import Market, drive
from tests.oracle.workload import configs

CONFIG = configs()[sorted(configs())[0]]
LINES = pytest.mark.parametrize("line", ALL_LINES, ids=lambda line: line.name)


def must_be_equal(reader: FeedReader, market: Market) -> None:
    """The reader stands where the feed stands."""
    assert not reader.needs_snapshot
    own = FeedReader(type(reader.book), reader.contract)
    own.read([market.public.snapshot(reader.book.line, reader.contract)])
    assert reader.feed_sequence == own.feed_sequence
    assert reader.market == own.market
    assert vars(reader.book) == vars(own.book)


@LINES
def test_a_snapshot_equals_the_rebuilt_book(line):
    market = Market(CONFIG)
    for _ in drive(market, 11, 300):
        for reader in market.readers():
            if reader.book.line == line:
                must_be_equal(reader, market)


@LINES
def test_a_lost_increment_is_seen_and_a_snapshot_closes_the_gap(line):
    market, reader, chance = Market(CONFIG), FeedReader(BOOKS[line], 1), random.Random(5)
    lost = 0
    for number, _ in enumerate(drive(market, 12, 600)):
        for message in market.published[line]:
            if message.contract == 1 and chance.random() < 0.02:
                lost += 1
            else:
                reader.read([message])
        if number % 50 == 49:
            reader.read([market.public.snapshot(line, 1)])
            must_be_equal(reader, market)
    assert 0 < reader.gaps <= lost


@LINES
def test_increments_behind_a_gap_are_held_until_the_snapshot(line):
    """The usual order of a recovery: the snapshot is older than what has come meanwhile."""
    market, reader = Market(CONFIG), FeedReader(BOOKS[line], 1)
    snapshot = None
    for number, _ in enumerate(drive(market, 13, 400)):
        if number >= 100:
            reader.read(market.published[line])
        if number == 200:
            snapshot = market.public.snapshot(line, 1)
    assert snapshot is not None
    assert reader.needs_snapshot and reader.feed_sequence == 0 and reader.gaps == 1
    reader.read([snapshot])
    must_be_equal(reader, market)


def test_held_increments_are_bounded_and_what_fell_out_is_a_gap_again():
    market, reader = Market(CONFIG), FeedReader(OrdersBook, 1, held_max=5)
    snapshot = None
    for number, _ in enumerate(drive(market, 13, 400)):
        if number >= 100:
            reader.read(market.published[Line.ORDERS])
        if number == 110:
            snapshot = market.public.snapshot(Line.ORDERS, 1)
    assert snapshot is not None
    reader.read([snapshot])
    assert reader.needs_snapshot and reader.feed_sequence == snapshot.feed_sequence
    reader.read([market.public.snapshot(Line.ORDERS, 1)])
    must_be_equal(reader, market)


def test_old_snapshots_duplicates_and_other_contracts_change_nothing():
    market, reader = Market(CONFIG), FeedReader(OrdersBook, 1)
    old = market.public.snapshot(Line.ORDERS, 1)
    for _ in drive(market, 14, 200):
        for _ in range(2):
            reader.read(market.published[Line.ORDERS])
        reader.read([old, market.public.snapshot(Line.LEVELS, 1)])
        must_be_equal(reader, market)
    assert reader.gaps == 0


@LINES
@pytest.mark.parametrize("bound", [1, 7, 100])
def test_a_slow_reader_gets_gap_and_snapshot_and_the_buffer_stays_small(line, bound):
    market = Market(CONFIG)
    buffer = ConflatingBuffer(market.public, line, 1, bound)
    reader, chance = FeedReader(BOOKS[line], 1), random.Random(bound)
    offered = read = dropped = 0
    for _ in drive(market, 15, 600):
        buffer.put(market.published[line])
        offered += sum(message.contract == 1 for message in market.published[line])
        assert len(buffer) <= bound
        if chance.random() < 0.05:
            taken = buffer.take(3)
            for first, second in zip(taken, taken[1:], strict=False):
                assert isinstance(first, GapMarked) == isinstance(second, Snapshot)
            dropped += sum(
                message.last_sequence - message.first_sequence + 1
                for message in taken
                if isinstance(message, GapMarked)
            )
            read += sum(isinstance(message, Increment) for message in taken)
            reader.read(taken)
    while taken := buffer.take(3):
        dropped += sum(
            message.last_sequence - message.first_sequence + 1
            for message in taken
            if isinstance(message, GapMarked)
        )
        read += sum(isinstance(message, Increment) for message in taken)
        reader.read(taken)
    assert read + dropped == offered  # nothing is lost in silence
    assert dropped > 0 and reader.gaps > 0
    must_be_equal(reader, market)


@LINES
def test_a_reader_that_keeps_up_is_never_conflated(line):
    market = Market(CONFIG)
    buffer = ConflatingBuffer(market.public, line, 1, bound=500)
    reader = FeedReader(BOOKS[line], 1)
    for _ in drive(market, 16, 300):
        buffer.put(market.published[line])
        while taken := buffer.take(10):
            assert not any(isinstance(message, GapMarked) for message in taken)
            reader.read(taken)
    assert reader.gaps == 0
    must_be_equal(reader, market)


@LINES
def test_who_subscribes_late_starts_with_gap_and_snapshot(line):
    market = Market(CONFIG)
    for _ in drive(market, 17, 300):
        pass
    buffer = ConflatingBuffer(market.public, line, 1, bound=10)
    reader = FeedReader(BOOKS[line], 1)
    taken = buffer.take(1)
    assert [type(message) for message in taken[:1]] == [GapMarked] and len(taken) == 2
    reader.read(taken)
    must_be_equal(reader, market)
    assert buffer.take(1) == []


def test_an_increment_that_does_not_fit_is_a_bug_and_not_a_quiet_change():
    reader = FeedReader(OrdersBook, 1)
    reader.read([OrderAdded(1, 1, 1, 1, BUY, 100, 5)])
    with pytest.raises(AssertionError):
        reader.read([OrderAdded(1, 2, 2, 1, SELL, 101, 5)])


def test_a_buffer_holds_one_at_least():
    with pytest.raises(ValueError, match="at least one"):
        ConflatingBuffer(PublicFeed(), Line.TOP, 1, bound=0)
