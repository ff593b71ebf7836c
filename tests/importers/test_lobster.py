"""The LOBSTER importer on messages written here, and on a real hour's start where it is."""

import pytest

from engine.exchange import Exchange
from engine.importers.lobster import import_lobster
from engine.importers.recording import FeedError
from engine.journal.command_file import read_command_file


@pytest.fixture
def run(tmp_path):
    def run(*rows):
        source = tmp_path / "ABC_message.csv"
        source.write_text("".join(f"{34200 + k}.5,{row}\n" for k, row in enumerate(rows)))
        summary = import_lobster(source, tmp_path / "out")
        found = read_command_file(tmp_path / "out")
        replayed = Exchange(found.config)
        replayed.run(found.records)
        assert replayed.digest() == summary.digest and summary.broken == []
        return summary, replayed.depth(1)

    return run


def test_adds_reductions_deletions(run):
    summary, depth = run(
        "1,7,10,1000000,1",
        "1,8,20,1010000,-1",
        "2,7,4,1000000,1",
        "1,9,5,990000,1",
        "3,8,20,1010000,-1",
    )
    assert depth == ([(10_000, 6), (9_900, 5)], [])
    assert summary.replay.replayed == summary.file.messages == 5


def test_a_reduction_keeps_its_place_in_the_queue(run):
    summary, depth = run(
        "1,7,10,1000000,1",
        "1,8,10,1000000,1",
        "2,7,4,1000000,1",
        "4,7,6,1000000,1",
        "4,8,3,1000000,1",
    )
    assert depth == ([(10_000, 7)], [])
    assert summary.replay.executions_of_named == 2


def test_an_execution_of_another_order_is_told(run):
    summary, depth = run("1,7,10,1000000,1", "1,8,10,1000000,1", "4,8,4,1000000,1")
    assert depth == ([(10_000, 16)], [])
    assert (summary.replay.executions_of_named, summary.replay.executions_of_other) == (0, 1)


def test_orders_from_before_the_file_rest_ahead_of_it(run):
    summary, depth = run(
        "1,7,10,1000000,1", "4,3,5,1000000,1", "2,3,2,1000000,1", "3,3,1,1000000,1"
    )
    assert depth == ([(10_000, 10)], [])
    assert summary.replay.resting_before == 1 and summary.replay.executions_of_named == 1


def test_what_a_message_shows_to_be_gone_is_cleared(run):
    summary, depth = run(
        "1,7,10,1000000,1",
        "1,8,10,1000000,-1",
        "1,9,10,1010000,-1",
        "4,9,4,1010000,-1",
        "3,7,10,1000000,1",
    )
    assert depth == ([], [(10_100, 6)])
    assert (summary.replay.cleared, summary.replay.already_gone) == (2, 1)


def test_what_is_not_in_the_book_is_counted(run):
    summary, depth = run("5,0,10,1000050,1", "6,0,10,1000000,1", "7,0,0,-1,-1", "1,7,1,1000000,1")
    assert depth == ([(10_000, 1)], [])
    file = summary.file
    assert (file.hidden_executions, file.cross_trades, file.halts, file.adds) == (1, 1, 1, 1)


