"""The trial of an uncross (5.2): which pairs would trade at the price, and who breaches 9.0.

A *party* is what stands on one side of a pair: the slot of an order, or minus (row + 1) of a
liquidation order, which has a price and lots but no place in the book: it stands behind all orders
of its price. `UNCROSS` holds the price; the cursors of the two sides find the parties.
"""

from engine.book.levels import find_key_from, find_level, key_of, ladder_of
from engine.book.orders import (
    arrival_of,
    open_lots_of,
)
from engine.book.uncross import start_side
from engine.kernel import cold, kernel
from engine.schema.vocabulary import (
    BUY,
    CANCEL_SLIPPAGE,
    CANCEL_SOLVENCY,
    NONE,
    SELL,
    STP_CANCEL_OLDEST,
    STP_NONE,
)
from engine.state.access import (
    ACCOUNT,
    AUCTION_ORDER,
    AUCTION_RANK,
    BREACH,
    CONTRACT,
    LADDER,
    LEVEL,
    ORDER,
    UNCROSS,
    UNCROSS_SIDE,
)
from engine.state.arithmetic import absolute, multiply_divide
from engine.state.layout import STP_SHIFT
from engine.state.values import gain_of_fill, value_of_fill
from engine.transition.feasibility import (
    begin_trial,
    note_trial_equity,
    note_trial_order_lots,
    note_trial_position_lots,
    trial_equity_of,
    trial_order_lots_of,
    trial_position_lots_of,
)
from risk.margin import compute_required, value_beside
from risk.settlement import (
    compute_fee_unrebated,
    compute_liquidation_fee,
)


@kernel
def row_of(party):
    return -party - 1


@kernel
def account_of(arena, party):
    if party > 0:
        return ORDER(arena, party).account + 0
    return AUCTION_ORDER(arena, row_of(party)).account + 0


@kernel
def position_of(arena, party):
    if party > 0:
        return ORDER(arena, party).position + 0
    return AUCTION_ORDER(arena, row_of(party)).position + 0


@cold
def lots_of(arena, party, in_trial):
    if party > 0:
        return trial_order_lots_of(arena, party) if in_trial == 1 else open_lots_of(arena, party)
    order = AUCTION_ORDER(arena, row_of(party))
    return order.lots_trial + 0 if in_trial == 1 else order.lots + 0


@cold
def find_later(arena, buyer, seller):
    """The party that came to rest later: a liquidation order behind all, the last joined last."""
    if buyer < 0 and seller < 0:
        return min(buyer, seller)
    if buyer < 0:
        return buyer
    if seller < 0:
        return seller
    return buyer if arrival_of(arena, buyer) > arrival_of(arena, seller) else seller


@cold
def mode_of(arena, buyer, seller):
    """The self-trade mode of a pair of one group: the later order's; none for other pairs."""
    group = ACCOUNT(arena, account_of(arena, buyer)).group
    if group != ACCOUNT(arena, account_of(arena, seller)).group:
        return STP_NONE
    if buyer < 0 or seller < 0:
        return STP_CANCEL_OLDEST
    return ORDER(arena, find_later(arena, buyer, seller)).flags >> STP_SHIFT


@cold
def find_in_book(arena, contract, side, limit_key, in_trial):
    """Move a side's cursor to its best order that has lots left; NONE beyond the limit."""
    cursor = UNCROSS_SIDE(arena, side)
    ladder = ladder_of(contract, side)
    if in_trial == 0:  # filled orders are gone: the best is always the first
        cursor.key = LADDER(arena, ladder).best_key
        cursor.slot = NONE
    while cursor.key != NONE and cursor.key <= limit_key:
        if cursor.slot == NONE:
            cursor.slot = LEVEL(arena, find_level(arena, ladder, cursor.key)).head
        while cursor.slot != NONE and lots_of(arena, cursor.slot, in_trial) == 0:
            cursor.slot = ORDER(arena, cursor.slot).next
        if cursor.slot != NONE:
            return cursor.slot + 0
        cursor.key = find_key_from(arena, ladder, cursor.key + 1)
    return NONE


@cold
def find_party(arena, contract, side, in_trial):
    """The best party of a side that may trade at the price; NONE when there is none left."""
    cursor = UNCROSS_SIDE(arena, side)
    limit_key = key_of(UNCROSS(arena, 0).price_ticks, side)
    slot = find_in_book(arena, contract, side, limit_key, in_trial)
    while cursor.row < cursor.end:
        row = AUCTION_RANK(arena, cursor.row).slot + 0
        if lots_of(arena, -row - 1, in_trial) > 0:
            key = AUCTION_ORDER(arena, row).key
            if key > limit_key or (slot != NONE and cursor.key <= key):
                return slot
            return -row - 1
        cursor.row += 1
    return slot


@kernel
def value_of(arena, contract, lots):
    return value_of_fill(CONTRACT(arena, contract), UNCROSS(arena, 0).price_ticks, lots)


