"""Fill-or-kill: whether the sweep would fill an order wholly, found without touching the book.

The walk repeats the sweep's rules on trial values that lie beside the real ones (equity, lots of a
position, lots of an order), valid for one look-ahead alone. A plain sum of the depth would count
orders that self-trade prevention, solvency or reduce-only upkeep take away on the way (4.2).
"""

from engine.book.levels import find_key_from, find_level, key_of, ladder_of
from engine.book.orders import open_lots_of
from engine.kernel import cold, kernel
from engine.schema.vocabulary import (
    BUY,
    CANCEL_LINKED,
    NONE,
    REDUCE_ONLY,
    SELL,
    STP_CANCEL_OLDEST,
    STP_NONE,
)
from engine.state.access import (
    ACCOUNT,
    ACCOUNT_EXTRA,
    CONTRACT,
    ENGINE,
    ICEBERG_LEFT,
    LADDER,
    LEVEL,
    ORDER,
    ORDER_EXTRA,
    POSITION,
    POSITION_EXTRA,
    SWEEP,
)
from engine.state.arithmetic import absolute
from engine.state.layout import ARMED_REDUCING, EXTRA, STP_SHIFT
from engine.state.values import gain_of_fill, value_of_fill
from engine.transition.band import has_dynamic_band, tighten_key
from engine.transition.orders import is_waiting
from engine.transition.protection import (
    is_quote,
    is_tripped_on_trial,
    note_quote_fill_trial,
)
from risk.margin import compute_equity, compute_required, value_beside
from risk.settlement import compute_fee_unrebated, compute_maker_fee, compute_taker_fee


@kernel
def begin_trial(arena):
    """Make every trial value of an earlier look-ahead void."""
    ENGINE(arena, 0).trial += 1


@kernel
def trial_equity_of(arena, account):
    extra = ACCOUNT_EXTRA(arena, account)
    if extra.trial == ENGINE(arena, 0).trial:
        return extra.equity_trial
    return compute_equity(arena, account)


@kernel
def note_trial_equity(arena, account, equity):
    extra = ACCOUNT_EXTRA(arena, account)
    extra.trial = ENGINE(arena, 0).trial
    extra.equity_trial = equity


@kernel
def trial_position_lots_of(arena, position):
    extra = POSITION_EXTRA(arena, position)
    if extra.trial == ENGINE(arena, 0).trial:
        return extra.lots_trial
    return POSITION(arena, position).lots + 0


@kernel
def note_trial_position_lots(arena, position, lots):
    extra = POSITION_EXTRA(arena, position)
    extra.trial = ENGINE(arena, 0).trial
    extra.lots_trial = lots


@kernel
def trial_order_lots_of(arena, slot):
    extra = ORDER_EXTRA(arena, slot)
    if extra.trial == ENGINE(arena, 0).trial:
        return extra.lots_trial + 0
    return open_lots_of(arena, slot)


@kernel
def note_trial_order_lots(arena, slot, lots):
    extra = ORDER_EXTRA(arena, slot)
    extra.trial = ENGINE(arena, 0).trial
    extra.lots_trial = lots


@cold
def cut_sibling_trial(arena, slot, lots):
    """What a fill of the order takes from its sibling, on trial values (4.5)."""
    if ORDER(arena, slot).flags & EXTRA == 0:
        return 0
    sibling = ORDER_EXTRA(arena, slot).sibling + 0
    if sibling == NONE:
        return 0
    if sibling == SWEEP(arena, 0).slot:
        SWEEP(arena, 0).stop_reason = CANCEL_LINKED  # the aggressor can't fill wholly any more
        return 0
    left = 0
    if trial_order_lots_of(arena, slot) > 0:
        left = max(trial_order_lots_of(arena, sibling) - lots, 0)
    note_trial_order_lots(arena, sibling, left)
    return 0


@kernel
def end_trial(arena, slot):
    """The order ends on trial, and so does its sibling."""
    note_trial_order_lots(arena, slot, 0)
    cut_sibling_trial(arena, slot, 0)


