"""Price commands: source price, index, mark, state, band cancels, supervision (2.6 e-f, 5.3, 6)."""

from engine.book.levels import find_key_from, find_level, key_of, ladder_of
from engine.kernel import cold, kernel
from engine.schema import events, refusals
from engine.schema.vocabulary import (
    BUY,
    CANCEL_BAND,
    NONE,
    SELL,
    STATE_AUCTION,
    STATE_CONTINUOUS,
    STATE_FROZEN,
    STATE_REDUCE_ONLY,
    WHY_FRESH_MARK,
    WHY_MARK_FREE,
    WHY_MARK_HELD,
)
from engine.state.access import CONTRACT, ENGINE, LADDER, LEVEL, SOURCE
from engine.state.events import emit
from engine.trading_state import LIFELESS, is_one_of
from engine.transition.due import freeze_contract
from engine.transition.due_times import note_due
from engine.transition.orders import cancel_working
from engine.transition.states import enter_state
from engine.transition.turns import look_at_prices
from engine.transition.waterfall import supervise_step
from funding.index import publish_index
from funding.mark import publish_mark
from funding.premium import compute_sample_time
from funding.sources import source_at
from risk.accounts import is_listed
from risk.step import begin_step, enter_step


@kernel
def check_pair(arena, contract, source, price_ticks):
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    if is_one_of(LIFELESS, CONTRACT(arena, contract).state):
        return refusals.OK  # one that is not live must not keep a price from the others
    if source < 1 or source > CONTRACT(arena, contract).sources:
        return refusals.SOURCE_UNKNOWN
    terms = CONTRACT(arena, contract)
    if price_ticks < terms.price_ticks_min or price_ticks > terms.price_ticks_max:
        return refusals.SOURCE_PRICE_INVALID
    return refusals.OK


@cold
def cancel_level(arena, ladder, key):
    """Cancel every order of a level, oldest first; the level goes with its last order."""
    level = find_level(arena, ladder, key)
    while level != NONE and LEVEL(arena, level).head != NONE:
        cancel_working(arena, LEVEL(arena, level).head, CANCEL_BAND)
        level = find_level(arena, ladder, key)
    return 0


@cold
def cancel_outside_band(arena, contract, side):
    """Cancel a side's resting orders outside the static band, in priority order (5.3)."""
    terms = CONTRACT(arena, contract)
    ladder = ladder_of(contract, side)
    inner_ticks = terms.band_high_ticks if side == BUY else terms.band_low_ticks
    outer_ticks = terms.band_low_ticks if side == BUY else terms.band_high_ticks
    inner_key = key_of(inner_ticks, side)
    key = LADDER(arena, ladder).best_key
    while key != NONE and key < inner_key:
        cancel_level(arena, ladder, key)
        key = LADDER(arena, ladder).best_key
    key = find_key_from(arena, ladder, key_of(outer_ticks, side) + 1)
    while key != NONE:
        cancel_level(arena, ladder, key)
        key = find_key_from(arena, ladder, key)
    return 0


@kernel
def note_opening(arena, contract, now_ns):
    """Start or resume the clocks of samples and funding; frozen time leaves the interval (7.3)."""
    terms = CONTRACT(arena, contract)
    if terms.opened == 0:
        terms.opened = 1
        terms.funding_length_ns = terms.funding_interval_ns
        terms.funding_next_ns = (
            now_ns // terms.funding_interval_ns + 1
        ) * terms.funding_interval_ns
    else:
        until_ns = min(now_ns, terms.funding_next_ns)
        terms.frozen_ns += max(0, until_ns - terms.frozen_from_ns)
        terms.frozen_until_ns = now_ns
    terms.sample_next_ns = compute_sample_time(terms, now_ns)