@kernel
def gain_of(arena, contract, side, lots):
    """What a party of the side gains by a pair of these lots at the price, against the mark."""
    value = value_of(arena, contract, lots)
    return gain_of_fill(CONTRACT(arena, contract), side, lots, value)


@kernel
def size_of(arena, contract, lots):
    return absolute(value_of(arena, contract, lots))


@cold
def judge(arena, contract, party, side, lots):
    """Why a party can't trade these lots, 0 when it can (9.0), by the values of the trial."""
    terms = CONTRACT(arena, contract)
    account = account_of(arena, party)
    gain = gain_of(arena, contract, side, lots)
    equity = trial_equity_of(arena, account) + gain
    if equity < 0:
        return CANCEL_SOLVENCY
    if party < 0 or -gain <= lots * terms.slip_value:
        return 0
    equity -= compute_fee_unrebated(terms, size_of(arena, contract, lots), equity)
    signed = lots if side == BUY else -lots
    lots_after = trial_position_lots_of(arena, position_of(arena, party)) + signed
    _, beside = value_beside(arena, account, contract)
    if equity < compute_required(arena, account, contract, lots_after, beside):
        return CANCEL_SLIPPAGE
    return 0


@cold
def compute_fee(arena, contract, party, side, lots, equity, is_own):
    """The trading fee of one side, given its equity before the pair. Of an account that meets
    itself the price effects cancel out: its buyer's fee is cut to the equity before."""
    if side == SELL or is_own == 0:
        equity += gain_of(arena, contract, side, lots)
    terms = CONTRACT(arena, contract)
    return compute_fee_unrebated(terms, size_of(arena, contract, lots), equity)


@cold
def compute_penalty(arena, contract, party, side, lots, equity, fee):
    """The liquidation fee of a liquidation order's fill, 0 for other orders (9.4)."""
    if party > 0:
        return 0
    order = AUCTION_ORDER(arena, row_of(party))
    effect = gain_of(arena, contract, side, lots)
    surplus = effect + multiply_divide(order.share, lots, order.share_lots) - fee
    value = size_of(arena, contract, lots)
    return compute_liquidation_fee(CONTRACT(arena, contract), value, surplus, equity + effect - fee)


@cold
def fill_in_trial(arena, contract, party, side, lots, is_own):
    """Let one side of a pair trade in the trial."""
    account = account_of(arena, party)
    position = position_of(arena, party)
    equity = trial_equity_of(arena, account)
    fee = compute_fee(arena, contract, party, side, lots, equity, is_own)
    fee += compute_penalty(arena, contract, party, side, lots, equity, fee)
    note_trial_equity(arena, account, equity + gain_of(arena, contract, side, lots) - fee)
    signed = lots if side == BUY else -lots
    note_trial_position_lots(arena, position, trial_position_lots_of(arena, position) + signed)
    return 0


@cold
def take_in_trial(arena, party, lots):
    if party > 0:
        note_trial_order_lots(arena, party, trial_order_lots_of(arena, party) - lots)
    else:
        AUCTION_ORDER(arena, row_of(party)).lots_trial -= lots
    return 0


@cold
def note_breach(arena, party, reason):
    """Put an order out of the trial, to be cancelled at its end."""
    uncross = UNCROSS(arena, 0)
    BREACH(arena, uncross.breached).party = party
    BREACH(arena, uncross.breached).reason = reason
    uncross.breached += 1
    take_in_trial(arena, party, lots_of(arena, party, 1))
    return 0


@cold
def start_walk(arena, contract):
    """Put both cursors before the best and make trial values void."""
    begin_trial(arena)
    start_side(arena, contract, BUY)
    start_side(arena, contract, SELL)
    for row in range(UNCROSS(arena, 0).orders):
        AUCTION_ORDER(arena, row).lots_trial = AUCTION_ORDER(arena, row).lots
    return 0


@cold
def run_trial(arena, contract):
    """Walk the pairs at the price without touching the book; returns how many orders breach."""
    uncross = UNCROSS(arena, 0)
    uncross.breached = 0
    start_walk(arena, contract)
    while True:
        buyer = find_party(arena, contract, BUY, 1)
        seller = find_party(arena, contract, SELL, 1)
        if buyer == NONE or seller == NONE:
            return uncross.breached + 0
        lots = min(lots_of(arena, buyer, 1), lots_of(arena, seller, 1))
        if mode_of(arena, buyer, seller) == STP_NONE:
            buyer_reason = judge(arena, contract, buyer, BUY, lots)
            seller_reason = judge(arena, contract, seller, SELL, lots)
            if buyer_reason != 0:
                note_breach(arena, buyer, buyer_reason)
            if seller_reason != 0:
                note_breach(arena, seller, seller_reason)
            if buyer_reason != 0 or seller_reason != 0:
                continue
            is_own = 1 if account_of(arena, buyer) == account_of(arena, seller) else 0
            fill_in_trial(arena, contract, buyer, BUY, lots, is_own)
            fill_in_trial(arena, contract, seller, SELL, lots, is_own)
        take_in_trial(arena, buyer, lots)
        take_in_trial(arena, seller, lots)
