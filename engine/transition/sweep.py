"""The sweep: an aggressor against the other side, best price first, oldest order first (4.1).

One visible loop in `sweep`. Per resting order: self-trade prevention (4.7), solvency of the maker,
solvency of the aggressor (9.0), then the fill: settle the aggressor, settle the maker, reduce-only
upkeep (2.6 d). What these functions share stands in the SWEEP record. Contract, accounts and the
aggressor's position are handed over as well where it makes a fill faster.
"""

from engine.book.icebergs import refill_order
from engine.book.levels import find_level, key_of, ladder_of
from engine.book.orders import (
    free_order_slot,
    note_partial_fill,
    open_lots_of,
    order_id_of,
    shrink_in_level,
    unlink_order,
)
from engine.book.triggers import look_at
from engine.kernel import cold, kernel, stage
from engine.schema import events
from engine.schema.vocabulary import (
    BUY,
    CANCEL_LINKED,
    CANCEL_SELF_TRADE,
    CANCEL_SLIPPAGE,
    CANCEL_SOLVENCY,
    NONE,
    SELL,
    SOURCE_LAST,
    STP_CANCEL_BOTH,
    STP_CANCEL_NEWEST,
    STP_CANCEL_OLDEST,
    STP_NONE,
)
from engine.state.access import (
    ACCOUNT,
    CONTRACT,
    ENGINE,
    LADDER,
    LEVEL,
    ORDER,
    ORDER_EXTRA,
    POSITION,
    SWEEP,
)
from engine.state.arithmetic import absolute, multiply_divide
from engine.state.events import emit
from engine.state.layout import EXTRA, LIQUIDATING
from engine.state.lines import (
    ask_for_account,
    ask_for_filled,
    ask_for_holder,
    ask_for_order,
    ask_for_position,
)
from engine.state.values import find_most_lots, gain_of_fill, value_of_fill
from engine.trading_state import TRIGGERING, is_one_of
from engine.transition.band import has_dynamic_band, tighten_key
from engine.transition.brackets import follow_entry
from engine.transition.orders import (
    cancel_linked,
    cancel_working,
    cut_sibling,
    decrement_resting,
    emit_reduced,
    emit_refilled,
    keep_reduce_only,
    unrest_head,
)
from engine.transition.protection import is_quote, note_quote_fill, protection_of
from funding.mark import note_traded
from risk.accounts import is_affiliated
from risk.margin import equity_of, is_below_required, maintenance_of
from risk.reserve import release_reserve
from risk.settlement import (
    compute_fee_unrebated,
    compute_liquidation_fee,
    compute_maker_fee,
    compute_taker_fee,
    cover_if_short,
    pay_liquidation_fee,
    settle_side,
    settle_side_of,
)
from risk.supervision import note_suspect
from risk.tiers import compute_margins_of


@cold
def prevent_self_trade(arena):
    """Resolve a pair of one group by the aggressor's mode; why the sweep has to stop, else 0
    (4.7)."""
    motion = SWEEP(arena, 0)
    mode = motion.mode
    if mode == STP_CANCEL_NEWEST:
        return CANCEL_SELF_TRADE
    if mode == STP_CANCEL_OLDEST or mode == STP_CANCEL_BOTH:
        cancel_working(arena, motion.maker_slot, CANCEL_SELF_TRADE)
        return 0 if mode == STP_CANCEL_OLDEST else CANCEL_SELF_TRADE
    resting_lots = ORDER(arena, motion.maker_slot).lots + 0
    decrement_resting(
        arena, motion.maker_slot, min(resting_lots, motion.leaves), CANCEL_SELF_TRADE
    )
    if resting_lots >= motion.leaves:
        return CANCEL_SELF_TRADE
    release_reserve(arena, motion.slot, resting_lots)
    ORDER(arena, motion.slot).lots -= resting_lots
    emit_reduced(arena, motion.slot, resting_lots, CANCEL_SELF_TRADE)
    motion.leaves -= resting_lots
    return 0


