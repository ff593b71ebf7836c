"""The command line: exit codes, one-line errors, JSON."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.app import app
from engine.exchange import Exchange
from engine.importers.session import COMMANDS_MIN
from engine.journal.command_file import read_command_file
from engine.journal.event_file import read_event_file
from engine.journal.json_lines import unpack_commands, write_json_lines
from engine.schema.contract import Config
from tests.importers.dbn_writing import header, record

SHORT = ["--commands", str(COMMANDS_MIN)]


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    path = tmp_path_factory.mktemp("day") / "day"
    facts = json.loads(run("generate", path, *SHORT, "--seed", 3, "--json").stdout)
    assert facts["commands"] == COMMANDS_MIN and facts["broken"] == []
    return path, facts["digest"]


def test_a_generated_file_replays_to_the_same_digest(day):
    path, digest = day
    summary = json.loads(run("replay", path, "--check-every", 2_000, "--json").stdout)
    assert summary["digest"] == digest and summary["checks"] == 3 and summary["broken"] == []


def test_json_lines_replay_like_records(day, tmp_path):
    path, digest = day
    found = read_command_file(path)
    with (tmp_path / "day.jsonl").open("wb") as stream:
        write_json_lines(stream, found.config, unpack_commands(found.records))
    summary = json.loads(run("replay", tmp_path / "day.jsonl", "--json").stdout)
    assert summary["digest"] == digest


def test_events_of_a_replay_can_be_recomputed(day, tmp_path):
    out = tmp_path / "events"
    summary = json.loads(run("replay", day[0], "--events", out, "--json").stdout)
    found = read_event_file(out)
    assert found.config == read_command_file(day[0]).config
    assert len(found.records) == summary["events"] and summary["digest"] == day[1]
    audit = json.loads(run("funding", "recompute", out, "--json").stdout)
    assert audit["intervals"] == summary["funding_intervals"] > 0 and audit["differences"] == []


def test_tables(day):
    text = run("replay", day[0]).stdout
    assert "I9 deficits paid" in text and day[1][:32] in text


def test_the_demo():
    first, second = json.loads(run("demo", *SHORT, "--json").stdout)
    assert (first["name"], second["name"]) == ("crash", "cascade")
    assert first["freezes"] == 1 and second["gains_cut"] > 0
    assert first["broken"] == second["broken"] == []
    assert "scenario crash" in run("demo", *SHORT).stdout


def test_broken_invariants_end_with_1(day, monkeypatch):
    monkeypatch.setattr(Exchange, "check", lambda exchange: ["I1 money: off by one"])
    result = run("replay", day[0], code=1)
    assert result.stderr == "lionrock: broken: after command 5000: I1 money: off by one\n"


def test_warm():
    assert set(json.loads(run("warm", "--json").stdout)) == {"directory", "loaded", "compiled"}
    assert "compiled" in run("warm").stdout


def test_warm_writes_bytecode_where_python_writes_none(monkeypatch):
    """Images are made so, and each start in them would compile 120 modules anew."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    written = Path(importlib.util.cache_from_source(str(sys.modules["engine.exchange"].__file__)))
    written.unlink(missing_ok=True)
    run("warm")
    assert written.is_file()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["replay", "{tmp}/none"], "No such file or directory"),
        (["replay", "{tmp}/text"], "{tmp}/text: line 1: "),
        (["replay", "{tmp}/cut"], "{tmp}/cut: header: "),
        (["replay", "{tmp}/lines", "--events", "{tmp}/lines"], "{tmp}/lines: the output is one"),
        (["import", "lobster", "{tmp}/text", "{tmp}/out"], "{tmp}/text: line 1: columns: 1 of 6"),
        (["import", "binance", "{tmp}/text", "{tmp}/out"], "{tmp}/text: line 1: local time: "),
        (["import", "binance", "{tmp}/none", "{tmp}/out"], "{tmp}/none: line 1: file: "),
        (["import", "script", "{tmp}/text", "{tmp}/out"], "{tmp}/text: line 1: kind: 'hello'"),
        (["import", "quantcup", "{tmp}/text", "{tmp}/out"], "{tmp}/text: line 1: columns: 1 of 5"),
        (["import", "dbn", "{tmp}/text", "{tmp}/out"], "{tmp}/text: record 0: header: 6 of 8"),
        (["import", "dbn", "{tmp}/text", "{tmp}/text"], "{tmp}/text: the output is one of the"),
        (["import", "lobster", "{tmp}/lobs", "{tmp}/out"], "{tmp}/lobs: line 2: size: OPEN_INT"),
        (["generate", "{tmp}/no/out", *SHORT], "{tmp}/no/out: No such file or directory"),
    ],
)
def test_faults_of_input_are_one_line_and_end_with_2(tmp_path, arguments, fault):
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "cut").write_bytes(b"LIONROCK")
    with (tmp_path / "lines").open("wb") as stream:
        write_json_lines(stream, Config(contracts=()), [])
    (tmp_path / "lobs").write_text("1,1,1,1073741823,100,1\n2,1,2,1,100,1\n")
    result = run(*[word.format(tmp=tmp_path) for word in arguments], code=2)
    assert result.stdout == "" and result.stderr.startswith("lionrock: ")
    assert fault.format(tmp=tmp_path) in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--commands", "10"],
        ["generate", "x", "--scenario", "calm"],
        ["import", "lobster", "a", "b", "--tick-size", "0"],
        ["import", "binance", "a", "b", "--lot-size", "x"],
        ["import", "dbn", "a", "b", "--tick-size", "0"],
        ["import", "script", "a", "b", "--check-every", "-1"],
        ["import", "lobster", "a", "b", "--check-every", "-1"],
        ["import", "binance", "a", "b", "--check-every", "-1"],
    ],
)
def test_wrong_options_end_with_2(arguments):
    assert "Usage" in run(*arguments, code=2).stderr


