"""The Binance importer on feeds written here, and on real ones where they are."""

import gzip
import json

import pytest

from engine.exchange import Exchange
from engine.importers import binance_feed
from engine.importers.binance import import_binance
from engine.importers.recording import FeedError
from engine.journal.command_file import read_command_file

T0 = 1_700_000_000_000


class Feed:
    """Writes a raw feed line by line."""

    def __init__(self):
        self.lines = []
        self.last = 10

    def add(self, message):
        self.lines.append(f"{1_700_000_000_000_000_000 + len(self.lines)} {json.dumps(message)}\n")

    def snapshot(self, bids, asks, update=10, time=0):
        self.add({"lastUpdateId": update, "T": T0 + time, "bids": bids, "asks": asks})

    def diff(self, update, bids=(), asks=(), time=0, **changes):
        data = {"e": "depthUpdate", "T": T0 + time, "s": "X", "U": self.last + 1, "u": update}
        data |= {"pu": self.last, "b": list(bids), "a": list(asks)} | changes
        self.last = update
        self.add({"stream": "x@depth@0ms", "data": data})

    def ticker(self, update, bid, bid_lots, ask, ask_lots, time=0):
        data = {"e": "bookTicker", "T": T0 + time, "s": "X", "u": update}
        data |= {"b": bid, "B": bid_lots, "a": ask, "A": ask_lots}
        self.add({"stream": "x@bookTicker", "data": data})

    def trade(self, price, quantity, seller_takes, time=0, **changes):
        data = {"e": "trade", "T": T0 + time, "s": "X", "p": price, "q": quantity}
        self.add({"stream": "x@trade", "data": data | {"m": seller_takes, "X": "MARKET"} | changes})

    def write(self, path):
        path.write_text("".join(self.lines))
        return path


@pytest.fixture
def feed():
    """A book of 2 by 2 levels with a tick of 0.5 at first sight of 0.1."""
    feed = Feed()
    feed.ticker(9, "99.5", "1", "100.5", "2")
    feed.snapshot([["99.5", "1"], ["99.0", "3"]], [["100.5", "2"], ["101.0", "4"]])
    return feed


@pytest.fixture
def run(feed, tmp_path):
    def run(name="feed"):
        summary = import_binance([feed.write(tmp_path / name)], tmp_path / "out")
        found = read_command_file(tmp_path / "out")
        replayed = Exchange(found.config)
        replayed.run(found.records)
        assert replayed.digest() == summary.digest and summary.broken == []
        return summary, replayed.depth(1)

    return run


def test_a_book_follows_its_diffs(feed, run):
    feed.diff(12, [["99.5", "0"], ["99.0", "2"]], [["100.0", "7"], ["101.0", "9"]], time=1)
    feed.ticker(12, "99.0", "2", "100.0", "7", time=1)
    summary, (bids, asks) = run()
    assert bids == [(990, 2)] and asks == [(1000, 7), (1005, 2), (1010, 9)]
    assert (summary.ticker.compared, summary.ticker.differing) == (1, 0)
    assert (summary.tick_size, summary.lot_size, summary.symbol) == ("0.1", "1", "X")


def test_a_trade_takes_what_the_diff_then_states(feed, run):
    feed.trade("100.5", "2", False, time=1)
    feed.diff(12, asks=[["100.5", "0"]], time=2)
    summary, (bids, asks) = run()
    assert asks == [(1010, 4)]
    assert (summary.trades.filled, summary.trades.lots_filled) == (1, 2)
    assert summary.depth.restored_after_trade == 0


def test_the_diff_wins_over_a_trade(feed, run):
    feed.trade("99.5", "1", True, time=1)
    feed.diff(12, asks=[["102.0", "1"]], time=2)
    summary, (bids, _) = run()
    assert bids == [(995, 1), (990, 3)]
    assert summary.depth.restored_after_trade == 1


def test_a_trade_that_comes_after_its_diff_is_put_before_it(feed, run):
    feed.diff(12, asks=[["100.5", "1"]], time=2)
    feed.trade("100.5", "1", False, time=1)
    summary, (_, asks) = run()
    assert asks[0] == (1005, 1) and summary.trades.filled == 1


def test_trades_that_nothing_explains_are_counted(feed, run):
    feed.trade("101.0", "1", False, time=1)
    feed.trade("100.0", "1", False, time=1)
    feed.trade("100.5", "5", False, time=1)
    feed.trade("100.5", "1", False, time=1, X="INSURANCE_FUND")
    trades = run()[0].trades
    assert (trades.behind_best, trades.level_missing, trades.not_market) == (1, 1, 1)
    assert (trades.filled_in_part, trades.lots, trades.lots_filled) == (1, 8, 2)