@cold
def trim_trial(arena, position):
    """The reduce-only upkeep of 4.3 on trial values."""
    held = POSITION(arena, position)
    if held.lots_reduce_only == 0 and ACCOUNT(arena, held.account).flags & ARMED_REDUCING == 0:
        return 0
    lots = trial_position_lots_of(arena, position)
    left = absolute(lots)
    head = held.order_head
    slot = head
    while slot != NONE:
        order = ORDER(arena, slot)
        if order.flags & REDUCE_ONLY and trial_order_lots_of(arena, slot) > 0:
            closes = lots < 0 if order.side == BUY else lots > 0
            kept = trial_order_lots_of(arena, slot) if closes else 0
            if not is_waiting(arena, slot):
                kept = min(kept, left)
                left -= kept
            if kept == 0:
                end_trial(arena, slot)
            else:
                note_trial_order_lots(arena, slot, kept)
        slot = order.account_next
        if slot == head:
            break
    return 0


@cold
def try_fill(arena, slot, maker_slot, shown, leaves):
    """The lots of a resting order's slice that the aggressor could trade; -1 when the sweep would
    stop.

    Updates the trial values as the fill, or the cancel of the resting order, would.
    """
    order = ORDER(arena, slot)
    maker_order = ORDER(arena, maker_slot)
    contract = order.contract + 0
    terms = CONTRACT(arena, contract)
    account = order.account
    maker = maker_order.account
    asked = min(leaves, shown)
    value = value_of_fill(terms, maker_order.price_ticks, asked)
    gain = gain_of_fill(terms, order.side, asked, value)
    value = absolute(value)
    signed = 1 if order.side == BUY else -1

    maker_equity = trial_equity_of(arena, maker) - gain
    maker_lots = trial_position_lots_of(arena, maker_order.position) - signed * asked
    if maker_equity < 0:
        note_trial_order_lots(arena, maker_slot, 0)  # taken away: its sibling stays
        return 0
    if gain > asked * terms.slip_value:
        after = maker_equity - compute_fee_unrebated(terms, value, maker_equity)
        _, beside = value_beside(arena, maker, contract)
        if after < compute_required(arena, maker, contract, maker_lots, beside):
            note_trial_order_lots(arena, maker_slot, 0)
            return 0

    equity = trial_equity_of(arena, account)
    after = equity + gain
    if gain < 0 and after < 0:
        return -1
    fee = compute_taker_fee(terms, value, equity if maker == account else after)
    after -= fee
    lots = trial_position_lots_of(arena, order.position) + signed * asked
    if -gain > asked * terms.slip_value:
        _, beside = value_beside(arena, account, contract)
        if after < compute_required(arena, account, contract, lots, beside):
            return -1
    note_trial_equity(arena, account, after)
    note_trial_position_lots(arena, order.position, lots)
    after = trial_equity_of(arena, maker) - gain
    after -= compute_maker_fee(terms, value, after, fee)
    note_trial_equity(arena, maker, after)
    lots = trial_position_lots_of(arena, maker_order.position) - signed * asked
    note_trial_position_lots(arena, maker_order.position, lots)
    note_trial_order_lots(arena, maker_slot, trial_order_lots_of(arena, maker_slot) - asked)
    if is_quote(arena, maker_slot):
        note_quote_fill_trial(arena, maker_slot, asked)
    cut_sibling_trial(arena, slot, asked)
    cut_sibling_trial(arena, maker_slot, asked)
    trim_trial(arena, order.position)
    trim_trial(arena, maker_order.position)
    return asked


