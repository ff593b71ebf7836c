"""Deleveraging by queue: the holder with the highest rank gives all its lots, then the next (9.7).

The rank is profit times the leverage of the whole account, of a loss profit divided by leverage,
so that a loser with little leverage comes last. It is read once, before the first lot is given.
"""

from engine.kernel import cold, kernel
from engine.schema.bounds import PPB
from engine.schema.vocabulary import NONE
from engine.state.access import CONTRACT, POSITION, POSITION_EXTRA
from engine.state.arithmetic import absolute, is_ratio_above, multiply_divide
from risk.deleveraging import compute_given, find_able, find_charge, take_from_candidate
from risk.position_history import compute_kept
from risk.ranking import leave_ranking
from risk.worth import compute_profit_of

# Shares and leverages in PPB are kept within these, so that every rank fits.
SHARE_MAX = 2**45
LEVERAGE_MIN = 2**15


@kernel
def compute_share_ppb(profit, value):
    """|profit| per value, rounded down, at most SHARE_MAX; a value of 0 has the largest."""
    if profit == 0:
        return 0
    if is_ratio_above(profit, value, SHARE_MAX, PPB):
        return SHARE_MAX
    return multiply_divide(profit, PPB, value)


@kernel
def compute_leverage_ppb(notional, equity):
    """Notional per equity, rounded down, in LEVERAGE_MIN to SHARE_MAX, which no equity has."""
    if equity <= 0:
        return SHARE_MAX
    return max(compute_share_ppb(notional, equity), LEVERAGE_MIN)


@cold
def compute_rank(arena, contract, position, notional, equity):
    """The rank of a position whose account has this notional and equity."""
    terms = CONTRACT(arena, contract)
    profit = compute_profit_of(arena, contract, position)
    profit += POSITION_EXTRA(arena, position).realised + compute_kept(arena, position)
    value = absolute(POSITION(arena, position).lots) * terms.mark_size
    share_ppb = compute_share_ppb(absolute(profit), value)
    leverage_ppb = compute_leverage_ppb(notional, equity)
    if profit >= 0:
        return multiply_divide(share_ppb, leverage_ppb, PPB)
    return -multiply_divide(share_ppb, PPB, leverage_ppb)


@kernel
def is_ranked_before(rank, opened, account, other_rank, other_opened, other_account):
    if rank != other_rank:
        return rank > other_rank
    if opened != other_opened:
        return opened < other_opened
    return account < other_account


@cold
def take_by_queue(arena, ranking, lots, charge, gain_cap, must_afford):
    """Spread `lots` over the candidates, one behind the other; returns the lots that found one."""
    done = 0
    while done < lots:
        charge_each, _ = find_charge(lots, charge, done)
        given_each = compute_given(charge, charge_each, gain_cap)
        first = find_able(arena, ranking, given_each, must_afford)
        if first == NONE:
            break
        leave_ranking(arena, ranking, first)
        done += take_from_candidate(
            arena, first // 2, lots, done, lots - done, charge, gain_cap, must_afford
        )
    return done
