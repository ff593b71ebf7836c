"""Premium samples of one contract and the votes that they make (7.1).

A premium of impact prices is published with these prices in whole ticks, so it can be held only to
what prices within these ticks allow; one of the mark follows to the last ppb. A side that is thin
may use its last value or none, and no event tells which.
"""

from engine.report.findings import Findings
from engine.report.rounding import clamp, divide_trunc, median_of
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB, PREMIUM_PPB_MAX
from engine.schema.contract import Contract


def excess_of(price_ticks: int, index_ticks: int) -> int:
    """How far a price lies above the index, in ppb; 0 below it."""
    above = divide_trunc((price_ticks - index_ticks) * PPB, index_ticks)
    return clamp(above, 0, PREMIUM_PPB_MAX)


def bounds_of_bid(ticks: int, index: int) -> tuple[int, int]:
    """Between which the bid's term lies; its impact price was rounded down to these ticks."""
    if not ticks:
        return 0, PREMIUM_PPB_MAX
    return excess_of(ticks, index), excess_of(ticks + 1, index)


def bounds_of_ask(ticks: int, index: int) -> tuple[int, int]:
    """The same of the ask's, which was rounded up, with the sign turned."""
    if not ticks:
        return 0, PPB
    low = max(0, divide_trunc((index - ticks) * PPB, index))
    return low, max(0, divide_trunc((index - ticks + 1) * PPB, index))


class Votes:
    """The samples of the running interval."""

    def __init__(self, spec: Contract) -> None:
        self._spec = spec
        self._unfinished: list[int] = []
        self._count = self._sum = self._weights = 0
        self.samples = self.valid = 0

    def add(self, premium_ppb: int, valid: int) -> None:
        self.samples += 1
        self.valid += valid
        self._unfinished.append(premium_ppb)
        if len(self._unfinished) < self._spec.funding_vote_samples:
            return
        self._count += 1
        weight = self._count if self._spec.funding_weighting == words.WEIGHTING_RISING else 1
        self._sum += weight * median_of(self._unfinished)
        self._weights += weight
        self._unfinished.clear()

    def drop_unfinished(self) -> None:
        self._unfinished.clear()

    def average_ppb(self) -> int:
        """The interval's premium; 0 without votes or under 90% of valid samples."""
        if not self._weights or self.valid * 10 < self.samples * 9:
            return 0
        return divide_trunc(self._sum, self._weights)


class PremiumAudit:
    """Compares one contract's samples with clock, index and mark."""

    def __init__(self, spec: Contract, findings: Findings) -> None:
        self._spec = spec
        self._findings = findings
        self._offset_ns = spec.funding_sample_offset_ns

    def set_clock(self, offset_ns: int) -> None:
        self._offset_ns = offset_ns

    def compare(
        self, index: int, mark: int, premium: int, bid: int, ask: int, valid: int, time_ns: int
    ) -> None:
        """A sample with the index and the mark before it."""
        found, spec = self._findings, self._spec
        found.samples += 1
        off_ns = (time_ns - self._offset_ns) % spec.funding_sample_ns
        found.compare("premium_sampled.time_ns", time_ns, time_ns - off_ns)
        if spec.premium_method == words.PREMIUM_MARK or (bid and ask):
            found.compare("premium_sampled.valid", valid, 1)
        low = high = divide_trunc((mark - index) * PPB, index) if index else 0
        if index and spec.premium_method == words.PREMIUM_IMPACT:
            bid_low, bid_high = bounds_of_bid(bid, index)
            ask_low, ask_high = bounds_of_ask(ask, index)
            low, high = bid_low - ask_high, bid_high - ask_low
        cap = spec.premium_cap_ppb
        low, high = clamp(low, -cap, cap), clamp(high, -cap, cap)
        found.compare_within("premium_sampled.premium_ppb", premium, low, high)
