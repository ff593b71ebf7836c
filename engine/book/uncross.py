"""The price of an uncross: most volume, least surplus, the surplus's side, nearest the reference.

All ticks are candidates (5.2), but only levels that can cross are walked. Matching the best bids
with the best asks until they no longer meet gives the volume V and the prices of the last lots
matched, `ask <= bid`: no price has more volume, and those with as much are the ticks from that ask
to that bid. On them buys only fall and sells only rise with the price, so the surplus falls:

- a rest at the last bid level: every tick has a surplus of buys, least and highest at that bid;
  a rest at the last ask level: the mirror;
- no rest: with the next bid below and the next ask above, the ticks strictly between the two have
  no surplus. There are none only if the next ask is one tick above the next bid: then the least
  surplus is that of the smaller of the two levels, at its price; if they are equal, the ticks
  down to the bid after that and up to the ask after that are all as good.

What is left is one run of ticks each time, so the nearest to the reference is a clamp.
"""

from engine.book.levels import find_key_from, find_level, key_of, ladder_of
from engine.book.orders import open_lots_of
from engine.kernel import cold, kernel
from engine.schema.vocabulary import BUY, NONE, SELL
from engine.state.access import (
    AUCTION_ORDER,
    AUCTION_RANK,
    CONTRACT,
    LADDER,
    LEVEL,
    ORDER,
    UNCROSS,
    UNCROSS_SIDE,
)
from engine.state.arithmetic import clamp


@kernel
def start_side(arena, contract, side):
    """Put the cursor of a side before its best level."""
    uncross = UNCROSS(arena, 0)
    cursor = UNCROSS_SIDE(arena, side)
    cursor.key = LADDER(arena, ladder_of(contract, side)).best_key
    cursor.slot = NONE
    cursor.row = 0 if side == BUY else uncross.buys
    cursor.end = uncross.buys if side == BUY else uncross.orders


@kernel
def compute_level_lots(arena, ladder, key):
    """All open lots of a level, hidden ones too."""
    level = LEVEL(arena, find_level(arena, ladder, key))
    if LADDER(arena, ladder).lots_hidden == 0:
        return level.lots + 0
    lots = 0
    slot = level.head + 0
    while slot != NONE:
        lots += open_lots_of(arena, slot)
        slot = ORDER(arena, slot).next + 0
    return lots


@kernel
def find_ranked(arena, cursor):
    """The next liquidation order of a side that has lots left, as its row + 1; NONE if none."""
    while cursor.row < cursor.end:
        row = AUCTION_RANK(arena, cursor.row).slot + 0
        if AUCTION_ORDER(arena, row).lots > 0:
            return row + 1
        cursor.row += 1
    return NONE


@cold
def load_level(arena, contract, side):
    """Take the next level of a side into its cursor: price and lots, 0 when there is none."""
    cursor = UNCROSS_SIDE(arena, side)
    cursor.level_key = cursor.key
    ranked = find_ranked(arena, cursor)
    if ranked != NONE:
        key = AUCTION_ORDER(arena, ranked - 1).key + 0
        if cursor.key == NONE or key < cursor.key:
            cursor.level_key = key
    cursor.level_lots = 0
    if cursor.level_key == NONE:
        return 0
    if cursor.key == cursor.level_key:
        ladder = ladder_of(contract, side)
        cursor.level_lots = compute_level_lots(arena, ladder, cursor.key)
        cursor.key = find_key_from(arena, ladder, cursor.key + 1)
    while ranked != NONE and AUCTION_ORDER(arena, ranked - 1).key == cursor.level_key:
        cursor.level_lots += AUCTION_ORDER(arena, ranked - 1).lots
        cursor.row += 1
        ranked = find_ranked(arena, cursor)
    return key_of(cursor.level_key, side)