def test_imports(messages, tmp_path):
    summary = json.loads(run("import", "lobster", messages, tmp_path / "o", "--json").stdout)
    assert summary["replay"]["executions_of_other"] == 0
    replayed = json.loads(run("replay", tmp_path / "o", "--json").stdout)
    assert replayed["digest"] == summary["digest"]
    assert "hidden executions" in run("import", "lobster", messages, tmp_path / "o").stdout


def test_scripts_end_with_1_when_an_output_differs(tmp_path):
    script, expected, out = (tmp_path / name for name in ("script", "expected", "out"))
    script.write_text("#name: a\nN, 1, IBM, 10, 100, B, 1\n")
    expected.write_text("#name: a\nA, IBM, 1, 1\nB, IBM, B, 10, 100\n")
    compare = ["import", "script", script, out, "--expected", expected, "--check-every", 1]
    summary = json.loads(run(*compare, "--json").stdout)
    assert summary["expected"]["agreeing"] == 1 and summary["checks"] > 1
    expected.write_text("#name: a\nA, IBM, 1, 2\n")
    wanted = f"{expected}: a: line 2, A, IBM, 1, 2: got A, IBM, 1, 1"
    assert run(*compare, code=1).stderr == f"lionrock: broken: {wanted}\n"


def test_quantcup_and_dbn_print_a_table(tmp_path):
    feed = tmp_path / "feed"
    feed.write_text("S,a,Bid,100,5\nS,b,Ask,100,5\n")
    assert "cancels unborn" in run("import", "quantcup", feed, tmp_path / "o").stdout
    feed.write_bytes(header() + record("A", "B", 1, 100, 5))
    assert "executions: at named" in run("import", "dbn", feed, tmp_path / "o").stdout


@pytest.fixture
def messages(tmp_path):
    path = tmp_path / "ABC_message.csv"
    path.write_text("34200.5,1,7,10,1000000,1\n34201.5,4,7,4,1000000,1\n")
    return path


def test_bench_passes_its_options_to_the_script(monkeypatch):
    taken = []

    def note(command):
        taken.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", note)
    run("bench", "--json", "--quick", "--reference", "books")
    assert Path(taken[0][1]).name == "report.py"
    assert taken[0][2:] == ["--json", "--quick", "--reference", "books"]


def test_bench_outside_of_a_checkout_says_so_in_one_line(monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    assert run("bench", code=2).output.count("\n") == 1
