"""Small DBN files of market by order, for the tests of reader and importer."""

import numpy as np

from engine.importers.dbn_file import FLAG_LAST, RECORD

TICK = 250_000_000  # a quarter
SECOND = 1_000_000_000
START_NS = 1_700_000_000 * SECOND


def header(symbols=(b"ESH4",), version=1, schema=0, send_times=0, length=None, count=None):
    """What stands before the records."""
    fixed = b"GLBX.MDP3".ljust(16, b"\0") + schema.to_bytes(2, "little") + bytes(32)
    fixed += bytes([1, 0, send_times]) + bytes(47 + 4)
    listed = b"".join(symbol.ljust(22, b"\0") for symbol in symbols)
    body = fixed + (len(symbols) if count is None else count).to_bytes(4, "little") + listed
    body += bytes(12)  # no partial symbols, none that were not found, no mappings
    size = len(body) if length is None else length
    return b"DBN" + bytes([version]) + size.to_bytes(4, "little") + body


def record(action, side="N", order=0, ticks=0, size=0, *, flags=FLAG_LAST, seconds=0, **others):
    """One record; prices in quarters, times in seconds from the start."""
    row = np.zeros(1, RECORD)
    row["length"], row["record_type"], row["instrument"] = 14, 0xA0, 17
    row["action"], row["side"] = ord(action), ord(side)
    row["order"], row["price"], row["size"] = order, ticks * TICK, size
    row["flags"], row["time_ns"] = flags, START_NS + seconds * SECOND
    for name, value in others.items():
        row[name] = value
    return row.tobytes()


def event(*rows):
    """Records of one event, five columns each: only the last says that it is the last."""
    flags = [0] * (len(rows) - 1) + [FLAG_LAST]
    return b"".join(record(*row, flags=flag) for row, flag in zip(rows, flags, strict=True))
