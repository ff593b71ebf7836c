"""The funding rate and the growth of the cumulative index at a funding time (7.2, 7.3)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import FUNDING_OWED_MAX, NS_PER_DAY, PPB, TIERS_MAX
from engine.schema.vocabulary import RATE_DAMPER, RATE_SUM
from engine.state.access import CONTRACT, TIER
from engine.state.arithmetic import (
    absolute,
    clamp,
    divide_trunc,
    multiply_divide,
    multiply_divide_trunc,
)
from engine.state.events import emit
from engine.state.values import begin_valuation
from funding.windows import VOTE, empty_window, window_of


@kernel
def compute_premium_average(terms):
    """Weighted mean of the votes towards zero; 0 under 90% of valid time."""
    if terms.premium_weights == 0 or terms.premium_valid * 10 < terms.premium_count * 9:
        return 0
    return divide_trunc(terms.premium_sum, terms.premium_weights)


@kernel
def rate_of_day(terms):
    """The sum of the rates published so far for the UTC day of the funding time that is due."""
    return terms.rate_day_ppb if terms.funding_next_ns // NS_PER_DAY == terms.funding_day else 0


@kernel
def compute_base_rate(method, premium_ppb, interest_ppb, clamp_ppb):
    """The rate of a base period, before any cap, by the method of 7.2."""
    if method == RATE_DAMPER:
        return max(clamp_ppb, premium_ppb) + min(-clamp_ppb, premium_ppb)
    if method == RATE_SUM:
        return premium_ppb + interest_ppb
    return premium_ppb + clamp(interest_ppb - premium_ppb, -clamp_ppb, clamp_ppb)


@kernel
def compute_margin_cap(rate_initial_ppb, rate_maintenance_ppb, share_ppb):
    """A share of the difference between initial and maintenance rate, per base period."""
    return multiply_divide(rate_initial_ppb - rate_maintenance_ppb, share_ppb, PPB)


@cold
def compute_cap(arena, contract):
    """The cap of the running interval."""
    terms = CONTRACT(arena, contract)
    if terms.funding_cap_margin_ppb == 0:
        return terms.funding_cap_ppb + 0
    tier = TIER(arena, contract * TIERS_MAX)
    cap_ppb = compute_margin_cap(
        tier.rate_initial_ppb, tier.rate_maintenance_ppb, terms.funding_cap_margin_ppb
    )
    cap_ppb = multiply_divide(cap_ppb, terms.funding_length_ns, terms.funding_base_ns)
    return min(cap_ppb, terms.funding_cap_ppb)


@cold
def compute_scaled_rate(arena, contract):
    """The rate of the running interval by its votes so far, before any cap."""
    terms = CONTRACT(arena, contract)
    base_ppb = compute_base_rate(
        terms.funding_method, compute_premium_average(terms),
        terms.funding_interest_ppb, terms.funding_clamp_ppb,
    )  # fmt: skip
    return multiply_divide_trunc(base_ppb, terms.funding_length_ns, terms.funding_base_ns)


@cold
def is_rate_capped(arena, contract):
    """1 when the cap of the interval binds, so that the next may be a shorter one."""
    cap_ppb = compute_cap(arena, contract)
    return 1 if cap_ppb > 0 and absolute(compute_scaled_rate(arena, contract)) >= cap_ppb else 0


@cold
def compute_rate_due(arena, contract):
    """The rate if the interval ended now: capped, less frozen time; at last what the day's cap
    leaves."""
    terms = CONTRACT(arena, contract)
    cap_ppb = compute_cap(arena, contract)
    rate_ppb = clamp(compute_scaled_rate(arena, contract), -cap_ppb, cap_ppb)
    length_ns = terms.funding_length_ns
    rate_ppb = multiply_divide_trunc(rate_ppb, length_ns - terms.frozen_ns, length_ns)
    day_ppb = rate_of_day(terms)
    day_cap_ppb = terms.funding_cap_day_ppb
    return clamp(rate_ppb, -day_cap_ppb - day_ppb, day_cap_ppb - day_ppb)


@cold
def compute_growth(arena, contract, rate_ppb):
    """Money per lot that a long pays: mark value x rate plus the carry, rounded down (7.3)."""
    terms = CONTRACT(arena, contract)
    lot_value = terms.mark_size + 0
    whole = lot_value // PPB
    rest = (lot_value - whole * PPB) * rate_ppb + terms.funding_carry_ppb
    return whole * rate_ppb + rest // PPB


@kernel
def compute_carry(terms, rate_ppb):
    """What rounding the growth down left over, in money-ppb, for the next interval."""
    lot_value = terms.mark_size + 0
    rest = lot_value - lot_value // PPB * PPB
    return (rest * rate_ppb + terms.funding_carry_ppb) % PPB


@cold
def must_rebase(arena, contract, growth):
    """1 when holders have to settle before the index grows, so that no debt can pass its bound."""
    terms = CONTRACT(arena, contract)
    reached = absolute(terms.funding_index + growth)
    return 1 if reached > FUNDING_OWED_MAX // (2 * terms.open_interest_lots_max) else 0


@cold
def rebase_index(arena, contract):
    """Start the index at zero again; the caller has settled every holder."""
    index = CONTRACT(arena, contract).funding_index
    CONTRACT(arena, contract).funding_index = 0
    begin_valuation(arena)
    emit(arena, events.FUNDING_REBASED, contract, 0, index, 0, 0, 0, 0, 0)
    return 0


@kernel
def begin_interval(terms, is_capped):
    """Set the next funding time, a multiple of the interval that follows, and forget the votes."""
    due_ns = terms.funding_next_ns
    interval_ns = terms.funding_interval_ns
    if is_capped == 1 and terms.funding_interval_capped_ns > 0:
        interval_ns = terms.funding_interval_capped_ns
    terms.funding_next_ns = (due_ns // interval_ns + 1) * interval_ns
    terms.funding_length_ns = terms.funding_next_ns - due_ns
    terms.premium_sum = 0
    terms.premium_weights = 0
    terms.premium_votes = 0
    terms.premium_count = 0
    terms.premium_valid = 0
    terms.frozen_ns = clamp(terms.frozen_until_ns - due_ns, 0, terms.funding_length_ns)


@cold
def publish_funding(arena, contract, rate_ppb, growth):
    """Grow the index, publish the rate with its inputs, and begin the next interval."""
    terms = CONTRACT(arena, contract)
    premium_ppb = compute_premium_average(terms)
    is_capped = is_rate_capped(arena, contract)
    terms.funding_carry_ppb = compute_carry(terms, rate_ppb)
    terms.funding_rate_ppb = rate_ppb
    terms.rate_day_ppb = rate_of_day(terms) + rate_ppb
    terms.funding_day = terms.funding_next_ns // NS_PER_DAY
    terms.funding_index += growth
    begin_valuation(arena)
    emit(
        arena, events.FUNDING_AVERAGED, contract, 0, terms.premium_count, terms.premium_valid,
        terms.frozen_ns, terms.funding_length_ns, is_capped, terms.mark_ticks,
    )  # fmt: skip
    emit(
        arena, events.FUNDING_PUBLISHED, contract, 0, rate_ppb, growth,
        terms.funding_carry_ppb, terms.funding_index, premium_ppb, terms.funding_next_ns,
    )  # fmt: skip
    empty_window(arena, window_of(contract, VOTE))
    begin_interval(terms, is_capped)
    return 0
