"""When events happened that carry no time: between which times of events around them.

Events stand in the order in which they happened. A command that comes later has no earlier time,
and a transition does what was due before it does what it was asked for. So a trade that is no
uncross, and a change of the sample clock, are not before any time told ahead of them; they are
before a time of due work that is told behind them, and not after one of a command. A command whose
time is told in the same transition leaves nothing open; nor does the end of an auction behind its
trades. A sample or a funding does: what is due ahead of it, a slice of the fund's, is earlier.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.schema import events as ev
from engine.schema import vocabulary as words

# Of every kind of event with a time: which of its numbers that is.
PLACES = {
    kind: fields.index("time_ns") for kind, (_, fields) in ev.FIELDS.items() if "time_ns" in fields
} | {ev.FUNDING_LATE: 0}
WHYS_DUE = (words.WHY_UNCROSSED, words.WHY_FREEZE_MAX)
WHYS_OF_COMMANDS = (words.WHY_OPERATOR, words.WHY_VOLATILITY, words.WHY_TOO_VOLATILE)
# Items of due work without trades: whatever stands ahead of one is of another item.
ITEMS_APART = (ev.PREMIUM_SAMPLED, ev.FUNDING_PUBLISHED, ev.FUNDING_LATE)
NEVER_NS = 2**63 - 1

Numbers = NDArray[np.int64]


class Timed(NamedTuple):
    """Events with a time: where they stand, and whether their time is a command's or due work's;
    neither where it can be both."""

    rows: NDArray[np.intp]
    times: Numbers
    is_of_command: NDArray[np.bool_]
    is_due: NDArray[np.bool_]


def find_timed(events: NDArray[np.void]) -> Timed:
    rows = np.flatnonzero(np.isin(events["kind"], list(PLACES)))
    kinds, whys = events["kind"][rows], events["c"][rows]
    times = np.zeros(len(rows), np.int64)
    for kind, place in PLACES.items():
        of_kind = kinds == kind
        times[of_kind] = events["abcdef"[place]][rows[of_kind]]
    is_change = kinds == ev.STATE_CHANGED
    is_of_command = np.isin(kinds, (ev.PRICE_RECEIVED, ev.TIME_ADVANCED))
    is_of_command |= is_change & np.isin(whys, WHYS_OF_COMMANDS)
    is_due = np.isin(kinds, (ev.PREMIUM_SAMPLED, ev.FUNDING_PUBLISHED, ev.FUNDING_LATE))
    # A freeze without a price and without an operator right ahead of it came by staleness.
    ahead = events["kind"][np.maximum(rows - 1, 0)]
    is_asked = np.isin(ahead, (ev.INDEX_PUBLISHED, ev.CONSTITUENT_REDENOMINATED))
    is_stale = (whys == words.WHY_SOURCES) & ~is_asked
    is_due |= is_change & (np.isin(whys, WHYS_DUE) | is_stale)
    return Timed(rows, times, is_of_command, is_due)


def bound_moments(events: NDArray[np.void], rows: NDArray[np.intp]) -> tuple[Numbers, Numbers]:
    """The earliest and the latest time of each of these rows."""
    timed = find_timed(events)
    sequences = events["sequence"][rows]
    behind = np.searchsorted(timed.rows, rows)
    since = np.append(0, np.maximum.accumulate(timed.times))[behind]
    until = np.append(timed.times - timed.is_due, NEVER_NS)[behind]
    # Of the same transition: a command's time ahead of it, or the next one behind it if that can be
    # of the same item.
    for known, place in ((timed.rows[timed.is_of_command], -1), (timed.rows, 0)):
        at = np.append(known, -1)[np.searchsorted(known, rows) + place]
        is_apart = (place == 0) & np.isin(events["kind"][at], ITEMS_APART)
        is_same = (at >= 0) & (events["sequence"][at] == sequences) & ~is_apart
        own = timed.times[np.searchsorted(timed.rows, at[is_same])]
        since[is_same] = until[is_same] = own
    return since, np.maximum(since, until)


def count_in_prices(events: NDArray[np.void], trades: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether no affiliate stands on either side, by a margin account of its own neither; the next
    two legs are the taker's and the maker's."""
    opened = events["kind"] == ev.ACCOUNT_OPENED
    affiliates = events["account"][opened & (events["c"] == words.KIND_AFFILIATE)]
    isolated = events["kind"] == ev.CONTRACT_ISOLATED
    margin_accounts = events["a"][isolated & np.isin(events["account"], affiliates)]
    affiliates = np.append(affiliates, margin_accounts)
    legs = np.flatnonzero(events["kind"] == ev.LEG)
    is_affiliate = np.append(np.isin(events["account"][legs], affiliates), [False, False])
    first = np.searchsorted(legs, trades)
    is_either: NDArray[np.bool_] = is_affiliate[first] | is_affiliate[first + 1]
    return ~is_either
