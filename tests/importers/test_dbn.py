"""The DBN importer on records written here, and on two hours of a future where they are."""

from collections import Counter

import pytest
import zstandard

from engine.exchange import Exchange
from engine.importers import dbn_file as dbn
from engine.importers.dbn import import_dbn
from engine.importers.dbn_file import DbnFile
from engine.importers.recording import FeedError
from engine.journal.command_file import read_command_file
from tests.importers.dbn_writing import event, header, record

DAY = 86_400
ADDS = [record("A", "B", 1, 100, 5), record("A", "B", 2, 100, 5), record("A", "A", 3, 102, 5)]


@pytest.fixture
def run(tmp_path):
    def run(*parts, tick_size="0.25"):
        source = tmp_path / "x.dbn"
        source.write_bytes(header() + b"".join(parts))
        summary = import_dbn(source, tmp_path / "out", tick_size, check_every=3)
        found = read_command_file(tmp_path / "out")
        replayed = Exchange(found.config)
        replayed.run(found.records)
        assert replayed.digest() == summary.digest and summary.broken == []
        return summary, replayed.depth(1)

    return run


def test_adds_cancels_modifications(run):
    summary, depth = run(
        *ADDS,
        record("C", "B", 1, 100, 2),
        record("M", "A", 3, 103, 7),
        record("C", "B", 2, 100, 5),
        record("A", "B", 4, 99, 1),
    )
    assert depth == ([(100, 3), (99, 1)], [(103, 7)])
    assert summary.tick_size == "0.25" and summary.symbol == "ESH4" and summary.refused == {}


def test_a_fill_hits_the_oldest_and_the_rest_of_the_event_says_what_is_left(run):
    summary, depth = run(
        *ADDS,
        event(
            ("T", "A", 9, 100, 6),
            ("F", "B", 1, 100, 5),
            ("F", "B", 2, 100, 1),
            ("C", "B", 1, 100, 5),
            ("M", "B", 2, 100, 4),
        ),
    )
    assert depth == ([(100, 4)], [(102, 5)])
    counts = summary.executions
    assert (counts.at_named, counts.lots, counts.restored) == (2, 6, 0)


def test_a_fill_of_a_younger_order_is_told_and_the_feed_is_right(run):
    summary, depth = run(
        *ADDS,
        event(("T", "A", 9, 100, 5), ("F", "B", 2, 100, 5), ("C", "B", 2, 100, 5)),
        event(("T", "A", 9, 100, 5), ("F", "B", 1, 100, 5), ("C", "B", 1, 100, 5)),
    )
    assert depth == ([], [(102, 5)])
    counts = summary.executions
    assert (counts.at_other, counts.at_named, counts.restored) == (1, 1, 1)


def test_an_aggressor_that_rested_has_a_fill_of_its_own(run):
    summary, depth = run(
        *ADDS,
        event(
            ("T", "B", 2, 102, 5),
            ("F", "B", 2, 102, 5),
            ("F", "A", 3, 102, 5),
            ("C", "B", 2, 100, 5),
            ("C", "A", 3, 102, 5),
        ),
    )
    assert depth == ([(100, 5)], [])
    assert (summary.executions.of_aggressor, summary.executions.at_named) == (1, 1)


def test_what_is_cancelled_without_a_fill_stood_in_the_way(run):
    summary, depth = run(
        *ADDS,
        event(
            ("T", "A", 9, 100, 5),
            ("F", "B", 2, 100, 5),
            ("C", "B", 2, 100, 5),
            ("C", "B", 1, 100, 5),
        ),
    )
    assert depth == ([], [(102, 5)])
    assert (summary.executions.cancelled_first, summary.executions.at_named) == (1, 1)


def test_an_iceberg_shows_what_it_hid(run):
    summary, depth = run(
        *ADDS,
        event(
            ("T", "A", 9, 100, 17),
            ("F", "B", 2, 100, 5),
            ("F", "B", 1, 100, 12),
            ("C", "B", 2, 100, 5),
            ("M", "B", 1, 100, 3),
        ),
    )
    assert depth == ([(100, 3)], [(102, 5)])
    counts = summary.executions
    assert (counts.at_listed, counts.at_named, counts.short) == (2, 0, 0)
    assert (counts.icebergs_shown, counts.hidden_lots, counts.lots) == (1, 7, 17)


