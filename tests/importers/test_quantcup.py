"""The QuantCup importer on lines written here, and on the contest's feed where it is."""

import gzip

import pytest

from engine.exchange import Exchange
from engine.importers.quantcup import import_quantcup
from engine.importers.recording import FeedError
from engine.journal.command_file import read_command_file


@pytest.fixture
def run(tmp_path):
    def run(*rows, name="feed.csv", pack=bytes):
        source = tmp_path / name
        source.write_bytes(pack("".join(f"{row}\n" for row in rows).encode()))
        summary = import_quantcup(source, tmp_path / "out", check_every=1)
        found = read_command_file(tmp_path / "out")
        replayed = Exchange(found.config)
        replayed.run(found.records)
        assert replayed.digest() == summary.digest and summary.broken == []
        return summary, replayed

    return run


def test_orders_and_cancellations_by_number(run):
    rows = ["S,a,Bid,100,5", "S,b,Bid,0,2", "S,b,Bid,101,7", "S,c,Ask,0,2", "S,c,Ask,0,2"]
    summary, exchange = run(*rows)
    assert exchange.depth(1) == ([(100, 5)], [])
    feed = summary.feed
    assert (feed.orders, feed.cancels_live, feed.cancels_gone, feed.cancels_unborn) == (2, 1, 1, 1)


def test_trades_and_lots(run):
    summary, exchange = run("S,a,Bid,100,5", "S,b,Bid,101,5", "S,b,Ask,100,8", "S,a,Bid,0,2")
    assert exchange.depth(1) == ([(100, 2)], [])
    assert (summary.feed.trades, summary.feed.lots, summary.feed.cancels_gone) == (2, 8, 1)


def test_refused_orders_keep_their_numbers(run):
    rows = [f"S,a,Bid,100,{2**30 - 1}", "S,a,Bid,100,1", "S,a,Bid,99,1", "S,a,Bid,0,1"]
    summary, exchange = run(*rows, "S,a,Bid,0,2")
    assert summary.refused == {"POSITION_LIMIT": 2} and summary.feed.orders_accepted == 1
    assert exchange.depth(1) == ([], []) and summary.feed.cancels_gone == 1


def test_packed_and_plain_are_the_same(run):
    rows = ["S,a,Bid,100,5", "S,b,Ask,100,5"]
    assert run(*rows)[0].digest == run(*rows, name="feed.csv.gz", pack=gzip.compress)[0].digest


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("S,a,Bid,100", "columns: 4 of 5"),
        (",a,Bid,100,5", "symbol: is empty"),
        ("S,,Bid,100,5", "trader: is empty"),
        ("S,a,bid,100,5", "side: 'bid' is neither Bid nor Ask"),
        ("S,a,Bid,1.5,5", "price: 1.5 has more than 0 decimal places"),
        ("S,a,Bid,9999999,5", "price: 9999999 is not between 0 and 2097150"),
        ("S,a,Bid,100,0", "size: 0 is not between 1 and"),
        ("S,a,Bid,100," + "9" * 20, "size: 99999999999999999999 is not between"),
        ("S,a,Bid,0,-1", "size: '-1' is not a plain decimal number"),
        ("S,a,Bid,0,9223372036854775808", "size: 9223372036854775808 is not between"),
        ("S," + "a" * 2_000, "line: is longer than 1000 bytes"),
        (b"S,\xe9,Bid,100,5", "line: the text is not UTF-8"),
    ],
)
def test_faults_of_a_line_are_named(tmp_path, row, fault):
    source = tmp_path / "feed.csv"
    octets = row if isinstance(row, bytes) else row.encode()
    source.write_bytes(b"S,a,Bid,100,5\n" + octets + b"\n")
    with pytest.raises(FeedError) as caught:
        import_quantcup(source, tmp_path / "out")
    assert str(caught.value).startswith(f"{source}: line 2: {fault}")


@pytest.mark.parametrize("harm", [lambda o: o[:-12], lambda o: o[:40] + b"\0\1\2" + o[43:]])
def test_a_damaged_archive(tmp_path, harm):
    source = tmp_path / "feed.csv.gz"
    rows = "".join(f"S,trader{k * k % 97},Bid,{100 + k % 13},{k + 1}\n" for k in range(300))
    source.write_bytes(harm(gzip.compress(rows.encode())))
    with pytest.raises(FeedError, match=r"feed\.csv\.gz: line \d+: gzip: "):
        import_quantcup(source, tmp_path / "out")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FeedError, match="line 1: file: No such file"):
        import_quantcup(tmp_path / "none", tmp_path / "out")


def test_the_feed_of_the_contest(real_data, tmp_path):
    source = real_data / "quantcup_feed" / "score_feed.csv.gz"
    summary = import_quantcup(source, tmp_path / "out", check_every=5_000)
    feed = summary.feed
    assert summary.broken == [] and summary.refused == {} and summary.checks > 3
    assert feed.lines == 35_756 and feed.orders == feed.orders_accepted == 17_891
    assert feed.orders + feed.cancels_live + feed.cancels_gone + feed.cancels_unborn == feed.lines
    assert feed.trades > 10_000
    found = read_command_file(tmp_path / "out")
    replayed = Exchange(found.config)
    replayed.run(found.records)
    assert replayed.digest() == summary.digest
