"""The premium: how far impact prices stand from the index, sampled on a fixed clock (7.1)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import PPB, PREMIUM_PPB_MAX
from engine.state.access import CONTRACT
from engine.state.arithmetic import multiply_divide
from engine.state.events import emit
from funding.mark import note_last
from funding.windows import BASIS, INDEX, note_value, window_of


@kernel
def compute_excess_ppb(value, base):
    """How far a value stands above its base, as a share of the base, rounded down; 0 if below.

    At most 1000 times: beyond any cap of a rate, and a day of samples still adds up (1.3).
    """
    if value <= base:
        return 0
    return min(multiply_divide(value - base, PPB, base), PREMIUM_PPB_MAX)


@cold
def sample_premium(arena, contract, bid_value, bid_lots, ask_value, ask_lots):
    """Take one sample; a side too thin for the impact value comes as value 0.

    A thin side uses its last value for a limited time, then counts as 0 and makes the sample
    invalid. The same sample feeds the moving basis and closes the last-price window of the mark.
    """
    terms = CONTRACT(arena, contract)
    now_ns = terms.sample_next_ns
    lot_value = terms.tick_value * terms.index_ticks
    note_last(terms)
    if bid_value > 0:
        terms.bid_term_ppb = compute_excess_ppb(bid_value, bid_lots * lot_value)
        terms.bid_term_ns = now_ns
    if ask_value > 0:
        terms.ask_term_ppb = 0
        base = ask_lots * lot_value
        if ask_value < base:
            terms.ask_term_ppb = multiply_divide(base - ask_value, PPB, base)
        terms.ask_term_ns = now_ns
    valid = 1
    premium_ppb = 0
    if terms.bid_term_ns > 0 and now_ns - terms.bid_term_ns <= terms.funding_hold_ns:
        premium_ppb += terms.bid_term_ppb
    else:
        valid = 0
    if terms.ask_term_ns > 0 and now_ns - terms.ask_term_ns <= terms.funding_hold_ns:
        premium_ppb -= terms.ask_term_ppb
    else:
        valid = 0
    terms.premium_sum += premium_ppb
    terms.premium_count += 1
    terms.premium_valid += valid
    bid_ticks = 0
    ask_ticks = 0
    if bid_value > 0:
        bid_ticks = bid_value // (bid_lots * terms.tick_value)
    if ask_value > 0:
        ask_ticks = -(-ask_value // (ask_lots * terms.tick_value))
    if bid_value > 0 and ask_value > 0:
        basis_ticks = (bid_ticks + ask_ticks) // 2 - terms.index_ticks
        note_value(arena, window_of(contract, BASIS), basis_ticks)
    emit(
        arena, events.PREMIUM_SAMPLED, contract, 0,
        premium_ppb, bid_ticks, ask_ticks, valid, now_ns, 0,
    )  # fmt: skip
    return 0


@cold
def skip_sample(arena, contract):
    """No sample while the move limit holds the mark: the last-price window is dropped (6.2)."""
    terms = CONTRACT(arena, contract)
    terms.last_ticks = 0
    terms.traded_lots = 0
    terms.traded_value = 0
    return 0


@cold
def sample_index(arena, contract):
    """Keep the index of a sample time for the delisting price (5.4)."""
    note_value(arena, window_of(contract, INDEX), CONTRACT(arena, contract).index_ticks)
    return 0
