"""The fills of an uncross (5.2), at the price of its trial."""

from engine.book.levels import find_level, key_of, ladder_of
from engine.book.orders import (
    free_order_slot,
    mark_extra,
    note_partial_fill,
    open_lots_of,
    order_id_of,
    unlink_order,
)
from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import (
    BUY,
    CANCEL_SELF_TRADE,
    NONE,
    SELL,
    STP_CANCEL_BOTH,
    STP_CANCEL_NEWEST,
    STP_DECREMENT,
    STP_NONE,
)
from engine.state.access import (
    ACCOUNT,
    AUCTION_ORDER,
    BREACH,
    CONTRACT,
    LADDER,
    LEFT_OVER_ORDER,
    LEVEL,
    ORDER,
    ORDER_EXTRA,
    UNCROSS,
    UNCROSS_SIDE,
)
from engine.state.events import emit
from engine.state.layout import EXTRA, LEFT_OVER, LIQUIDATING
from engine.transition.auction_trial import (
    account_of,
    compute_fee,
    compute_penalty,
    find_later,
    find_party,
    judge,
    lots_of,
    mode_of,
    position_of,
    row_of,
    start_walk,
    value_of,
)
from engine.transition.brackets import follow_entry
from engine.transition.orders import (
    cancel_linked,
    cancel_working,
    cut_sibling,
    cut_working,
    keep_reduce_only,
    reduce_working,
    unrest_order,
)
from engine.transition.protection import is_quote, note_quote_fill, protection_of
from engine.transition.sweep import is_entry
from funding.mark import note_traded
from risk.accounts import is_affiliated
from risk.margin import value_beside, value_whole
from risk.reserve import release_reserve
from risk.settlement import (
    cover_if_short,
    pay_liquidation_fee,
    settle_side,
)
from risk.supervision import note_suspect


@cold
def end_party(arena, party, reason):
    """Cancel an order; a liquidation order just leaves."""
    if party > 0:
        return cancel_working(arena, party, reason)
    order = AUCTION_ORDER(arena, row_of(party))
    order.lots_asked -= order.lots
    order.lots = 0
    return 0


@cold
def cut_party(arena, slot, lots):
    """Cut an order by lots that self-trade prevention took out."""
    if lots == open_lots_of(arena, slot):
        return cancel_working(arena, slot, CANCEL_SELF_TRADE)
    return reduce_working(arena, slot, lots, CANCEL_SELF_TRADE)


@cold
def note_left_over(arena, party):
    """Remember an order that a prevented pair leaves in the book: what it still asks for counts as
    done, so that it has to yield when the book is left crossed."""
    if party < 0:
        return 0
    mark_extra(arena, party)
    extra = ORDER_EXTRA(arena, party)
    if extra.bits & LEFT_OVER:
        return 0
    extra.bits |= LEFT_OVER
    uncross = UNCROSS(arena, 0)
    LEFT_OVER_ORDER(arena, uncross.left_over).slot = party
    uncross.left_over += 1
    return 0


@cold
def forget_left_over(arena):
    for k in range(UNCROSS(arena, 0).left_over):
        ORDER_EXTRA(arena, LEFT_OVER_ORDER(arena, k).slot).bits &= ~LEFT_OVER
    UNCROSS(arena, 0).left_over = 0
    return 0


@kernel
def is_left_over(arena, slot):
    if ORDER(arena, slot).flags & EXTRA == 0:
        return False
    return ORDER_EXTRA(arena, slot).bits & LEFT_OVER != 0


@cold
def prevent_pair(arena, buyer, seller, mode, lots):
    """Resolve a pair of one group; its lots count as done and are not replaced (5.2)."""
    if mode == STP_DECREMENT:
        cut_party(arena, buyer, lots)
        return cut_party(arena, seller, lots)
    later = find_later(arena, buyer, seller)
    earlier = seller if later == buyer else buyer
    if mode == STP_CANCEL_BOTH:
        end_party(arena, buyer, CANCEL_SELF_TRADE)
        return end_party(arena, seller, CANCEL_SELF_TRADE)
    end_party(arena, later if mode == STP_CANCEL_NEWEST else earlier, CANCEL_SELF_TRADE)
    return note_left_over(arena, earlier if mode == STP_CANCEL_NEWEST else later)