@kernel
def ask_for_next_maker(arena, order):
    """While this order is filled, the lines of who may be filled next come."""
    following = ORDER(arena, order.next)
    ask_for_account(arena, following.account)
    ask_for_position(arena, following.position)
    ask_for_holder(arena, following.position)
    ask_for_order(arena, following.next)


@kernel
def load_maker(arena, contract):
    """Value the maker and the fill: `gain` is what the aggressor gains by it against the mark, and
    so what the maker loses."""
    motion = SWEEP(arena, 0)
    order = ORDER(arena, motion.maker_slot)
    terms = CONTRACT(arena, contract)
    motion.maker_position = order.position
    motion.price_ticks = order.price_ticks
    motion.asked_lots = min(motion.leaves, order.lots)
    motion.value = value_of_fill(terms, order.price_ticks, motion.asked_lots)
    motion.gain = gain_of_fill(terms, motion.side, motion.asked_lots, motion.value)
    if motion.leaves < order.lots:
        ask_for_filled(arena, motion.maker_slot)
    ask_for_next_maker(arena, order)
    motion.maker_equity = equity_of(arena, motion.maker)


@cold
def is_maker_beyond_slippage(arena):
    """1 when the fill, worse than the mark by more than 9.2(c) assumes, would leave the maker
    below maintenance (9.0)."""
    motion = SWEEP(arena, 0)
    terms = CONTRACT(arena, motion.contract)
    equity = motion.maker_equity - motion.gain
    equity -= compute_fee_unrebated(terms, absolute(motion.value), equity)
    signed = -motion.asked_lots if motion.side == BUY else motion.asked_lots
    lots = POSITION(arena, motion.maker_position).lots + signed
    return is_below_required(arena, motion.maker, motion.contract, lots, equity)


@kernel
def check_maker(arena, contract):
    """Why the resting order can't trade and must be cancelled whole, 0 when it can (9.0)."""
    motion = SWEEP(arena, 0)
    if motion.maker_equity - motion.gain < 0:
        return CANCEL_SOLVENCY
    if motion.gain > motion.asked_lots * CONTRACT(arena, contract).slip_value:
        if is_maker_beyond_slippage(arena) == 1:
            return CANCEL_SLIPPAGE
    return 0


@cold
def cut_fill(arena):
    """Cut the fill to the most lots that leave the aggressor's equity >= 0 (9.0)."""
    motion = SWEEP(arena, 0)
    terms = CONTRACT(arena, motion.contract)
    motion.lots = find_most_lots(
        arena, motion.contract, motion.side, motion.price_ticks, motion.asked_lots, motion.equity
    )
    motion.value = value_of_fill(terms, motion.price_ticks, motion.lots)
    motion.gain = gain_of_fill(terms, motion.side, motion.lots, motion.value)
    return motion.lots + 0


@kernel
def check_aggressor(arena, contract):
    """Size the fill and its fees; why the aggressor can't trade at all, 0 when it can (9.0)."""
    motion = SWEEP(arena, 0)
    terms = CONTRACT(arena, contract)
    motion.lots = motion.asked_lots
    if motion.gain < 0 and motion.equity + motion.gain < 0:
        if cut_fill(arena) == 0:
            return CANCEL_SOLVENCY
    lots = motion.lots
    gain = motion.gain
    value = absolute(motion.value)
    equity = motion.equity + gain
    if motion.maker == motion.account:
        equity = motion.equity  # its own two legs cancel out: only the fee can cost it
    fee = compute_taker_fee(terms, value, equity)
    equity -= fee
    liquidation_fee = 0
    if motion.slot == NONE:
        # up to what is left above the bankruptcy value of these lots (9.4)
        surplus = gain + multiply_divide(motion.share, lots, motion.share_lots) - fee
        liquidation_fee = compute_liquidation_fee(terms, value, surplus, equity)
    elif -gain > lots * terms.slip_value:
        signed = lots if motion.side == BUY else -lots
        lots_after = POSITION(arena, motion.position).lots + signed
        if is_below_required(arena, motion.account, contract, lots_after, equity) == 1:
            return CANCEL_SLIPPAGE
    motion.fee = fee
    motion.liquidation_fee = liquidation_fee
    return 0


