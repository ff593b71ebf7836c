"""A typed command as a 64-byte record and back: what does not fit is refused by name, never
wrapped."""

import struct
from typing import Any, NamedTuple

import numpy as np

from engine.schema.commands import BY_KIND, COMMAND, FIELDS, AnyCommand, Command


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


_LETTERS = {"int64": "q", "int32": "i", "int16": "h", "int8": "b"}
_PLACES: Any = COMMAND.fields  # name -> dtype and offset


def _layout(kind: int) -> Layout:
    names = sorted((*FIELDS[kind], "kind"), key=lambda name: int(_PLACES[name][1]))
    text, end = "<", 0
    for name in names:
        dtype, offset = _PLACES[name][:2]
        text += f"{offset - end}x{_LETTERS[dtype.name]}"
        end = offset + dtype.itemsize
    attributes = tuple("kind_code" if name == "kind" else name for name in names)
    return Layout(struct.Struct(f"{text}{COMMAND.itemsize - end}x"), attributes)


LAYOUTS = {kind: _layout(kind) for kind in FIELDS}


def pack_into(command: AnyCommand, octets: memoryview, offset: int) -> None:
    """Write the command's record at `offset`; FieldRangeError before anything is written."""
    layout = LAYOUTS[command.kind_code]
    try:
        layout.record.pack_into(octets, offset, *[getattr(command, n) for n in layout.names])
    except struct.error:
        raise FieldRangeError(*(find_fault(command) or ("kind", "does not fit"))) from None


def unpack_from(octets: memoryview, offset: int, kind: int) -> AnyCommand:
    """The record of a known kind at `offset` as a typed command."""
    layout = LAYOUTS[kind]
    values = dict(zip(layout.names, layout.record.unpack_from(octets, offset), strict=True))
    del values["kind_code"]
    command: Any = BY_KIND[kind](**values)
    return command  # type: ignore[no-any-return]


def find_fault(command: Command) -> tuple[str, str] | None:
    """The first field that its place in the record can't hold, and why; None when all fit."""
    for name in FIELDS[command.kind_code]:
        value = getattr(command, name)
        if not isinstance(value, int):
            return name, f"{value!r} is not a whole number"
        limits = np.iinfo(COMMAND[name])
        if not limits.min <= value <= limits.max:
            return name, f"{value} is not between {limits.min} and {limits.max}"
    return None