@cold
def take_from_party(arena, party, lots):
    """Take traded lots off an order, displayed and hidden as one; one that is filled leaves the
    book and frees its slot."""
    if party < 0:
        AUCTION_ORDER(arena, row_of(party)).lots -= lots
        return 0
    if lots == open_lots_of(arena, party):
        release_reserve(arena, party, lots)
        unrest_order(arena, party)
        if is_entry(arena, party) == 1:
            ORDER(arena, party).lots = 0  # its children are born from it: freed behind them
        else:
            free_order_slot(arena, party)
    else:
        cut_working(arena, party, lots)  # of an iceberg hidden lots first: it keeps its slice
        note_partial_fill(arena, party, lots)
    return 0


@cold
def settle_party(arena, contract, party, side, account, position, order_id, lots, is_own):
    """Book one side of a pair; of an account that meets itself the cover waits for both legs."""
    equity, _ = value_beside(arena, account, contract)
    value = value_of(arena, contract, lots)
    fee = compute_fee(arena, contract, party, side, lots, equity, is_own)
    penalty = compute_penalty(arena, contract, party, side, lots, equity, fee)
    settle_side(arena, contract, account, position, order_id, side, lots, value, fee)
    if penalty != 0:
        pay_liquidation_fee(arena, contract, account, penalty)
    if side == SELL or is_own == 0:
        cover_if_short(arena, account)
    return 0


@cold
def note_party(arena, party, side, lots):
    """Keep what a fill needs of an order behind its end: sibling, protection window, bracket."""
    cursor = UNCROSS_SIDE(arena, side)
    cursor.party = party
    cursor.sibling = NONE
    cursor.group = 0
    cursor.is_entry = 0
    cursor.is_over = 0
    if party < 0 or ORDER(arena, party).flags & EXTRA == 0:
        return 0
    cursor.sibling = ORDER_EXTRA(arena, party).sibling
    cursor.is_entry = is_entry(arena, party)
    if cursor.sibling != NONE:
        cursor.sibling_id = order_id_of(arena, cursor.sibling)
    if lots == open_lots_of(arena, party):
        cursor.is_over = 1
        unlink_order(arena, party)  # the fill ends it, but its sibling has its turn behind the legs
    if is_quote(arena, party):
        cursor.group = protection_of(arena, party)
    return 0


@cold
def follow_party(arena, side, account, lots):
    """After the legs: protection of a quote (4.8), stop and target of a bracket's entry (4.5)."""
    cursor = UNCROSS_SIDE(arena, side)
    if cursor.group != 0:
        note_quote_fill(arena, account, cursor.group, side, lots)
    if cursor.is_entry == 1:
        follow_entry(arena, cursor.party, lots, 0)
    return 0


@cold
def cut_link(arena, side, lots):
    """Then what the fill took goes from the order's sibling, too, unless the pair was the two."""
    cursor = UNCROSS_SIDE(arena, side)
    if cursor.is_entry == 1 and cursor.is_over == 1:
        free_order_slot(arena, cursor.party)
    sibling = cursor.sibling + 0
    if sibling == NONE or order_id_of(arena, sibling) != cursor.sibling_id:
        return 0
    if cursor.is_over == 0 and ORDER_EXTRA(arena, sibling).sibling == NONE:
        return 0
    if ORDER(arena, sibling).lots != 0:
        cut_sibling(arena, sibling, lots, cursor.is_over)
    return 0


@cold
def note_pair_suspect(arena, contract, account):
    equity, maintenance = value_whole(arena, account)
    if equity < maintenance or ACCOUNT(arena, account).flags & LIQUIDATING:
        note_suspect(arena, account)
    return 0