@kernel
def choose_nearest(terms, low_ticks, high_ticks):
    """The tick of a run nearest the reference: last trade, else the static one, else the middle."""
    reference_ticks = terms.last_trade_ticks
    if reference_ticks == 0:
        reference_ticks = terms.auction_reference_ticks
    if reference_ticks == 0:
        return (low_ticks + high_ticks) // 2
    return clamp(reference_ticks, low_ticks, high_ticks)


@kernel
def take_price(arena, price_ticks, surplus):
    UNCROSS(arena, 0).price_ticks = price_ticks
    UNCROSS(arena, 0).surplus = surplus
    return price_ticks


@cold
def choose_price(arena, contract, matched_bid_ticks, matched_ask_ticks, bid_ticks, ask_ticks):
    """Steps two to four, from the last prices matched and those where the cursors stand."""
    terms = CONTRACT(arena, contract)
    bid = UNCROSS_SIDE(arena, BUY)
    ask = UNCROSS_SIDE(arena, SELL)
    if bid_ticks == matched_bid_ticks:
        return take_price(arena, bid_ticks, bid.level_lots + 0)
    if ask_ticks == matched_ask_ticks:
        return take_price(arena, ask_ticks, -ask.level_lots)
    above_ticks = ask_ticks if ask_ticks != NONE else terms.price_ticks_max + 1
    low_ticks = max(bid_ticks + 1, matched_ask_ticks)
    high_ticks = min(above_ticks - 1, matched_bid_ticks)
    if low_ticks <= high_ticks:
        return take_price(arena, choose_nearest(terms, low_ticks, high_ticks), 0)
    if bid.level_lots < ask.level_lots:
        return take_price(arena, bid_ticks, bid.level_lots + 0)
    if ask.level_lots < bid.level_lots:
        return take_price(arena, ask_ticks, -ask.level_lots)
    surplus = bid.level_lots + 0
    low_ticks = max(load_level(arena, contract, BUY) + 1, matched_ask_ticks)
    above_ticks = load_level(arena, contract, SELL)
    high_ticks = matched_bid_ticks
    if above_ticks != NONE:
        high_ticks = min(above_ticks - 1, matched_bid_ticks)
    price_ticks = choose_nearest(terms, low_ticks, high_ticks)
    return take_price(arena, price_ticks, surplus if price_ticks <= bid_ticks else -surplus)


@cold
def compute_uncross(arena, contract):
    """The price at which the contract would uncross now, 0 when nothing meets; UNCROSS tells
    the lots that would trade and the surplus of buys."""
    uncross = UNCROSS(arena, 0)
    uncross.price_ticks = 0
    uncross.lots = 0
    uncross.surplus = 0
    start_side(arena, contract, BUY)
    start_side(arena, contract, SELL)
    bid = UNCROSS_SIDE(arena, BUY)
    ask = UNCROSS_SIDE(arena, SELL)
    bid_ticks = load_level(arena, contract, BUY)
    ask_ticks = load_level(arena, contract, SELL)
    matched_bid_ticks = 0
    matched_ask_ticks = 0
    while ask_ticks != NONE and bid_ticks >= ask_ticks:
        lots = min(bid.level_lots, ask.level_lots)
        uncross.lots += lots
        matched_bid_ticks = bid_ticks
        matched_ask_ticks = ask_ticks
        bid.level_lots -= lots
        ask.level_lots -= lots
        if bid.level_lots == 0:
            bid_ticks = load_level(arena, contract, BUY)
        if ask.level_lots == 0:
            ask_ticks = load_level(arena, contract, SELL)
    if uncross.lots == 0:
        return 0
    return choose_price(
        arena, contract, matched_bid_ticks, matched_ask_ticks, bid_ticks, ask_ticks
    )


@cold
def compute_indicative(arena, contract):
    """The same over the book alone, without liquidation orders that will join it."""
    UNCROSS(arena, 0).orders = 0
    UNCROSS(arena, 0).buys = 0
    return compute_uncross(arena, contract)
