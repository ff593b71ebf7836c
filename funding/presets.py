"""Presets: the contract fields of rules 6 and 7 that come nearest to a venue's, and our own (7.5).

Plain data: `Contract(**PRESETS["okx"], contract=1, symbol=..., tick_value=..., tiers=...)`. "1.5",
"2.2" and so on are the sections of the survey of venues where a number comes from; a page is named
where the survey leaves it open. "Not expressed" says what a venue does that no field can. Where a
venue says nothing a field is left at the default of the schema. Amounts are in units of 10^-6.

What holds for all venues: the moving basis and the last term follow the clock of premium samples,
mids are those of impact prices, a side that is too thin counts in the share of valid samples
(under 90% the premium is 0), and a rate is paid on the mark.
"""

from typing import Any

from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND, PPB
from engine.schema.contract import PriceSource, outside

MONEY = 1_000_000
MINUTE = 60 * NS_PER_SECOND
HOUR = 60 * MINUTE
PERCENT = PPB // 100
NO_BAND = PPB  # a venue without a band around the index: anything up to twice the index

# 2.5: the formula that most venues share: 0.01% of interest per 8 h, clamped at 0.05%.
CLAMPED_EIGHT_HOURS: dict[str, Any] = {
    "funding_method": words.RATE_CLAMP,
    "funding_interval_ns": 8 * HOUR,
    "funding_base_ns": 8 * HOUR,
    "funding_interest_ppb": PERCENT // 100,
    "funding_clamp_ppb": 5 * PERCENT // 100,
}

BINANCE: dict[str, Any] = {
    # 1.5: weighted constituents, one that is more than 5% off is left out at once.
    # Not expressed: with two of them off, the plain median is the index.
    "sources": outside(1, 1, 1, 1, 1, 1, 1, 1),
    "index_method": words.INDEX_CLAMPED_MEAN,
    "index_clamp_ppb": 5 * PERCENT,
    "source_outlier_ppb": 5 * PERCENT,
    "source_reentry_ppb": 5 * PERCENT,
    "source_reentry_ns": 0,
    # 2.3: median of fair price, index + 30 s average of the mid's basis, last.
    # Not expressed: the basis each second at the best prices; a last price of one trade.
    "mark_method": words.MARK_MEDIAN,
    "mark_band_ppb": NO_BAND,
    "mark_basis_samples": 6,
    # 1.5, 2.4: impact prices against the index every 5 s, for 200 USDT of margin at 20 times.
    "premium_method": words.PREMIUM_IMPACT,
    "premium_cap_ppb": 100 * PPB,  # none there; 5,761 rising weights have to fit (1.3)
    "funding_sample_ns": 5 * NS_PER_SECOND,
    "funding_impact_value": 4_000 * MONEY,
    # 2.5: sum of i x P_i; the formula's share of 8 h since 2025-09-18.
    "funding_weighting": words.WEIGHTING_RISING,
    **CLAMPED_EIGHT_HOURS,
    # 2.5: 0.75 x maintenance at the highest leverage, which is half of the initial rate there, so
    # initial - maintenance; above it the API's cap of a symbol, 2% (fapi/v1/fundingInfo).
    # Not expressed: this cap does not shrink with the interval.
    "funding_cap_ppb": 2 * PERCENT,
    "funding_cap_margin_ppb": 75 * PERCENT,
    # FAQ 360033525031, "Adjustment of Funding Interval": hourly after a capped rate.
    # Not expressed: back only after 16 quiet hours, and then to 4 h (notice of 2026-01-02).
    "funding_interval_capped_ns": HOUR,
}

