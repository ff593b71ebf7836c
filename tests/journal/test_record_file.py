"""Both kinds of file: what is written is read back, and nothing torn or damaged is ever read."""

import pytest

from engine.journal.command_file import CommandFileError, read_command_file, write_command_file
from engine.journal.event_file import EventFileError, read_event_file, write_event_file
from engine.schema.commands import COMMAND
from engine.schema.events import EVENT
from tests.journal.files import COMMANDS, CONFIG, EVENTS, refusal_of

KINDS = pytest.mark.parametrize(
    ("write", "read", "error", "records", "dtype"),
    [
        (write_command_file, read_command_file, CommandFileError, COMMANDS, COMMAND),
        (write_event_file, read_event_file, EventFileError, EVENTS, EVENT),
    ],
    ids=["commands", "events"],
)


@KINDS
def test_what_is_written_is_read(tmp_path, write, read, error, records, dtype):
    path = tmp_path / "day"
    write(path, CONFIG, records)
    found = read(path)
    assert found.config == CONFIG
    assert found.records.dtype == dtype
    assert found.records.tobytes() == records.tobytes()
    assert path.stat().st_size % 4 == 0
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@KINDS
def test_a_flip_of_any_byte_is_found(tmp_path, write, read, error, records, dtype):
    path = tmp_path / "day"
    write(path, CONFIG, records)
    whole = path.read_bytes()
    for place in range(len(whole)):
        octets = bytearray(whole)
        octets[place] ^= 1 << place % 8
        assert refusal_of(read, error, path, bytes(octets))


@KINDS
def test_a_truncation_at_any_length_is_found(tmp_path, write, read, error, records, dtype):
    path = tmp_path / "day"
    write(path, CONFIG, records)
    whole = path.read_bytes()
    for length in range(len(whole)):
        assert refusal_of(read, error, path, whole[:length])
