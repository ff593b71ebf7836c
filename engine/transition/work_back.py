"""The fund's positions are worked back into the market, slice by slice (9.6).

A slice is an order of the fund's account: from the check of the state on it is admitted, accepted,
swept and ended as a client's is.
"""

from engine.book.orders import take_order_slot
from engine.kernel import cold, kernel
from engine.schema import refusals
from engine.schema.vocabulary import (
    BUY,
    CANCEL_REDUCE_ONLY,
    FUND,
    IOC,
    LIMIT,
    NONE,
    REDUCE_ONLY,
    SELL,
    STATE_CONTINUOUS,
    STATE_REDUCE_ONLY,
    STP_CANCEL_OLDEST,
)
from engine.state.access import ACCOUNT, ADMISSION, CONTRACT, POSITION
from engine.state.arithmetic import absolute, clamp, multiply_rate_floor
from engine.state.layout import LIQUIDATING
from engine.transition.admission import check_order
from engine.transition.orders import emit_reduced
from engine.transition.placing import emit_accepted, work_or_rest, write_order
from risk.accounts import find_position
from risk.reserve import apply_reserve
from risk.work_back import set_next_slice


@kernel
def compute_slice_price(terms, side):
    """The limit of a slice: a share beyond the mark, inside the static band."""
    reach_ticks = multiply_rate_floor(terms.mark_ticks, terms.fund_slice_slippage_ppb)
    price_ticks = terms.mark_ticks + reach_ticks if side == BUY else terms.mark_ticks - reach_ticks
    return clamp(price_ticks, terms.band_low_ticks, terms.band_high_ticks)


@cold
def send_slice(arena, contract, position):
    """An immediate reduce-only order of the fund's; one that is refused leaves no trace."""
    terms = CONTRACT(arena, contract)
    held_lots = POSITION(arena, position).lots + 0
    side = SELL if held_lots > 0 else BUY
    asked = min(terms.fund_slice_lots, absolute(held_lots))
    price_ticks = compute_slice_price(terms, side)
    code = check_order(
        arena, contract, FUND, position, side, price_ticks, asked, REDUCE_ONLY, NONE, 0
    )
    if code != refusals.OK:
        return code
    lots = ADMISSION(arena, 0).lots
    # From here the order is accepted; nothing below may refuse.

    slot = take_order_slot(arena)
    write_order(
        arena, slot, 0, contract, side, STP_CANCEL_OLDEST,
        FUND, position, price_ticks, lots, REDUCE_ONLY,
    )  # fmt: skip
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    emit_accepted(arena, slot, LIMIT, IOC, REDUCE_ONLY, price_ticks, asked)
    if lots < asked:
        emit_reduced(arena, slot, asked - lots, CANCEL_REDUCE_ONLY)
    work_or_rest(arena, slot, IOC)
    return refusals.OK


@cold
def work_slice(arena, contract):
    """The fund's slice in a contract is due: it is sent where orders trade at once and anything
    that reduces is taken, and the next one comes while lots are left."""
    state = CONTRACT(arena, contract).state
    position = find_position(arena, FUND, contract)
    is_open = state == STATE_CONTINUOUS or state == STATE_REDUCE_ONLY
    if is_open and ACCOUNT(arena, FUND).flags & LIQUIDATING == 0:
        send_slice(arena, contract, position)
    if POSITION(arena, position).lots != 0:
        set_next_slice(arena, contract)
    return 0
