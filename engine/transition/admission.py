"""Admission: who may, what shape, which state, which price, how much, and margin before the book.

The ladder of refusals is the order of the codes in `engine.schema.refusals`. Above the line in
`place_order` nothing is written but the account's id window.
"""

from engine.book.levels import has_page_room, ladder_of
from engine.book.orders import best_price_ticks, would_trade
from engine.kernel import kernel
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
from risk.accounts import contract_of, first_position, has_position_room, next_position
from risk.margin import compute_initial_of, compute_need, compute_profit_of
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
def value_for_order(arena, account):
    """(equity, initial margin with all orders), in one walk over the account's contracts."""
    equity = ACCOUNT(arena, account).cash
    requirement = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held = POSITION(arena, position)
        margin = 0
        if held.lots != 0:
            contract = contract_of(arena, account, position, k)
            equity += compute_profit_of(arena, contract, position)
            margin = compute_initial_of(arena, contract, held.lots)
        requirement += held.loss_fee
        requirement += compute_need(held.lots, margin, held.reserve_buy, held.reserve_sell)
        k += 1
        position = next_position(arena, account, position, k)
    return equity, requirement


@kernel
def check_order(arena, contract, account, position, side, price_ticks, lots, flags, replaced):
    """The checks from state to margin, as if the order `replaced` (NONE: no such) were not there.

    Returns (code, lots that reduce-only leaves, reserve, loss and fee). Writes nothing.
    """
    terms = CONTRACT(arena, contract)
    held = POSITION(arena, position)
    reserve = 0
    loss_fee = 0
    old_lots = 0
    old_reserve = 0
    old_loss_fee = 0
    if replaced != NONE:
        old_lots = ORDER(arena, replaced).lots + 0
        old_reserve = ORDER(arena, replaced).reserve
        old_loss_fee = ORDER(arena, replaced).loss_fee
    if terms.state == STATE_FROZEN:
        return refusals.CONTRACT_FROZEN, lots, reserve, loss_fee
    if ACCOUNT(arena, account).flags & LIQUIDATING != 0:
        return refusals.ACCOUNT_IN_LIQUIDATION, lots, reserve, loss_fee
    code = check_price(terms, price_ticks)
    if code != refusals.OK:
        return code, lots, reserve, loss_fee
    closes = held.lots < 0 if side == BUY else held.lots > 0
    if flags & REDUCE_ONLY:
        allowance = absolute(held.lots) - (held.lots_reduce_only - old_lots) if closes else 0
        if allowance <= 0:
            return refusals.REDUCE_ONLY_NOTHING, lots, reserve, loss_fee
        lots = min(lots, allowance)
        if flags & POST_ONLY and would_trade(arena, contract, side, price_ticks):
            return refusals.POST_ONLY_WOULD_TRADE, lots, reserve, loss_fee
        if replaced == NONE and not has_room(arena, position):
            return refusals.POOL_FULL, lots, reserve, loss_fee
        return refusals.OK, lots, reserve, loss_fee

    lots_buy = held.lots_buy - (old_lots if side == BUY else 0)
    lots_sell = held.lots_sell - (old_lots if side != BUY else 0)
    beside = lots_buy if side == BUY else lots_sell
    only_reduces = closes and beside + lots <= absolute(held.lots)
    if terms.state == STATE_REDUCE_ONLY and not only_reduces:
        return refusals.CONTRACT_REDUCE_ONLY, lots, reserve, loss_fee
    if flags & POST_ONLY and would_trade(arena, contract, side, price_ticks):
        return refusals.POST_ONLY_WOULD_TRADE, lots, reserve, loss_fee
    if side == BUY:
        lots_buy += lots
    else:
        lots_sell += lots
    if not only_reduces:
        reached = held.lots + lots_buy if side == BUY else held.lots - lots_sell
        if absolute(reached) > terms.position_lots_max:
            return refusals.POSITION_LIMIT, lots, reserve, loss_fee
        resting = LADDER(arena, ladder_of(contract, side)).lots - old_lots
        open_interest = terms.long_lots + resting + lots
        if open_interest > terms.open_interest_lots_max:
            return refusals.OPEN_INTEREST_LIMIT, lots, reserve, loss_fee
    if replaced == NONE and not has_room(arena, position):
        return refusals.POOL_FULL, lots, reserve, loss_fee

    worst_lots = compute_worst_lots(held.lots, lots_buy, lots_sell)
    reserve = compute_reserve(arena, contract, side, price_ticks, lots, worst_lots)
    loss_fee = compute_loss_fee(arena, contract, side, price_ticks, lots)
    reserve_buy = held.reserve_buy - (old_reserve if side == BUY else 0)
    reserve_sell = held.reserve_sell - (old_reserve if side != BUY else 0)
    margin = 0
    if held.lots != 0:
        margin = compute_initial_of(arena, contract, held.lots)
    need_before = compute_need(held.lots, margin, reserve_buy, reserve_sell)
    if side == BUY:
        reserve_buy += reserve
    else:
        reserve_sell += reserve
    need_after = compute_need(held.lots, margin, reserve_buy, reserve_sell)
    raised = need_after - need_before + (0 if only_reduces else loss_fee)
    if raised > 0:
        need_now = compute_need(held.lots, margin, held.reserve_buy, held.reserve_sell)
        equity, requirement = value_for_order(arena, account)
        if equity < requirement + need_after - need_now + loss_fee - old_loss_fee:
            return refusals.MARGIN_INSUFFICIENT, lots, reserve, loss_fee
    return refusals.OK, lots, reserve, loss_fee


@kernel
def has_room(arena, position):
    """Whether every pool that a new order can draw on has a record left."""
    engine = ENGINE(arena, 0)
    if engine.orders_free == NONE and engine.orders_top >= bounds.ORDERS_MAX:
        return False
    return has_page_room(arena) and (position != NONE or has_position_room(arena))
