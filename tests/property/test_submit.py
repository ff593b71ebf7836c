"""`submit` goes by MessagePack: the same record as by its fields, the same events as by records."""

import pickle
from enum import Enum, Flag, IntEnum
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import exchange as shell
from engine.exchange import Exchange
from engine.schema import commands as c
from engine.schema import events as ev
from engine.schema import packing
from engine.schema.packing import FieldRangeError, pack_into
from tests.oracle.workload import Workload, configs
from tests.property.both import pack

KINDS = [kind for kind in c.BY_KIND if kind != c.MASS_QUOTE]
# Where an encoding of another length begins, and where a field of a record ends.
EDGES = sorted({sign * 2**bits + d for bits in range(65) for d in (-1, 0, 1) for sign in (1, -1)})
EDGES += [0, 96, 97, 127, 128]


class Unset(msgspec.Struct):
    number: int


class Side(IntEnum):
    SELL = 1


class Lots(int):
    pass


class Plain(Enum):
    ONE = 1


class Bits(Flag):
    ONE = 1


OF_LENGTH = [msgspec.msgpack.Ext(1, b"1" * length) for length in (1, 2, 4, 8)]
RAW = [msgspec.Raw(octets) for octets in (b"", b"\x05", b"\x01\x01")]
NO_NUMBERS: list[Any] = [True, False, None, 1.0, "1", b"\x01", (1,), [1, [2]], {}, 2**70]
NO_NUMBERS += ["1" * 500, "\ud800", Plain.ONE, Bits.ONE, *OF_LENGTH, *RAW]


class Watched(Exchange):
    """Counts the commands that were no array of numbers."""

    long_ways = 0

    def _apply_by_fields(self, command: c.AnyCommand) -> None:
        self.long_ways += 1
        super()._apply_by_fields(command)


def new_exchange() -> Watched:
    return Watched(configs()["realistic"])


@pytest.fixture(scope="module")
def exchange() -> Watched:
    return new_exchange()


def by_fields(command: Any) -> bytes | str:
    """Its record, or the field that does not fit."""
    octets = bytearray(c.COMMAND.itemsize)
    try:
        pack_into(command, memoryview(octets), 0)
    except FieldRangeError as error:
        return error.field
    return bytes(octets)


def by_submitting(exchange: Watched, command: Any, long_ways: int = 0) -> bytes | str:
    """The same, of an exchange that was given it; only what does not fit takes the long way."""
    before, exchange.long_ways = exchange.pool()["sequence"], 0
    try:
        exchange.submit(command)
    except FieldRangeError as error:
        assert (exchange.pool()["sequence"], exchange.long_ways) == (before, 1)
        return error.field
    assert (exchange.pool()["sequence"], exchange.long_ways) == (before + 1, long_ways)
    return bytes(exchange._single_octets[: c.COMMAND.itemsize])


def command_of(kind: int, number: Any) -> c.AnyCommand:
    holder: Any = c.BY_KIND[kind]
    return holder(**{field: number(field) for field in c.FIELDS[kind]})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: c.BY_KIND[kind].__name__)
def test_every_field_has_its_place_and_its_bounds(exchange, kind):
    ones = dict.fromkeys(c.FIELDS[kind], 1)
    for field in c.FIELDS[kind]:
        for number in EDGES:
            command = command_of(kind, {**ones, field: number}.__getitem__)
            assert by_submitting(exchange, command) == by_fields(command), (field, number)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), st.data())
def test_any_numbers_make_the_same_record(kind, data):
    limits = {field: np.iinfo(c.COMMAND[field]) for field in c.FIELDS[kind]}
    command = command_of(
        kind,
        lambda field: data.draw(st.integers(int(limits[field].min), int(limits[field].max))),
    )
    assert by_submitting(new_exchange(), command) == by_fields(command)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("field", ["time_ns", "account", "session"])
def test_what_is_no_number_is_refused_by_the_name_of_its_field(exchange, field, value):
    command = command_of(c.PLACE_ORDER, lambda name: value if name == field else 1)
    assert by_submitting(exchange, command) == by_fields(command) == field


@pytest.mark.parametrize("error", [TimeoutError, ValueError])
def test_what_a_handler_of_a_signal_raises_is_not_taken_for_a_fault(monkeypatch, exchange, error):
    def interrupted(numbers):
        raise error

    monkeypatch.setattr(packing, "_encode", interrupted)
    before = exchange.pool()["sequence"]
    with pytest.raises(error):
        exchange.submit(command_of(c.PLACE_ORDER, lambda name: 1))
    assert exchange.pool()["sequence"] == before


def test_what_can_not_even_be_shown_is_refused_as_the_long_way_does(exchange):
    unset = Unset(1)
    del unset.number
    command = command_of(c.PLACE_ORDER, lambda name: unset if name == "side" else 1)
    before = exchange.pool()["sequence"]
    for refuse in (exchange.submit, by_fields):
        with pytest.raises(AttributeError, match="'number' is unset"):
            refuse(command)
    assert exchange.pool()["sequence"] == before


@pytest.mark.parametrize("value", [np.int64(1), np.int8(1), Side.SELL, Lots(1)], ids=repr)
def test_other_whole_numbers_count_as_ever(exchange, value):
    command = command_of(c.PLACE_ORDER, lambda name: value if name == "side" else 1)
    is_ours = not isinstance(value, Side)
    assert by_submitting(exchange, command, long_ways=is_ours) == by_fields(command) != "side"


@pytest.mark.parametrize("events_max", [shell.TOLD_MAX, 3])
@pytest.mark.parametrize("name", ["realistic", "makers", "isolated", "portfolio", "collateral"])
def test_events_are_those_of_the_records(monkeypatch, name, events_max):
    """With few that msgspec makes, too: the others are made of records."""
    monkeypatch.setattr(shell, "TOLD_MAX", events_max)
    config = configs()[name]
    by_command, by_record = Exchange(config), Exchange(config)
    counts = set()
    workload = Workload(11, config)
    for _ in range(600):
        command: Any = workload.next_command()
        records = by_record.run(pack(command))
        workload.observe(records.tolist())
        if type(command) not in c.BY_KIND.values():
            by_command.run(pack(command))
            continue
        events = by_command.submit(command)
        assert events == tuple(map(ev.typed_event, records.tolist()))
        for event, record in zip(events, records, strict=True):
            kind_name, fields = ev.FIELDS[int(record["kind"])]
            numbers = {field: int(record[n]) for field, n in zip(fields, "abcdef", strict=False)}
            assert (event.name, event.values) == (kind_name, numbers)
            assert event.account == record["account"] and event.contract == record["contract"]
        counts.add(len(events))
    assert by_command.digest() == by_record.digest()
    assert min(counts) <= 3 < max(counts)


def test_an_event_is_a_struct_of_its_kind(exchange):
    (event,) = exchange.submit(command_of(c.DEPOSIT, lambda field: -1))
    assert type(event) is ev.TYPES[ev.REFUSED] is ev.Refused  # type: ignore[attr-defined]
    assert event.code == event.values["code"] > 0  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(event)) == event