BITMEX: dict[str, Any] = {
    # 1.5, 2.2: equal weights; out if 25% off the median (50% for alts), back after 15 min
    # within 2%; out after 15 min without a price.
    # Not expressed: two sources of which one is far off freeze the index; the 2% are of the median
    # of those that are in.
    "sources": outside(1, 1, 1, 1, 1),
    "index_method": words.INDEX_CLAMPED_MEAN,
    "index_clamp_ppb": 25 * PERCENT,  # what is in is never clamped
    "source_outlier_ppb": 25 * PERCENT,
    "source_reentry_ppb": 2 * PERCENT,
    "source_reentry_ns": 15 * MINUTE,
    "source_stale_ns": 15 * MINUTE,
    # 2.3: index x (1 + rate x time left / interval) alone.
    "mark_method": words.MARK_FAIR,
    "mark_band_ppb": NO_BAND,
    # 1.5, 2.4: each minute; 0.1 XBT of margin at 1% are 10 XBT, here at 50,000
    # (bitmex.com/app/fairPriceMarking).
    # Not expressed: impact prices are compared with the mark, and the fair basis is added.
    "premium_method": words.PREMIUM_IMPACT,
    "funding_sample_ns": MINUTE,
    "funding_impact_value": 500_000 * MONEY,
    # 2.5: time-weighted mean of 8 h, clamp of 0.05% around the interest.
    # Not expressed: the rate is paid one interval later.
    "funding_weighting": words.WEIGHTING_PLAIN,
    **CLAMPED_EIGHT_HOURS,
    # 1.5: 75% of (initial - maintenance), 0.375% at 100 times.
    # Not expressed: from one interval to the next at most 75% of maintenance.
    "funding_cap_ppb": 375 * PERCENT // 1000,
    "funding_cap_margin_ppb": 75 * PERCENT,
}

BYBIT: dict[str, Any] = {
    # 1.5: weighted constituents.
    "sources": outside(1, 1, 1, 1, 1),
    "index_method": words.INDEX_CLAMPED_MEAN,
    "index_clamp_ppb": 5 * PERCENT,
    # 2.3: as Binance, the basis over 5 min. Not expressed: the basis each second.
    "mark_method": words.MARK_MEDIAN,
    "mark_band_ppb": NO_BAND,
    "mark_basis_samples": 5,
    # 1.5: impact prices against the index each minute; 50,000 USDT
    # (help.bybit.com/hc/en-us/articles/360039261114).
    "premium_method": words.PREMIUM_IMPACT,
    "funding_sample_ns": MINUTE,
    "funding_impact_value": 50_000 * MONEY,
    # 2.5: sum of i x P_i over 480 minutes, divided by that of i.
    "funding_weighting": words.WEIGHTING_RISING,
    "premium_cap_ppb": 100 * PPB,  # none there
    **CLAMPED_EIGHT_HOURS,
    # 1.5: per symbol; 0.75 x (initial - maintenance), 0.375% at 100 times.
    "funding_cap_ppb": 375 * PERCENT // 1000,
    "funding_cap_margin_ppb": 75 * PERCENT,
}

OKX: dict[str, Any] = {
    # 1.5, 2.2: at least 3 venues, each held within 98% to 102% of the median; of two the mean, one
    # alone is the index, none holds it (not expressed: here the contract freezes).
    "sources": outside(1, 1, 1, 1, 1),
    "sources_healthy_min": 1,
    "index_method": words.INDEX_CLAMPED_MEAN,
    "index_clamp_ppb": 2 * PERCENT,
    "source_outlier_ppb": 100 * PPB,  # none is left out
    # 2.3: index + moving average of the basis. Its length is not published; one sample makes the
    # premium below that of the mid.
    "mark_method": words.MARK_BASIS,
    "mark_band_ppb": NO_BAND,
    "mark_basis_samples": 1,
    # 2.4, okx.com/help/okx-to-optimize-funding-rate-calculation: (mid - index) / index each minute.
    # Not expressed: the mid at the sample itself; here it is that of the last sample.
    "premium_method": words.PREMIUM_MARK,
    "funding_sample_ns": MINUTE,
    # 2.5: plain mean of the last interval, interest 0, then only the cap.
    "funding_weighting": words.WEIGHTING_PLAIN,
    "funding_method": words.RATE_SUM,
    "funding_interval_ns": 8 * HOUR,
    "funding_base_ns": 8 * HOUR,
    "funding_interest_ppb": 0,
    # okx.com/help/360053909272: BTC 0.375%; others 0.75%, 1.5%, 3%.
    "funding_cap_ppb": 375 * PERCENT // 1000,
}

