"""The index of one contract, computed anew from prices received and what was left out (6.1).

Previous values: a source has no price before its first `price_received`, is in until an
`index_published` lists it as an outlier, and loses both by `constituent_redenominated`; units and
divisor are those of the specification until a `constituent_changed` or `constituent_redenominated`.
Staleness and dwell are counted up to the time of the price that the index follows.
"""

from typing import NamedTuple

import msgspec

from engine.report.findings import Findings
from engine.report.rounding import clamp, median_of, share_of
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract


class Vote(NamedTuple):
    """A source's price with its share of the whole, in any unit."""

    price_ticks: int
    source: int  # from 0, the bit of the bitmaps
    share: int


class Source(msgspec.Struct):
    """What is known of a source."""

    price_ticks: int = 0
    time_ns: int | None = None  # of its price; None: it has none
    is_out: bool = False
    near_ns: int | None = None  # out, and inside the narrower band since then


class AssetPrice(NamedTuple):
    """What the sources say of one constituent; price 0: none, median 0: nobody is fresh."""

    price_ticks: int
    median: int
    used: int
    outliers: int
    capped: int


def weighted_median(votes: list[Vote]) -> int:
    """The first price at which half is reached; the mean with the next if it is just half."""
    total = sum(vote.share for vote in votes)
    ranked = sorted(votes)
    reached = 0
    for place, vote in enumerate(ranked):
        reached += vote.share
        if 2 * reached < total:
            continue
        if 2 * reached == total and place + 1 < len(ranked):
            return (vote.price_ticks + ranked[place + 1].price_ticks) // 2
        return vote.price_ticks
    return 0


def clamped_mean(votes: list[Vote], median: int, clamp_ppb: int) -> int:
    reach = share_of(median, clamp_ppb)
    total = sum(vote.share for vote in votes)
    parts = (v.share * clamp(v.price_ticks, median - reach, median + reach) for v in votes)
    return sum(parts) // total


def hold_caps(weights: dict[int, int], caps: dict[int, int]) -> tuple[dict[int, int], int]:
    """The shares of sources under their caps, and the capped ones; no shares: caps can't hold."""
    capped: set[int] = set()
    while True:
        rest = PPB - sum(caps[k] for k in capped)
        free = {k: weight for k, weight in weights.items() if k not in capped}
        weight_free = sum(free.values())
        joining = {k for k, weight in free.items() if weight * rest > caps[k] * weight_free}
        if not joining:
            break
        capped |= joining
    bits = sum(1 << k for k in capped)
    if not free:
        return {}, bits
    shares = {k: caps[k] * weight_free if k in capped else weights[k] * rest for k in weights}
    return shares, bits


