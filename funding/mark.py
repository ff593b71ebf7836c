"""The mark: median of fair price, index plus average basis, and last, inside its bands (6.2)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import PPB
from engine.schema.vocabulary import STATE_FROZEN
from engine.state.access import CONTRACT
from engine.state.arithmetic import (
    clamp,
    multiply_divide,
    multiply_divide_trunc,
    multiply_rate_ceil,
    multiply_rate_floor,
)
from engine.state.events import emit
from funding.windows import BASIS, count_of, empty_window, mean_of, window_of


@kernel
def compute_fair(terms, now_ns):
    """Index x (1 + funding rate x time left / interval), towards the index."""
    left_ns = clamp(terms.funding_next_ns - now_ns, 0, terms.funding_interval_ns)
    rate_ppb = multiply_divide_trunc(terms.funding_rate_ppb, left_ns, terms.funding_interval_ns)
    if rate_ppb >= 0:
        return terms.index_ticks + multiply_rate_floor(terms.index_ticks, rate_ppb)
    return terms.index_ticks - multiply_rate_floor(terms.index_ticks, -rate_ppb)


@kernel
def compute_median_of_terms(fair_ticks, basis_ticks, last_ticks):
    """The median of the terms that have data (0: none); of two, their mean rounded down."""
    if basis_ticks == 0 and last_ticks == 0:
        return fair_ticks
    if basis_ticks == 0:
        return (fair_ticks + last_ticks) // 2
    if last_ticks == 0:
        return (fair_ticks + basis_ticks) // 2
    low = min(fair_ticks, basis_ticks)
    high = max(fair_ticks, basis_ticks)
    return clamp(last_ticks, low, high)


@kernel
def set_mark(terms, mark_ticks):
    """The mark with what follows from it alone: the static band (5.3), the slippage of 9.0."""
    reach_ticks = multiply_divide(mark_ticks, terms.band_static_ppb, PPB)
    terms.mark_ticks = mark_ticks
    terms.band_low_ticks = max(1, mark_ticks - reach_ticks)
    terms.band_high_ticks = min(terms.price_ticks_max, mark_ticks + reach_ticks)
    rate_ppb = terms.liquidation_slippage_ppb + terms.fee_taker_ppb
    terms.slip_value = multiply_rate_ceil(mark_ticks * terms.tick_value, rate_ppb)


@cold
def publish_mark(arena, contract, now_ns):
    """Set and publish the mark from the present index; returns 1 while the move limit holds it
    outside its band. A frozen contract reopens without a move limit: its mark is fresh (5.4)."""
    terms = CONTRACT(arena, contract)
    index_ticks = terms.index_ticks
    fair_ticks = compute_fair(terms, now_ns)
    basis_ticks = 0
    window = window_of(contract, BASIS)
    if count_of(arena, window) > 0:
        basis_ticks = index_ticks + mean_of(arena, window)
    mark_ticks = compute_median_of_terms(fair_ticks, basis_ticks, terms.last_ticks)
    reach_ticks = multiply_rate_floor(index_ticks, terms.mark_band_ppb)
    mark_ticks = clamp(mark_ticks, index_ticks - reach_ticks, index_ticks + reach_ticks)
    if terms.mark_move_ppb > 0 and terms.state != STATE_FROZEN:
        move_ticks = max(multiply_rate_floor(terms.mark_ticks, terms.mark_move_ppb), 1)
        mark_ticks = clamp(
            mark_ticks, terms.mark_ticks - move_ticks, terms.mark_ticks + move_ticks
        )
    mark_ticks = clamp(mark_ticks, 1, terms.price_ticks_max)
    held = 0
    if mark_ticks < index_ticks - reach_ticks or mark_ticks > index_ticks + reach_ticks:
        held = 1
    set_mark(terms, mark_ticks)
    emit(
        arena, events.MARK_PUBLISHED, contract, 0,
        mark_ticks, index_ticks, fair_ticks, basis_ticks, terms.last_ticks, held,
    )  # fmt: skip
    return held


@kernel
def note_last(terms):
    """Close the window of the last price: its average when enough was traded, else none."""
    terms.last_ticks = 0
    if terms.traded_lots > 0 and terms.traded_value >= terms.mark_last_value_min:
        terms.last_ticks = terms.traded_value // (terms.traded_lots * terms.tick_value)
    terms.traded_lots = 0
    terms.traded_value = 0


@cold
def forget_market(arena, contract):
    """A freeze drops what the market said before it: basis, last price, impact values."""
    terms = CONTRACT(arena, contract)
    empty_window(arena, window_of(contract, BASIS))
    terms.last_ticks = 0
    terms.traded_lots = 0
    terms.traded_value = 0
    terms.bid_term_ns = 0
    terms.ask_term_ns = 0
    return 0
