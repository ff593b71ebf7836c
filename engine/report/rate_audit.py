"""Funding intervals of one contract: average, rate, growth, carry and funding index (7.2, 7.3).

Previous values: carry, funding index and the day's rates are 0 at first and then those of the last
`funding_published` (`funding_rebased` sets the index to 0). The first interval ends at the first
multiple of its length behind the first opening; every other begins at the time of the one before,
and its length follows from that time and from whether that rate was capped.
Time is frozen from a change to frozen up to the change out of it, as far as it lies within the
interval that is running at the opening; the rest of it goes into the next (7.3).
Samples that were not taken are no events: their number comes from the sample clock
(`window_audit.py`), and where that leaves it open the `funding_averaged` tells it.
"""

from typing import NamedTuple

from engine.report.findings import Findings
from engine.report.premium_audit import Votes
from engine.report.rounding import clamp, divide_trunc
from engine.schema import vocabulary as words
from engine.schema.bounds import FUNDING_OWED_MAX, NS_PER_DAY, PPB
from engine.schema.contract import Contract, cap_of_interval, size_of_lot


class Averaged(NamedTuple):
    """The inputs of a rate, as `funding_averaged` names them."""

    samples: int
    valid: int
    frozen_ns: int
    length_ns: int
    capped: int
    mark_ticks: int


def rate_of_base(spec: Contract, premium_ppb: int) -> int:
    """What premium and interest come to, per base."""
    reach = spec.funding_clamp_ppb
    if spec.funding_method == words.RATE_CLAMP:
        return premium_ppb + clamp(spec.funding_interest_ppb - premium_ppb, -reach, reach)
    if spec.funding_method == words.RATE_DAMPER:
        return max(reach, premium_ppb) + min(-reach, premium_ppb)
    return premium_ppb + spec.funding_interest_ppb


def rate_of(
    spec: Contract, premium_ppb: int, length_ns: int, frozen_ns: int, day_ppb: int
) -> tuple[int, bool]:
    """The rate of an interval, and whether its cap held it; `day_ppb` is that of its day so far."""
    base_ppb = rate_of_base(spec, premium_ppb)
    rate = divide_trunc(base_ppb * length_ns, spec.funding_base_ns)
    cap = cap_of_interval(spec, length_ns)
    is_capped = cap > 0 and abs(rate) >= cap
    rate = divide_trunc(clamp(rate, -cap, cap) * (length_ns - frozen_ns), length_ns)
    cap_day = spec.funding_cap_day_ppb
    return clamp(rate, -cap_day - day_ppb, cap_day - day_ppb), is_capped


