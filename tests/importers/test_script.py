"""The script importer on scripts written here, and on published ones where they are."""

import pytest

from engine.exchange import Exchange
from engine.importers.plain_market import TRADERS_MAX
from engine.importers.recording import FeedError
from engine.importers.script import import_script
from engine.journal.command_file import read_command_file

TWO_SIDES = ["#name: a", "", "# two sides", "N, 1, IBM, 10, 100, B, 1", "N, 2, IBM, 11, 50, S, 7"]
TWO_SIDES_OUT = ["A, IBM, 1, 1", "B, IBM, B, 10, 100", "A, IBM, 2, 7", "B, IBM, S, 11, 50"]


@pytest.fixture
def run(tmp_path):
    def run(steps, outputs=None):
        source, expected = tmp_path / "in.csv", None
        source.write_text("\n".join(steps) + "\n")
        if outputs is not None:
            expected = tmp_path / "expected.csv"
            expected.write_text("\n".join(outputs) + "\n")
        summary = import_script(source, tmp_path / "out", expected, check_every=1)
        found = read_command_file(tmp_path / "out")
        replayed = Exchange(found.config)
        replayed.run(found.records)
        assert replayed.digest() == summary.digest and replayed.check() == []
        return summary, replayed

    return run


def agree(run, steps, outputs):
    summary, exchange = run([*TWO_SIDES, *steps], ["#name: a", *TWO_SIDES_OUT, *outputs])
    assert summary.broken == [] and summary.expected.agreeing == 1
    assert summary.expected.lines == len(TWO_SIDES_OUT) + len(outputs)
    return summary, exchange


def test_a_trade_names_the_buyer_first(run):
    agree(run, ["N,3,IBM,11,20,B,1"], ["A,IBM,3,1", "T,IBM,3,1,2,7,11,20", "B,IBM,S,11,30"])
    agree(run, ["N,3,IBM,10,20,S,1"], ["A,IBM,3,1", "T,IBM,1,1,3,1,10,20", "B,IBM,B,10,80"])


def test_behind_the_best_price_only_the_acknowledgement_comes(run):
    agree(run, ["N,3,IBM,12,20,S,1", "N,3,IBM,9,20,B,2"], ["A,IBM,3,1", "A,IBM,3,2"])


def test_the_rest_of_a_market_order_is_cancelled(run):
    outputs = ["A,IBM,3,1", "T,IBM,3,1,2,7,11,50", "B,IBM,S,-,-"]
    summary, exchange = agree(run, ["N,3,IBM,0,60,B,1"], outputs)
    assert summary.script.market_orders == 1
    assert exchange.depth(1) == ([(10, 100)], [])


def test_a_market_order_reaches_any_price(run):
    far = ["N,3,IBM,2097150,5,S,1"]
    outputs = ["A,IBM,3,1", "A,IBM,4,1", "T,IBM,4,1,2,7,11,50", "B,IBM,S,2097150,5"]
    agree(run, [*far, "N,4,IBM,0,50,B,1"], outputs)


def test_a_sweep_and_a_rest_tell_both_sides(run):
    outputs = ["A,IBM,3,1", "T,IBM,3,1,2,7,11,50", "B,IBM,B,12,10", "B,IBM,S,-,-"]
    agree(run, ["N,3,IBM,12,60,B,1"], outputs)


def test_users_may_trade_with_themselves(run):
    outputs = ["A,IBM,1,2", "T,IBM,1,2,2,7,11,50", "B,IBM,S,-,-"]
    agree(run, ["N,1,IBM,11,50,B,2"], outputs)
    outputs = ["A,IBM,2,2", "T,IBM,2,2,2,7,11,50", "B,IBM,S,-,-"]
    summary, _ = agree(run, ["N,2,IBM,11,50,B,2"], outputs)
    assert summary.script.own_trades == 1


def test_cancellations(run):
    summary, exchange = agree(run, ["C,2,7", "C,2,7", "C,9,9"], ["C,IBM,2,7", "B,IBM,S,-,-"])
    assert summary.script.cancels_dead == 2
    assert exchange.depth(1) == ([(10, 100)], [])


def test_after_a_flush_ids_and_tops_begin_anew(run):
    steps = ["F", "#name: b", *TWO_SIDES[3:]]
    summary, _ = run([*TWO_SIDES, *steps], ["#name: b", "", *TWO_SIDES_OUT])
    assert summary.script.flushed == 2 and summary.script.scenarios == 2
    assert summary.expected.agreeing == summary.expected.scenarios == 1


def test_symbols_have_books_of_their_own(run):
    steps = ["N,3,VAL,10,20,S,1", "C,3,1"]
    agree(run, steps, ["A VAL 3 1", "B, VAL S, 10, 20", "C, VAL, 3, 1", "B,VAL,S,-,-"])


