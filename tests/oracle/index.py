"""The index: which sources count, with which shares, and what comes of them (6.1)."""

from fractions import Fraction

from engine.schema import events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract
from tests.oracle.market import Constituent, Market, Source
from tests.oracle.rounding import clamp, middle, rate_down

Weighed = list[tuple[int, Fraction]]  # prices with the share of each, in the order of the sources


def is_fresh(source: Source, now: int, spec: Contract) -> bool:
    return source.time is not None and now - source.time <= spec.source_stale_ns


def judge_sources(spec: Contract, sources: list[Source], now: int) -> int:
    """Decide which sources are in and out; returns the median over the fresh ones, 0 if none."""
    fresh = [source for source in sources if is_fresh(source, now, spec)]
    for source in sources:
        if source not in fresh:
            source.near_since = None
    if not fresh:
        return 0
    median = middle([source.price for source in fresh])
    for source in fresh:
        deviation = abs(source.price - median)
        if not source.is_out:
            if deviation > rate_down(median, spec.source_outlier_ppb):
                source.is_out = True
                source.near_since = None
        elif deviation > rate_down(median, spec.source_reentry_ppb):
            source.near_since = None
        else:
            if source.near_since is None:
                source.near_since = now
            if now - source.near_since >= spec.source_reentry_ns:
                source.is_out = False
                source.near_since = None
    return median


# Shares.


def cap_of(spec: Contract, source: Source) -> Fraction:
    cap = spec.source_cap_ppb
    if source.kind == words.SOURCE_OWN:
        cap = min(cap, spec.source_own_cap_ppb)
    return Fraction(cap, PPB)


def shares_outside(spec: Contract, used: list[Source], capped: list[Source]) -> Weighed:
    """What the capped ones leave, by weight, as (position among the used, share)."""
    rest = 1 - sum(cap_of(spec, source) for source in capped)
    weight = sum(source.weight for source in used if source not in capped)
    return [
        (place, rest * Fraction(source.weight, weight))
        for place, source in enumerate(used)
        if source not in capped
    ]


def find_capped(spec: Contract, used: list[Source]) -> list[Source]:
    """Round by round: what one gives up may lift another above its cap."""
    capped: list[Source] = []
    while True:
        shares = shares_outside(spec, used, capped)
        above = [used[place] for place, share in shares if share > cap_of(spec, used[place])]
        if not above:
            return capped
        capped += above


def shares_of(spec: Contract, used: list[Source], capped: list[Source]) -> list[Fraction] | None:
    """Of each used source, one in all. None when nobody is left to take what is above the caps."""
    if len(capped) == len(used):
        return None
    outside = dict(shares_outside(spec, used, capped))
    shares = [outside.get(place, cap_of(spec, source)) for place, source in enumerate(used)]
    assert sum(shares) == 1, "6.1: shares"
    assert all(s <= cap_of(spec, u) for s, u in zip(shares, used, strict=True)), "6.1: caps"
    return shares


# Prices.


def weighted_median(weighed: Weighed) -> int:
    """The first price at which twice the share so far reaches the total; exactly half: the mean
    with the next one, rounded down. Equal prices stand in the order of the sources."""
    ordered = sorted(weighed, key=lambda pair: pair[0])
    total = sum(share for _, share in ordered)
    reached = Fraction(0)
    for k, (price, share) in enumerate(ordered):
        reached += share
        if 2 * reached == total and k + 1 < len(ordered):
            return (price + ordered[k + 1][0]) // 2
        if 2 * reached >= total:
            return price
    raise AssertionError("no source")


def clamped_mean(spec: Contract, weighed: Weighed, median: int) -> int:
    width = rate_down(median, spec.index_clamp_ppb)
    low, high = median - width, median + width
    return sum(share * clamp(price, low, high) for price, share in weighed) // 1


def price_constituent(market: Market, asset: int, now: int) -> None:
    spec, constituent = market.spec, market.constituents[asset]
    sources = market.sources_of(asset)
    constituent.price, constituent.capped = 0, []
    constituent.median = judge_sources(spec, sources, now)
    used = [s for s in sources if is_fresh(s, now, spec) and not s.is_out]
    constituent.used = used
    if len(used) < spec.sources_healthy_min:
        return
    constituent.capped = find_capped(spec, used)
    shares = shares_of(spec, used, constituent.capped)
    if shares is None:
        return
    weighed = [(source.price, share) for source, share in zip(used, shares, strict=True)]
    if spec.index_method == words.INDEX_MEDIAN:
        constituent.price = weighted_median(weighed)
    else:
        constituent.price = clamped_mean(spec, weighed, constituent.median)


def basket_value(constituents: list[Constituent]) -> int:
    return sum(constituent.units * constituent.price for constituent in constituents)


def level_of(market: Market) -> int:
    """0: degraded."""
    if not all(constituent.price for constituent in market.constituents):
        return 0
    level = basket_value(market.constituents) // market.divisor
    lowest, highest = market.spec.price_ticks_min, market.spec.price_ticks_max
    return level if lowest <= level <= highest else 0


def bits(flags: list[bool]) -> int:
    return sum(1 << k for k, flag in enumerate(flags) if flag)


def publish_index(exchange, market: Market) -> int:
    """Returns the index, 0 when it is degraded."""
    now, spec, constituents = exchange.clock, market.spec, market.constituents
    for asset in range(len(constituents)):
        price_constituent(market, asset, now)
    if len(constituents) > 1:
        for asset, one in enumerate(constituents):
            numbers = (asset, one.price, one.median, one.units, market.divisor)
            exchange.emit(events.CONSTITUENT_PUBLISHED, *numbers, contract=market.contract)
    index = level_of(market)
    used = [source for one in constituents for source in one.used]
    capped = [source for one in constituents for source in one.capped]
    fresh = [source for source in market.sources if is_fresh(source, now, spec)]
    exchange.emit(
        events.INDEX_PUBLISHED,
        index,
        bits([source in used for source in market.sources]),
        bits([source not in fresh for source in market.sources]),
        bits([source in fresh and source.is_out for source in market.sources]),
        constituents[0].median,
        bits([source in capped for source in market.sources]),
        contract=market.contract,
    )
    return index


def is_enough(market: Market, sources: list[Source]) -> bool:
    """Whether they make a price: so many of them, and shares within their caps can be had."""
    caps = sum(cap_of(market.spec, source) for source in sources)
    return len(sources) >= market.spec.sources_healthy_min and caps >= 1


def stale_due(market: Market) -> int:
    """When of some constituent the sources behind the index that are fresh will not be enough."""
    times = []
    for constituent in market.constituents:
        newest = sorted(constituent.used, key=lambda source: -(source.time or 0))
        counts = range(1, len(newest) + 1)
        least = next(count for count in counts if is_enough(market, newest[:count]))
        times.append(newest[least - 1].time or 0)
    return min(times) + market.spec.source_stale_ns + 1
