"""Premium samples of one contract and the votes that they make (7.1).

Values and lots of the impact prices are taken as published: they are the book's. Terms, prices in
ticks, premium and validity follow from them, from the index and the mark ahead of the sample, and
from the terms that a side had when it was deep; a freeze drops those.
"""

from typing import NamedTuple

from engine.report.findings import Findings
from engine.report.rounding import average_price_of, clamp, divide_trunc, median_of
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB, PREMIUM_PPB_MAX
from engine.schema.contract import Contract


class Impact(NamedTuple):
    """As `impact_sampled` names it."""

    bid_value: int
    bid_lots: int
    ask_value: int
    ask_lots: int
    bid_term_ppb: int
    ask_term_ppb: int


class Sample(NamedTuple):
    """As `premium_sampled` names it."""

    premium_ppb: int
    bid_ticks: int
    ask_ticks: int
    valid: int
    time_ns: int
    rate_next_ppb: int


class Held(NamedTuple):
    """A deep side's term, which a thin one uses for a while."""

    term_ppb: int
    time_ns: int


def distance_ppb(price: int, index: int) -> int:
    return divide_trunc((price - index) * PPB, index) if index else 0


class Votes:
    """The samples of the running interval; those that were not taken count as not valid."""

    def __init__(self, spec: Contract) -> None:
        self._spec = spec
        self._unfinished: list[int] = []
        self._count = self._sum = self._weights = 0
        self.samples = self.valid = 0
        self.doubtful = 0  # so many more, at most, of which no event tells whether they are its own

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

    def average_ppb(self, doubtful: int = 0) -> int:
        """The interval's premium; 0 without votes or under 90% of valid samples."""
        if not self._weights or self.valid * 10 < (self.samples + doubtful) * 9:
            return 0
        return divide_trunc(self._sum, self._weights)


class PremiumAudit:
    """Compares one contract's samples with book, index and mark."""

    def __init__(self, spec: Contract, findings: Findings) -> None:
        self._spec = spec
        self._findings = findings
        self._impact: Impact | None = None  # of the sample that comes next
        self._held: list[Held | None] = [None, None]

    def note_impact(self, *numbers: int) -> None:
        self._impact = Impact(*numbers)

    def freeze(self) -> None:
        self._held = [None, None]

    def compare(self, index: int, mark: int, sample: Sample) -> None:
        """A sample with the index and the mark before it."""
        found, spec = self._findings, self._spec
        found.samples += 1
        found.compare("impact_sampled", int(self._impact is not None), 1)
        impact, self._impact = self._impact or Impact(0, 0, 0, 0, 0, 0), None
        bid = self._compare_side(0, impact.bid_value, impact.bid_lots, index, sample)
        ask = self._compare_side(1, impact.ask_value, impact.ask_lots, index, sample)
        found.compare("impact_sampled.bid_term_ppb", impact.bid_term_ppb, bid or 0)
        found.compare("impact_sampled.ask_term_ppb", impact.ask_term_ppb, ask or 0)
        premium, is_valid = (bid or 0) - (ask or 0), bid is not None and ask is not None
        if spec.premium_method == words.PREMIUM_MARK:
            premium, is_valid = distance_ppb(mark, index), True
        elif spec.premium_method == words.PREMIUM_MID:
            is_valid = bool(sample.bid_ticks and sample.ask_ticks)
            middle = (sample.bid_ticks + sample.ask_ticks) // 2
            premium = distance_ppb(middle, index) if is_valid else 0
        cap = spec.premium_cap_ppb
        found.compare("premium_sampled.premium_ppb", sample.premium_ppb, clamp(premium, -cap, cap))
        found.compare("premium_sampled.valid", sample.valid, int(is_valid))

    def _compare_side(
        self, side: int, value: int, lots: int, index: int, sample: Sample
    ) -> int | None:
        """Compare a side's price in ticks; returns its term, None without one."""
        found, name = self._findings, ("bid", "ask")[side]
        published = (sample.bid_ticks, sample.ask_ticks)[side]
        number, divisor = average_price_of(self._spec, lots, value)
        if lots <= 0 or value <= 0 or index <= 0:
            found.compare(f"impact_sampled.{name}_value", value, 0)
            found.compare(f"premium_sampled.impact_{name}_ticks", published, 0)
            return self._held_term(side, sample.time_ns)
        ticks = number // divisor if side == 0 else -(-number // divisor)
        found.compare(f"premium_sampled.impact_{name}_ticks", published, ticks)
        least = max(value, self._spec.funding_impact_value)
        found.compare(f"impact_sampled.{name}_value", value, least)
        excess = number - divisor * index if side == 0 else divisor * index - number
        term_ppb = clamp(divide_trunc(excess * PPB, divisor * index), 0, PREMIUM_PPB_MAX)
        self._held[side] = Held(term_ppb, sample.time_ns)
        return term_ppb

    def _held_term(self, side: int, time_ns: int) -> int | None:
        held = self._held[side]
        if held is None or time_ns - held.time_ns > self._spec.funding_hold_ns:
            return None
        return held.term_ppb