def test_executions_that_can_not_be_attributed_are_counted(run):
    summary, depth = run(
        *ADDS,
        record("A", "B", 4, 99, 5),
        event(("T", "A", 9, 99, 5), ("F", "B", 4, 99, 5), ("C", "B", 4, 99, 5)),
        event(("T", "A", 9, 99, 5), ("F", "B", 1, 99, 5), ("C", "B", 1, 100, 5)),
        event(("T", "A", 9, 99, 5), ("F", "B", 77, 99, 5)),
    )
    assert depth == ([(100, 5)], [(102, 5)])
    counts = summary.executions
    assert (counts.behind_best, counts.off_price, counts.unknown_order, counts.lots) == (1, 1, 1, 0)


def test_crossing_orders_wait_for_the_auction(run):
    summary, depth = run(
        *ADDS,
        record("A", "B", 4, 104, 3),
        record("A", "B", 5, 104, 2),
        record("A", "A", 6, 100, 2),
        record("A", "B", 7, 103, 4),
        record("C", "B", 7, 103, 4),
        event(
            ("T", "N", 0, 102, 4),
            ("F", "N", 4, 102, 3),
            ("F", "N", 3, 102, 2),
            ("F", "N", 5, 102, 1),
            ("F", "N", 6, 102, 2),
        ),
        event(
            ("C", "B", 4, 104, 3),
            ("M", "B", 5, 101, 1),
            ("C", "A", 6, 100, 2),
            ("M", "A", 3, 102, 3),
        ),
    )
    assert depth == ([(101, 1), (100, 10)], [(102, 3)])
    opening = summary.opening
    assert summary.executions.in_auction == 4 and summary.executions.lots == 0
    # What still crosses when the auction's trade is told waits on until its own changes come.
    assert opening.held == opening.placed + opening.ended and opening.still_held == 0


def test_what_an_auction_leaves_is_placed_in_the_order_of_arrival(run):
    summary, depth = run(
        *ADDS,
        record("A", "B", 4, 102, 3),
        record("A", "B", 5, 102, 2),
        event(("T", "N", 0, 102, 5), ("F", "N", 3, 102, 5), ("C", "A", 3, 102, 5)),
        event(("T", "A", 9, 102, 3), ("F", "B", 4, 102, 3), ("C", "B", 4, 102, 3)),
    )
    assert depth == ([(102, 2), (100, 10)], [])
    assert (summary.opening.placed, summary.executions.at_named) == (2, 1)


def test_within_an_event_room_is_made_first(run):
    summary, depth = run(
        *ADDS, event(("A", "B", 4, 102, 1), ("M", "A", 3, 103, 5), ("C", "B", 1, 100, 5))
    )
    assert depth == ([(102, 1), (100, 5)], [(103, 5)])
    assert summary.opening.held == 0


def test_clear_empties_the_book(run):
    crossing = record("A", "B", 4, 104, 3)
    summary, depth = run(record("R"), *ADDS, crossing, record("R"), record("A", "A", 1, 99, 1))
    assert depth == ([], [(99, 1)])
    assert summary.feed.clears == 2 and summary.opening.still_held == 0


def test_orders_from_before_the_file(run):
    summary, depth = run(record("C", "B", 8, 100, 5), record("M", "A", 9, 101, 5), record("N"))
    assert depth == ([], [(101, 5)])
    assert (summary.feed.unknown_orders, summary.feed.without_action) == (2, 1)


def test_prices_outside_the_range_are_counted(run):
    summary, depth = run(
        record("A", "B", 1, -3, 5),
        record("A", "A", 2, 2**22, 5),
        record("M", "A", 2, 101, 5),
        record("M", "B", 1, 2**23, 5),
        event(("T", "A", 9, 2**23, 5), ("F", "B", 1, 2**23, 5), ("C", "B", 1, 2**23, 5)),
    )
    assert depth == ([], [(101, 5)]) and summary.feed.outside_price_range == 3
    assert summary.executions.off_price == 1


