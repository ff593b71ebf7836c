"""`lionrock specification`: what an approval names, out of a configuration."""

import hashlib
import json

from typer.testing import CliRunner

from engine.cli.app import app
from engine.importers.session import COMMANDS_MIN
from engine.journal.command_file import read_command_file


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_rule_3_2_the_hash_of_each_contract_and_its_faults(tmp_path):
    day = tmp_path / "day"
    run("generate", day, "--commands", COMMANDS_MIN, "--seed", 3)
    config = read_command_file(day).config
    found = json.loads(run("specification", day, "--json"))
    assert [entry["symbol"] for entry in found] == [spec.symbol for spec in config.contracts]
    for entry in found:
        words = b"".join(word.to_bytes(8, "big", signed=True) for word in entry["words"])
        assert words.hex() == entry["hash"]
        assert len(words) == hashlib.sha256().digest_size
    text = run("specification", day)
    for entry in found:
        assert f"{entry['symbol']} version {entry['version']}: {entry['hash']}" in text
        assert all(fault in text for fault in entry["faults"])
