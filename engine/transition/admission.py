"""Admission: who may, what shape, which state, which price, how much, and margin before the book.

The ladder of refusals, rung by rung, stands in `engine/schema/ORDERS.md`. Above the line
that accepts an order nothing is written but the account's message count and id window, and what it
is worth, which is no change.
"""

from engine.book.levels import find_level, has_page_room, key_of, ladder_of
from engine.book.orders import best_price_ticks, open_lots_of, would_trade
from engine.kernel import cold, kernel
from engine.schema import bounds, refusals
from engine.schema.vocabulary import (
    BUY,
    CLIENT_FIRST,
    CLOSE_POSITION,
    DAY,
    FLAGS_CLIENT,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    NONE,
    POST_ONLY,
    REDUCE_ONLY,
    SELL,
    SLIDE,
    STATE_CONTINUOUS,
    STATE_FROZEN,
    STATE_POST_ONLY,
    STATE_SETTLED,
    STOP_MARKET,
    STP_NONE,
    TAKE_MARKET,
    TRAILING_MARKET,
)
from engine.state.access import (
    ACCOUNT,
    ACCOUNT_EXTRA,
    ADMISSION,
    CONTRACT,
    ENGINE,
    LADDER,
    LEVEL_ORDERS,
    ORDER,
    POOL,
    POSITION,
    WORTH,
    has_bit,
    set_bit,
    shift_left,
    to_bits,
)
from engine.state.arithmetic import absolute, clamp, multiply_rate_floor
from engine.state.layout import (
    ALL_STOPPED,
    CONTRACT_STOPPED,
    COVER_ASKED,
    GROUP_STOPPED,
    INELIGIBLE,
    LIMITS_GROUP,
    LIMITS_LEVEL,
    LIMITS_VALUE,
    LIQUIDATING,
    STOPPED,
)
from engine.state.values import size_of_fill, value_of_fill
from engine.trading_state import CLOSED, COLLECTING, NOT_LIVE, is_one_of
from engine.transition.states import is_collecting, must_reduce
from risk.accounts import find_position, has_position_room, is_listed
from risk.eligibility import find_lack, has_lapsed, is_eligible
from risk.groups import lead_of, next_member
from risk.insurance import is_below_cover
from risk.margin import compute_need, is_portfolio, value_for_order
from risk.reserve import (
    compute_loss_fee,
    compute_reserve,
    compute_reserved_value,
    working_of,
)
from risk.tiers import compute_initial_of
from risk.worth import has_worth

WINDOW = 64
STANDING = LIQUIDATING | STOPPED | GROUP_STOPPED | INELIGIBLE  # flags of accounts not as usual


@cold
def count_message(arena, account, may_exceed):
    """Count a command of the account in the present window of command time (4.9)."""
    pool = POOL(arena, 0)
    extra = ACCOUNT_EXTRA(arena, account)
    window_ns = pool.messages_window_ns
    from_ns = ENGINE(arena, 0).clock_ns // window_ns * window_ns
    if extra.messages_from_ns != from_ns:
        extra.messages_from_ns = from_ns
        extra.messages = 0
    extra.messages += 1
    if extra.messages > pool.messages_max and may_exceed == 0:
        return refusals.RATE_LIMIT
    return refusals.OK


@kernel
def check_client(arena, account, client_id, may_exceed):
    """Account, rate limit (`may_exceed` 1: counted, not limited) and id window (2.4); an id that
    passes is used up, whatever happens next."""
    if account < CLIENT_FIRST or account > bounds.ACCOUNTS_MAX:
        return refusals.ACCOUNT_UNKNOWN
    record = ACCOUNT(arena, account)
    if record.group == 0:
        return refusals.ACCOUNT_UNKNOWN
    if POOL(arena, 0).messages_max != 0:
        code = count_message(arena, account, may_exceed)
        if code != refusals.OK:
            return code
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


@cold
def check_client_of_contract(arena, account, client_id, contract):
    """Who sends a command that sets something of a contract for its account, and of which."""
    code = check_client(arena, account, client_id, 0)
    if code != refusals.OK:
        return code
    return refusals.OK if is_listed(arena, contract) else refusals.CONTRACT_UNKNOWN