@kernel
def take_from_orders(arena, contract, ladder, key, level_slot, maker_order_id):
    """Announce the trade and take its lots off both orders, of which the maker's is the first of
    its level; a filled maker frees its slot."""
    motion = SWEEP(arena, 0)
    terms = CONTRACT(arena, contract)
    slot = motion.maker_slot
    lots = motion.lots
    emit(
        arena, events.TRADE, contract, 0,
        motion.price_ticks, lots, motion.order_id, maker_order_id, motion.side, 0,
    )  # fmt: skip
    terms.last_trade_ticks = motion.price_ticks
    if motion.filled == 0:
        motion.first_ticks = motion.price_ticks
    has_affiliate = is_affiliated(arena, motion.account, motion.maker)
    note_traded(terms, motion.price_ticks, lots, has_affiliate)
    release_reserve(arena, slot, lots)
    if lots == open_lots_of(arena, slot):
        unrest_head(arena, ladder, key, level_slot, slot)
        free_order_slot(arena, slot)
    else:
        shrink_in_level(arena, ladder, level_slot, slot, lots)
        note_partial_fill(arena, slot, lots)
        if ORDER(arena, slot).lots == 0:
            refill_order(arena, slot)
            emit_refilled(arena, slot)
    if motion.slot != NONE:
        release_reserve(arena, motion.slot, lots)
        ORDER(arena, motion.slot).lots -= lots


@kernel
def settle_fill(arena, contract, account, position, maker, maker_order_id):
    """Book both sides, the aggressor first: its fee is what a rebate is paid from (8.8)."""
    motion = SWEEP(arena, 0)
    lots = motion.lots
    value = motion.value
    gain = motion.gain
    fee = motion.fee
    margins = settle_side_of(
        arena, contract, account, position, (motion.margin_initial, motion.margin_maintenance),
        motion.order_id, motion.side, lots, value, fee,
    )  # fmt: skip
    liquidation_fee = motion.liquidation_fee
    if liquidation_fee != 0:
        pay_liquidation_fee(arena, contract, account, liquidation_fee)
    if maker != account:
        cover_if_short(arena, account)
    equity = motion.equity + gain - fee - liquidation_fee
    maker_equity = (equity if maker == account else motion.maker_equity) - gain
    terms = CONTRACT(arena, contract)
    maker_fee = compute_maker_fee(terms, absolute(value), maker_equity, fee)
    maker_equity -= maker_fee
    maker_margins = settle_side(
        arena, contract, maker, motion.maker_position, maker_order_id,
        SELL - motion.side, lots, value, maker_fee,
    )  # fmt: skip
    cover_if_short(arena, maker)
    motion.maker_equity = maker_equity
    motion.equity = maker_equity if maker == account else equity
    left = maker_margins if maker == account else margins
    motion.margin_initial, motion.margin_maintenance = left


@kernel
def note_fill_suspects(arena, account, maker):
    """After a fill: whoever is below maintenance is looked at again at the end (9.1)."""
    motion = SWEEP(arena, 0)
    if motion.equity < maintenance_of(arena, account):
        note_suspect(arena, account)
    required = maintenance_of(arena, maker)
    if motion.maker_equity < required or ACCOUNT(arena, maker).flags & LIQUIDATING:
        note_suspect(arena, maker)


@kernel
def sibling_of(arena, slot):
    """The order's sibling, NONE for most orders; slot NONE has none."""
    if slot != NONE and ORDER(arena, slot).flags & EXTRA:
        return ORDER_EXTRA(arena, slot).sibling + 0
    return NONE


