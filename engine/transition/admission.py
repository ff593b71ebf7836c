"""Admission: who may, what shape, which state, which price, how much, and margin before the book.

The ladder of refusals is the order of the codes in `engine.schema.refusals`. Above the line in
`place_order` nothing is written but the account's id window.
"""

from engine.book.levels import has_page_room, ladder_of
from engine.book.orders import best_price_ticks, would_trade
from engine.kernel import cold, kernel
from engine.schema import bounds, refusals
from engine.schema.vocabulary import (
    BUY,
    CLIENT_FIRST,
    FLAGS_CLIENT,
    FOK,
    IOC,
    LIMIT,
    MARKET,
    NONE,
    POST_ONLY,
    REDUCE_ONLY,
    SELL,
    STATE_FROZEN,
    STATE_REDUCE_ONLY,
    STP_NONE,
)
from engine.state.access import (
    ACCOUNT,
    ADMISSION,
    CONTRACT,
    ENGINE,
    LADDER,
    ORDER,
    POSITION,
    has_bit,
    set_bit,
    shift_left,
    to_bits,
)
from engine.state.arithmetic import absolute, clamp, multiply_rate_floor
from engine.state.layout import LIQUIDATING
from risk.accounts import has_position_room
from risk.margin import compute_initial_of, compute_need, value_for_order
from risk.reserve import compute_loss_fee, compute_reserve, compute_worst_lots

WINDOW = 64


@kernel
def check_client(arena, account, client_id):
    """Account and id window (2.4); an id that passes is used up, whatever happens next."""
    if account < CLIENT_FIRST or account > bounds.ACCOUNTS_MAX:
        return refusals.ACCOUNT_UNKNOWN
    record = ACCOUNT(arena, account)
    if record.group == 0:
        return refusals.ACCOUNT_UNKNOWN
    if client_id < 1 or client_id > bounds.CLIENT_ID_MAX:
        return refusals.CLIENT_ID_NOT_POSITIVE
    ahead = client_id - record.client_id_highest
    if ahead > 0:
        record.client_ids = (
            set_bit(shift_left(record.client_ids, ahead), 0) if ahead < WINDOW else to_bits(1)
        )
        record.client_id_highest = client_id
        return refusals.OK
    if ahead <= -WINDOW:
        return refusals.CLIENT_ID_TOO_OLD
    if has_bit(record.client_ids, -ahead) != 0:
        return refusals.CLIENT_ID_DUPLICATE
    record.client_ids = set_bit(record.client_ids, -ahead)
    return refusals.OK


@kernel
def check_shape(arena, contract, side, order_type, tif, flags, stp):
    if contract < 1 or contract > ENGINE(arena, 0).contracts:
        return refusals.CONTRACT_UNKNOWN
    if order_type != LIMIT and order_type != MARKET:
        return refusals.ORDER_TYPE_INVALID
    if side != BUY and side != SELL:
        return refusals.SIDE_INVALID
    is_immediate = tif == IOC or tif == FOK
    if tif < 0 or tif > FOK or (order_type == MARKET and not is_immediate):
        return refusals.TIF_INVALID
    if flags & ~FLAGS_CLIENT != 0 or (flags & POST_ONLY != 0 and is_immediate):
        return refusals.FLAGS_INVALID
    if stp < 0 or stp > STP_NONE:
        return refusals.STP_INVALID
    if stp == STP_NONE and CONTRACT(arena, contract).stp_none_allowed == 0:
        return refusals.STP_INVALID
    return refusals.OK


@kernel
def check_price(terms, price_ticks):
    if price_ticks < 1:
        return refusals.PRICE_NOT_POSITIVE
    if price_ticks > terms.price_ticks_max:
        return refusals.PRICE_ABOVE_MAX
    if price_ticks < terms.band_low_ticks or price_ticks > terms.band_high_ticks:
        return refusals.PRICE_OUTSIDE_BAND
    return refusals.OK


@kernel
def compute_market_price(arena, contract, side):
    """The limit of a market order: a share beyond the opposite best, inside the band (4.2)."""
    terms = CONTRACT(arena, contract)
    base_ticks = best_price_ticks(arena, contract, SELL - side)
    if base_ticks == NONE:
        base_ticks = terms.mark_ticks
    reach_ticks = multiply_rate_floor(base_ticks, terms.market_range_ppb)
    price_ticks = base_ticks + reach_ticks if side == BUY else base_ticks - reach_ticks
    return clamp(price_ticks, terms.band_low_ticks, terms.band_high_ticks)


@kernel
def has_room(arena, position, flags, replaced, may_rest):
    """Whether every pool that a new order can draw on has a record left.

    One order slot is kept for what can't rest and only reduces: it gives it back at once (4.9).
    """
    if replaced != NONE:
        return has_page_room(arena)  # it has its slot and its position
    if may_rest == 0 and flags & REDUCE_ONLY:
        return True
    if ENGINE(arena, 0).orders_live >= bounds.ORDERS_MAX - 1:
        return False
    if may_rest == 1 and not has_page_room(arena):
        return False
    return position != NONE or has_position_room(arena)


