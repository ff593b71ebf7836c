"""What interrupts trading: the dynamic band, and an operator (5.1, 5.3)."""

from engine.kernel import cold
from engine.schema import events, refusals
from engine.schema.bounds import VOLATILITY_AUCTIONS_MAX
from engine.schema.vocabulary import (
    STATE_AUCTION,
    STATE_FROZEN,
    STATE_HALTED,
    STATE_SETTLING,
    STATE_SUSPENDED,
    WHY_OPERATOR,
    WHY_TOO_VOLATILE,
    WHY_VOLATILITY,
)
from engine.state.access import CONTRACT, ENGINE, VOLATILITY_TIME
from engine.state.events import emit
from engine.state.values import size_of_fill
from engine.trading_state import TRADING, is_one_of, may_operator_change
from engine.transition.auctions import uncross_into
from engine.transition.due_times import note_due
from engine.transition.settling import settle_contract
from engine.transition.states import enter_state, is_collecting
from risk.accounts import is_listed


@cold
def is_too_volatile(arena, contract):
    """1 when as many volatility auctions started in the window as there may be."""
    terms = CONTRACT(arena, contract)
    count = terms.volatility_auctions + 0
    at_most = terms.volatility_auctions_max
    if at_most == 0 or count < at_most:
        return 0
    row = contract * VOLATILITY_AUCTIONS_MAX + (count - at_most) % VOLATILITY_AUCTIONS_MAX
    since_ns = ENGINE(arena, 0).clock_ns - terms.volatility_window_ns
    return 1 if VOLATILITY_TIME(arena, row).value > since_ns else 0


@cold
def start_volatility_auction(arena, contract):
    terms = CONTRACT(arena, contract)
    row = contract * VOLATILITY_AUCTIONS_MAX + terms.volatility_auctions % VOLATILITY_AUCTIONS_MAX
    VOLATILITY_TIME(arena, row).value = ENGINE(arena, 0).clock_ns
    terms.volatility_auctions += 1
    enter_state(arena, contract, STATE_AUCTION, WHY_VOLATILITY)
    return note_due(arena)


@cold
def interrupt_trading(arena, contract):
    """A client's sweep would have left the dynamic band: an auction, or a halt after too many."""
    if is_too_volatile(arena, contract) == 0:
        return start_volatility_auction(arena, contract)
    enter_state(arena, contract, STATE_HALTED, WHY_TOO_VOLATILE)
    return note_due(arena)


@cold
def is_rest_small(arena, contract, lots, price_ticks):
    """1 when a rest at the dynamic band is worth too little to start an auction."""
    terms = CONTRACT(arena, contract)
    worth = size_of_fill(terms, price_ticks, lots)
    return 1 if worth < terms.band_dynamic_value_min else 0


@cold
def change_trading_state(arena, contract, state_to):
    """An operator's change of state; out of a state that collects into trading it uncrosses."""
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    terms = CONTRACT(arena, contract)
    if not may_operator_change(terms.state, state_to):
        return refusals.STATE_CHANGE_INVALID
    if terms.state == STATE_FROZEN and terms.state_kept != STATE_SUSPENDED:
        return refusals.STATE_CHANGE_INVALID
    # From here the change stands; nothing below may refuse.

    if is_one_of(TRADING, state_to):
        terms.state_open = state_to
    if state_to == STATE_SETTLING:
        settle_contract(arena, contract)
    elif is_collecting(arena, contract) and is_one_of(TRADING, state_to):
        uncross_into(arena, contract, state_to, WHY_OPERATOR)
    else:
        enter_state(arena, contract, state_to, WHY_OPERATOR)
    note_due(arena)
    return refusals.OK


@cold
def set_band(arena, contract, low_ticks, high_ticks):
    """Fix the dynamic band; 0 and 0 let it follow the last trade again."""
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    terms = CONTRACT(arena, contract)
    is_off = low_ticks == 0 and high_ticks == 0
    is_band = (
        low_ticks >= terms.price_ticks_min
        and low_ticks <= high_ticks
        and high_ticks <= terms.price_ticks_max
    )
    if not is_off and not is_band:
        return refusals.BAND_INVALID
    terms.band_set_low_ticks = low_ticks
    terms.band_set_high_ticks = high_ticks
    emit(arena, events.BAND_SET, contract, 0, low_ticks, high_ticks, 0, 0, 0, 0)
    return refusals.OK