@kernel
def is_entry(arena, slot):
    """1 for a bracket's entry, whatever has become of its children."""
    if slot == NONE or ORDER(arena, slot).flags & EXTRA == 0:
        return 0
    extra = ORDER_EXTRA(arena, slot)
    return 1 if extra.stop_ticks | extra.target_ticks != 0 else 0


@cold
def note_special_maker(arena):
    """Keep what a fill needs of the maker's order behind its end: sibling, protection window."""
    motion = SWEEP(arena, 0)
    slot = motion.maker_slot
    motion.maker_sibling = NONE
    motion.maker_group = 0
    motion.maker_is_entry = 0
    motion.maker_is_over = 1 if motion.lots == open_lots_of(arena, slot) else 0
    if ORDER(arena, slot).flags & EXTRA:
        motion.maker_sibling = ORDER_EXTRA(arena, slot).sibling
        if motion.maker_is_over == 1:
            unlink_order(arena, slot)  # the fill ends it: its sibling comes behind the aggressor's
        motion.maker_is_entry = is_entry(arena, slot)
        if is_quote(arena, slot):
            motion.maker_group = protection_of(arena, slot)
    return 0


@kernel
def note_maker(arena):
    """Of two plain orders nothing needs to be kept, and nothing follows their fill."""
    motion = SWEEP(arena, 0)
    flags = ORDER(arena, motion.maker_slot).flags | ORDER(arena, motion.slot).flags
    motion.is_special = flags & EXTRA
    if motion.is_special != 0:
        note_special_maker(arena)


@cold
def follow_special_fill(arena):
    """After the legs: protection of a quote (4.8), stops and targets of bracket entries, then what
    the fill took goes from the siblings of both orders, too (4.5)."""
    motion = SWEEP(arena, 0)
    if motion.maker_group != 0:
        note_quote_fill(
            arena, motion.maker, motion.maker_group, SELL - motion.side, motion.lots
        )
    if motion.maker_is_entry == 1:
        follow_entry(arena, motion.maker_slot, motion.lots, motion.maker_is_over)
    if is_entry(arena, motion.slot) == 1:
        follow_entry(arena, motion.slot, motion.lots, 0)
    sibling = sibling_of(arena, motion.slot)
    if sibling != NONE:
        cut_sibling(arena, sibling, motion.lots, 1 if motion.leaves == 0 else 0)
    # Were the two each other's siblings, the aggressor's half may have ended the link.
    if motion.maker_sibling != NONE and (
        motion.maker_is_over == 1
        or ORDER_EXTRA(arena, motion.maker_sibling).sibling == motion.maker_slot
    ):
        cut_sibling(arena, motion.maker_sibling, motion.lots, motion.maker_is_over)
    return 0


@kernel
def follow_fill(arena):
    if SWEEP(arena, 0).is_special != 0:
        follow_special_fill(arena)


@kernel
def settle_links(arena):
    """After a resting order was dealt with; True when the aggressor ends by its own link."""
    motion = SWEEP(arena, 0)
    if ENGINE(arena, 0).linked == 0 or cancel_linked(arena, motion.slot) == 0:
        return False
    if motion.stop_reason == 0:
        motion.stop_reason = CANCEL_LINKED
    return True


@cold
def look_at_trades(arena, contract):
    """Show the sweep's first and last price to the triggers that watch trades (4.2).

    Its prices moved one way, so these two reach what all of them reach.
    """
    terms = CONTRACT(arena, contract)
    if SWEEP(arena, 0).filled == 0 or terms.armed_last == 0:
        return 0
    if not is_one_of(TRIGGERING, terms.state):
        return 0  # a liquidation may trade where nobody else can
    look_at(arena, contract, SOURCE_LAST, SWEEP(arena, 0).first_ticks)
    return look_at(arena, contract, SOURCE_LAST, terms.last_trade_ticks)


