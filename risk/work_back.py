"""When the fund sends the next slice of its position in a contract to the market (9.6).

The times are multiples of an interval, moved by an offset drawn from a commanded seed, so that
nobody knows when to stand in the fund's way. A position has such a time from the moment it is
opened until it is flat, whatever it is opened and closed by.
"""

from engine.kernel import cold, kernel
from engine.schema.vocabulary import FUND
from engine.state.access import CONTRACT, ENGINE, POSITION
from engine.state.due import hasten_due


@kernel
def compute_slice_time(terms, now_ns):
    """The first time of the contract's slices that lies ahead."""
    past_ns = (now_ns - terms.slice_offset_ns) % terms.fund_slice_ns
    return now_ns - past_ns + terms.fund_slice_ns


@cold
def set_next_slice(arena, contract):
    """Let the next slice be due at the first time ahead."""
    terms = CONTRACT(arena, contract)
    terms.slice_next_ns = compute_slice_time(terms, ENGINE(arena, 0).clock_ns)
    hasten_due(arena, terms.slice_next_ns)
    return 0


@kernel
def note_opened(arena, contract, position):
    """A position has been opened from flat: if it is the fund's, its slices begin."""
    if POSITION(arena, position).account == FUND:
        if CONTRACT(arena, contract).fund_slice_lots > 0:
            set_next_slice(arena, contract)


@kernel
def note_closed(arena, contract, position):
    """A position has become flat: if it is the fund's, no slice is due any more."""
    if POSITION(arena, position).account == FUND:
        CONTRACT(arena, contract).slice_next_ns = 0
