"""The pool's mode of deleveraging: how many lots each opposite holder gives, and what a client may
read of its place in that order (9.7)."""

from engine.kernel import cold, kernel
from engine.schema.vocabulary import DELEVERAGING_PRO_RATA, DELEVERAGING_QUEUE
from engine.state.access import CONTRACT, ENGINE, POOL, POSITION, POSITION_EXTRA
from engine.state.arithmetic import absolute, is_ratio_above, multiply_divide
from risk.accounts import find_position, holder_at
from risk.counterparties import open_ranking
from risk.deleveraging import drain_lots
from risk.deleveraging_pro_rata import take_pro_rata
from risk.deleveraging_queue import compute_rank, is_ranked_before, take_by_queue
from risk.margin import compute_equity, compute_notional
from risk.ranking import ASKED

BANDS = 5


@cold
def choose_lots(arena, contract, is_long, lots, charge, gain_cap, must_afford):
    """Spread `lots` with their charge over the holders of a side; returns the lots that found a
    taker. What each gives stands in the candidates, in the order of CHOSEN."""
    ENGINE(arena, 0).chosen = 0
    mode = POOL(arena, 0).deleveraging_mode
    if mode == DELEVERAGING_PRO_RATA:
        return take_pro_rata(arena, contract, is_long, lots, charge, gain_cap, must_afford)
    ranking = open_ranking(arena, contract, ASKED, is_long)
    if mode == DELEVERAGING_QUEUE:
        return take_by_queue(arena, ranking, lots, charge, gain_cap, must_afford)
    return drain_lots(arena, ranking, lots, charge, gain_cap, must_afford)


@kernel
def is_asked_before(arena, contract, position, other):
    """Whether the mode's order has one holder of a side before another, at present values."""
    mode = POOL(arena, 0).deleveraging_mode
    account = POSITION(arena, position).account + 0
    other_account = POSITION(arena, other).account + 0
    if mode == DELEVERAGING_PRO_RATA:
        return account < other_account
    notional = compute_notional(arena, account)
    equity = compute_equity(arena, account)
    other_notional = compute_notional(arena, other_account)
    other_equity = compute_equity(arena, other_account)
    if mode == DELEVERAGING_QUEUE:
        return is_ranked_before(
            compute_rank(arena, contract, position, notional, equity),
            POSITION_EXTRA(arena, position).opened,
            account,
            compute_rank(arena, contract, other, other_notional, other_equity),
            POSITION_EXTRA(arena, other).opened,
            other_account,
        )
    if is_ratio_above(notional, equity, other_notional, other_equity):
        return True
    if is_ratio_above(other_notional, other_equity, notional, equity):
        return False
    return account < other_account


@cold
def compute_rank_band(arena, account, contract):
    """Which fifth of its side's lots, in the order of deleveraging, stands before a position: 1 to
    5, 1 is asked first; 0 without lots. It names nobody, and writes nothing."""
    position = find_position(arena, account, contract)
    lots = POSITION(arena, position).lots + 0
    if lots == 0:
        return 0
    ahead = 0
    side_lots = 0
    for k in range(CONTRACT(arena, contract).holders):
        other = holder_at(arena, contract, k)
        other_lots = POSITION(arena, other).lots + 0
        if (other_lots > 0) != (lots > 0):
            continue
        side_lots += absolute(other_lots)
        if other != position and is_asked_before(arena, contract, other, position):
            ahead += absolute(other_lots)
    return 1 + multiply_divide(BANDS, ahead, side_lots)
