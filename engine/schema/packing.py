"""A typed command as a 64-byte record and back: what does not fit is refused by name, never
wrapped."""

import struct
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import astuple

from engine.schema.bounds import QUOTES_MAX
from engine.schema.commands import (
    BY_KIND,
    COMMAND,
    FIELDS,
    MASS_QUOTE,
    QUOTE_ROW,
    ROW_FIELDS,
    AnyCommand,
    Command,
    MassQuote,
    Quote,
)


class FieldRangeError(ValueError):
    """A number lies outside its record field: the field's name, and what it can hold."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field, self.problem = field, problem


class Layout(NamedTuple):
    """The record of one kind of command: one pack call is faster than one write per field, and it
    refuses what does not fit. Unused bytes are written as zeros."""

    record: struct.Struct
    names: tuple[str, ...]  # in the order of their place
    in_place: Callable[[tuple[Any, ...]], tuple[int, ...]]  # of kind and struct, in that order
    holder: type  # the struct whose fields stand in that order


_LETTERS = {"int64": "q", "int32": "i", "int16": "h", "int8": "b"}
_PLACES: Any = COMMAND.fields  # name -> dtype and offset
_RECORD_BYTES = COMMAND.itemsize


def _layout(fields: tuple[str, ...], holder: type) -> Layout:
    own = ("kind", *fields)
    names = sorted(own, key=lambda name: int(_PLACES[name][1]))
    text, end = "<", 0
    for name in names:
        dtype, offset = _PLACES[name][:2]
        text += f"{offset - end}x{_LETTERS[dtype.name]}"
        end = offset + dtype.itemsize
    record = struct.Struct(f"{text}{COMMAND.itemsize - end}x")
    return Layout(record, tuple(names), itemgetter(*map(own.index, names)), holder)


LAYOUTS = {kind: _layout(fields, BY_KIND[kind]) for kind, fields in FIELDS.items()}
_ROWS_AT = MassQuote.__struct_fields__.index("rows")
ROW_LAYOUT = _layout(("time_ns", *ROW_FIELDS), Quote)

# For machine code that makes the record of a struct's numbers: how many they are, the word in
# which the kind stands; then for each, in the struct's order, the first bit of its place, the least
# number that fits there and the mask of its bits.
PLAN_HEAD = 2
PLAN_WORDS_A_FIELD = 3
KIND_AT = int(_PLACES["kind"][1])


def _plan(kind: int) -> list[int]:
    fields = FIELDS[kind]
    words = [len(fields), kind << 8 * (KIND_AT % 8)]
    for name in fields:
        dtype, offset = _PLACES[name][:2]
        limits = np.iinfo(dtype)
        words += 8 * offset, limits.min % 2**64, limits.max - limits.min
    return words


def _plans() -> dict[type[Command], npt.NDArray[np.uint64]]:
    """Of all but the mass quote, whose rows are no numbers."""
    return {
        holder: np.array(_plan(kind), np.uint64)
        for kind, holder in BY_KIND.items()
        if kind != MASS_QUOTE
    }


_PLANS = _plans()
PACKED_OCTETS = 3 + 9 * max(map(len, FIELDS.values()))  # with heads
_NO_NUMBERS = (TypeError, ValueError, OverflowError, RecursionError, AttributeError)
_encode = msgspec.msgpack.Encoder().encode
PLAN_AT = {holder: plan.ctypes.data for holder, plan in _PLANS.items()}  # addresses


def pack_numbers(command: AnyCommand) -> bytes | None:
    """The numbers of a struct that has a plan, as MessagePack, in PACKED_OCTETS at most; None where
    they are other things, or none that msgspec knows: `pack_into` takes them, or says which."""
    try:
        numbers = astuple(command)
        sum(numbers)  # an Enum or a Raw, which msgspec takes for what they hold, is no summand
        octets = _encode(numbers)
    except _NO_NUMBERS:
        if set(map(type, astuple(command))) == {int} and find_fault(command) is None:
            raise  # nothing is wrong with it: a signal's handler has raised
        return None
    return octets if len(octets) <= PACKED_OCTETS else None


def rows_of(command: AnyCommand) -> int:
    """How many records the command takes."""
    return 1 + command.quotes if isinstance(command, MassQuote) else 1


def pack_into(command: AnyCommand, octets: memoryview, offset: int) -> int:
    """Write the command's records from `offset` on; how many they are. FieldRangeError before
    anything is written."""
    kind = command.kind_code
    try:
        if kind == MASS_QUOTE:
            return _pack_quotes_into(cast(MassQuote, command), octets, offset)
        layout = LAYOUTS[kind]
        is_known = type(command) is layout.holder
        own = astuple(command) if is_known else _by_name(command, FIELDS[kind])
        values = layout.in_place((kind, *own))
        if bool in map(type, values):  # `struct` takes True for 1, which JSON would not
            raise struct.error
        # `record.pack_into` would clear its place first and write up to what does not fit
        octets[offset : offset + _RECORD_BYTES] = layout.record.pack(*values)
    except struct.error:
        raise FieldRangeError(*(find_fault(command) or ("kind", "does not fit"))) from None
    return 1


def _pack_quotes_into(command: MassQuote, octets: memoryview, offset: int) -> int:
    if command.quotes > QUOTES_MAX:
        raise FieldRangeError("rows", f"{command.quotes} are more than {QUOTES_MAX}")
    is_known = type(command) is MassQuote
    own = [*(astuple(command) if is_known else _by_name(command, FIELDS[MASS_QUOTE]))]
    own[_ROWS_AT] = command.quotes
    packed = _pack(LAYOUTS[MASS_QUOTE], MASS_QUOTE, *own)
    time_ns = command.time_ns
    for quote in command.rows:
        row = astuple(quote) if type(quote) is Quote else _by_name(quote, ROW_FIELDS)
        packed += _pack(ROW_LAYOUT, QUOTE_ROW, time_ns, *row)
    octets[offset : offset + len(packed)] = packed
    return 1 + command.quotes


def _by_name(holder: object, fields: tuple[str, ...]) -> tuple[Any, ...]:
    """The fields of another struct than the known one: what is derived from it may have more of
    them in between, and what only resembles it may have them in another order."""
    return tuple(getattr(holder, name) for name in fields)


def _pack(layout: Layout, *kind_and_fields: int) -> bytes:
    if bool in map(type, kind_and_fields):
        raise struct.error
    return layout.record.pack(*layout.in_place(kind_and_fields))


def unpack_from(octets: memoryview, offset: int, kind: int) -> AnyCommand:
    """The records of a known kind from `offset` on as a typed command.

    ValueError when a mass quote's rows are not all there.
    """
    layout = LAYOUTS[kind]
    values = dict(zip(layout.names, layout.record.unpack_from(octets, offset), strict=True))
    del values["kind"]
    if kind == MASS_QUOTE:
        values["rows"] = tuple(_unpack_rows(octets, offset, values.pop("quotes")))
    command: Any = BY_KIND[kind](**values)
    return command  # type: ignore[no-any-return]


def _unpack_rows(octets: memoryview, offset: int, count: int) -> Iterator[Quote]:
    for k in range(1, count + 1):
        start = offset + k * COMMAND.itemsize
        if start + COMMAND.itemsize > len(octets):
            raise ValueError("quotes: rows are missing at the end")
        row = dict(
            zip(ROW_LAYOUT.names, ROW_LAYOUT.record.unpack_from(octets, start), strict=True)
        )
        if row.pop("kind") != QUOTE_ROW:
            raise ValueError(f"quotes: row {k} is another command")
        del row["time_ns"]
        yield Quote(**row)


def find_fault(command: Command) -> tuple[str, str] | None:
    """The first field that its place in the record can't hold, and why; None when all fit."""
    fault = _find_fault(command, FIELDS[command.kind_code], "")
    if fault is None and isinstance(command, MassQuote):
        for k, quote in enumerate(command.rows):
            fault = fault or _find_fault(quote, ROW_FIELDS, f"rows[{k}].")
    return fault


def _find_fault(holder: object, fields: tuple[str, ...], where: str) -> tuple[str, str] | None:
    for name in fields:
        value = getattr(holder, name)
        if not isinstance(value, int) or isinstance(value, bool):
            return where + name, f"{value!r} is not a whole number"
        limits = np.iinfo(COMMAND[name])
        if not limits.min <= value <= limits.max:
            return where + name, f"{value} is not between {limits.min} and {limits.max}"
    return None
