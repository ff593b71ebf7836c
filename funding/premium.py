"""The premium: how far impact prices stand from the index, sampled on a fixed clock (7.1)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import PPB, PREMIUM_PPB_MAX
from engine.schema.vocabulary import PREMIUM_IMPACT, PREMIUM_MARK, WEIGHTING_RISING
from engine.state.access import CONTRACT
from engine.state.arithmetic import (
    clamp,
    multiply_divide,
    multiply_divide_ceil,
    multiply_divide_trunc,
)
from engine.state.events import emit
from engine.state.values import average_price_ceil, average_price_floor
from funding.mark import forget_trading, note_basis, note_last
from funding.rate import compute_rate_due
from funding.windows import INDEX, VOTE, is_full, note_value, take_median, window_of


@kernel
def compute_excess_ppb(value, base):
    """How far a value stands above its base, as a share of the base, rounded down; 0 if below.

    At most 1000 times: beyond any cap of a rate, and a day of samples still adds up (1.3).
    """
    if value <= base:
        return 0
    return min(multiply_divide(value - base, PPB, base), PREMIUM_PPB_MAX)


@kernel
def compute_shortfall_ppb(value, base):
    """How far a value stands below its base, as a share of the base, rounded down; 0 if above."""
    return multiply_divide(base - value, PPB, base) if value < base else 0


@kernel
def compute_mark_premium(mark_ticks, index_ticks):
    """A price's distance from the index, as a share of the index, towards zero."""
    return multiply_divide_trunc(mark_ticks - index_ticks, PPB, index_ticks)


