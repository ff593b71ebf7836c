"""What the book shows: impact prices and depth within a limit (6.2, 7.1, 9.2 c)."""

from engine.book.levels import find_key_from, find_level, key_of, ladder_of
from engine.kernel import cold, kernel
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, CONTRACT, ENGINE, LADDER, LEVEL, ORDER
from engine.state.layout import AFFILIATE
from engine.state.values import size_of_lot


@cold
def count_priced_lots(arena, level_slot):
    """The lots of a level without those of affiliates (C10)."""
    lots = LEVEL(arena, level_slot).lots + 0
    slot = LEVEL(arena, level_slot).head + 0
    while slot != NONE:
        if ACCOUNT(arena, ORDER(arena, slot).account).flags & AFFILIATE:
            lots -= ORDER(arena, slot).lots
        slot = ORDER(arena, slot).next + 0
    return lots


@kernel
def priced_lots_of(arena, contract, level_slot):
    """The lots of a level that count in prices; the orders are walked only where they must be."""
    if CONTRACT(arena, contract).affiliates_priced or ENGINE(arena, 0).affiliates == 0:
        return LEVEL(arena, level_slot).lots + 0
    return count_priced_lots(arena, level_slot)


@cold
def compute_impact(arena, contract, side):
    """Value of the fewest best lots worth the contract's impact value; 0 when a side is too thin.

    The lots are left in `engine.impact_lots`; of the last level only those needed, rounded up.
    """
    terms = CONTRACT(arena, contract)
    engine = ENGINE(arena, 0)
    ladder = ladder_of(contract, side)
    value = 0
    lots = 0
    key = LADDER(arena, ladder).best_key
    while key != NONE:
        level_lots = priced_lots_of(arena, contract, find_level(arena, ladder, key))
        lot_value = size_of_lot(terms, key_of(key, side))
        missing = terms.funding_impact_value - value
        needed = (missing + lot_value - 1) // lot_value
        if needed <= level_lots:
            engine.impact_lots = lots + needed
            return value + needed * lot_value
        value += level_lots * lot_value
        lots += level_lots
        key = find_key_from(arena, ladder, key + 1)
    engine.impact_lots = 0
    return 0


@cold
def compute_visible_lots(arena, contract, side, limit_ticks, lots_enough):
    """Lots of a side at its limit or better; stops counting at `lots_enough`."""
    ladder = ladder_of(contract, side)
    limit_key = key_of(limit_ticks, side)
    lots = 0
    key = LADDER(arena, ladder).best_key
    while key != NONE and key <= limit_key and lots < lots_enough:
        lots += LEVEL(arena, find_level(arena, ladder, key)).lots
        key = find_key_from(arena, ladder, key + 1)
    return lots
