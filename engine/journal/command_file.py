"""A file of commands: a run of an exchange, to be replayed (13.1).

The file is that of `record_file.py` with one record for each command; a mass quote is one record
and one more for each of its quotes.
"""

from pathlib import Path

from engine.journal import record_file
from engine.journal.record_file import (
    Layout,
    RecordFile,
    RecordFileError,
    RecordFileWriter,
    Records,
    find_stray_fault,
    make_zero_masks,
    read_record_file,
)
from engine.schema.commands import COMMAND, FIELDS
from engine.schema.contract import Config

MAGIC = b"LIONROCK"
ZERO_MASKS = make_zero_masks(COMMAND, FIELDS)


class CommandFileError(RecordFileError):
    """What is wrong with a command file, in one line."""


def find_stray_bytes(records: Records) -> int | None:
    """Find the first record with a byte set that its kind does not use.

    Records of unknown kind pass: the engine refuses them (2.2).
    """
    found = record_file.find_stray_bytes(ZERO_MASKS, records)
    return None if found is None else found[0]


def find_fault(records: Records) -> tuple[int, str] | None:
    return find_stray_fault(ZERO_MASKS, records, lambda kind: f"a command of kind {kind}")


LAYOUT = Layout(MAGIC, 1, COMMAND, "COMMAND", CommandFileError, find_fault)


class CommandFileWriter(RecordFileWriter):
    """Writes a command file."""

    layout = LAYOUT


def write_command_file(path: Path | str, config: Config, records: Records) -> None:
    """Write a whole file at once."""
    with CommandFileWriter(path, config) as writer:
        writer.append(records)


def read_command_file(path: Path | str) -> RecordFile:
    """Map a file after every byte of it has been checked."""
    return read_record_file(LAYOUT, path)
