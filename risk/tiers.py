"""Margin by tiers: what a position of so many lots must hold (8.1, 8.6)."""

from engine.kernel import cold, kernel
from engine.schema.bounds import PPB, TIERS_MAX
from engine.state.access import ACCOUNT_EXTRA, CONTRACT, ENGINE, POSITION, POSITION_EXTRA, TIER
from engine.state.arithmetic import absolute, clamp, multiply_rate_ceil
from engine.state.layout import LIMITS_RATE


@kernel
def tier_of(arena, contract, notional):
    """The tier that holds a notional: the last whose floor is at or below it (8.1)."""
    terms = CONTRACT(arena, contract)
    first = contract * TIERS_MAX
    k = 0
    while k + 1 < terms.tiers and TIER(arena, first + k + 1).floor_value <= notional:
        k += 1
    return first + k


@kernel
def compute_margins_of(arena, contract, lots):
    """(initial, maintenance) margin by tiers alone of a position of these signed lots at mark, each
    rounded up against the client; of no lots both are 0. One look for the tier serves both."""
    notional = absolute(lots) * CONTRACT(arena, contract).mark_size
    tier = TIER(arena, tier_of(arena, contract, notional))
    initial = multiply_rate_ceil(notional, tier.rate_initial_ppb) - tier.deduction_initial
    maintenance = (
        multiply_rate_ceil(notional, tier.rate_maintenance_ppb) - tier.deduction_maintenance
    )
    return initial, maintenance


@kernel
def compute_maintenance_of(arena, contract, lots):
    """Maintenance margin of a position of these signed lots at mark; rounded up (8.1)."""
    _, maintenance = compute_margins_of(arena, contract, lots)
    return maintenance


@kernel
def floor_of(arena, account, position):
    """The floor under an account's initial rate in a contract: its own there, or what an operator
    has set for all of them (8.1). `position` is NONE at its first use of the contract."""
    own_ppb = POSITION_EXTRA(arena, position).rate_floor_ppb
    return max(own_ppb, ACCOUNT_EXTRA(arena, account).rate_initial_min_ppb)


@kernel
def raise_rates(arena):
    """From now on initial rates may be above those of the tiers, in every contract."""
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        CONTRACT(arena, contract).limits |= LIMITS_RATE


@cold
def compute_raised_rate(arena, contract, tier, floor_ppb):
    """The initial rate of a tier with what raises it: the largest of its own, the contract's and an
    account's floor, and the line of open interest, from its own to 100% (8.1, 8.6)."""
    terms = CONTRACT(arena, contract)
    own_ppb = TIER(arena, tier).rate_initial_ppb + 0
    rate_ppb = max(own_ppb, max(terms.rate_initial_min_ppb, floor_ppb))
    low_lots = terms.open_interest_scale_low_lots
    high_lots = terms.open_interest_scale_high_lots
    if high_lots > 0:
        above_lots = clamp(terms.long_lots, low_lots, high_lots) - low_lots
        rise_ppb = (PPB - own_ppb) * above_lots // (high_lots - low_lots)
        rate_ppb = max(rate_ppb, own_ppb + rise_ppb)
    return rate_ppb


@cold
def compute_raised_initial(arena, contract, lots, floor_ppb):
    """Initial margin with what raises it. A raised rate holds for the whole notional: no deduction,
    so it never asks for less than the tiers."""
    terms = CONTRACT(arena, contract)
    notional = absolute(lots) * terms.mark_size
    k = tier_of(arena, contract, notional)
    tier = TIER(arena, k)
    rate_ppb = compute_raised_rate(arena, contract, k, floor_ppb)
    if rate_ppb > tier.rate_initial_ppb:
        return multiply_rate_ceil(notional, rate_ppb)
    return multiply_rate_ceil(notional, tier.rate_initial_ppb) - tier.deduction_initial


@cold
def compute_initial_if_raised(arena, contract, position, lots):
    """The initial margin of so many lots if their rate is above that of their tier, else 0."""
    terms = CONTRACT(arena, contract)
    tier = tier_of(arena, contract, absolute(lots) * terms.mark_size)
    floor_ppb = floor_of(arena, POSITION(arena, position).account, position)
    if compute_raised_rate(arena, contract, tier, floor_ppb) == TIER(arena, tier).rate_initial_ppb:
        return 0
    return compute_raised_initial(arena, contract, lots, floor_ppb)


@kernel
def compute_initial_with(arena, contract, position, lots):
    """Initial margin of a position at mark if it were of these signed lots; rounded up (8.1)."""
    terms = CONTRACT(arena, contract)
    if terms.limits & LIMITS_RATE:
        floor_ppb = floor_of(arena, POSITION(arena, position).account, position)
        return compute_raised_initial(arena, contract, lots, floor_ppb)
    initial, _ = compute_margins_of(arena, contract, lots)
    return initial


@kernel
def is_scaled(terms):
    """Whether others' trades move the contract's initial rates (8.6)."""
    return terms.limits & LIMITS_RATE != 0 and terms.open_interest_scale_high_lots > 0


@kernel
def compute_initial_of(arena, contract, position):
    """Initial margin of a position at mark."""
    return compute_initial_with(arena, contract, position, POSITION(arena, position).lots)
