"""Which records of a batch are commands: a mass quote and its rows are one (4.8).

The engine numbers commands in the same way. It also counts a row without a mass quote before it,
and refuses it; a log does not take one, because a row at the head of a batch would belong to
whatever the batch before it ended with once both are replayed in one run.
"""

import numpy as np
from numpy.typing import NDArray

from engine.journal.command_file import ZERO_MASKS, find_fault
from engine.journal.command_log import Records
from engine.journal.log_errors import RecordsRefused, SequenceMismatch
from engine.schema.bounds import QUOTES_MAX
from engine.schema.commands import COMMAND, MASS_QUOTE, QUOTE_ROW
from engine.transition.framing import DOUBTFUL, count_if_plain

MASKS_AT = ZERO_MASKS.ctypes.data


def must_continue(
    records: Records, expected_sequence: int, last: int, records_max: int
) -> tuple[Records, int]:
    """The batch of an append in one piece, and its commands; refuses one that does not continue a
    log behind its last sequence, or can't be kept."""
    if expected_sequence != last + 1:
        raise SequenceMismatch(expected_sequence, last)
    records = np.ascontiguousarray(records)
    commands = count_commands(records)
    if len(records) > records_max:
        raise RecordsRefused(f"{len(records)} records where a segment has room for {records_max}")
    return records, commands


def count_commands(records: Records) -> int:
    """Count the commands of a batch that can be logged as it is; refuses any other."""
    if records.dtype != COMMAND or records.ndim != 1:
        raise RecordsRefused("records must be one row of dtype COMMAND")
    if not len(records):
        raise RecordsRefused("the batch is empty")
    counted = count_plain(records)
    return counted if counted != DOUBTFUL else _count_or_refuse(records)


def count_plain(records: Records) -> int:
    """The commands of a batch without anything to look at again, else DOUBTFUL."""
    if not records.flags.c_contiguous:
        return DOUBTFUL
    return int(count_if_plain(records.ctypes.data, len(records), MASKS_AT))


def _count_or_refuse(records: Records) -> int:
    """The same by columns, with a reason for what is refused."""
    fault = find_fault(records)
    if fault is not None:
        raise RecordsRefused(f"record {fault[0]}: {fault[1]}")
    blank = find_blank(records)
    if blank is not None:
        raise RecordsRefused(f"record {blank}: it is blank")
    starts = find_starts(records)
    stray = _find_stray_row(records, starts)
    if stray is not None:
        raise RecordsRefused(f"record {stray}: a quote row that belongs to no mass quote before it")
    return len(starts)


def find_blank(records: Records) -> int | None:
    """Find the first record with fewer than two bits set: it can't be told from unwritten bytes."""
    # A time and a kind are two bits; bits are counted only where one of them is 0.
    suspects = np.flatnonzero((records["time_ns"] == 0) | (records["kind"] == 0))
    if not len(suspects):
        return None
    words = records.view("<u8").reshape(-1, 8)[suspects]
    blanks = suspects[np.bitwise_count(words).sum(axis=1) < 2]
    return int(blanks[0]) if len(blanks) else None


def find_starts(records: Records) -> NDArray[np.intp]:
    """Index of the first record of each command."""
    return np.flatnonzero(records["kind"] != QUOTE_ROW)


def _find_stray_row(records: Records, starts: NDArray[np.intp]) -> int | None:
    """Find the first row that the engine would take for a command of its own."""
    if len(starts) == len(records):
        return None
    if not len(starts) or starts[0] != 0:
        return 0
    rows = np.diff(starts, append=len(records)) - 1
    quotes = records["quotes"][starts]
    is_framed = (records["kind"][starts] == MASS_QUOTE) & (quotes >= 1) & (quotes <= QUOTES_MAX)
    is_stray = (rows > 0) & ~(is_framed & (rows == quotes))
    return int(starts[is_stray][0]) + 1 if is_stray.any() else None
