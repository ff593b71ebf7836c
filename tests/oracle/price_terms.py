"""Terms of index, mark and funding that configurations give to some of their contracts (6, 7)."""

from typing import Any

from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.contract import PriceSource, outside

MINUTE = 60 * NS_PER_SECOND
START_NS = 1_790_000_000 * NS_PER_SECOND  # when the workload begins
OWN, PERPETUAL = words.SOURCE_OWN, words.SOURCE_PERPETUAL
Terms = dict[str, Any]

# Index.

CLAMPED: Terms = {  # the platform's own venue would weigh most
    "sources": (PriceSource(4, OWN), *outside(3, 2, 1, 1)),
    "source_cap_ppb": 350_000_000,
    "source_own_cap_ppb": 200_000_000,
    "index_method": words.INDEX_CLAMPED_MEAN,
    "index_clamp_ppb": 1_000_000,
}
CAPPED: Terms = {  # three are healthy, and with the own one among them can't hold their caps
    "sources": (*outside(5, 2), PriceSource(2, OWN), *outside(1, 1), PriceSource(1, PERPETUAL)),
    "source_reentry_ns": 15 * NS_PER_SECOND,
    "source_cap_ppb": 360_000_000,
    "source_own_cap_ppb": 150_000_000,
}
BASKET: Terms = {  # two assets, the caps of which two sources alone can't hold
    "sources": tuple(PriceSource(weight, 0, asset) for weight in (2, 1, 1, 1) for asset in (0, 1)),
    "sources_healthy_min": 2,
    "source_cap_ppb": 340_000_000,
    "source_reentry_ns": 10 * NS_PER_SECOND,
    "source_stale_ns": 5 * MINUTE,
    "index_units_ppb": (700_000_000, 300_000_000),
}
PAIR: Terms = {  # a source for each asset: every one of them moves the index, or ends it
    "sources": (PriceSource(1), PriceSource(1, 0, 1)),
    "index_units_ppb": (400_000_000, 600_000_000),
}
RIVALS: Terms = {  # one source, and two perpetuals of other venues
    "sources": (PriceSource(1), PriceSource(3, PERPETUAL), PriceSource(2, PERPETUAL)),
    "mark_method": words.MARK_EXTERNAL,
}

# Mark. Prices near 100 need a wide band, or the mark never leaves the index.

WIDE: Terms = {"mark_band_ppb": 60_000_000, "funding_sample_ns": 15 * NS_PER_SECOND}
BASIS: Terms = WIDE | {"mark_method": words.MARK_BASIS}
AVERAGED: Terms = BASIS | {"mark_basis_ema_ppb": 200_000_000}
FAIR: Terms = WIDE | {"mark_method": words.MARK_FAIR}
LAST: Terms = WIDE | {"mark_method": words.MARK_LAST}
EXTERNAL: Terms = WIDE | RIVALS

# Funding: what keeps intervals free of freezes, and samples valid.

AWAKE: Terms = {"source_stale_ns": 5 * MINUTE, "funding_hold_ns": 5 * MINUTE}
VOTES: Terms = AWAKE | {
    "funding_interval_ns": 5 * MINUTE,
    "funding_sample_ns": 10 * NS_PER_SECOND,
    "funding_vote_samples": 3,
    "premium_cap_ppb": 15_000_000,
}
RISING: Terms = {
    "funding_hold_ns": 5 * MINUTE,
    "premium_method": words.PREMIUM_MID,
    "funding_weighting": words.WEIGHTING_RISING,
    "funding_interval_ns": 5 * MINUTE,
    "funding_sample_ns": 15 * NS_PER_SECOND,
    "funding_base_ns": 20 * MINUTE,
    "funding_cap_ppb": 20_000_000,
}
DAMPED: Terms = AWAKE | {
    "funding_method": words.RATE_DAMPER,
    "funding_clamp_ppb": 5_000_000,
    "funding_interval_ns": 4 * MINUTE,
    "funding_base_ns": 8 * MINUTE,
    "funding_sample_ns": 10 * NS_PER_SECOND,
    "funding_cap_ppb": 30_000_000,
}
SWITCHED: Terms = DAMPED | {  # in flat tiers: above twice the clamp every minute
    "funding_cap_margin_ppb": PPB // 2,
    "funding_interval_capped_ns": MINUTE,
    "funding_vote_samples": 2,
}
SUMMED: Terms = AWAKE | {
    "funding_method": words.RATE_SUM,
    "premium_method": words.PREMIUM_MARK,
    "funding_interest_ppb": 2_000_000,
    "funding_interval_ns": 5 * MINUTE,
    "funding_base_ns": 10 * MINUTE,
    "funding_cap_ppb": 20_000_000,
    "funding_sample_ns": 20 * NS_PER_SECOND,
}
