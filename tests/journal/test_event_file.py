"""Event files: what is written is read back, and nothing torn, foreign or damaged is ever read."""

import numpy as np
import pytest

from engine.journal.command_file import CommandFileError, read_command_file, write_command_file
from engine.journal.event_file import EventFileError, read_event_file, write_event_file
from engine.journal.json_lines import pack_commands
from engine.schema.commands import AdvanceTime
from tests.journal.files import CONFIG, EVENTS, refusal_of


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "day.events"
    write_event_file(path, CONFIG, EVENTS)
    return path


def refusal(path, octets):
    return refusal_of(read_event_file, EventFileError, path, octets)


def test_files_of_another_kind_are_foreign(path):
    with pytest.raises(CommandFileError, match=r"magic: b'LIONEVNT' is not b'LIONROCK'"):
        read_command_file(path)
    write_command_file(path, CONFIG, pack_commands([AdvanceTime(time_ns=1)]))
    with pytest.raises(EventFileError, match=r"magic: b'LIONROCK' is not b'LIONEVNT'"):
        read_event_file(path)
    assert refusal(path, b"hello\n").startswith("header: 6 bytes of 64")
    assert refusal(path, b"").startswith("header: the file is empty")


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("kind", 127, "record 1: kind: 127 is no kind of event known here"),
        ("kind", 0, "record 1: kind: 0 is no kind of event known here"),
        ("kind", 21 + 256, "record 1: kind: 277 is no kind of event known here"),
        ("d", 1, "record 1: byte 32 must be zero in price_received"),
        ("f", -1, "record 1: byte 48 must be zero in price_received"),
    ],
)
def test_events_that_no_reader_understands_are_not_written(tmp_path, field, value, what):
    events = EVENTS.copy()
    events[field][1] = value
    with pytest.raises(EventFileError, match=what):
        write_event_file(tmp_path / "f", CONFIG, events)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("contract", [-1, 2])
def test_a_contract_that_the_configuration_does_not_have(path, contract):
    events = EVENTS.copy()
    events["contract"][2] = contract
    write_event_file(path, CONFIG, events)
    with pytest.raises(EventFileError, match=f"record 2: contract: {contract} is not in the"):
        read_event_file(path)


def test_the_dtype_is_named(tmp_path):
    with pytest.raises(EventFileError, match="dtype EVENT"):
        write_event_file(tmp_path / "f", CONFIG, np.zeros(3, np.int64))