class IndexAudit:
    """Follows one contract's sources, constituents and index."""

    def __init__(self, spec: Contract, findings: Findings) -> None:
        self._spec = spec
        self._findings = findings
        self._sources = [Source() for _ in spec.sources]
        self._used = [0] * len(spec.index_units_ppb)  # bitmap of each asset
        self._units = list(spec.index_units_ppb)
        self._divisor = PPB
        self._asset_prices = [0] * len(spec.index_units_ppb)
        self._constituents: list[tuple[int, ...]] = []  # published ahead of the next index
        self.index_ticks = 0
        self.time_ns = 0  # of the last price

    def receive_price(self, source: int, price_ticks: int, time_ns: int) -> None:
        self.time_ns = time_ns
        if not 1 <= source <= len(self._sources):
            self._findings.compare("price_received.source", source, 0)
            return
        self._sources[source - 1].price_ticks = price_ticks
        self._sources[source - 1].time_ns = time_ns

    def note_constituent(self, *values: int) -> None:
        self._constituents.append(values)

    def change_constituent(self, asset: int, units: int, divisor: int) -> None:
        """A basket is weighted anew: the divisor keeps the level of the last index."""
        if not self._is_asset("constituent_changed", asset):
            return
        old = sum(u * p for u, p in zip(self._units, self._asset_prices, strict=True))
        self._units[asset] = units
        new = sum(u * p for u, p in zip(self._units, self._asset_prices, strict=True))
        expected = new * self._divisor // old if old else 0
        self._findings.compare("constituent_changed.divisor_ppb", divisor, expected)
        self._divisor = max(1, divisor)

    def redenominate_constituent(self, asset: int, units: int) -> None:
        if not self._is_asset("constituent_redenominated", asset):
            return
        self._units[asset] = units
        for k in self._sources_of(asset):
            self._sources[k] = Source()

    def external_price(self) -> int:
        """The weighted median of other venues' perpetuals that are fresh; 0: none (6.2)."""
        return weighted_median(
            [
                Vote(self._sources[k].price_ticks, k, source.weight)
                for k, source in enumerate(self._spec.sources)
                if source.kind == words.SOURCE_PERPETUAL and self._is_fresh(k)
            ]
        )

    def stale_due(self) -> int:
        """When of some asset too few of the sources that its price was made of are fresh."""
        return min(map(self._needed_ns, self._used)) + self._spec.source_stale_ns + 1

    def _needed_ns(self, used: int) -> int:
        """The time of the source without which the newer ones are too few, or their caps too low;
        0 when all together are."""
        times = [(-(s.time_ns or 0), k) for k, s in enumerate(self._sources) if used >> k & 1]
        caps_ppb = 0
        for count, (time_ns, k) in enumerate(sorted(times), 1):
            caps_ppb += self._cap_of(k)
            if count >= self._spec.sources_healthy_min and caps_ppb >= PPB:
                return -time_ns
        return 0

    def publish(
        self, index: int, used: int, stale: int, outliers: int, median: int, capped: int
    ) -> None:
        """Compare a published index with its sources."""
        found = self._findings
        found.indexes += 1
        stale_bits = sum(1 << k for k in range(len(self._sources)) if not self._is_fresh(k))
        found.compare("index_published.stale", stale, stale_bits)
        assets = [self._price_asset(asset) for asset in range(len(self._units))]
        found.compare("index_published.used", used, sum(a.used for a in assets))
        found.compare("index_published.outliers", outliers, sum(a.outliers for a in assets))
        found.compare("index_published.median", median, assets[0].median)
        found.compare("index_published.capped", capped, sum(a.capped for a in assets))
        self._compare_constituents(assets)
        self._asset_prices = [asset.price_ticks for asset in assets]
        found.compare("index_published.index_ticks", index, self._sum_up())
        # What follows is judged by what was published, so that one fault is listed once.
        for k, source in enumerate(self._sources):
            if not stale_bits >> k & 1:
                source.is_out = bool(outliers >> k & 1)
        self._used = [asset.used for asset in assets]
        self.index_ticks = index

    def _is_asset(self, event: str, asset: int) -> bool:
        if 0 <= asset < len(self._units):
            return True
        self._findings.compare(f"{event}.asset", asset, 0)
        return False

    def _sources_of(self, asset: int) -> list[int]:
        return [
            k
            for k, source in enumerate(self._spec.sources)
            if source.asset == asset and source.kind != words.SOURCE_PERPETUAL
        ]

    def _is_fresh(self, k: int) -> bool:
        time_ns = self._sources[k].time_ns
        return time_ns is not None and self.time_ns - time_ns <= self._spec.source_stale_ns

    def _price_asset(self, asset: int) -> AssetPrice:
        sources = self._sources_of(asset)
        fresh = [k for k in sources if self._is_fresh(k)]
        for k in sources:
            if k not in fresh:
                self._sources[k].near_ns = None
        if not fresh:
            return AssetPrice(0, 0, 0, 0, 0)
        median = median_of([self._sources[k].price_ticks for k in fresh])
        out = [k for k in fresh if self._is_out(self._sources[k], median)]
        used = [k for k in fresh if k not in out]
        used_bits, out_bits = sum(1 << k for k in used), sum(1 << k for k in out)
        if len(used) < self._spec.sources_healthy_min:
            return AssetPrice(0, median, used_bits, out_bits, 0)
        weights = {k: self._spec.sources[k].weight for k in used}
        shares, capped = hold_caps(weights, {k: self._cap_of(k) for k in used})
        votes = [Vote(self._sources[k].price_ticks, k, share) for k, share in shares.items()]
        price = 0
        if votes and self._spec.index_method == words.INDEX_MEDIAN:
            price = weighted_median(votes)
        elif votes:
            price = clamped_mean(votes, median, self._spec.index_clamp_ppb)
        return AssetPrice(price, median, used_bits, out_bits, capped)

    def _cap_of(self, k: int) -> int:
        if self._spec.sources[k].kind == words.SOURCE_OWN:
            return min(self._spec.source_cap_ppb, self._spec.source_own_cap_ppb)
        return self._spec.source_cap_ppb

    def _is_out(self, source: Source, median: int) -> bool:
        """Whether a fresh source is left out; it comes back once its dwell has lasted."""
        spec = self._spec
        deviation = abs(source.price_ticks - median)
        if not source.is_out:
            return deviation > share_of(median, spec.source_outlier_ppb)
        if deviation > share_of(median, spec.source_reentry_ppb):
            source.near_ns = None
            return True
        if source.near_ns is None:
            source.near_ns = self.time_ns
        is_out = self.time_ns - source.near_ns < spec.source_reentry_ns
        if not is_out:
            source.near_ns = None
        return is_out

    def _compare_constituents(self, assets: list[AssetPrice]) -> None:
        """With several assets each is published, in order, ahead of the index."""
        published, self._constituents = self._constituents, []
        found = self._findings
        count = len(assets) if len(assets) > 1 else 0
        found.compare("constituent_published", len(published), count)
        for asset, values in enumerate(published[: len(assets)]):
            price, median = assets[asset].price_ticks, assets[asset].median
            expected = (asset, price, median, self._units[asset], self._divisor)
            names = ("asset", "price_ticks", "median", "units_ppb", "divisor_ppb")
            for name, number, value in zip(names, values, expected, strict=True):
                found.compare(f"constituent_published.{name}", number, value)

    def _sum_up(self) -> int:
        """The index of the constituents; 0 when one has no price or the sum is no price."""
        if 0 in self._asset_prices:
            return 0
        value = sum(u * p for u, p in zip(self._units, self._asset_prices, strict=True))
        index = value // self._divisor
        return index if self._spec.price_ticks_min <= index <= self._spec.price_ticks_max else 0
