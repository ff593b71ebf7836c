"""The dynamic band around the last trade, or as an operator set it (5.3)."""

from engine.book.levels import key_of, ladder_of
from engine.kernel import cold, kernel
from engine.schema.vocabulary import BUY, NONE
from engine.state.access import CONTRACT, LADDER
from engine.state.arithmetic import multiply_rate_floor


@kernel
def has_dynamic_band(arena, contract):
    """Whether a band may bind: where there is none, a sweep pays this comparison only."""
    terms = CONTRACT(arena, contract)
    return terms.band_dynamic_ppb | terms.band_set_high_ticks != 0


@kernel
def compute_dynamic_band(terms):
    """(lowest, highest price) of the band; (1, price_ticks_max) when it is off."""
    if terms.band_set_high_ticks != 0:
        return terms.band_set_low_ticks, terms.band_set_high_ticks
    last_ticks = terms.last_trade_ticks
    if terms.band_dynamic_ppb == 0 or last_ticks == 0:
        return 1, terms.price_ticks_max
    reach_ticks = multiply_rate_floor(last_ticks, terms.band_dynamic_ppb)
    return max(1, last_ticks - reach_ticks), min(terms.price_ticks_max, last_ticks + reach_ticks)


@cold
def is_outside_band(arena, contract, price_ticks):
    low_ticks, high_ticks = compute_dynamic_band(CONTRACT(arena, contract))
    return 1 if price_ticks < low_ticks or price_ticks > high_ticks else 0


@cold
def tighten_key(arena, contract, maker_side, limit_key):
    """A sweep's limit on one side of the book, within the band.

    No key at all (0) when the best price lies outside: that order ends the sweep, and what stands
    behind it is not looked at.
    """
    low_ticks, high_ticks = compute_dynamic_band(CONTRACT(arena, contract))
    near_key = key_of(high_ticks if maker_side == BUY else low_ticks, maker_side)
    far_key = key_of(low_ticks if maker_side == BUY else high_ticks, maker_side)
    best_key = LADDER(arena, ladder_of(contract, maker_side)).best_key
    if best_key != NONE and best_key < near_key:
        return 0
    return min(limit_key, far_key)