def test_a_diff_that_crosses_clears_the_other_side(feed, run):
    feed.diff(12, bids=[["100.5", "3"]], time=1)
    summary, (bids, asks) = run()
    assert bids[0] == (1005, 3) and asks == [(1010, 4)]
    assert summary.depth.cleared_when_crossed == 1


def test_levels_outside_the_price_range_are_counted(feed, run):
    feed.diff(12, asks=[["400000.0", "3"]], time=1)
    summary, (_, asks) = run()
    assert len(asks) == 2 and summary.depth.outside_price_range == 1


def test_a_ticker_that_disagrees_is_told(feed, tmp_path):
    feed.diff(12, bids=[["99.5", "5"]], time=1)
    feed.ticker(12, "99.5", "4", "100.5", "2", time=1)
    summary = import_binance([feed.write(tmp_path / "feed")], tmp_path / "out")
    assert summary.ticker.differing == 1
    assert summary.broken[0].startswith("the ticker differs: u 12: ticker (995, 4, 1005, 2)")


def test_diffs_before_the_snapshot_are_joined_to_it(run, feed):
    early = Feed()
    early.last = 3
    early.diff(5, [["1.0", "1"]])
    early.last = 7  # a gap, but nothing was built on it yet
    early.diff(9, [["2.0", "1"]])
    early.diff(11, [["99.0", "8"]], time=1)
    feed.lines = early.lines + feed.lines
    feed.last = 11
    feed.diff(12, [["98.5", "1"]], time=2)
    summary, (bids, _) = run()
    assert bids == [(995, 1), (990, 8), (985, 1)]
    assert (summary.feed.gaps_before_snapshot, summary.feed.diffs_before_snapshot) == (1, 2)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"pu": 11}, "line 3: pu: 11 lies beyond the snapshot's 10"),
        ({"U": 13}, "line 3: u: 12 lies below U 13"),
        ({"T": -1}, "line 3: T: -1 is no time"),
        ({"T": 1.5}, "line 3: data.T: Expected `int`, got `float`"),
        ({"s": "Y"}, "line 3: s: Y in a feed of X"),
        ({"ps": "X"}, "line 3: ps: coin-margined"),
        ({"b": [["1e3", "1"]]}, "line 3: b: '1e3' is not a plain decimal number"),
        ({"b": [["1"]]}, "line 3: data.b[0]: Expected `array` of length 2"),
        ({"u": None}, "line 3: data.u: Expected `int`, got `null`"),
    ],
)
def test_faults_of_a_line_are_named(feed, tmp_path, changes, fault):
    feed.diff(12, time=1, **changes)
    with pytest.raises(FeedError) as caught:
        import_binance([feed.write(tmp_path / "feed")], tmp_path / "out")
    assert str(caught.value).startswith(f"{tmp_path / 'feed'}: {fault}")
    assert not (tmp_path / "out").exists()


LOTS = "1000000000"


@pytest.mark.parametrize(
    ("bids", "asks", "fault"),
    [
        ([["99.5", LOTS], ["99.0", LOTS]], [], "size: POSITION_LIMIT: the position could pass"),
        ([], [["100200.0", "1"]], "price: PRICE_OUTSIDE_BAND: the price lies outside"),
    ],
)
def test_what_a_diff_asks_for_in_vain_is_named(feed, tmp_path, bids, asks, fault):
    feed.diff(12, bids, asks, time=1)
    with pytest.raises(FeedError) as caught:
        import_binance([feed.write(tmp_path / "feed")], tmp_path / "out")
    assert str(caught.value).startswith(f"{tmp_path / 'feed'}: line 3: {fault}")
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_a_refusal_names_the_file_of_several(feed, tmp_path):
    first = feed.write(tmp_path / "a")
    feed.lines = []
    feed.diff(12, [["99.5", LOTS], ["99.0", LOTS]], time=1)
    with pytest.raises(FeedError) as caught:
        import_binance([first, feed.write(tmp_path / "b")], tmp_path / "out")
    assert str(caught.value).startswith(f"{tmp_path / 'b'}: line 1: size: POSITION_LIMIT")


def test_a_trade_beyond_the_open_interest_is_a_fault(feed, tmp_path):
    feed.diff(12, [["99.5", "600000000"]], [["100.5", "600000000"]], time=1)
    feed.trade("99.5", "600000000", True, time=2)
    with pytest.raises(FeedError, match="line 4: size: OPEN_INTEREST_LIMIT: the open interest"):
        import_binance([feed.write(tmp_path / "feed")], tmp_path / "out")


DAY = 86_400_000


