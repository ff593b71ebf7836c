"""The mark: by its method out of fair price, index plus average basis, last price and other venues'
perpetuals, inside its bands (6.2)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import PPB
from engine.schema.vocabulary import (
    MARK_BASIS,
    MARK_EXTERNAL,
    MARK_FAIR,
    MARK_LAST,
    MARK_MEDIAN,
    STATE_FROZEN,
)
from engine.state.access import CONTRACT
from engine.state.arithmetic import (
    absolute,
    clamp,
    multiply_divide,
    multiply_divide_trunc,
    multiply_rate_ceil,
    multiply_rate_floor,
)
from engine.state.events import emit
from engine.state.values import average_price_floor, begin_valuation, size_of_lot, value_of_lot
from engine.trading_state import is_one_of
from funding.sources import EXTERNAL, compute_median
from funding.windows import BASIS, VOTE, count_of, empty_window, mean_of, note_value, window_of

TRADED_VALUE_MAX = 2**60  # the sums behind the last price stop growing here

# Which methods have a term, as masks
WITH_FAIR = 1 << MARK_MEDIAN | 1 << MARK_FAIR
WITH_BASIS = 1 << MARK_MEDIAN | 1 << MARK_BASIS | 1 << MARK_EXTERNAL
WITH_BOOK = 1 << MARK_LAST | 1 << MARK_EXTERNAL


@kernel
def compute_fair(terms, now_ns):
    """Index x (1 + funding rate x time left / length of the interval), towards the index."""
    length_ns = terms.funding_length_ns
    left_ns = clamp(terms.funding_next_ns - now_ns, 0, length_ns)
    rate_ppb = multiply_divide_trunc(terms.funding_rate_ppb, left_ns, max(length_ns, 1))
    if rate_ppb >= 0:
        return terms.index_ticks + multiply_rate_floor(terms.index_ticks, rate_ppb)
    return terms.index_ticks - multiply_rate_floor(terms.index_ticks, -rate_ppb)


@cold
def has_basis(arena, contract, now_ns):
    """1 when there is an average of basis samples, the last of them young enough: a book that has
    gone says nothing, however long it said something before."""
    terms = CONTRACT(arena, contract)
    if count_of(arena, window_of(contract, BASIS)) == 0:
        return 0
    return 1 if now_ns - terms.basis_ns <= terms.mark_basis_hold_ns else 0


@cold
def compute_basis(arena, contract):
    """The average of the basis samples: over the window, rounded down, or exponential, as what was
    weighed over the weight, so that it starts right; this to the nearest, because both are cut off
    at each sample."""
    terms = CONTRACT(arena, contract)
    if terms.mark_basis_ema_ppb > 0:
        return (2 * terms.basis_ema + terms.basis_ema_weight) // (2 * terms.basis_ema_weight)
    return mean_of(arena, window_of(contract, BASIS))


@kernel
def compute_book_price(bid_ticks, ask_ticks, last_ticks):
    """The last price held between bid and ask, their mean without one; without them (0) the last
    price, 0 without that, too."""
    if bid_ticks == 0 or ask_ticks == 0:
        return last_ticks
    if last_ticks == 0:
        return (bid_ticks + ask_ticks) // 2
    return clamp(last_ticks, min(bid_ticks, ask_ticks), max(bid_ticks, ask_ticks))


@kernel
def compute_median_of_terms(count, first_ticks, second_ticks, third_ticks):
    """The median of three terms; of two (the absent one is 0) the mean, rounded down; of one it."""
    if count < 3:
        return (first_ticks + second_ticks + third_ticks) // max(count, 1)
    low = min(first_ticks, second_ticks)
    high = max(first_ticks, second_ticks)
    return clamp(third_ticks, low, high)


@kernel
def find_terms(arena, contract, now_ns):
    """(how many terms the method finds, fair or external price, index with basis, last or book
    price); what is absent, or not of the method, is 0."""
    terms = CONTRACT(arena, contract)
    method = terms.mark_method
    count = 0
    fair_ticks = 0
    basis_ticks = 0
    last_ticks = 0
    if is_one_of(WITH_FAIR, method):
        fair_ticks = compute_fair(terms, now_ns)
        count += 1
    elif method == MARK_EXTERNAL:
        fair_ticks = compute_median(arena, contract, 0, EXTERNAL)
        count += 1 if fair_ticks != 0 else 0
    if is_one_of(WITH_BASIS, method):
        if has_basis(arena, contract, now_ns) == 1:
            basis_ticks = terms.index_ticks + compute_basis(arena, contract)
            count += 1
    if method == MARK_MEDIAN:
        last_ticks = terms.last_ticks + 0
    elif is_one_of(WITH_BOOK, method):
        last_ticks = compute_book_price(
            terms.impact_bid_ticks, terms.impact_ask_ticks, terms.last_ticks
        )
    count += 1 if last_ticks != 0 else 0
    return count, fair_ticks, basis_ticks, last_ticks


@kernel
def set_mark(arena, contract, mark_ticks):
    """The mark with what follows from it alone: the static band (5.3), the slippage of 9.0."""
    terms = CONTRACT(arena, contract)
    if mark_ticks != terms.mark_ticks:
        begin_valuation(arena)
    reach_ticks = multiply_divide(mark_ticks, terms.band_static_ppb, PPB)
    terms.mark_ticks = mark_ticks
    terms.mark_value = value_of_lot(terms, mark_ticks)
    terms.mark_size = absolute(terms.mark_value)
    terms.band_low_ticks = max(terms.price_ticks_min, mark_ticks - reach_ticks)
    terms.band_high_ticks = min(terms.price_ticks_max, mark_ticks + reach_ticks)
    rate_ppb = terms.liquidation_slippage_ppb + terms.fee_taker_ppb
    terms.slip_value = multiply_rate_ceil(terms.mark_size, rate_ppb)


@cold
def publish_mark(arena, contract, now_ns):
    """Set and publish the mark from the present index; returns 1 while the move limit holds it
    outside its band. A frozen contract reopens without a move limit: its mark is fresh (5.4)."""
    terms = CONTRACT(arena, contract)
    index_ticks = terms.index_ticks
    count, fair_ticks, basis_ticks, last_ticks = find_terms(arena, contract, now_ns)
    mark_ticks = index_ticks
    if count > 0:
        mark_ticks = compute_median_of_terms(count, fair_ticks, basis_ticks, last_ticks)
    reach_ticks = multiply_rate_floor(index_ticks, terms.mark_band_ppb)
    mark_ticks = clamp(mark_ticks, index_ticks - reach_ticks, index_ticks + reach_ticks)
    if terms.mark_move_ppb > 0 and terms.state != STATE_FROZEN:
        move_ticks = max(multiply_rate_floor(terms.mark_ticks, terms.mark_move_ppb), 1)
        mark_ticks = clamp(
            mark_ticks, terms.mark_ticks - move_ticks, terms.mark_ticks + move_ticks
        )
    mark_ticks = clamp(mark_ticks, terms.price_ticks_min, terms.price_ticks_max)
    held = 0
    if mark_ticks < index_ticks - reach_ticks or mark_ticks > index_ticks + reach_ticks:
        held = 1
    set_mark(arena, contract, mark_ticks)
    emit(
        arena, events.MARK_PUBLISHED, contract, 0,
        mark_ticks, index_ticks, fair_ticks, basis_ticks, last_ticks, held,
    )  # fmt: skip
    return held


@cold
def forget_basis(arena, contract):
    empty_window(arena, window_of(contract, BASIS))
    CONTRACT(arena, contract).basis_ema = 0
    CONTRACT(arena, contract).basis_ema_weight = 0
    return 0


@cold
def note_basis(arena, contract, basis_ticks):
    """Add a sample of mid less index to the average; one that comes too late for it begins anew."""
    terms = CONTRACT(arena, contract)
    now_ns = terms.sample_next_ns
    if now_ns - terms.basis_ns > terms.mark_basis_hold_ns:
        forget_basis(arena, contract)
    terms.basis_ns = now_ns
    note_value(arena, window_of(contract, BASIS), basis_ticks)
    rate_ppb = terms.mark_basis_ema_ppb
    if rate_ppb > 0:
        terms.basis_ema += basis_ticks * rate_ppb - multiply_divide_trunc(
            terms.basis_ema, rate_ppb, PPB
        )
        weight = terms.basis_ema_weight
        terms.basis_ema_weight += rate_ppb - multiply_divide(weight, rate_ppb, PPB)
    return 0


@kernel
def note_traded(terms, price_ticks, lots, is_affiliated):
    """A trade feeds the window of the last price, until its sum has passed its bound; one with an
    affiliate only where the specification says so (C10)."""
    if is_affiliated and terms.affiliates_priced == 0:
        return
    if terms.traded_value <= TRADED_VALUE_MAX:
        terms.traded_lots += lots
        terms.traded_value += lots * size_of_lot(terms, price_ticks)


@kernel
def note_last(terms):
    """Close the window of the last price: its average when enough was traded, else none."""
    terms.last_ticks = 0
    if terms.traded_lots > 0 and terms.traded_value >= terms.mark_last_value_min:
        terms.last_ticks = average_price_floor(terms, terms.traded_lots, terms.traded_value)
    terms.traded_lots = 0
    terms.traded_value = 0


@kernel
def forget_trading(terms):
    """Drop the last price with the window of the next one, and the impact prices."""
    terms.impact_bid_ticks = 0
    terms.impact_ask_ticks = 0
    terms.last_ticks = 0
    terms.traded_lots = 0
    terms.traded_value = 0


@cold
def forget_market(arena, contract):
    """A freeze drops what the market said before it: basis, last price, impact, a vote begun."""
    terms = CONTRACT(arena, contract)
    forget_basis(arena, contract)
    empty_window(arena, window_of(contract, VOTE))
    forget_trading(terms)
    terms.bid_term_ns = 0
    terms.ask_term_ns = 0
    return 0