class RateAudit:
    """Follows one contract's intervals."""

    def __init__(self, spec: Contract, findings: Findings) -> None:
        self._spec = spec
        self._findings = findings
        self._due_ns = 0  # of the running interval; 0 before the first opening
        self._length_ns = spec.funding_interval_ns
        self._frozen_ns = 0  # of the running interval
        self._freeze_ns = self._freeze_end_ns = 0  # of the last freeze
        self._day = 0
        self._day_ppb = 0
        self._rate_ppb = 0
        self._carry_ppb = 0
        self._funding_index = 0
        self._index_rebased: int | None = None
        self._averaged: Averaged | None = None
        self._votes = Votes(spec)

    @property
    def due_ns(self) -> int:
        """The end of the running interval; 0 before the first opening."""
        return self._due_ns

    def skip_samples(self, count: int) -> None:
        """So many were not taken."""
        self._votes.samples += count

    def doubt_samples(self, count: int) -> None:
        """Up to so many more may not have been taken."""
        self._votes.doubtful += count

    def freeze(self, time_ns: int) -> None:
        self._votes.drop_unfinished()
        self._freeze_ns = time_ns

    def open(self, time_ns: int) -> None:
        """The contract leaves frozen; the first time brings no frozen time."""
        if self._due_ns:
            self._frozen_ns += max(0, min(time_ns, self._due_ns) - self._freeze_ns)
        else:
            self._due_ns = (time_ns // self._length_ns + 1) * self._length_ns
        self._freeze_end_ns = time_ns

    def rate_left_ppb(self, time_ns: int) -> int:
        """What the rest of the running interval brings at the last rate."""
        left_ns = clamp(self._due_ns - time_ns, 0, self._length_ns)
        return divide_trunc(self._rate_ppb * left_ns, self._length_ns)

    def take_sample(self, premium_ppb: int, valid: int, rate_next_ppb: int) -> None:
        self._votes.add(premium_ppb, valid)
        possible = [self._rate_now(self._due_ns, more)[0] for more in (0, self._votes.doubtful)]
        self._findings.compare_one_of("premium_sampled.rate_next_ppb", rate_next_ppb, possible)

    def rebase(self, funding_index: int) -> None:
        found = self._findings
        found.compare("funding_rebased.funding_index", funding_index, self._funding_index)
        self._index_rebased = funding_index
        self._funding_index = 0

    def settle_doubt(self, samples: int, early: int) -> int:
        """The number of samples tells how many of the doubtful are the interval's own; `early` are
        those that else come behind it. Returns how many of these do not."""
        votes = self._votes
        more = clamp(samples - votes.samples, 0, votes.doubtful + early)
        passed = max(0, more - votes.doubtful)
        votes.samples += more - passed
        votes.doubtful = 0
        return passed

    def note_average(self, averaged: Averaged, mark_ticks: int) -> None:
        found = self._findings
        self._averaged = averaged
        expected = averaged._replace(
            samples=self._votes.samples,
            valid=self._votes.valid,
            frozen_ns=self._frozen_ns,
            length_ns=self._length_ns,
            mark_ticks=mark_ticks,
        )
        for name, number, value in zip(Averaged._fields, averaged, expected, strict=True):
            found.compare(f"funding_averaged.{name}", number, value)

    def publish(
        self, rate: int, growth: int, carry: int, funding_index: int, premium: int, due_ns: int
    ) -> None:
        """Compare an interval that has ended, and begin the next."""
        found = self._findings
        found.intervals += 1
        found.compare("funding_published.time_ns", due_ns, self._due_ns)
        found.compare("funding_averaged", int(self._averaged is not None), 1)
        inputs = self._averaged or Averaged(0, 0, 0, 0, 0, 0)
        found.compare("funding_published.premium_ppb", premium, self._votes.average_ppb())
        expected, is_capped = self._rate_now(due_ns)
        found.compare("funding_published.rate_ppb", rate, expected)
        found.compare("funding_averaged.capped", inputs.capped, int(is_capped))
        self._compare_growth(inputs.mark_ticks, rate, growth, carry, funding_index)
        self._day_ppb = self._day_so_far(due_ns) + rate
        self._day, self._rate_ppb = due_ns // NS_PER_DAY, rate
        self._begin_interval(due_ns, is_capped)

    def _day_so_far(self, due_ns: int) -> int:
        return self._day_ppb if due_ns // NS_PER_DAY == self._day else 0

    def _rate_now(self, due_ns: int, doubtful: int = 0) -> tuple[int, bool]:
        """The rate of the running interval with what is known so far, and if its cap held it."""
        return rate_of(
            self._spec, self._votes.average_ppb(doubtful), self._length_ns, self._frozen_ns,
            self._day_so_far(due_ns),
        )  # fmt: skip

    def _compare_growth(
        self, mark_ticks: int, rate: int, growth: int, carry: int, funding_index: int
    ) -> None:
        found, spec = self._findings, self._spec
        number = size_of_lot(spec, mark_ticks) * rate + self._carry_ppb
        found.compare("funding_published.growth", growth, number // PPB)
        found.compare("funding_published.carry_ppb", carry, number % PPB)
        before = self._funding_index if self._index_rebased is None else self._index_rebased
        reached = 2 * spec.open_interest_lots_max * abs(before + number // PPB)
        is_rebased = self._index_rebased is not None
        found.compare("funding_rebased", int(is_rebased), int(reached > FUNDING_OWED_MAX))
        expected = self._funding_index + number // PPB
        found.compare("funding_published.funding_index", funding_index, expected)
        # What follows is judged by what was published, so that one fault is listed once.
        self._carry_ppb, self._funding_index = carry, funding_index

    def _begin_interval(self, due_ns: int, is_capped: bool) -> None:
        step_ns = self._spec.funding_interval_ns
        if is_capped and self._spec.funding_interval_capped_ns:
            step_ns = self._spec.funding_interval_capped_ns
        self._due_ns = (due_ns // step_ns + 1) * step_ns
        self._length_ns = self._due_ns - due_ns
        self._frozen_ns = clamp(self._freeze_end_ns - due_ns, 0, self._length_ns)
        self._votes = Votes(self._spec)
        self._averaged = None
        self._index_rebased = None