def test_a_silence_of_months_is_bridged(feed, run):
    feed.ticker(11, "99.5", "1", "100.5", "2", time=100 * DAY)
    feed.trade("100.5", "2", False, time=100 * DAY + 1)
    feed.diff(12, asks=[["100.5", "3"]], time=100 * DAY + 2)
    summary, (_, asks) = run()
    assert asks[0] == (1005, 3) and summary.trades.filled == 1


def test_a_mid_that_stays_is_published_anew(feed, run):
    for hours in range(6, 60, 6):
        feed.diff(12 + hours, asks=[["100.5", str(2 + hours)]], time=hours * DAY // 24)
    assert run()[1][1][0] == (1005, 56)


def test_a_silence_of_more_than_a_year_is_a_fault(feed, tmp_path):
    feed.ticker(12, "99.5", "1", "100.5", "2", time=367 * DAY)
    with pytest.raises(FeedError, match="line 3: time: lies more than a year after the last"):
        import_binance([feed.write(tmp_path / "feed")], tmp_path / "out")


def test_a_line_that_is_too_long_is_never_two(feed, tmp_path, monkeypatch):
    monkeypatch.setattr(binance_feed, "LINE_BYTES_MAX", 200)
    feed.add({"x": "y" * 200})
    with pytest.raises(FeedError, match="line 3: line: is longer than 200 bytes"):
        import_binance([feed.write(tmp_path / "feed")], tmp_path / "out")


def test_invariants_are_walked_on_the_way(feed, tmp_path):
    summary = import_binance([feed.write(tmp_path / "feed")], tmp_path / "out", check_every=1)
    assert summary.checks > 2 and summary.broken == []


def test_a_gap_in_the_chain_is_a_fault(feed, tmp_path):
    feed.diff(12, time=1)
    feed.diff(15, time=2, pu=13)
    with pytest.raises(FeedError, match="line 4: pu: 13 does not follow 12, a diff is missing"):
        import_binance([feed.write(tmp_path / "feed")], tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"x {}\n", "line 1: local time: b'x' is not in nanoseconds"),
        (b"1 {}\n", "line 1: s: no message of a known stream names a symbol"),
        (b"1 {\n", "line 1: line: Input data was truncated"),
        (b'1 {"x":' + b"[" * 100_000, "line 1: line: nested too deeply"),
        (gzip.compress(b"1 {}\n" * 999, mtime=0)[:-20], "gzip: "),
    ],
)
def test_faults_of_a_file_are_named(tmp_path, text, fault):
    (tmp_path / "feed").write_bytes(text)
    with pytest.raises(FeedError) as caught:
        import_binance([tmp_path / "feed"], tmp_path / "out")
    assert fault in str(caught.value) and "\n" not in str(caught.value)


def test_other_streams_and_later_snapshots_change_nothing(feed, run):
    feed.add({"stream": "x@markPrice", "data": {"e": "markPriceUpdate", "T": T0, "s": "X"}})
    feed.snapshot([["1.0", "1"]], [["2.0", "1"]], update=11)
    summary, (bids, _) = run()
    assert bids == [(995, 1), (990, 3)]
    assert (summary.feed.other_streams, summary.feed.later_snapshots) == (1, 1)


def test_parts_of_a_feed_follow_each_other(feed, tmp_path):
    first = feed.write(tmp_path / "a")
    feed.lines = []
    feed.diff(12, [["99.5", "6"]], time=1)
    summary = import_binance([first, feed.write(tmp_path / "b")], tmp_path / "out")
    assert summary.source == "a b" and summary.feed.lines == 3


FEEDS = [("btcusdt_20240808.gz", "0.1", 550), ("ethusdt_20240808.gz", "0.01", 500)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tick", "_"), FEEDS)
def test_the_start_of_a_real_feed(real_data, tmp_path, name, tick, _):
    with gzip.open(real_data / "binance_perp_l2" / name) as stream:
        (tmp_path / "feed").write_bytes(b"".join(stream.readline() for _ in range(3_000)))
    summary = import_binance([tmp_path / "feed"], tmp_path / "out")
    assert summary.tick_size == tick and summary.broken == []
    assert summary.ticker.compared >= 10 and summary.ticker.differing == 0
    assert summary.trades.filled > 100


@pytest.mark.soak
@pytest.mark.parametrize(("name", "tick", "points"), FEEDS)
def test_a_whole_real_feed(real_data, tmp_path, name, tick, points):
    summary = import_binance([real_data / "binance_perp_l2" / name], tmp_path / "out")
    assert summary.tick_size == tick and summary.broken == []
    assert summary.ticker.compared >= points and summary.ticker.differing == 0
    found = read_command_file(tmp_path / "out")
    replayed = Exchange(found.config)
    replayed.run(found.records)
    assert replayed.digest() == summary.digest
