"""Event files: what is written is read back, and nothing torn, foreign or damaged is ever read."""

import numpy as np
import pytest

from engine.journal.command_file import CommandFileError, read_command_file, write_command_file
from engine.journal.event_file import EventFileError, read_event_file, write_event_file
from engine.journal.json_lines import pack_commands
from engine.schema import events as ev
from engine.schema.commands import AdvanceTime
from engine.schema.contract import Config, Contract, Tier
from engine.schema.events import EVENT

CONFIG = Config(
    contracts=(
        Contract(
            contract=1,
            symbol="BTC-PERP",
            tick_value=1,
            tiers=(Tier(0, 20_000_000, 10_000_000),),
            open_interest_lots_max=2**20,
            position_lots_max=2**20,
            order_lots_max=2**20,
        ),
    )
)
EVENTS = np.array(
    [
        (1, 7, 0, 0, 0, 0, 0, 0, 0, ev.TIME_ADVANCED),
        (2, 1, 100, 0, 0, 0, 0, 0, 1, ev.PRICE_RECEIVED),
        (3, 5, -7, 40, 1, 2, 3, 2**31 - 1, 1, ev.LEG),
    ],
    EVENT,
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "day.events"
    write_event_file(path, CONFIG, EVENTS)
    return path


def refusal(path, octets):
    path.write_bytes(octets)
    with pytest.raises(EventFileError) as caught:
        read_event_file(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")


def test_what_is_written_is_read(path):
    found = read_event_file(path)
    assert found.config == CONFIG
    assert found.records.dtype == EVENT
    assert found.records.tobytes() == EVENTS.tobytes()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_flip_of_any_byte_is_found(path):
    whole = path.read_bytes()
    for place in range(len(whole)):
        octets = bytearray(whole)
        octets[place] ^= 1 << place % 8
        assert refusal(path, bytes(octets))


def test_a_truncation_at_any_length_is_found(path):
    whole = path.read_bytes()
    for length in range(len(whole)):
        assert refusal(path, whole[:length])


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
        ("kind", 99, "record 1: kind: 99 is no kind of event known here"),
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