@kernel
def is_market_kind(order_type):
    return (
        order_type == MARKET
        or order_type == STOP_MARKET
        or order_type == TAKE_MARKET
        or order_type == TRAILING_MARKET
    )


@kernel
def check_shape(arena, contract, side, order_type, tif, flags, stp):
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    if order_type < LIMIT or order_type > TRAILING_MARKET:
        return refusals.ORDER_TYPE_INVALID
    if side != BUY and side != SELL:
        return refusals.SIDE_INVALID
    is_immediate = tif == IOC or tif == FOK
    if tif < GTC or tif > DAY or (is_market_kind(order_type) and not is_immediate):
        return refusals.TIF_INVALID
    if flags & ~FLAGS_CLIENT != 0 or (flags & POST_ONLY != 0 and is_immediate):
        return refusals.FLAGS_INVALID
    if flags & (POST_ONLY | SLIDE) == SLIDE:
        return refusals.FLAGS_INVALID
    if stp < 0 or stp > STP_NONE:
        return refusals.STP_INVALID
    if stp == STP_NONE and CONTRACT(arena, contract).stp_none_allowed == 0:
        return refusals.STP_INVALID
    return refusals.OK


@kernel
def check_market(arena, contract, side):
    """The shape of a plain order, whose other fields are as they should be by being plain."""
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    return refusals.SIDE_INVALID if side != BUY and side != SELL else refusals.OK


@kernel
def check_lots(terms, lots, flags):
    if lots < 1:
        return refusals.LOTS_NOT_POSITIVE
    if lots > terms.order_lots_max:
        return refusals.LOTS_ABOVE_MAX
    if lots < terms.order_lots_min and flags & REDUCE_ONLY == 0:
        return refusals.LOTS_BELOW_MIN
    return refusals.OK


@kernel
def check_price_range(terms, price_ticks):
    if price_ticks < terms.price_ticks_min:
        return refusals.PRICE_NOT_POSITIVE if price_ticks < 1 else refusals.PRICE_BELOW_MIN
    return refusals.PRICE_ABOVE_MAX if price_ticks > terms.price_ticks_max else refusals.OK


@kernel
def check_price(terms, price_ticks):
    code = check_price_range(terms, price_ticks)
    if code != refusals.OK:
        return code
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


@cold
def compute_slid_price(arena, contract, side, price_ticks):
    """One tick from the opposite best for a post-only order that would trade, never past its own
    limit (4.2); the limit itself when it is no price, or there is none below. While orders are
    collected none trades."""
    terms = CONTRACT(arena, contract)
    if price_ticks < terms.price_ticks_min or price_ticks > terms.price_ticks_max:
        return price_ticks
    if would_trade(arena, contract, side, price_ticks) and not is_collecting(arena, contract):
        best_ticks = best_price_ticks(arena, contract, SELL - side)
        slid_ticks = best_ticks - 1 if side == BUY else best_ticks + 1
        return slid_ticks if slid_ticks >= terms.price_ticks_min else price_ticks
    return price_ticks


@kernel
def find_exceptions(arena, contract, account):
    """0 while the contract trades continuously, nothing is stopped or has lapsed, no stressed loss
    is to be covered, and the account is eligible and not in liquidation: a plain order asks once
    for all of these."""
    terms = CONTRACT(arena, contract)
    standing = ACCOUNT(arena, account).flags & STANDING
    return (terms.state - STATE_CONTINUOUS) | terms.stopped | standing


@kernel
def check_standing(arena, contract, account, flags, may_rest):
    """Whether the account may trade: no kill switch (4.6; what reduces at once passes), no
    liquidation."""
    standing = ACCOUNT(arena, account).flags
    stopped = CONTRACT(arena, contract).stopped & (CONTRACT_STOPPED | ALL_STOPPED)
    is_stopped = (standing & (STOPPED | GROUP_STOPPED)) | stopped != 0
    if is_stopped and (flags & REDUCE_ONLY == 0 or may_rest == 1):
        return refusals.TRADING_BLOCKED
    if standing & LIQUIDATING:
        return refusals.ACCOUNT_IN_LIQUIDATION
    return refusals.OK