def test_what_the_exchange_refuses_is_counted(run):
    most = 2**30 - 1
    summary, depth = run(
        record("A", "B", 1, 100, most), record("A", "B", 2, 100, 1), record("C", "B", 2, 100, 1)
    )
    assert depth == ([(100, most)], []) and summary.refused == {"OPEN_INTEREST_LIMIT": 1}


def test_the_prices_tell_the_tick(run):
    summary, depth = run(*ADDS, tick_size="")
    assert depth == ([(50, 10)], [(51, 5)]) and summary.tick_size == "0.5"


def test_silence_of_days_is_bridged(run):
    quiet = [record("A", "B", 4, 99, 1, seconds=3 * DAY), record("R", seconds=60 * DAY)]
    summary, depth = run(*ADDS, *quiet, record("A", "B", 5, 98, 1, seconds=61 * DAY))
    assert depth == ([(98, 1)], []) and summary.refused == {}


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        (ADDS[:1] * 2, "record 2: order: is of an order that rests"),
        ((ADDS[0], record("M", "A", 1, 100, 5)), "record 2: side: is not the order's own"),
        ((record("A", "B", 1, 0, 5, price=1),), "record 1: price: 1 is not a multiple of the tick"),
        ((ADDS[0], record("R", seconds=400 * DAY)), "record 2: time: lies more than a year after"),
    ],
)
def test_faults_are_named(tmp_path, parts, fault):
    source = tmp_path / "x.dbn"
    source.write_bytes(header() + b"".join(parts))
    with pytest.raises(FeedError) as caught:
        import_dbn(source, tmp_path / "out", "0.25")
    assert str(caught.value).startswith(f"{source}: {fault}")


def test_a_tick_that_is_none(tmp_path):
    source = tmp_path / "x.dbn"
    source.write_bytes(header())
    with pytest.raises(ValueError, match="a tick of 0 is none"):
        import_dbn(source, tmp_path / "out", "0")
    assert import_dbn(source, tmp_path / "out").commands == 0


def final_book(path):
    """What a file says at its end, by nothing but its own statements."""
    orders = {}
    for messages in DbnFile(path).events():
        for message in messages:
            if message.action in (dbn.ADD, dbn.MODIFY):
                orders[message.order] = message.side, message.price // 250_000_000, message.size
            elif message.action == dbn.CANCEL:
                del orders[message.order]
    levels: Counter[tuple[int, int]] = Counter()
    for side, ticks, lots in orders.values():
        levels[side, ticks] += lots
    bids, asks = (
        sorted((ticks, lots) for (side, ticks), lots in levels.items() if side == wanted)
        for wanted in (dbn.BID, dbn.ASK)
    )
    return bids[::-1], asks


def test_two_hours_of_a_future_with_an_opening_auction(real_data, tmp_path):
    source = real_data / "es_mbo" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    summary = import_dbn(source, tmp_path / "out", check_every=10_000)
    feed, counts = summary.feed, summary.executions
    assert summary.broken == [] and summary.refused == {} and summary.tick_size == "0.25"
    assert feed.adds_of_snapshot == 8_725 and feed.fills == 6_371
    # Every execution of a resting order hits the oldest order at the best price, given how the
    # importer reads aggressors that rested, cancellations without a fill, and icebergs. It was this
    # file that taught it to: the figure shows that the reading is consistent, not that it is right.
    assert counts.at_named + counts.at_listed == 6_229
    assert counts.in_auction + counts.of_aggressor == feed.fills - 6_229
    assert counts.short == counts.at_other == counts.restored == 0
    assert counts.behind_best == counts.off_price == counts.unknown_order == 0
    assert summary.opening.held > 0 == summary.opening.still_held
    found = read_command_file(tmp_path / "out")
    replayed = Exchange(found.config)
    replayed.run(found.records)
    assert replayed.digest() == summary.digest
    assert replayed.depth(1, 100_000) == final_book(source)


def test_compressed_and_plain_are_the_same(tmp_path):
    digests = set()
    for name, pack in (("x.dbn", bytes), ("x.dbn.zst", zstandard.compress)):
        (tmp_path / name).write_bytes(pack(header() + b"".join(ADDS)))
        digests.add(import_dbn(tmp_path / name, tmp_path / "out").digest)
    assert len(digests) == 1