@kernel
def end_sweep(arena, ladder, asked_key, limit_key):
    """Note whether the dynamic band ended the sweep, and let the triggers look.

    An order that the band stopped may bring an auction, in which triggers see nothing.
    """
    motion = SWEEP(arena, 0)
    motion.banded = 0
    if limit_key != asked_key and motion.leaves > 0 and motion.stop_reason == 0:
        key = LADDER(arena, ladder).best_key
        motion.banded = 1 if key != NONE and key <= asked_key else 0
    if motion.banded == 0 and motion.filled > 0:
        if CONTRACT(arena, motion.contract).armed_last > 0:
            look_at_trades(arena, motion.contract)
    motion.slot = NONE


@kernel
def load_aggressor(arena, contract, account, position, slot, side):
    """Begin the record: who trades on which side, what he is worth; he has filled nothing."""
    motion = SWEEP(arena, 0)
    held_lots = POSITION(arena, position).lots + 0
    motion.contract = contract
    motion.account = account
    motion.position = position
    motion.slot = slot
    motion.order_id = order_id_of(arena, slot) if slot != NONE else 0
    motion.side = side
    motion.group = ACCOUNT(arena, account).group
    motion.share_lots = absolute(held_lots)
    motion.equity = equity_of(arena, account)
    margins = compute_margins_of(arena, contract, held_lots)
    motion.margin_initial, motion.margin_maintenance = margins
    motion.filled = 0
    motion.stop_reason = 0


@stage
def sweep(arena, contract, account, position, slot, side, limit_ticks, lots, mode, share):
    """Trade until the limit, the quantity or a rule stops it; returns the lots left.

    `slot` is the aggressor's order, NONE for a liquidation order, which then has `share`, its
    position's part of the account's equity. SWEEP tells `filled` lots and the `stop_reason` for
    which a rest must be cancelled, 0 when nothing but limit or quantity ended the sweep; `banded`
    is 1 when the dynamic band did (5.3).
    """
    motion = SWEEP(arena, 0)
    load_aggressor(arena, contract, account, position, slot, side)
    motion.mode = mode
    motion.share = share
    motion.leaves = lots
    maker_side = SELL - side
    ladder = ladder_of(contract, maker_side)
    asked_key = key_of(limit_ticks, maker_side)
    limit_key = asked_key
    if has_dynamic_band(arena, contract):
        limit_key = tighten_key(arena, contract, maker_side, limit_key)
    while motion.leaves > 0:
        key = LADDER(arena, ladder).best_key
        if key == NONE or key > limit_key:
            break
        level_slot = find_level(arena, ladder, key)
        motion.maker_slot = LEVEL(arena, level_slot).head
        motion.maker = maker = ORDER(arena, motion.maker_slot).account
        if ACCOUNT(arena, maker).group == motion.group and mode != STP_NONE:
            motion.stop_reason = prevent_self_trade(arena)
            if motion.stop_reason != 0 or settle_links(arena):
                break
            continue
        load_maker(arena, contract)
        reason = check_maker(arena, contract)
        if reason != 0:
            cancel_working(arena, motion.maker_slot, reason)
            if settle_links(arena):
                break
            continue
        motion.stop_reason = check_aggressor(arena, contract)
        if motion.stop_reason != 0:
            break
        # From here the fill stands; nothing below may refuse.
        maker_order_id = order_id_of(arena, motion.maker_slot)
        note_maker(arena)
        take_from_orders(arena, contract, ladder, key, level_slot, maker_order_id)
        settle_fill(arena, contract, account, position, maker, maker_order_id)
        motion.leaves -= motion.lots
        motion.filled += motion.lots
        follow_fill(arena)
        keep_reduce_only(arena, position, account)
        keep_reduce_only(arena, motion.maker_position, maker)
        note_fill_suspects(arena, account, maker)
        if motion.lots < motion.asked_lots:
            motion.stop_reason = CANCEL_SOLVENCY
        if settle_links(arena) or motion.stop_reason != 0:
            break
    end_sweep(arena, ladder, asked_key, limit_key)
    return motion.leaves