@kernel
def compute_sample_time(terms, now_ns):
    """The first time behind `now_ns` for a sample: an offset plus a multiple of the clock (7.1)."""
    since_ns = now_ns - terms.funding_sample_offset_ns
    sample_ns = terms.funding_sample_ns
    return (since_ns // sample_ns + 1) * sample_ns + terms.funding_sample_offset_ns


@kernel
def compute_bid_term(terms, lots, size):
    """How far so many lots of this size together are sold above the index (7.1).

    Of an inverse contract their average price is lots x contract value / size; a quotient divided
    and rounded down twice is the same as rounded down once.
    """
    if terms.tick_value != 0:
        return compute_excess_ppb(size, lots * terms.tick_value * terms.index_ticks)
    price_ppb = multiply_divide(lots * PPB, terms.contract_value, size)
    return clamp(price_ppb // terms.index_ticks - PPB, 0, PREMIUM_PPB_MAX)


@kernel
def compute_ask_term(terms, lots, size):
    """How far so many lots of this size together are bought below the index, rounded down."""
    if terms.tick_value != 0:
        return compute_shortfall_ppb(size, lots * terms.tick_value * terms.index_ticks)
    price_ppb = multiply_divide_ceil(lots * PPB, terms.contract_value, size)
    return max(PPB + -price_ppb // terms.index_ticks, 0)


@cold
def note_impact(arena, contract, bid_value, bid_lots, ask_value, ask_lots):
    """Take both sides of the book: how far each stands on its side of the index, and the impact
    prices, which are also a sample of the basis. A side too thin comes as value 0."""
    terms = CONTRACT(arena, contract)
    terms.impact_bid_ticks = 0
    terms.impact_ask_ticks = 0
    if bid_value > 0:
        terms.bid_term_ppb = compute_bid_term(terms, bid_lots, bid_value)
        terms.bid_term_ns = terms.sample_next_ns
        terms.impact_bid_ticks = average_price_floor(terms, bid_lots, bid_value)
    if ask_value > 0:
        terms.ask_term_ppb = compute_ask_term(terms, ask_lots, ask_value)
        terms.ask_term_ns = terms.sample_next_ns
        terms.impact_ask_ticks = average_price_ceil(terms, ask_lots, ask_value)
    if bid_value > 0 and ask_value > 0:
        mid_ticks = (terms.impact_bid_ticks + terms.impact_ask_ticks) // 2
        note_basis(arena, contract, mid_ticks - terms.index_ticks)
    return 0


@kernel
def is_held(terms, term_ns):
    """Whether a side's term is young enough to stand for a side that is too thin."""
    return term_ns > 0 and terms.sample_next_ns - term_ns <= terms.funding_hold_ns


@kernel
def find_impact_terms(terms):
    """(bid term, ask term, whether both are valid): a thin side's last one for a while, then 0."""
    has_bid = is_held(terms, terms.bid_term_ns)
    has_ask = is_held(terms, terms.ask_term_ns)
    bid_ppb = terms.bid_term_ppb if has_bid else 0
    ask_ppb = terms.ask_term_ppb if has_ask else 0
    return bid_ppb, ask_ppb, 1 if has_bid and has_ask else 0


@kernel
def find_spread(terms):
    """(how far the mark, or the middle of the impact prices, stands from the index, valid): the
    middle needs both sides of the book, now."""
    if terms.premium_method == PREMIUM_MARK:
        return compute_mark_premium(terms.mark_ticks, terms.index_ticks), 1
    if terms.impact_bid_ticks == 0 or terms.impact_ask_ticks == 0:
        return 0, 0
    middle_ticks = (terms.impact_bid_ticks + terms.impact_ask_ticks) // 2
    return compute_mark_premium(middle_ticks, terms.index_ticks), 1


@cold
def note_premium(arena, contract, premium_ppb, valid):
    """Count a sample; the median of so many is a vote of the interval, a later one of more weight
    where weights rise."""
    terms = CONTRACT(arena, contract)
    window = window_of(contract, VOTE)
    terms.premium_count += 1
    terms.premium_valid += valid
    note_value(arena, window, premium_ppb)
    if is_full(arena, window):
        terms.premium_votes += 1
        weight = 1
        if terms.funding_weighting == WEIGHTING_RISING:
            weight = terms.premium_votes + 0
        terms.premium_sum += weight * take_median(arena, window)
        terms.premium_weights += weight
    return 0


@cold
def sample_premium(arena, contract, bid_value, bid_lots, ask_value, ask_lots):
    """Take one sample; a side too thin for the impact value comes as value 0.

    A thin side uses its last value for a limited time, then counts as 0 and makes the sample
    invalid. The same sample feeds the moving basis and closes the last-price window of the mark.
    """
    terms = CONTRACT(arena, contract)
    note_last(terms)
    note_impact(arena, contract, bid_value, bid_lots, ask_value, ask_lots)
    bid_ppb, ask_ppb, valid = find_impact_terms(terms)
    emit(
        arena, events.IMPACT_SAMPLED, contract, 0,
        bid_value, bid_lots, ask_value, ask_lots, bid_ppb, ask_ppb,
    )  # fmt: skip
    premium_ppb = bid_ppb - ask_ppb
    if terms.premium_method != PREMIUM_IMPACT:
        premium_ppb, valid = find_spread(terms)
    premium_ppb = clamp(premium_ppb, -terms.premium_cap_ppb, terms.premium_cap_ppb)
    note_premium(arena, contract, premium_ppb, valid)
    emit(
        arena, events.PREMIUM_SAMPLED, contract, 0,
        premium_ppb, terms.impact_bid_ticks, terms.impact_ask_ticks, valid, terms.sample_next_ns,
        compute_rate_due(arena, contract),
    )  # fmt: skip
    return 0


@cold
def skip_sample(arena, contract):
    """No sample while nothing can trade or the move limit holds the mark: what the last one and
    its window said is dropped (6.2), and the time counts as not valid: else whoever brings on a
    halt behind one bent sample would set the rate of the interval (7.1)."""
    terms = CONTRACT(arena, contract)
    terms.premium_count += 1
    forget_trading(terms)
    return 0


@cold
def sample_index(arena, contract):
    """Keep the index of a sample time for the delisting price (5.4)."""
    note_value(arena, window_of(contract, INDEX), CONTRACT(arena, contract).index_ticks)
    return 0
