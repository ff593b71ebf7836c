"""The functions that decide prices, rates and values, callable from Python one by one.

For who checks a venue's published numbers with them, and for tests: the engine itself calls the
kernels. Each entry is the kernel of the same name; arguments and results are integers, in the
units that the names of the kernels' arguments end in.
"""

from engine.kernel import entry
from engine.state import values
from funding import mark, premium, rate


@entry("int64(int64, int64, int64)")
def compute_book_price(bid_ticks: int, ask_ticks: int, last_ticks: int) -> int:
    return mark.compute_book_price(bid_ticks, ask_ticks, last_ticks)


@entry("int64(int64, int64, int64, int64)")
def compute_median_of_terms(
    count: int, first_ticks: int, second_ticks: int, third_ticks: int
) -> int:
    return mark.compute_median_of_terms(count, first_ticks, second_ticks, third_ticks)


@entry("int64(int64, int64, int64, int64)")
def compute_premium(bid_value: int, bid_base: int, ask_value: int, ask_base: int) -> int:
    """Impact bid above the index less impact ask below it: each side's value of some lots, and the
    same lots at the index (7.1)."""
    excess_ppb = premium.compute_excess_ppb(bid_value, bid_base)
    return excess_ppb - premium.compute_shortfall_ppb(ask_value, ask_base)


@entry("int64(int64, int64)")
def compute_mark_premium(mark_ticks: int, index_ticks: int) -> int:
    return premium.compute_mark_premium(mark_ticks, index_ticks)


@entry("int64(int64, int64, int64, int64)")
def compute_base_rate(method: int, premium_ppb: int, interest_ppb: int, clamp_ppb: int) -> int:
    return rate.compute_base_rate(method, premium_ppb, interest_ppb, clamp_ppb)


@entry("int64(int64, int64, int64)")
def compute_margin_cap(rate_initial_ppb: int, rate_maintenance_ppb: int, share_ppb: int) -> int:
    return rate.compute_margin_cap(rate_initial_ppb, rate_maintenance_ppb, share_ppb)


@entry("int64(int64, int64)")
def compute_lot_value_inverse(contract_value: int, price_ticks: int) -> int:
    return values.compute_lot_value_inverse(contract_value, price_ticks)


@entry("int64(int64, int64, int64)")
def compute_value_inverse_per_fill(lots: int, contract_value: int, price_ticks: int) -> int:
    return values.compute_value_inverse_per_fill(lots, contract_value, price_ticks)