@cold
def check_trading_state(arena, contract, flags, may_rest):
    """Whether the contract's state takes an order of these flags (5.1)."""
    terms = CONTRACT(arena, contract)
    if terms.state == STATE_FROZEN:
        return refusals.CONTRACT_FROZEN
    if terms.state == STATE_SETTLED:
        return refusals.CONTRACT_SETTLED
    if is_one_of(NOT_LIVE, terms.state):
        return refusals.CONTRACT_NOT_LIVE
    if is_one_of(CLOSED, terms.state):
        return refusals.CONTRACT_CLOSED
    if is_one_of(COLLECTING, terms.state) and may_rest == 0:
        return refusals.CONTRACT_COLLECTING
    if terms.state == STATE_POST_ONLY and flags & POST_ONLY == 0:
        return refusals.CONTRACT_POST_ONLY
    return refusals.OK


@cold
def check_entry(arena, contract, account, flags, may_rest):
    """State of the contract, kill switch, account in liquidation."""
    code = check_trading_state(arena, contract, flags, may_rest)
    if code != refusals.OK:
        return code
    return check_standing(arena, contract, account, flags, may_rest)


@cold
def check_increase(arena, contract, account, reduces, may_rest):
    """Whether contract (6.2, 3.3), account (3.1) and pool (9.6) take an order without REDUCE_ONLY.

    One that only reduces now could open a position when it rests until that one has been closed in
    another way: who or what has lapsed takes it only when it can't rest.
    """
    terms = CONTRACT(arena, contract)
    can_open = reduces == 0 or may_rest == 1
    if reduces == 0 and terms.state != STATE_CONTINUOUS and must_reduce(terms):
        return refusals.CONTRACT_REDUCE_ONLY
    if can_open and has_lapsed(terms):
        return refusals.CONTRACT_REDUCE_ONLY
    if can_open and not is_eligible(arena, account):
        return find_lack(arena, account)
    if reduces == 0 and terms.stopped & COVER_ASKED and is_below_cover(arena):
        return refusals.FUND_BELOW_COVER
    return refusals.OK


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
def count_side_lots(arena, position, side):
    """What a position could come to on a side by its open orders: one on the other side counts as
    none, because it may be gone before they fill."""
    held = POSITION(arena, position)
    signed = held.lots if side == BUY else -held.lots
    return max(signed, 0) + working_of(arena, position, side).slot


@cold
def check_group(arena, contract, account, side, lots):
    """Largest position of a group of accounts together (4.9, 15.1); lots: what the order adds.
    A walk over the group, so only where there is a limit."""
    member = lead_of(arena, account)
    while member != NONE:
        position = find_position(arena, member, contract)
        if position != NONE:
            lots += count_side_lots(arena, position, side)
        member = next_member(arena, member)
    return refusals.OK if lots <= CONTRACT(arena, contract).group_lots_max else refusals.GROUP_LIMIT


@kernel
def check_limits(arena, contract, account, position, side, lots, replaced_lots):
    """Largest position and open interest (4.9), for an order that can increase a position."""
    terms = CONTRACT(arena, contract)
    added_lots = lots - replaced_lots
    if count_side_lots(arena, position, side) + added_lots > terms.position_lots_max:
        return refusals.POSITION_LIMIT
    if terms.limits & LIMITS_GROUP:
        code = check_group(arena, contract, account, side, added_lots)
        if code != refusals.OK:
            return code
    ladder = LADDER(arena, ladder_of(contract, side))
    resting = ladder.lots + ladder.lots_hidden - replaced_lots
    if terms.long_lots + resting + lots > terms.open_interest_lots_max:
        return refusals.OPEN_INTEREST_LIMIT
    return refusals.OK


@kernel
def check_value_min(terms, price_ticks, lots, flags):
    """Smallest value of an order (4.9); what reduces may be worth as little as it likes."""
    value = size_of_fill(terms, price_ticks, lots)
    is_small = value < terms.order_value_min and flags & REDUCE_ONLY == 0
    return refusals.VALUE_BELOW_MIN if is_small else refusals.OK


@kernel
def check_value(terms, price_ticks, lots, flags):
    """Smallest and largest value of an order (4.9)."""
    if terms.limits & LIMITS_VALUE == 0:
        return refusals.OK
    code = check_value_min(terms, price_ticks, lots, flags)
    if code != refusals.OK:
        return code
    value = size_of_fill(terms, price_ticks, lots)
    if value > terms.order_value_max and flags & CLOSE_POSITION == 0:  # it closes what is there
        return refusals.VALUE_ABOVE_MAX
    return refusals.OK


