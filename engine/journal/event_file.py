"""A file of events: what an exchange published, in order; a reader needs nothing else (13.1).

The file is that of `record_file.py` with one record for each event. It begins with the first
command of an exchange that was opened with the configuration in it, so a reader knows the state
before the first event: no price, no mark, no account, every contract frozen and every sum 0.
"""

from pathlib import Path

import numpy as np

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
from engine.schema.contract import Config
from engine.schema.events import EVENT, FIELDS

MAGIC = b"LIONEVNT"
NUMBERS = "abcdef"  # what FIELDS names, in its order
OF_EVERY_KIND = ("sequence", "contract", "account")
ZERO_MASKS = make_zero_masks(
    EVENT,
    {kind: (*OF_EVERY_KIND, *NUMBERS[: len(names)]) for kind, (_, names) in FIELDS.items()},
)
KINDS = np.array(sorted(FIELDS))


class EventFileError(RecordFileError):
    """What is wrong with an event file, in one line."""


def find_fault(records: Records) -> tuple[int, str] | None:
    """Find the first event that no reader of this version understands."""
    is_unknown = ~np.isin(records["kind"], KINDS)
    if is_unknown.any():
        index = int(is_unknown.argmax())
        return index, f"kind: {int(records['kind'][index])} is no kind of event known here"
    return find_stray_fault(ZERO_MASKS, records, lambda kind: FIELDS[kind][0])


LAYOUT = Layout(MAGIC, 1, EVENT, "EVENT", EventFileError, find_fault)


class EventFileWriter(RecordFileWriter):
    """Writes an event file."""

    layout = LAYOUT


def write_event_file(path: Path | str, config: Config, records: Records) -> None:
    """Write a whole file at once."""
    with EventFileWriter(path, config) as writer:
        writer.append(records)


def read_event_file(path: Path | str) -> RecordFile:
    """Map a file after every byte of it has been checked."""
    found = read_record_file(LAYOUT, path)
    contracts = found.records["contract"]
    is_foreign = (contracts < 0) | (contracts > len(found.config.contracts))
    if is_foreign.any():
        index = int(is_foreign.argmax())
        what = f"contract: {int(contracts[index])} is not in the configuration"
        raise EventFileError(f"{path}: record {index}: {what}")
    return found
