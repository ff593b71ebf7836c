"""A contract comes into another trading state, with what that starts and ends (5.1, 5.3)."""

from engine.book.triggers import look_at
from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import (
    NONE,
    SOURCE_INDEX,
    SOURCE_LAST,
    SOURCE_MARK,
    STATE_AUCTION,
    STATE_CONTINUOUS,
    STATE_REDUCE_ONLY,
    WHY_MARK_HELD,
)
from engine.state.access import CONTRACT, ENGINE
from engine.state.events import emit
from engine.trading_state import COLLECTING, TRIGGERING, is_one_of
from engine.transition.waterfall import change_state
from risk.supervision import note_all_waking


@kernel
def is_collecting(arena, contract):
    return is_one_of(COLLECTING, CONTRACT(arena, contract).state)


@kernel
def must_reduce(terms):
    """Whether the contract takes only orders that reduce a position (6.2), be it through its
    state, a held mark, or because it will be reduce-only after the auction."""
    return (
        terms.state == STATE_REDUCE_ONLY
        or terms.held != 0
        or terms.state_open == STATE_REDUCE_ONLY
    )


@cold
def start_auction(arena, contract):
    terms = CONTRACT(arena, contract)
    terms.auction_end_ns = ENGINE(arena, 0).clock_ns + terms.auction_ns
    terms.auction_extensions = 0
    emit(arena, events.AUCTION_STARTED, contract, 0, terms.auction_end_ns, 0, 0, 0, 0, 0)
    return 0


@cold
def enter_state(arena, contract, state_to, why):
    """Change the state for good: a waterfall, which gives it back, passes by this. Triggers look
    when trading begins: what they watch has moved while they slept (4.2).

    The caller notes the due times anew.
    """
    terms = CONTRACT(arena, contract)
    was_collecting = is_collecting(arena, contract)
    was_triggering = is_one_of(TRIGGERING, terms.state)
    if state_to == STATE_CONTINUOUS and terms.held != 0:
        state_to = STATE_REDUCE_ONLY
        why = WHY_MARK_HELD
    change_state(arena, contract, state_to, why)
    terms.state_why = why
    terms.auction_end_ns = 0
    if is_collecting(arena, contract):
        if not was_collecting:
            terms.auction_next_ns = ENGINE(arena, 0).clock_ns + terms.auction_indicative_ns
        if state_to == STATE_AUCTION:
            start_auction(arena, contract)
    else:
        terms.auction_next_ns = 0
    note_all_waking(arena)
    if is_one_of(TRIGGERING, terms.state) and not was_triggering:
        look_at(arena, contract, SOURCE_INDEX, terms.index_ticks)
        look_at(arena, contract, SOURCE_MARK, terms.mark_ticks)
        look_at(arena, contract, SOURCE_LAST, terms.last_trade_ticks)
    return 0


@kernel
def open_state_of(terms):
    """How the contract trades when an auction that nobody ends by hand is over: as an operator
    last set it."""
    return terms.state_open if terms.state_open != NONE else STATE_CONTINUOUS