DERIBIT: dict[str, Any] = {
    # 1.5, 2.2: equal weights, each held within 0.5% of the median; one feed is the index.
    # Not expressed: a lock when an external benchmark is far away.
    "sources": outside(1, 1, 1, 1, 1, 1, 1, 1),
    "index_method": words.INDEX_CLAMPED_MEAN,
    "index_clamp_ppb": PERCENT // 2,
    "source_outlier_ppb": 100 * PPB,
    # 2.3: index + 30 s exponential average of fair price - index, each second with weight 2/31,
    # within 0.5% of the index.
    "mark_method": words.MARK_BASIS,
    "mark_band_ppb": PERCENT // 2,
    "mark_basis_ema_ppb": 2 * PPB // 31,
    # 2.4: (mark - index) / index.
    "premium_method": words.PREMIUM_MARK,
    "premium_cap_ppb": PERCENT // 2,
    "funding_sample_ns": NS_PER_SECOND,
    # 2.5: what exceeds 0.025%, for 8 h.
    # Not expressed: it accrues every millisecond. A minute is our shortest sensible interval.
    "funding_weighting": words.WEIGHTING_PLAIN,
    "funding_method": words.RATE_DAMPER,
    "funding_interval_ns": MINUTE,
    "funding_base_ns": 8 * HOUR,
    "funding_interest_ppb": 0,
    "funding_clamp_ppb": PERCENT // 40,
    "funding_cap_ppb": PERCENT // 2 // 480,  # 0.5% per 8 h
}

HYPERLIQUID: dict[str, Any] = {
    # 1.5: weighted median 3:2:2:1:1:1:1 every 3 s; perpetuals of others 3:2:2:1:1 for the mark.
    # Not expressed: the median of validators by stake; and of 12 sources at most 8 fit, so each
    # list ends earlier.
    "sources": (
        *outside(3, 2, 2, 1, 1),
        *(PriceSource(weight, words.SOURCE_PERPETUAL) for weight in (3, 2, 2)),
    ),
    "index_method": words.INDEX_MEDIAN,
    # 2.3: median of index + 150 s exponential average of mid - index, of bid, ask and last, and of
    # the perpetuals. 1 - exp(-5/150) each 5 s.
    # Not expressed: of two terms a third is made, the 30 s average of the book's median.
    "mark_method": words.MARK_EXTERNAL,
    "mark_band_ppb": NO_BAND,
    "mark_basis_ema_ppb": 32_783_899,
    # 1.5, 2.4: impact prices against the oracle every 5 s, 20,000 USDC for BTC and ETH.
    "premium_method": words.PREMIUM_IMPACT,
    "funding_sample_ns": 5 * NS_PER_SECOND,
    "funding_impact_value": 20_000 * MONEY,
    # 2.5: mean of the hour; an eighth of the rate each hour, at most 4%.
    # Not expressed: it is paid on the oracle price.
    "funding_weighting": words.WEIGHTING_PLAIN,
    **CLAMPED_EIGHT_HOURS,
    "funding_interval_ns": HOUR,
    "funding_cap_ppb": 4 * PERCENT,
}

DYDX: dict[str, Any] = {
    # 1.5: plain median of the oracle's feeds.
    "sources": outside(1, 1, 1, 1, 1),
    "index_method": words.INDEX_MEDIAN,
    # 1.5: the oracle price is the mark: no band around it at all.
    "mark_method": words.MARK_FAIR,
    "mark_band_ppb": 0,
    # 1.5, 2.4: a vote each block (about a second), 500 / initial rate of 5%, 0 without depth; at
    # most 6000% of (initial - maintenance), here 2%.
    # Not expressed: makers that fail a check of collateral are passed over.
    "premium_method": words.PREMIUM_IMPACT,
    "premium_cap_ppb": 120 * PERCENT,
    "funding_sample_ns": NS_PER_SECOND,
    "funding_impact_value": 10_000 * MONEY,
    "funding_hold_ns": 0,
    # 1.5: the median of a minute's votes is a sample, the hour pays an eighth of their mean.
    # Not expressed: at least so many votes a sample, else the missing ones count as 0.
    "funding_vote_samples": 60,
    "funding_weighting": words.WEIGHTING_PLAIN,
    "funding_method": words.RATE_SUM,
    "funding_interval_ns": HOUR,
    "funding_base_ns": 8 * HOUR,
    "funding_interest_ppb": 0,
    # 2.5: 600% of (initial - maintenance) per 8 h, nothing else.
    "funding_cap_ppb": PPB,
    "funding_cap_margin_ppb": 600 * PERCENT,
}