@cold
def has_reducing(arena, position):
    """1 when the account works a reduce-only order in the contract, resting or waiting."""
    head = POSITION(arena, position).order_head
    slot = head
    while slot != NONE:
        if ORDER(arena, slot).flags & REDUCE_ONLY:
            return 1
        slot = ORDER(arena, slot).account_next
        if slot == head:
            break
    return 0


@kernel
def check_count(arena, account, position, flags, orders):
    """Room for so many more among the account's working orders (4.9); a reduce-only one a contract
    always has it."""
    if ACCOUNT(arena, account).orders + orders <= POOL(arena, 0).orders_account_max:
        return refusals.OK
    if flags & REDUCE_ONLY and has_reducing(arena, position) == 0:
        return refusals.OK
    return refusals.ORDERS_LIMIT


@kernel
def check_level(arena, contract, side, price_ticks, replaced):
    """Room for one more order at the price (4.9), as if `replaced` had left."""
    terms = CONTRACT(arena, contract)
    if terms.limits & LIMITS_LEVEL == 0:
        return refusals.OK
    level = find_level(arena, ladder_of(contract, side), key_of(price_ticks, side))
    count = LEVEL_ORDERS(arena, level).slot if level != NONE else level
    if ORDER(arena, replaced).lots != 0 and ORDER(arena, replaced).price_ticks == price_ticks:
        count -= 1
    return refusals.LEVEL_LIMIT if count >= terms.level_orders_max else refusals.OK


@kernel
def has_room(arena, position, flags, replaced, may_rest):
    """Whether every pool that a new order can draw on has a record left.

    One order slot for each position, and one more, is kept for what only reduces (4.9).
    """
    if replaced != NONE:
        return may_rest == 0 or has_page_room(arena)  # it has its slot and its position
    if may_rest == 0 and flags & REDUCE_ONLY:
        return True
    live = ENGINE(arena, 0).orders_live
    if flags & REDUCE_ONLY == 0 and live >= bounds.ORDERS_MAX - bounds.POSITIONS_MAX - 1:
        return False
    if live >= bounds.ORDERS_MAX - 1:
        return False
    if may_rest == 1 and not has_page_room(arena):
        return False
    return has_position_room(arena) or position != NONE


@kernel
def check_room(arena, contract, account, position, side, price_ticks, flags, replaced, may_rest):
    """Room for a new order, or for an amended one at its new price; ADMISSION says how many
    children a bracket's entry brings."""
    orders = may_rest + ADMISSION(arena, 0).children
    if orders > 0 and replaced == NONE:
        code = check_count(arena, account, position, flags, orders)
        if code != refusals.OK:
            return code
    if may_rest == 1:
        code = check_level(arena, contract, side, price_ticks, replaced)
        if code != refusals.OK:
            return code
    if not has_room(arena, position, flags, replaced, may_rest):
        return refusals.POOL_FULL
    return refusals.OK


@kernel
def check_margin(arena, contract, account, position, side, price_ticks, lots, replaced, reduces):
    """Margin before the book (8.2): equity must cover what worst-case fills would require.

    Leaves reserve and loss-and-fee in ADMISSION. Who has more than its orders could ever require
    needs no closer look: an order adds at most its reserve, its loss and its fee to that.
    """
    held = POSITION(arena, position)
    lots_change = lots - (open_lots_of(arena, replaced) if replaced != NONE else 0)
    lots_buy = held.lots_buy + (lots_change if side == BUY else 0)
    lots_sell = held.lots_sell + (lots_change if side != BUY else 0)
    terms = CONTRACT(arena, contract)
    value = value_of_fill(terms, price_ticks, lots)  # of all its lots at once
    reserved = compute_reserved_value(terms, side, lots, value)
    loss_fee = compute_loss_fee(terms, side, lots, value, reserved)
    reserve = compute_reserve(arena, contract, account, position, reserved, lots_buy, lots_sell)
    admission = ADMISSION(arena, 0)
    admission.lots = lots
    admission.reserve = reserve
    admission.loss_fee = loss_fee
    if has_worth(arena, account):
        worth = WORTH(arena, account)
        if worth.equity >= worth.requirement + reserve + loss_fee:
            return refusals.OK
    return check_need(
        arena, contract, account, position, side, replaced, 1 if reduces else 0
    )


