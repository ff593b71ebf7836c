"""The end of a contract: its delisting price, and every position closed at it (3.2, 5.4)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import (
    BUY,
    CANCEL_STATE,
    NONE,
    SELL,
    STATE_FROZEN,
    STATE_SETTLED,
    STATE_SETTLING,
    WHY_FREEZE_MAX,
    WHY_OPERATOR,
    WHY_SETTLED,
)
from engine.state.access import ACCOUNT, CONTRACT, ENGINE, POSITION
from engine.state.arithmetic import absolute
from engine.state.events import emit
from engine.state.layout import NEGATIVE
from engine.transition.orders import cancel_linked, cancel_of_contract
from engine.transition.states import enter_state
from engine.transition.transfers import mark_value_of
from engine.transition.waterfall import finish_negative
from funding.mark import set_mark
from funding.windows import INDEX, count_of, mean_of, window_of
from risk.accounts import find_next_holder
from risk.position_history import forget_profit
from risk.settlement import cover_if_short, settle_side
from risk.step import begin_step, enter_step
from risk.supervision import announce_negative, note_suspect, scan_step


@cold
def apply_delisting_price(arena, contract):
    """The mean of the last index values on the sample clock, rounded down to a tick, becomes the
    mark, for good, as a part of the present step."""
    terms = CONTRACT(arena, contract)
    window = window_of(contract, INDEX)
    mark_before = terms.mark_ticks
    value_before = terms.mark_value + 0
    samples = count_of(arena, window)
    price_ticks = mean_of(arena, window) if samples > 0 else mark_before
    set_mark(arena, contract, price_ticks)
    terms.held = 0
    emit(
        arena, events.SETTLEMENT_PRICED, contract, 0,
        price_ticks, samples, mark_before, 0, 0, 0,
    )  # fmt: skip
    enter_step(arena, contract, terms.mark_value - value_before)
    return 0


@cold
def begin_settlement(arena, contract, why):
    """End the contract's orders and give it its last mark; the caller has begun a step."""
    enter_state(arena, contract, STATE_SETTLING, why)
    cancel_of_contract(arena, contract, CANCEL_STATE)
    cancel_linked(arena, NONE)
    return apply_delisting_price(arena, contract)


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
    forget_profit(arena, position)
    cover_if_short(arena, account)
    return 0


@cold
def note_holders(arena, contract):
    """Look again, at the end of the command, at who is not below zero and holds a position in the
    contract: it may be what kept him above his maintenance elsewhere."""
    position = find_next_holder(arena, contract, NONE)
    while position != NONE:
        account = POSITION(arena, position).account + 0
        if ACCOUNT(arena, account).flags & NEGATIVE == 0:
            note_suspect(arena, account)
        position = find_next_holder(arena, contract, account)
    return 0


@cold
def end_settlements(arena):
    """Finish what is settling: whoever is below zero at the new marks goes through the waterfall,
    then every position is closed. Who is above zero is asked for no margin before that: he has no
    position here behind it."""
    scan_step(arena)
    negative = announce_negative(arena)
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        if CONTRACT(arena, contract).state == STATE_SETTLING:
            note_holders(arena, contract)
    finish_negative(arena, negative)
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        if CONTRACT(arena, contract).state != STATE_SETTLING:
            continue
        position = find_next_holder(arena, contract, NONE)
        while position != NONE:
            account = POSITION(arena, position).account + 0
            settle_position(arena, contract, account, position)
            position = find_next_holder(arena, contract, account)
        enter_state(arena, contract, STATE_SETTLED, WHY_SETTLED)
    return 0


@cold
def settle_contract(arena, contract):
    """Settle one contract, as an operator wants it (3.2)."""
    begin_step(arena)
    begin_settlement(arena, contract, WHY_OPERATOR)
    return end_settlements(arena)


@kernel
def freeze_end_of(terms):
    return terms.frozen_from_ns + terms.freeze_max_ns


@cold
def settle_frozen(arena):
    """Settle every contract whose longest freeze ends now (5.4): in one step, so that nobody's
    hedge counts before the position that it covers."""
    now_ns = ENGINE(arena, 0).clock_ns
    begin_step(arena)
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        terms = CONTRACT(arena, contract)
        if terms.state == STATE_FROZEN and terms.opened == 1 and freeze_end_of(terms) == now_ns:
            begin_settlement(arena, contract, WHY_FREEZE_MAX)
    return end_settlements(arena)
