"""`lionrock record`, `verify`, `snapshot` and `inspect` on a directory."""

import json

import pytest
from typer.testing import CliRunner

from engine.cli.app import app
from engine.importers.session import COMMANDS_MIN
from engine.journal.durable import DurableExchange
from engine.schema.commands import AdvanceTime
from engine.schema.contract import Config


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("journal")
    run("generate", path / "day", "--commands", COMMANDS_MIN, "--seed", 3)
    run("record", path / "day", path / "exchange")
    return path


def test_i10_a_recorded_day_is_the_replayed_one(directory):
    replayed = json.loads(run("replay", directory / "day", "--json").stdout)
    found = json.loads(run("verify", directory / "exchange", "--json").stdout)
    assert found["broken"] == []
    assert (found["first"], found["last"], found["torn"]) == (1, COMMANDS_MIN, "")
    assert found["digest"] == replayed["digest"]
    taken = json.loads(run("snapshot", directory / "exchange", "--json").stdout)
    assert taken == {"sequence": COMMANDS_MIN, "digest": replayed["digest"]}
    assert json.loads(run("verify", directory / "exchange", "--json").stdout)["snapshots"] == 1
    assert "digest" in run("verify", directory / "exchange").stdout


def test_13_1_any_moment_of_the_past(directory):
    found = json.loads(run("inspect", directory / "exchange", "--seq", 900).stdout)
    assert (found["sequence"], "cash_total" in found["pool"]) == (900, True)
    one = ("inspect", directory / "exchange", "--seq", 900, "--contract", 1)
    assert json.loads(run(*one).stdout)["contract"]["mark_ticks"] > 0
    run("inspect", directory / "exchange", "--seq", 900, "--account", 999_999, code=2)
    line = run("inspect", directory / "exchange", "--seq", COMMANDS_MIN + 1, code=2).stderr
    assert f"the log ends with {COMMANDS_MIN}" in line and line.count("\n") == 1


def test_13_1_checks_come_every_so_many_commands_or_at_the_end(directory):
    assert "Usage" in run("verify", directory / "exchange", "--check-every", -1, code=2).stderr
    run("verify", directory / "exchange", "--check-every", 0)


def test_13_1_what_was_trimmed_is_one_line(tmp_path):
    """A segment has room for so many records of the test that one is trimmed away."""
    with DurableExchange.open(tmp_path, Config(contracts=()), segment_bytes=1 << 14) as exchange:
        for time_ns in range(1, 401):
            exchange.submit(AdvanceTime(time_ns=time_ns))
        exchange.snapshot()
        first = exchange.trim()
    line = run("inspect", tmp_path, "--seq", 1, code=2).stderr
    assert f"begins with {first}; held are 0 and all from 400 on" in line and line.count("\n") == 1
    assert first > 2


def test_13_1_damage_is_one_line(directory, tmp_path):
    run("record", directory / "day", tmp_path / "exchange")
    (log,) = (tmp_path / "exchange").glob("commands-*.log")
    octets = bytearray(log.read_bytes())
    octets[200_000] ^= 4
    log.write_bytes(octets)
    line = run("verify", tmp_path / "exchange", code=2).stderr
    assert "damaged" in line and line.count("\n") == 1
    run("record", directory / "day", directory / "exchange", code=2)


def test_13_1_a_snapshot_begins_no_exchange(directory, tmp_path):
    (tmp_path / "config.json").write_bytes((directory / "exchange" / "config.json").read_bytes())
    line = run("snapshot", tmp_path, code=2).stderr
    assert "there is no command log" in line
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