@kernel
def follow_mark(arena, contract, is_first):
    """The state that a new mark brings: a contract that has traded before reopens by an auction,
    unless it was closed or collected orders before it froze (5.4); while the move limit holds the
    mark, what would be continuous is reduce-only (6.2)."""
    terms = CONTRACT(arena, contract)
    if terms.state == STATE_FROZEN:
        opens = is_first and terms.opening_auction == 0
        state_to = STATE_CONTINUOUS if opens else STATE_AUCTION
        if terms.state_kept != STATE_FROZEN:
            state_to = terms.state_kept + 0
        enter_state(arena, contract, state_to, WHY_FRESH_MARK)
    elif terms.state == STATE_CONTINUOUS and terms.held == 1:
        enter_state(arena, contract, STATE_REDUCE_ONLY, WHY_MARK_HELD)
    elif terms.state == STATE_REDUCE_ONLY and terms.held == 0:
        if terms.state_why == WHY_MARK_HELD:
            enter_state(arena, contract, STATE_CONTINUOUS, WHY_MARK_FREE)


@cold
def work_mark(arena, contract, mark_before, value_before, must_enter):
    """What a new mark does to orders and triggers, and its part in the step (2.6 e); 1 when the
    contract's holders must be valued: the mark has moved, or `must_enter` is 1."""
    terms = CONTRACT(arena, contract)
    cancel_outside_band(arena, contract, BUY)
    cancel_outside_band(arena, contract, SELL)
    look_at_prices(arena, contract)
    if terms.mark_ticks == mark_before and must_enter == 0:
        return 0
    enter_step(arena, contract, terms.mark_value - value_before)
    return 1


@cold
def publish_pair(arena, contract, source, price_ticks):
    """Take one source price to the mark; 1 when the contract's holders must be valued."""
    terms = CONTRACT(arena, contract)
    now_ns = ENGINE(arena, 0).clock_ns
    terms.step_priced = ENGINE(arena, 0).step
    if is_one_of(LIFELESS, terms.state):
        emit(arena, events.PRICE_RECEIVED, contract, 0, source, price_ticks, now_ns, 0, 0, 0)
        return 0
    quote = SOURCE(arena, source_at(contract, source - 1))
    quote.price_ticks = price_ticks
    quote.time_ns = now_ns
    emit(arena, events.PRICE_RECEIVED, contract, 0, source, price_ticks, now_ns, 0, 0, 0)
    if publish_index(arena, contract, now_ns) == 0:
        if terms.state != STATE_FROZEN:
            freeze_contract(arena, contract)
            note_due(arena)
        return 0
    was_frozen = terms.state == STATE_FROZEN
    is_first = terms.opened == 0
    if was_frozen:
        note_opening(arena, contract, now_ns)
    mark_before = terms.mark_ticks
    value_before = terms.mark_value + 0
    terms.held = publish_mark(arena, contract, now_ns)
    follow_mark(arena, contract, is_first)
    note_due(arena)
    return work_mark(arena, contract, mark_before, value_before, 1 if was_frozen else 0)


@cold
def close_step(arena, must_supervise):
    """Supervise the step that ends here and begin the next; returns 0, nothing to supervise."""
    if must_supervise != 0:
        supervise_step(arena)
    begin_step(arena)
    return 0


@kernel
def is_priced(arena, contract):
    return CONTRACT(arena, contract).step_priced == ENGINE(arena, 0).step


@cold
def publish_prices(
    arena, source, contract, price_ticks, contract_2, price_ticks_2, contract_3, price_ticks_3
):
    """One source's prices; contracts named once share a step, a repeated one starts the next."""
    code = check_pair(arena, contract, source, price_ticks)
    if code == refusals.OK and contract_2 != 0:
        code = check_pair(arena, contract_2, source, price_ticks_2)
    if code == refusals.OK and contract_3 != 0:
        code = check_pair(arena, contract_3, source, price_ticks_3)
    if code != refusals.OK:
        return code
    # From here the prices stand; nothing below may refuse.

    begin_step(arena)
    must_supervise = publish_pair(arena, contract, source, price_ticks)
    if contract_2 != 0:
        if contract_2 == contract:
            must_supervise = close_step(arena, must_supervise)
        must_supervise |= publish_pair(arena, contract_2, source, price_ticks_2)
    if contract_3 != 0:
        if is_priced(arena, contract_3):
            must_supervise = close_step(arena, must_supervise)
        must_supervise |= publish_pair(arena, contract_3, source, price_ticks_3)
    close_step(arena, must_supervise)
    return refusals.OK
