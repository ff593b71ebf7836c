"""Margin by tiers: what a position of so many lots must hold (8.1, 8.6)."""

from engine.kernel import cold, kernel
from engine.schema.bounds import PPB, TIERS_MAX
from engine.state.access import ACCOUNT_EXTRA, CONTRACT, ENGINE, POSITION, POSITION_EXTRA, TIER
from engine.state.arithmetic import absolute, clamp, multiply_divide_ceil, multiply_rate_ceil
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
def floor_of(arena, contract, account, position):
    """The floor under what an account must hold in a contract, as a rate of the notional: the
    largest of the contract's, the account's own there, and what an operator has set for all of them
    (8.1). `position` is NONE at its first use of the contract."""
    own_ppb = POSITION_EXTRA(arena, position).rate_floor_ppb
    own_ppb = max(own_ppb, ACCOUNT_EXTRA(arena, account).rate_initial_min_ppb)
    return max(own_ppb, CONTRACT(arena, contract).rate_initial_min_ppb)


@kernel
def raise_rates(arena):
    """From now on initial rates may be above those of the tiers, in every contract."""
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        CONTRACT(arena, contract).limits |= LIMITS_RATE


@kernel
def compute_line(terms, open_lots):
    """How far this open interest is from the lower to the upper bound, as (lots, of lots); nowhere
    when there are no bounds (8.6)."""
    low_lots = terms.open_interest_scale_low_lots
    high_lots = terms.open_interest_scale_high_lots
    if high_lots == 0:
        return 0, 1
    return clamp(open_lots, low_lots, high_lots) - low_lots, high_lots - low_lots


@cold
def compute_raised_rate(arena, contract, tier, floor_ppb, opened_lots):
    """The rate of a reserve: the larger of the floor and the tier's initial rate on its line to
    100%, rounded up (8.2). What the account's orders may open counts already, or one order could
    jump the line."""
    terms = CONTRACT(arena, contract)
    above_lots, line_lots = compute_line(terms, terms.long_lots + opened_lots)
    own_ppb = TIER(arena, tier).rate_initial_ppb + 0
    rise_ppb = multiply_divide_ceil(PPB - own_ppb, above_lots, line_lots)
    return max(own_ppb + rise_ppb, floor_ppb)


@cold
def compute_raised_initial(arena, contract, lots, floor_ppb):
    """Initial margin with what raises it; rounded up. The line of open interest begins at what the
    tiers say, deduction included, and ends at the notional; a floor is a rate of all the notional,
    whatever its tier. So neither a lot of the position nor one of open interest makes a step."""
    terms = CONTRACT(arena, contract)
    notional = absolute(lots) * terms.mark_size
    margin, _ = compute_margins_of(arena, contract, lots)
    above_lots, line_lots = compute_line(terms, terms.long_lots)
    margin += multiply_divide_ceil(notional - margin, above_lots, line_lots)
    return max(margin, multiply_rate_ceil(notional, floor_ppb))


@cold
def compute_unnetted_initial(arena, contract, position, lots):
    """What a portfolio holds for so many lots whatever nets with them; rounded up: the floor, or
    all of the notional by the time open interest is at its upper bound (8.6, 8.7)."""
    terms = CONTRACT(arena, contract)
    above_lots, line_lots = compute_line(terms, terms.long_lots)
    rate_ppb = multiply_divide_ceil(PPB, above_lots, line_lots)
    floor_ppb = floor_of(arena, contract, POSITION(arena, position).account, position)
    return multiply_rate_ceil(absolute(lots) * terms.mark_size, max(rate_ppb, floor_ppb))


@kernel
def compute_initial_with(arena, contract, position, lots):
    """Initial margin of a position at mark if it were of these signed lots; rounded up (8.1)."""
    terms = CONTRACT(arena, contract)
    if terms.limits & LIMITS_RATE:
        floor_ppb = floor_of(arena, contract, POSITION(arena, position).account, position)
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
