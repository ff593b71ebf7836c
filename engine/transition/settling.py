"""The end of a contract: its delisting price, and every position closed at it (3.2, 5.4)."""

from engine.kernel import cold
from engine.schema import events
from engine.schema.vocabulary import (
    BUY,
    CANCEL_STATE,
    NONE,
    SELL,
    SIDES_BOTH,
    STATE_SETTLED,
    STATE_SETTLING,
    WHY_SETTLED,
)
from engine.state.access import CONTRACT, ENGINE, POSITION
from engine.state.arithmetic import absolute
from engine.state.events import emit
from engine.transition.orders import cancel_linked, cancel_of_position
from engine.transition.states import enter_state
from engine.transition.transfers import mark_value_of
from engine.transition.waterfall import supervise_step
from funding.mark import set_mark
from funding.windows import INDEX, count_of, mean_of, window_of
from risk.accounts import find_position
from risk.settlement import cover_if_short, settle_side
from risk.step import begin_step, enter_step
from risk.supervision import value_again


@cold
def cancel_of_contract(arena, contract):
    """Cancel every order of a contract, by account id."""
    for account in range(1, ENGINE(arena, 0).accounts_top + 1):
        position = find_position(arena, account, contract)
        if position != NONE:
            cancel_of_position(arena, position, CANCEL_STATE, 0, SIDES_BOTH, 0)
    return cancel_linked(arena, NONE)


@cold
def apply_delisting_price(arena, contract):
    """The mean of the last index values on the sample clock becomes the mark, for good, and the
    step that it makes is supervised: nobody comes out of it below zero."""
    terms = CONTRACT(arena, contract)
    window = window_of(contract, INDEX)
    mark_before = terms.mark_ticks
    samples = count_of(arena, window)
    price_ticks = mean_of(arena, window) if samples > 0 else mark_before
    set_mark(terms, price_ticks)
    terms.held = 0
    emit(
        arena, events.SETTLEMENT_PRICED, contract, 0,
        price_ticks, samples, mark_before, 0, 0, 0,
    )  # fmt: skip
    begin_step(arena)
    enter_step(arena, contract, (price_ticks - mark_before) * terms.tick_value)
    supervise_step(arena, 0)
    return 0


@cold
def settle_position(arena, contract, account, position):
    """Close a position at the mark, against nobody: longs and shorts are equal (I2), so what one
    side is paid the other has lost."""
    held = POSITION(arena, position)
    lots = absolute(held.lots)
    side = SELL if held.lots > 0 else BUY
    value = mark_value_of(arena, contract, lots)
    emit(arena, events.POSITION_SETTLED, contract, account, lots, value, 0, 0, 0, 0)
    settle_side(arena, contract, account, position, 0, side, lots, value, 0)
    cover_if_short(arena, account)
    value_again(arena, account)
    return 0


@cold
def settle_contract(arena, contract, why):
    """Take a contract from whatever it is to settled, in one transition."""
    enter_state(arena, contract, STATE_SETTLING, why)
    cancel_of_contract(arena, contract)
    apply_delisting_price(arena, contract)
    for account in range(1, ENGINE(arena, 0).accounts_top + 1):
        position = find_position(arena, account, contract)
        if position != NONE and POSITION(arena, position).lots != 0:
            settle_position(arena, contract, account, position)
    enter_state(arena, contract, STATE_SETTLED, WHY_SETTLED)
    return 0