DRIFT: dict[str, Any] = {
    # 1.5: one oracle. Not expressed: its validity by confidence and slot.
    "sources": outside(1),
    "index_method": words.INDEX_MEDIAN,
    # 1.5: margin is valued at the oracle price.
    "mark_method": words.MARK_FAIR,
    "mark_band_ppb": 0,
    # 1.5, 2.5: time-weighted mark less that of the oracle: the middle of the best prices against
    # the index each minute. Not expressed: reserve prices of its market maker; exponential means.
    "premium_method": words.PREMIUM_MID,
    "funding_sample_ns": MINUTE,
    "funding_impact_value": 1,
    # 2.5: + 1/5000 and a 24th an hour, so a rate per day; at most 3% of the best tier.
    # Not expressed: unequal rates of longs and shorts when its market maker can't pay.
    "funding_weighting": words.WEIGHTING_PLAIN,
    "funding_method": words.RATE_SUM,
    "funding_interval_ns": HOUR,
    "funding_base_ns": NS_PER_DAY,
    "funding_interest_ppb": PPB // 5000,
    "funding_cap_ppb": 3 * PERCENT // 24,
}

# Ours. Rules 6.1, 6.2, 7.1 and 7.2 give the shape, the comments the reason of each number.
HK: dict[str, Any] = {
    # 6.1: five, three of them healthy. One may be our own venue, at a tenth; nobody has more than
    # half, so two outside sources and our own hold their caps.
    "sources": (*outside(2, 2, 2, 2), PriceSource(1, words.SOURCE_OWN)),
    "sources_healthy_min": 3,
    "source_cap_ppb": 50 * PERCENT,
    "source_own_cap_ppb": 10 * PERCENT,
    "source_stale_ns": 30 * NS_PER_SECOND,
    "source_outlier_ppb": 5 * PERCENT,
    "source_reentry_ppb": 2 * PERCENT,
    "source_reentry_ns": MINUTE,
    "index_method": words.INDEX_MEDIAN,
    # 6.2: below a maintenance of 0.5%, the lowest of 100 times leverage. A basis of one minute.
    "mark_method": words.MARK_MEDIAN,
    "mark_band_ppb": 4 * PERCENT // 10,
    "mark_move_ppb": PERCENT,
    "mark_basis_samples": 12,
    "mark_last_value_min": 10_000 * MONEY,
    "affiliates_priced": False,
    # 7.1: every 5 s; a minute's median is a vote, so that quotes of a few seconds move nothing.
    "premium_method": words.PREMIUM_IMPACT,
    "premium_cap_ppb": 5 * PERCENT,
    "funding_sample_ns": 5 * NS_PER_SECOND,
    "funding_impact_value": 10_000 * MONEY,
    "funding_hold_ns": 30 * NS_PER_SECOND,
    "funding_vote_samples": 12,
    # 7.2: the formula of 2.5 that most venues share. Three capped intervals make a capped day, and
    # with a liquidation fee of up to 0.25% no interval takes a maintenance of 0.5%.
    "funding_weighting": words.WEIGHTING_PLAIN,
    **CLAMPED_EIGHT_HOURS,
    "funding_cap_ppb": PERCENT // 4,
    "funding_cap_margin_ppb": 75 * PERCENT,
    "funding_cap_day_ppb": 3 * PERCENT // 4,
}

PRESETS: dict[str, dict[str, Any]] = {
    "binance": BINANCE,
    "bitmex": BITMEX,
    "bybit": BYBIT,
    "okx": OKX,
    "deribit": DERIBIT,
    "hyperliquid": HYPERLIQUID,
    "dydx": DYDX,
    "drift": DRIFT,
    "hk": HK,
}
