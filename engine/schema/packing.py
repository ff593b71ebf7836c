"""A typed command as a 64-byte record and back: what does not fit is refused by name, never
wrapped."""

import struct
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

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
    names: tuple[str, ...]  # of the struct's attributes, in the order of their place
    values_of: Callable[[Any], tuple[int, ...]]  # those attributes, in one call


_LETTERS = {"int64": "q", "int32": "i", "int16": "h", "int8": "b"}
_PLACES: Any = COMMAND.fields  # name -> dtype and offset


def _layout(fields: tuple[str, ...]) -> Layout:
    names = sorted((*fields, "kind"), key=lambda name: int(_PLACES[name][1]))
    text, end = "<", 0
    for name in names:
        dtype, offset = _PLACES[name][:2]
        text += f"{offset - end}x{_LETTERS[dtype.name]}"
        end = offset + dtype.itemsize
    attributes = tuple("kind_code" if name == "kind" else name for name in names)
    record = struct.Struct(f"{text}{COMMAND.itemsize - end}x")
    return Layout(record, attributes, attrgetter(*attributes))


LAYOUTS = {kind: _layout(fields) for kind, fields in FIELDS.items()}
ROW_LAYOUT = _layout(("time_ns", *ROW_FIELDS))


def rows_of(command: AnyCommand) -> int:
    """How many records the command takes."""
    return 1 + command.quotes if isinstance(command, MassQuote) else 1


def pack_into(command: AnyCommand, octets: memoryview, offset: int) -> None:
    """Write the command's records from `offset` on; FieldRangeError before anything is written."""
    layout = LAYOUTS[command.kind_code]
    try:
        if isinstance(command, MassQuote):
            if command.quotes > QUOTES_MAX:
                raise FieldRangeError("rows", f"{command.quotes} are more than {QUOTES_MAX}")
            rows = [_row_values(command.time_ns, quote) for quote in command.rows]
            for row in rows:
                _must_not_be_truths(row)
            packed = b"".join(ROW_LAYOUT.record.pack(*row) for row in rows)
            start = offset + COMMAND.itemsize
            octets[start : start + len(packed)] = packed
        values = layout.values_of(command)
        _must_not_be_truths(values)
        layout.record.pack_into(octets, offset, *values)
    except struct.error:
        raise FieldRangeError(*(find_fault(command) or ("kind", "does not fit"))) from None


def _must_not_be_truths(values: Iterable[int]) -> None:
    """`struct` takes True for 1, which the JSON of the same command would not."""
    if bool in map(type, values):
        raise struct.error


def _row_values(time_ns: int, quote: Quote) -> list[int]:
    own = {"time_ns": time_ns, "kind_code": QUOTE_ROW}
    return [own[name] if name in own else getattr(quote, name) for name in ROW_LAYOUT.names]


def unpack_from(octets: memoryview, offset: int, kind: int) -> AnyCommand:
    """The records of a known kind from `offset` on as a typed command.

    ValueError when a mass quote's rows are not all there.
    """
    layout = LAYOUTS[kind]
    values = dict(zip(layout.names, layout.record.unpack_from(octets, offset), strict=True))
    del values["kind_code"]
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
        if row.pop("kind_code") != QUOTE_ROW:
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