@kernel
def check_state(arena, contract, account, price_ticks):
    """Frozen contract, account in liquidation, price: what holds for every order."""
    terms = CONTRACT(arena, contract)
    if terms.state == STATE_FROZEN:
        return refusals.CONTRACT_FROZEN
    if ACCOUNT(arena, account).flags & LIQUIDATING != 0:
        return refusals.ACCOUNT_IN_LIQUIDATION
    return check_price(terms, price_ticks)


@cold
def check_reduce_only(arena, contract, position, side, lots, replaced_lots):
    """Cut a reduce-only order to what is left to reduce (4.3); it reserves nothing."""
    held = POSITION(arena, position)
    closes = held.lots < 0 if side == BUY else held.lots > 0
    if not closes:
        return refusals.REDUCE_ONLY_NOTHING
    allowance = absolute(held.lots) - (held.lots_reduce_only - replaced_lots)
    if allowance <= 0:
        return refusals.REDUCE_ONLY_NOTHING
    admission = ADMISSION(arena, 0)
    admission.lots = min(lots, allowance)
    admission.reserve = 0
    admission.loss_fee = 0
    return refusals.OK


@kernel
def check_limits(arena, contract, position, side, lots, replaced_lots):
    """Largest position and open interest (4.9), for an order that can increase a position."""
    terms = CONTRACT(arena, contract)
    held = POSITION(arena, position)
    working = held.lots_buy if side == BUY else held.lots_sell
    signed = held.lots if side == BUY else -held.lots
    # A position on the other side counts as none: it may be gone before this order fills.
    if max(signed, 0) + working - replaced_lots + lots > terms.position_lots_max:
        return refusals.POSITION_LIMIT
    resting = LADDER(arena, ladder_of(contract, side)).lots - replaced_lots
    if terms.long_lots + resting + lots > terms.open_interest_lots_max:
        return refusals.OPEN_INTEREST_LIMIT
    return refusals.OK


@kernel
def check_margin(arena, contract, account, position, side, price_ticks, lots, replaced, reduces):
    """Margin before the book (8.2): equity must cover what worst-case fills would require.

    Leaves reserve and loss-and-fee in ADMISSION. An order that does not raise the contract's need
    passes; for one that only reduces, losses and fees are left out of that comparison.
    """
    held = POSITION(arena, position)
    old = ORDER(arena, replaced)  # slot 0 is nil: all its fields are 0
    old_buy = old.reserve if side == BUY else 0
    old_sell = old.reserve if side != BUY else 0
    lots_change = lots - old.lots
    worst_lots = compute_worst_lots(
        held.lots,
        held.lots_buy + (lots_change if side == BUY else 0),
        held.lots_sell + (lots_change if side != BUY else 0),
    )
    reserve = compute_reserve(arena, contract, side, price_ticks, lots, worst_lots)
    loss_fee = compute_loss_fee(arena, contract, side, price_ticks, lots)
    admission = ADMISSION(arena, 0)
    admission.lots = lots
    admission.reserve = reserve
    admission.loss_fee = loss_fee
    margin = 0
    if held.lots != 0:
        margin = compute_initial_of(arena, contract, held.lots)
    buys = held.reserve_buy - old_buy
    sells = held.reserve_sell - old_sell
    need_before = compute_need(held.lots, margin, buys, sells)
    if side == BUY:
        buys += reserve
    else:
        sells += reserve
    need_after = compute_need(held.lots, margin, buys, sells)
    if need_after - need_before + (0 if reduces else loss_fee) <= 0:
        return refusals.OK
    need_now = compute_need(held.lots, margin, held.reserve_buy, held.reserve_sell)
    equity, requirement = value_for_order(arena, account)
    if equity < requirement + need_after - need_now + loss_fee - old.loss_fee:
        return refusals.MARGIN_INSUFFICIENT
    return refusals.OK


@cold
def check_order(
    arena, contract, account, position, side, price_ticks, lots, flags, replaced, may_rest
):
    """The checks from state to margin, as if the order `replaced` (NONE: no such) were not there.

    Leaves in ADMISSION the lots that reduce-only leaves, the reserve, and loss and fee; writes
    nothing else. Placing and amending share it: inlined into both it cost 3 s of compilation.
    """
    code = check_state(arena, contract, account, price_ticks)
    if code != refusals.OK:
        return code
    held = POSITION(arena, position)
    replaced_lots = ORDER(arena, replaced).lots + 0
    reduces = False
    if flags & REDUCE_ONLY:
        code = check_reduce_only(arena, contract, position, side, lots, replaced_lots)
        if code != refusals.OK:
            return code
    else:
        working = held.lots_buy if side == BUY else held.lots_sell
        signed = -held.lots if side == BUY else held.lots
        reduces = signed > 0 and working - replaced_lots + lots <= signed
        if CONTRACT(arena, contract).state == STATE_REDUCE_ONLY and not reduces:
            return refusals.CONTRACT_REDUCE_ONLY
    if flags & POST_ONLY and would_trade(arena, contract, side, price_ticks):
        return refusals.POST_ONLY_WOULD_TRADE
    if flags & REDUCE_ONLY == 0 and not reduces:
        code = check_limits(arena, contract, position, side, lots, replaced_lots)
        if code != refusals.OK:
            return code
    if not has_room(arena, position, flags, replaced, may_rest):
        return refusals.POOL_FULL
    if flags & REDUCE_ONLY:
        return refusals.OK
    return check_margin(
        arena, contract, account, position, side, price_ticks, lots, replaced, reduces
    )