def test_prices_outside_the_range_are_counted(run):
    summary, depth = run("1,7,1,1999999900,-1", "3,7,1,1999999900,-1", "1,8,1,1000000,1")
    assert depth == ([(10_000, 1)], []) and summary.replay.outside_price_range == 2


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("34201,1,8,10,1000000", "columns: 5 of 6"),
        ("x,1,8,10,1000000,1", "time: 'x' is not a plain decimal number"),
        ("34199,1,8,10,1000000,1", "time: lies before the line above"),
        ("34201,9,8,10,1000000,1", "type: 9 is not between 1 and 7"),
        ("34201,1,x,10,1000000,1", "order id: 'x' is not"),
        ("34201,1,7,10,1000000,1", "order id: is of an order that rests"),
        ("34201,1,8,0,1000000,1", "size: 0 is not between"),
        ("34201,2,7,11,1000000,1", "size: 11 where 10 are left"),
        ("34201,1,8,10,1000050,1", "price: 1000050 is not a multiple of the tick 100"),
        ("34201,2,7,1,1000100,1", "price: is not the order's own"),
        ("34201,1,8,10,1000000,0", "direction: '0' is neither 1 nor -1"),
        ("34201,1,8,10,1000000,é", "direction: 'é' is neither 1 nor -1"),
        (f"34201,1,8,10,1000000,1,{'x' * 1_000}", "line: is longer than 1000 bytes"),
        ("34201,1,8,10,0,1", "price: 0 is not between 1 and"),
        ("34201,1,8,1073741824,1000000,1", "size: 1073741824 is not between 1 and"),
        ("99999999999999999999.1,1,8,10,1000000,1", "time: 99999999999999999999.1 is not"),
        # What only the engine can know.
        ("34201,1,8,1073741814,1000000,1", "size: OPEN_INTEREST_LIMIT: the open interest could"),
        ("31656600.6,1,8,10,1000000,1", "time: lies more than a year after the last"),
    ],
)
def test_faults_of_a_line_are_named(tmp_path, row, fault):
    source = tmp_path / "ABC.csv"
    source.write_text(f"34200.5,1,7,10,1000000,1\n{row}\n")
    with pytest.raises(FeedError) as caught:
        import_lobster(source, tmp_path / "out")
    assert str(caught.value).startswith(f"{source}: line 2: {fault}")
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("1,7,10,100,1 1,8,10,200000,-1", "line 2: price: PRICE_OUTSIDE_BAND: the price lies"),
        ("1,7,10,0,1", "line 1: price: 0 is not between"),
        ("2,7,1073741823,100,1 3,7,1,100,1", "line 2: size: 1073741824 of one order are more"),
        ("4,7,5,200,1 4,8,5,100,-1", "line 2: price: POST_ONLY_WOULD_TRADE: a post-only order"),
    ],
)
def test_what_a_file_asks_for_in_vain_is_named(tmp_path, rows, fault):
    source = tmp_path / "ABC.csv"
    source.write_text("".join(f"34200.5,{row}\n" for row in rows.split()))
    with pytest.raises(FeedError) as caught:
        import_lobster(source, tmp_path / "out")
    assert str(caught.value).startswith(f"{source}: {fault}")


def swings(rounds):
    """Rows in which one account buys high and sells low, from takers that end flat."""
    high, low, lots, small = 2_097_000, 2_200, 400_000_000, 15
    for k in range(0, rounds * 640, 640):
        yield from (
            (1, k + 1, small, high, 1),
            (1, k + 2, 1, high + 100, -1),
            (1, k + 64, lots, high, 1),
            *[(4, k + 1, 1, high, 1)] * small,
            (4, k + 64, lots, high, 1),
            (1, k + 3, small, low, -1),
            (1, k + 4, 1, low - 100, 1),
            (1, k + 128, lots, low, -1),
            *[(4, k + 3, 1, low, -1)] * small,
            (4, k + 128, lots, low, -1),
        )


def test_a_file_that_ruins_an_account_is_a_fault(tmp_path):
    source = tmp_path / "ABC.csv"
    rows = [
        f"{34_200 + second},{kind},{order},{lots},{ticks * 100},{side}\n"
        for second, (kind, order, lots, ticks, side) in enumerate(swings(6))
    ]
    source.write_text("".join(rows))
    with pytest.raises(FeedError, match=r"line 2\d\d: price: ruins an account of the replay"):
        import_lobster(source, tmp_path / "out")


def test_a_silence_of_months_is_bridged(tmp_path):
    source = tmp_path / "ABC.csv"
    source.write_text("34200,1,7,10,1000000,1\n8640000,4,7,4,1000000,1\n8640000,1,8,2,990000,1\n")
    summary = import_lobster(source, tmp_path / "out", check_every=1)
    assert summary.replay.executions_of_named == 1 and summary.broken == []
    assert summary.checks > 100


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FeedError, match="file: No such file"):
        import_lobster(tmp_path / "none", tmp_path / "out")
    with pytest.raises(ValueError, match="a tick of 0 is none"):
        import_lobster(tmp_path / "none", tmp_path / "out", "0")


def test_the_start_of_a_real_day(real_data, tmp_path):
    source = real_data / "lobster_small" / "AAPL_first998_message_10.csv"
    summary = import_lobster(source, tmp_path / "out")
    replay, file = summary.replay, summary.file
    assert replay.replayed == file.adds + file.reductions + file.deletions + file.executions
    # A ten-level file of a thousand messages leaves the engine nothing to guess: every visible
    # execution is of the order that it names, the oldest at the best price.
    assert replay.executions_of_named == file.executions > 90
    assert replay.cleared == replay.already_gone == 0 and summary.broken == []