@cold
def check_need(arena, contract, account, position, side, replaced, reduces):
    """Margin before the book to the last unit, with the reserve, loss and fee that ADMISSION has.

    An order that does not raise the contract's need passes; for one that only reduces, losses and
    fees are left out of that comparison. None of a portfolio passes so: its position's margin is
    not in the need, and what fills on the smaller side would raise it unseen (8.7).
    """
    in_portfolio = is_portfolio(arena, account)
    held = POSITION(arena, position)
    old = ORDER(arena, replaced)  # slot 0 is nil: all its fields are 0
    old_buy = old.reserve if side == BUY else 0
    old_sell = old.reserve if side != BUY else 0
    reserve = ADMISSION(arena, 0).reserve
    loss_fee = ADMISSION(arena, 0).loss_fee
    margin = 0
    lots_held = 0  # of a portfolio account's contract only the reserves are its own need (8.7)
    if held.lots != 0 and not in_portfolio:
        lots_held = held.lots
        margin = compute_initial_of(arena, contract, position)
    buys = held.reserve_buy - old_buy
    sells = held.reserve_sell - old_sell
    need_before = compute_need(lots_held, margin, buys, sells)
    if side == BUY:
        buys += reserve
    else:
        sells += reserve
    need_after = compute_need(lots_held, margin, buys, sells)
    raised = need_after - need_before + (0 if reduces == 1 else loss_fee)
    if raised <= 0 and not in_portfolio:
        return refusals.OK
    need_now = compute_need(lots_held, margin, held.reserve_buy, held.reserve_sell)
    equity, requirement = value_for_order(arena, account)
    if equity < requirement + need_after - need_now + loss_fee - old.loss_fee:
        return refusals.MARGIN_INSUFFICIENT
    return refusals.OK


@kernel
def check_admission(
    arena, contract, account, position, side, price_ticks, lots, flags, replaced, may_rest
):
    """The checks from state to margin, as if the order `replaced` (NONE: no such) were not there.

    Leaves in ADMISSION the lots that reduce-only leaves, the reserve, and loss and fee; writes
    nothing else but what the account is worth, if that was not kept.
    """
    terms = CONTRACT(arena, contract)
    exceptions = find_exceptions(arena, contract, account)
    if exceptions != 0:
        code = check_entry(arena, contract, account, flags, may_rest)
        if code != refusals.OK:
            return code
    code = check_price(terms, price_ticks)
    if code != refusals.OK:
        return code
    code = check_value(terms, price_ticks, lots, flags)
    if code != refusals.OK:
        return code
    held = POSITION(arena, position)
    replaced_lots = open_lots_of(arena, replaced) if replaced != NONE else 0
    reduces = False
    if flags & REDUCE_ONLY:
        code = check_reduce_only(arena, contract, position, side, lots, replaced_lots)
        if code != refusals.OK:
            return code
    else:
        working = working_of(arena, position, side).slot
        signed = -held.lots if side == BUY else held.lots
        reduces = signed > 0 and working - replaced_lots + lots <= signed
        if exceptions != 0:
            code = check_increase(arena, contract, account, 1 if reduces else 0, may_rest)
            if code != refusals.OK:
                return code
    if flags & POST_ONLY and would_trade(arena, contract, side, price_ticks):
        if not is_collecting(arena, contract):
            return refusals.POST_ONLY_WOULD_TRADE
    if flags & REDUCE_ONLY == 0 and not reduces:
        code = check_limits(arena, contract, account, position, side, lots, replaced_lots)
        if code != refusals.OK:
            return code
    code = check_room(
        arena, contract, account, position, side, price_ticks, flags, replaced, may_rest
    )
    if code != refusals.OK:
        return code
    if flags & REDUCE_ONLY:
        return refusals.OK
    return check_margin(
        arena, contract, account, position, side, price_ticks, lots, replaced, reduces
    )


@cold
def check_order(
    arena, contract, account, position, side, price_ticks, lots, flags, replaced, may_rest
):
    """The same for all but plain orders, where the flags are known and most of it falls away:
    inlined into each of its callers it costs 3 s of compilation."""
    return check_admission(
        arena, contract, account, position, side, price_ticks, lots, flags, replaced, may_rest
    )
