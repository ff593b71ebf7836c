"""What an account is worth and what it must hold: equity, maintenance, initial margin (8.1-8.3)."""

from engine.kernel import cold, kernel
from engine.schema.bounds import PPB, TIERS_MAX
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, CONTRACT, POSITION, POSITION_EXTRA, TIER
from engine.state.arithmetic import absolute, clamp, multiply_rate_ceil
from engine.state.layout import HOLDS_COLLATERAL, LIMITS_RATE
from engine.trading_state import is_one_of
from risk.accounts import contract_of, first_position, next_position


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
def compute_maintenance_of(arena, contract, lots):
    """Maintenance margin of a position of these signed lots at mark; rounded up (8.1)."""
    terms = CONTRACT(arena, contract)
    notional = absolute(lots) * terms.mark_size
    tier = TIER(arena, tier_of(arena, contract, notional))
    return (
        multiply_rate_ceil(notional, tier.rate_maintenance_ppb) - tier.deduction_maintenance
    )


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


@kernel
def compute_initial_with(arena, contract, position, lots):
    """Initial margin of a position at mark if it were of these signed lots; rounded up (8.1)."""
    terms = CONTRACT(arena, contract)
    if terms.limits & LIMITS_RATE:
        floor_ppb = POSITION_EXTRA(arena, position).rate_floor_ppb
        return compute_raised_initial(arena, contract, lots, floor_ppb)
    notional = absolute(lots) * terms.mark_size
    tier = TIER(arena, tier_of(arena, contract, notional))
    return multiply_rate_ceil(notional, tier.rate_initial_ppb) - tier.deduction_initial


@kernel
def compute_initial_of(arena, contract, position):
    """Initial margin of a position at mark."""
    return compute_initial_with(arena, contract, position, POSITION(arena, position).lots)


@kernel
def compute_profit_of(arena, contract, position):
    """Unrealised profit at mark less funding owed: what the position adds to equity. Exact."""
    terms = CONTRACT(arena, contract)
    held = POSITION(arena, position)
    owed = held.lots * (terms.funding_index - held.funding_index)
    return held.lots * terms.mark_value - held.entry_value - owed


@kernel
def posted_by(arena, account):
    """What stands behind the account's positions: its cash, and what counts beside it (10.2)."""
    record = ACCOUNT(arena, account)
    posted = record.cash
    if record.flags & HOLDS_COLLATERAL:
        posted += ACCOUNT_EXTRA(arena, account).collateral_value
    return posted


@kernel
def value_beside(arena, account, contract):
    """(equity of the whole account, maintenance of its positions beside one contract)."""
    equity = posted_by(arena, account)
    maintenance = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        if POSITION(arena, position).lots != 0:
            other = contract_of(arena, account, position, k)
            equity += compute_profit_of(arena, other, position)
            if other != contract:
                maintenance += compute_maintenance_of(arena, other, POSITION(arena, position).lots)
        k += 1
        position = next_position(arena, account, position, k)
    return equity, maintenance


@cold
def compute_equity(arena, account):
    """Cash plus unrealised profit at mark less funding owed, over all contracts."""
    equity, _ = value_beside(arena, account, 0)
    return equity


@cold
def compute_maintenance(arena, account):
    """Maintenance margin of the whole account."""
    _, maintenance = value_beside(arena, account, 0)
    return maintenance


@kernel
def compute_need(lots, margin, reserve_buy, reserve_sell):
    """Margin of a position with its orders after worst-case fills (8.2)."""
    if lots > 0:
        return max(margin + reserve_buy, reserve_sell - margin)
    if lots < 0:
        return max(margin + reserve_sell, reserve_buy - margin)
    return max(reserve_buy, reserve_sell)


@kernel
def value_for_order(arena, account):
    """(equity, initial margin with all orders), in one walk over the account's contracts."""
    equity = posted_by(arena, account)
    requirement = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held = POSITION(arena, position)
        margin = 0
        if held.lots != 0:
            contract = contract_of(arena, account, position, k)
            equity += compute_profit_of(arena, contract, position)
            margin = compute_initial_of(arena, contract, position)
        requirement += held.loss_fee
        requirement += compute_need(held.lots, margin, held.reserve_buy, held.reserve_sell)
        k += 1
        position = next_position(arena, account, position, k)
    return equity, requirement


@cold
def compute_requirement(arena, account):
    """Initial margin of the whole account, orders with their losses and fees included (8.2)."""
    _, requirement = value_for_order(arena, account)
    return requirement


@cold
def compute_notional(arena, account):
    """Sum of position values at mark, long and short alike."""
    notional = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        lots = POSITION(arena, position).lots
        if lots != 0:
            terms = CONTRACT(arena, contract_of(arena, account, position, k))
            notional += absolute(lots) * terms.mark_size
        k += 1
        position = next_position(arena, account, position, k)
    return notional


@cold
def find_largest_position(arena, account, states):
    """The position with the largest maintenance in contracts of these states (a mask), ties to
    the earlier contract; NONE when there is none."""
    found = NONE
    largest = -1
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        lots = POSITION(arena, position).lots
        if lots != 0:
            contract = contract_of(arena, account, position, k)
            maintenance = compute_maintenance_of(arena, contract, lots)
            if maintenance > largest and is_one_of(states, CONTRACT(arena, contract).state):
                largest = maintenance
                found = position
        k += 1
        position = next_position(arena, account, position, k)
    return found