@kernel
def slice_of(arena, slot, is_first):
    """What a resting order shows the first time the walk comes to it, or each time after: an
    iceberg's slices come to the back of the level one by one. 0 when it is gone on trial."""
    left = trial_order_lots_of(arena, slot)
    order = ORDER(arena, slot)
    if is_quote(arena, slot) and is_tripped_on_trial(arena, slot):
        return 0
    if order.flags & EXTRA and ORDER_EXTRA(arena, slot).lots_hidden > 0:
        return min(left, order.lots if is_first == 1 else ORDER_EXTRA(arena, slot).lots_display)
    return left if is_first == 1 else 0


@cold
def try_slice(arena, slot, maker_slot, group, is_first, leaves):
    """Trade with what a resting order shows, on trial; the lots left, or -1 when the sweep would
    stop."""
    mode = ORDER(arena, slot).flags >> STP_SHIFT
    shown = slice_of(arena, maker_slot, is_first)
    is_own = ACCOUNT(arena, ORDER(arena, maker_slot).account).group == group
    # Nothing shown: gone on trial, perhaps with the aggressor's own fill, or shown out.
    if shown > 0 and is_own and mode != STP_NONE:
        if mode != STP_CANCEL_OLDEST:
            return -1
        note_trial_order_lots(arena, maker_slot, 0)
    elif shown > 0:
        filled = try_fill(arena, slot, maker_slot, shown, leaves)
        if filled < 0:
            return -1
        leaves -= filled
    if SWEEP(arena, 0).stop_reason != 0 and leaves > 0:
        return -1
    return leaves


@cold
def walk_slices(arena, slot, group, icebergs, leaves):
    """Walk the later slices of a level's icebergs, those that are left in `ICEBERG_LEFT`, round by
    round in the order of their first ones. Each visit trades or ends one: a level costs what its
    slices cost the sweep."""
    while icebergs > 0 and leaves > 0:
        kept = 0
        for k in range(icebergs):
            maker_slot = ICEBERG_LEFT(arena, k).slot + 0
            if leaves > 0:
                leaves = try_slice(arena, slot, maker_slot, group, 0, leaves)
            if leaves < 0:
                return leaves
            if slice_of(arena, maker_slot, 0) > 0:
                ICEBERG_LEFT(arena, kept).slot = maker_slot
                kept += 1
        icebergs = kept
    return leaves


@cold
def walk_level(arena, slot, head, group, leaves):
    """Trade through a level on trial; the lots left, or -1 when the sweep would stop."""
    icebergs = 0
    maker_slot = head
    while maker_slot != NONE and leaves > 0:
        leaves = try_slice(arena, slot, maker_slot, group, 1, leaves)
        if leaves > 0 and slice_of(arena, maker_slot, 0) > 0:
            ICEBERG_LEFT(arena, icebergs).slot = maker_slot
            icebergs += 1
        maker_slot = ORDER(arena, maker_slot).next + 0
    return walk_slices(arena, slot, group, icebergs, leaves)


@cold
def walk_book(arena, slot):
    """The walk from the best level to the order's limit; 1 when all of it would fill, else 0."""
    order = ORDER(arena, slot)
    group = ACCOUNT(arena, order.account).group
    maker_side = SELL - order.side
    ladder = ladder_of(order.contract, maker_side)
    limit_key = key_of(order.price_ticks, maker_side)
    if has_dynamic_band(arena, order.contract):
        limit_key = tighten_key(arena, order.contract, maker_side, limit_key)
    leaves = order.lots + 0
    key = LADDER(arena, ladder).best_key
    while key != NONE and key <= limit_key:
        head = LEVEL(arena, find_level(arena, ladder, key)).head + 0
        leaves = walk_level(arena, slot, head, group, leaves)
        if leaves <= 0:
            return 1 if leaves == 0 else 0
        key = find_key_from(arena, ladder, key + 1)
    return 0


@cold
def is_fillable(arena, slot):
    """1 when the sweep would fill the accepted order `slot` to its last lot, else 0."""
    begin_trial(arena)
    SWEEP(arena, 0).slot = slot
    SWEEP(arena, 0).stop_reason = 0
    answer = walk_book(arena, slot)
    SWEEP(arena, 0).slot = NONE
    return answer
