"""The funding rate and the growth of the cumulative index at a funding time (7.2, 7.3)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import FUNDING_BASE_NS, FUNDING_OWED_MAX, NS_PER_DAY, PPB
from engine.state.access import CONTRACT
from engine.state.arithmetic import absolute, clamp, divide_trunc, multiply_divide_trunc
from engine.state.events import emit


@kernel
def compute_premium_average(terms):
    """Plain mean of the samples towards zero; 0 under 90% of valid time."""
    if terms.premium_count == 0 or terms.premium_valid * 10 < terms.premium_count * 9:
        return 0
    return divide_trunc(terms.premium_sum, terms.premium_count)


@kernel
def rate_of_day(terms):
    """The sum of the rates published so far for the UTC day of the funding time that is due."""
    return terms.rate_day_ppb if terms.funding_next_ns // NS_PER_DAY == terms.funding_day else 0


@kernel
def compute_rate(terms, premium_ppb):
    """Average + clamp(interest - average), scaled to the interval, capped, less frozen time; at
    last what the day's cap leaves."""
    pull_ppb = clamp(
        terms.funding_interest_ppb - premium_ppb,
        -terms.funding_clamp_ppb,
        terms.funding_clamp_ppb,
    )
    interval_ns = terms.funding_interval_ns
    rate_ppb = multiply_divide_trunc(premium_ppb + pull_ppb, interval_ns, FUNDING_BASE_NS)
    rate_ppb = clamp(rate_ppb, -terms.funding_cap_ppb, terms.funding_cap_ppb)
    rate_ppb = multiply_divide_trunc(rate_ppb, interval_ns - terms.frozen_ns, interval_ns)
    day_ppb = rate_of_day(terms)
    cap_ppb = terms.funding_cap_day_ppb
    return clamp(rate_ppb, -cap_ppb - day_ppb, cap_ppb - day_ppb)


@cold
def compute_growth(arena, contract, rate_ppb):
    """Money per lot that a long pays: mark value x rate plus the carry, rounded down (7.3)."""
    terms = CONTRACT(arena, contract)
    lot_value = terms.mark_ticks * terms.tick_value
    whole = lot_value // PPB
    rest = (lot_value - whole * PPB) * rate_ppb + terms.funding_carry_ppb
    return whole * rate_ppb + rest // PPB


@kernel
def compute_carry(terms, rate_ppb):
    """What rounding the growth down left over, in money-ppb, for the next interval."""
    lot_value = terms.mark_ticks * terms.tick_value
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
    emit(arena, events.FUNDING_REBASED, contract, 0, index, 0, 0, 0, 0, 0)
    return 0


@cold
def compute_rate_due(arena, contract):
    """The rate of the interval that ends now."""
    terms = CONTRACT(arena, contract)
    return compute_rate(terms, compute_premium_average(terms))


@cold
def publish_funding(arena, contract, rate_ppb, growth):
    """Grow the index, publish the rate with its inputs, and begin the next interval."""
    terms = CONTRACT(arena, contract)
    premium_ppb = compute_premium_average(terms)
    terms.funding_carry_ppb = compute_carry(terms, rate_ppb)
    terms.funding_rate_ppb = rate_ppb
    terms.rate_day_ppb = rate_of_day(terms) + rate_ppb
    terms.funding_day = terms.funding_next_ns // NS_PER_DAY
    terms.funding_index += growth
    emit(
        arena, events.FUNDING_PUBLISHED, contract, 0, rate_ppb, growth,
        terms.funding_carry_ppb, terms.funding_index, premium_ppb, terms.funding_next_ns,
    )  # fmt: skip
    terms.premium_sum = 0
    terms.premium_count = 0
    terms.premium_valid = 0
    terms.frozen_ns = clamp(
        terms.frozen_until_ns - terms.funding_next_ns, 0, terms.funding_interval_ns
    )
    terms.funding_next_ns += terms.funding_interval_ns
    return 0
