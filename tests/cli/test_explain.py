"""`lionrock explain`: a command's events in words, out of an event file."""

import json

import pytest
from typer.testing import CliRunner

from engine.cli.app import app
from engine.importers.session import COMMANDS_MIN
from engine.journal.event_file import read_event_file
from engine.schema import events as ev


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    path = tmp_path_factory.mktemp("explain")
    run("generate", path / "day", "--commands", COMMANDS_MIN, "--seed", 3)
    run("replay", path / "day", "--events", path / "events")
    return path / "events"


def test_rule_9_1_a_liquidation_of_a_generated_day(events):
    records = read_event_file(events).records
    started = records[records["kind"] == ev.LIQUIDATION_STARTED][0]
    text = run("explain", events, int(started["sequence"])).stdout
    assert f"Account {started['account']} enters liquidation (9.1): its equity of" in text
    assert f"of {started['b']:,} at mark, by {started['b'] - started['a']:,}." in text


def test_every_command_of_a_generated_day_can_be_explained(events):
    """As JSON: the sentences, and every event of that sequence number."""
    records = read_event_file(events).records
    liquidated = records["sequence"][records["kind"] == ev.LIQUIDATION_STARTED]
    for sequence in (1, int(liquidated[-1]), int(records["sequence"][-1])):
        told = json.loads(run("explain", events, sequence, "--json").stdout)
        assert told["sequence"] == sequence and told["sentences"]
        assert len(told["events"]) == (records["sequence"] == sequence).sum()


def test_faults_of_input_are_one_line_and_end_with_2(events, tmp_path):
    last = int(read_event_file(events).records["sequence"][-1])
    (tmp_path / "text").write_text("hello\n")
    for arguments, fault in (
        ([events, last + 1], f"{events}: sequence: no event carries {last + 1}"),
        ([tmp_path / "none", 1], "No such file or directory"),
        ([tmp_path / "text", 1], f"{tmp_path}/text: header: "),
    ):
        result = run("explain", *arguments, code=2)
        assert result.stdout == "" and result.stderr.startswith("lionrock: ")
        assert fault in result.stderr and result.stderr.count("\n") == 1
    assert "Usage" in run("explain", events, "x", code=2).stderr
    assert "Usage" in run("explain", events, "0", code=2).stderr