@cold
def trade_pair(arena, contract, buyer, seller, lots):
    """One fill at the price."""
    terms = CONTRACT(arena, contract)
    price_ticks = UNCROSS(arena, 0).price_ticks + 0
    buyer_account = account_of(arena, buyer)
    seller_account = account_of(arena, seller)
    buyer_position = position_of(arena, buyer)
    seller_position = position_of(arena, seller)
    buyer_id = order_id_of(arena, buyer) if buyer > 0 else 0
    seller_id = order_id_of(arena, seller) if seller > 0 else 0
    is_own = 1 if buyer_account == seller_account else 0
    emit(
        arena, events.TRADE, contract, 0, price_ticks, lots, buyer_id, seller_id, 2, 0
    )  # fmt: skip
    terms.last_trade_ticks = price_ticks
    has_affiliate = is_affiliated(arena, buyer_account, seller_account)
    note_traded(terms, price_ticks, lots, has_affiliate)
    note_party(arena, buyer, BUY, lots)
    note_party(arena, seller, SELL, lots)
    take_from_party(arena, buyer, lots)
    take_from_party(arena, seller, lots)
    settle_party(
        arena, contract, buyer, BUY, buyer_account, buyer_position, buyer_id, lots, is_own
    )  # fmt: skip
    settle_party(
        arena, contract, seller, SELL, seller_account, seller_position, seller_id, lots, is_own
    )  # fmt: skip
    follow_party(arena, BUY, buyer_account, lots)
    follow_party(arena, SELL, seller_account, lots)
    for side in range(BUY, SELL + 1):
        cut_link(arena, side, lots)
    keep_reduce_only(arena, buyer_position, buyer_account)
    keep_reduce_only(arena, seller_position, seller_account)
    note_pair_suspect(arena, contract, buyer_account)
    note_pair_suspect(arena, contract, seller_account)
    return 0


@cold
def walk_book(arena, contract):
    """The fills of the uncross, until its volume is done or no pair is left at the price.

    Every pair is judged once more: what reduce-only upkeep or self-trade prevention took out since
    the trial can have brought together orders that it never saw as a pair.
    """
    uncross = UNCROSS(arena, 0)
    start_walk(arena, contract)
    while uncross.done < uncross.lots:
        buyer = find_party(arena, contract, BUY, 0)
        seller = find_party(arena, contract, SELL, 0)
        if buyer == NONE or seller == NONE:
            return 0
        lots = min(lots_of(arena, buyer, 0), lots_of(arena, seller, 0))
        lots = min(lots, uncross.lots - uncross.done)
        mode = mode_of(arena, buyer, seller)
        if mode != STP_NONE:
            prevent_pair(arena, buyer, seller, mode, lots)
            uncross.done += lots
            cancel_linked(arena, NONE)
            continue
        buyer_reason = judge(arena, contract, buyer, BUY, lots)
        seller_reason = judge(arena, contract, seller, SELL, lots)
        if buyer_reason != 0:
            end_party(arena, buyer, buyer_reason)
        if seller_reason != 0:
            end_party(arena, seller, seller_reason)
        if buyer_reason == 0 and seller_reason == 0:
            trade_pair(arena, contract, buyer, seller, lots)
            uncross.done += lots
            uncross.traded += lots
        cancel_linked(arena, NONE)
    return 0


@cold
def cancel_breaches(arena):
    for k in range(UNCROSS(arena, 0).breached):
        end_party(arena, BREACH(arena, k).party, BREACH(arena, k).reason)
    return cancel_linked(arena, NONE)


@cold
def cancel_crossing(arena, contract):
    """What self-trade prevention left crossed: of the two best that goes whose pair was prevented,
    so that nobody else pays for it; both or none, the later (5.2)."""
    bids = ladder_of(contract, BUY)
    asks = ladder_of(contract, SELL)
    while True:
        bid_key = LADDER(arena, bids).best_key + 0
        ask_key = LADDER(arena, asks).best_key + 0
        if bid_key == NONE or ask_key == NONE or key_of(bid_key, BUY) < ask_key:
            return forget_left_over(arena)
        buyer = LEVEL(arena, find_level(arena, bids, bid_key)).head + 0
        seller = LEVEL(arena, find_level(arena, asks, ask_key)).head + 0
        gone = find_later(arena, buyer, seller)
        if is_left_over(arena, buyer) != is_left_over(arena, seller):
            gone = buyer if is_left_over(arena, buyer) else seller
        cancel_working(arena, gone, CANCEL_SELF_TRADE)
        cancel_linked(arena, NONE)


