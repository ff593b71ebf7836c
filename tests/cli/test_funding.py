"""`lionrock funding`: a file of events is recomputed and drawn; faults are one line."""

import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.cli.app import app
from engine.journal.event_file import write_event_file
from engine.report.funding_plot import place_events
from engine.schema.contract import Config
from engine.schema.events import EVENT
from tests.report.stream import MINUTE, Stream


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def day(rate=100_000):
    stream = Stream().open()
    stream.sample(MINUTE, 9_950, 10_050, 0, 100_000)
    stream.index(1, 10_010, 10_010, 1, 0, 0, 10_010, 0)
    stream.add("mark_published", 10_010, 10_010, 10_010, 10_010, 0, 0, follows=True)
    stream.add("funding_averaged", 5, 1, 0, 5 * MINUTE, 0, 10_010)
    growth, carry = divmod(10_010 * 3 * rate, 10**9)
    return stream.add("funding_published", rate, growth, carry, growth, 0, 5 * MINUTE)


def write(path, stream):
    write_event_file(path, Config(contracts=(stream.spec,)), stream.events())
    return path


@pytest.fixture
def events(tmp_path):
    return write(tmp_path / "events", day())


def test_a_file_that_agrees(events):
    found = json.loads(run("funding", "recompute", events, "--json").stdout)
    assert found == {
        "contracts": 1, "intervals": 1, "samples": 1, "indexes": 2, "marks": 2,
        "settlements": 0, "settlements_open": 0, "differences": [],
    }  # fmt: skip
    assert "settlements open" in run("funding", "recompute", events).stdout


def test_a_difference_ends_with_1(tmp_path):
    path = write(tmp_path / "events", day(rate=100_001))
    result = run("funding", "recompute", path, "--json", code=1)
    assert [d["field"] for d in json.loads(result.stdout)["differences"]] == [
        "funding_published.rate_ppb"
    ]
    assert result.stderr == (
        "lionrock: broken: contract 1, sequence 5, funding_published.rate_ppb:"
        " published 100001, recomputed 100000\n"
    )


def test_many_differences_are_told_in_part(tmp_path):
    stream = Stream()
    for _ in range(25):
        stream.index(1, 100, 99, 1, 0, 0, 100, 0)
    result = run("funding", "recompute", write(tmp_path / "events", stream), code=1)
    assert result.stderr.count("\n") == 21 and "broken: 5 differences more\n" in result.stderr


@pytest.mark.parametrize(("suffix", "magic"), [(".svg", b"<?xml"), (".png", b"\x89PNG")])
def test_a_drawing(events, tmp_path, suffix, magic):
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    for out in (first, second):
        assert run("funding", "plot", events, out).stdout == f"{out}\n"
    assert first.read_bytes().startswith(magic)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["recompute", "{tmp}/none"], "{tmp}/none: No such file or directory"),
        (["recompute", "{tmp}/text"], "{tmp}/text: header: 6 bytes of 64 are there"),
        (["recompute", "{tmp}/torn"], "{tmp}/torn: record 9: the file is 84 bytes short"),
        (["plot", "{tmp}/text", "{tmp}/a.svg"], "{tmp}/text: header: 6 bytes of 64 are there"),
        (["plot", "{tmp}/events", "{tmp}/a.gif"], "{tmp}/a.gif: a drawing ends in .svg or .png"),
        (["plot", "{tmp}/events", "{tmp}/no/a.svg"], "No such file or directory"),
        (["plot", "{tmp}/empty", "{tmp}/a.svg"], "{tmp}/a.svg: no index was published"),
    ],
)
def test_faults_are_one_line_and_end_with_2(events, tmp_path, arguments, fault):
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "torn").write_bytes(events.read_bytes()[:-84])
    write(tmp_path / "empty", Stream().add("time_advanced", 5))
    result = run("funding", *[word.format(tmp=tmp_path) for word in arguments], code=2)
    assert result.stdout == "" and result.stderr.startswith("lionrock: ")
    assert fault.format(tmp=tmp_path) in result.stderr and result.stderr.count("\n") == 1


def test_without_matplotlib(events, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("funding", "plot", events, tmp_path / "a.svg", code=2)
    wanted = "plot: the package matplotlib is missing: pip install 'lionrock[plot]'"
    assert result.stderr == f"lionrock: {wanted}\n"


def test_index_and_mark_have_the_time_of_their_price():
    stream = Stream().at(3 * MINUTE).open()  # price, index, mark, change of state
    stream.price(1, 100).add("index_published", 100, 1, 0, 0, 100, 0)  # of another sequence
    stream.at(5 * MINUTE).price(1, 100).add("trade", 1, 1, 1, 1, 0, follows=True)
    price, trade = stream.rows[-2:]
    other = (*price[:3], 7 * MINUTE, *price[4:8], 2, price[9])  # of another contract
    stream.rows += [other]
    stream.add("index_published", 100, 1, 0, 0, 100, 0, follows=True)
    times = place_events(stream.events())
    minutes = [None if np.isnat(t) else int(t.astype(np.int64)) // MINUTE for t in times]
    assert minutes == [3, 3, 3, 3, 3, None, 5, None, 7, 5]


def test_an_event_without_its_contract_is_one_line(tmp_path):
    stream = Stream().open()
    stream.rows[1] = (*stream.rows[1][:8], 0, stream.rows[1][9])
    path = write(tmp_path / "events", stream)
    result = run("funding", "recompute", path, code=2)
    wanted = "record 1: contract: index_published needs one, 0 is none"
    assert result.stderr == f"lionrock: {path}: {wanted}\n"


@pytest.mark.parametrize("time_ns", [2**62, 2**63 - 1, -1, -(2**63)])
def test_absurd_times_end_at_once(tmp_path, time_ns):
    stream = Stream().open().at(time_ns).mark(10_000, 10_000, 10_000, 0, 0, 0)
    stream.add("state_changed", 1, 2, 7, time_ns).add("sample_clock_set", time_ns)
    stream.add("funding_averaged", 2**62, 0, 0, 0, 0, 2**62)
    stream.add("funding_published", 2**62, 2**62, 0, 0, 0, time_ns, follows=True)
    path = write(tmp_path / "events", stream)
    assert json.loads(run("funding", "recompute", path, "--json", code=1).stdout)["differences"]


def test_no_time_at_all():
    assert place_events(np.zeros(0, EVENT)).tolist() == []