def test_what_is_refused_answers_nothing_and_is_counted(run):
    most = 2**30 - 1
    summary, _ = agree(run, [f"N,3,IBM,9,{most},B,1"], [])
    assert summary.refused == {"OPEN_INTEREST_LIMIT": 1}


@pytest.mark.parametrize(
    ("outputs", "difference"),
    [
        (["A,IBM,1,1", "B,IBM,B,10,99"], "a: line 3, B, IBM, B, 10, 99: got B, IBM, B, 10, 100"),
        (["A,IBM,1,1"], "a: the end: got B, IBM, B, 10, 100"),
        ([*TWO_SIDES_OUT, "A,IBM,1,9"], "a: line 6, A, IBM, 1, 9: got nothing"),
        ([*TWO_SIDES_OUT, "#name: z"], "1 scenarios that the script does not have"),
    ],
)
def test_differences_are_told(run, tmp_path, outputs, difference):
    summary, _ = run([*TWO_SIDES, "#name: b"], ["#name: a", *outputs])
    assert len(summary.broken) == 1 and summary.broken[0].startswith(f"{tmp_path}/expected.csv: ")
    assert difference in summary.broken[0]


def test_a_difference_ends_its_scenario_only(run):
    steps = ["F", "#name: b", *TWO_SIDES[3:]]
    summary, _ = run([*TWO_SIDES, *steps], ["#name: a", "X", "Y", "#name: b", *TWO_SIDES_OUT])
    assert len(summary.broken) == 1 and summary.expected.agreeing == 1


def test_an_empty_script(run):
    summary, _ = run([""])
    assert summary.commands == 0 and summary.broken == []


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("N,1,IBM,10,100,B", "columns: 6 where N has 7"),
        ("C,1,IBM,1", "columns: 4 where C has 3"),
        ("F,1", "columns: 2 where F has 1"),
        ("M,1,1", "kind: 'M' is none of N, C, F"),
        ("N,-1,IBM,10,100,B,1", "user: '-1' is not a plain decimal number"),
        ("N,1,IBM,1e9,100,B,1", "price: '1e9' is not a plain decimal number"),
        ("N,1,IBM,2097151,100,B,1", "price: 2097151 is not between 0 and 2097150"),
        ("N,1,IBM,10,0,B,1", "quantity: 0 is not between 1 and"),
        ("N,1,IBM,10,1073741824,B,1", "quantity: 1073741824 is not between"),
        ("N,1,IBM,10," + "9" * 40 + ",B,1", "quantity: '999999999999999999999999999999' is not"),
        ("N,1,IBM,10,100,X,1", "side: 'X' is neither B nor S"),
        ("N,1,,10,100,B,1", "symbol: is empty"),
        ("N,9,IBM,10,100,B,9223372036854775808", "user order id: 9223372036854775808 is not"),
        ("N,9,IBM,10,100,B,9", "user order id: is of a working order"),
        ("C,1,²", "user order id: '²' is not a plain decimal number"),
        ("N" + "," * 2_000, "line: is longer than 1000 bytes"),
        (b"N,1,IBM\xff,10,100,B,1", "line: the text is not UTF-8"),
    ],
)
def test_faults_of_a_line_are_named(tmp_path, row, fault):
    source = tmp_path / "in.csv"
    octets = row if isinstance(row, bytes) else row.encode()
    source.write_bytes(b"N,9,IBM,10,100,B,9\n" + octets + b"\n")
    with pytest.raises(FeedError) as caught:
        import_script(source, tmp_path / "out")
    assert str(caught.value).startswith(f"{source}: line 2: {fault}")


def test_too_many_symbols_or_users(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("".join(f"N,1,S{k},10,1,B,{k}\n" for k in range(65)))
    with pytest.raises(FeedError, match="line 65: symbol: is one after 64"):
        import_script(source, tmp_path / "out")
    source.write_text("".join(f"N,{k},S,10,1,B,1\n" for k in range(TRADERS_MAX + 1)))
    with pytest.raises(FeedError, match=f"line 501: user: 500 is the trader after {TRADERS_MAX}"):
        import_script(source, tmp_path / "out")


def test_published_scenarios_give_the_expected_outputs(real_data, tmp_path):
    folder = real_data / "kraken_style_script"
    source, expected = folder / "inputFile.csv", folder / "output_file.csv"
    summary = import_script(source, tmp_path / "out", expected, check_every=10)
    assert summary.broken == [] and summary.refused == {} and summary.script.scenarios == 16
    counts = summary.expected
    assert counts.agreeing == counts.scenarios == 8
    assert (counts.trades, counts.acknowledgements, counts.tops) == (9, 47, 37)
