"""The mark of one contract, computed anew from its terms, with its band and largest move (6.2).

Previous values: the old mark is that of the last `mark_published` or `settlement_priced`, the state
that of the last `state_changed` (frozen at first), the rate that of the last `funding_published`
(0 at first). Basis samples are made of the impact prices of each `premium_sampled` and the index
before it, and dropped by a change to frozen.
The fair term depends on the time of the command, which no price event carries: it is held between
its values at the beginning and at the end of an interval. The last term depends on samples that
were only skipped, which nothing tells: it is taken as published.
"""

from collections import deque

from engine.report.findings import Findings
from engine.report.index_audit import IndexAudit
from engine.report.rounding import clamp, divide_trunc, median_of, share_of
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract

OF_BASIS = (words.MARK_MEDIAN, words.MARK_BASIS, words.MARK_EXTERNAL)
OF_FAIR = (words.MARK_MEDIAN, words.MARK_FAIR)
OF_LAST = (words.MARK_MEDIAN, words.MARK_LAST, words.MARK_EXTERNAL)


class BasisAverage:
    """The average of mid less index: of a window, or exponential."""

    def __init__(self, spec: Contract) -> None:
        self._weight_ppb = spec.mark_basis_ema_ppb
        self._window: deque[int] = deque(maxlen=spec.mark_basis_samples)
        self._sum = self._weights = 0

    def add(self, sample: int) -> None:
        self._window.append(sample)
        a = self._weight_ppb
        self._sum += sample * a - divide_trunc(self._sum * a, PPB)
        self._weights += a - divide_trunc(self._weights * a, PPB)

    def drop(self) -> None:
        self._window.clear()
        self._sum = self._weights = 0

    def value(self) -> int | None:
        if not self._window:
            return None
        if self._weight_ppb:
            return self._sum // self._weights
        return sum(self._window) // len(self._window)


class MarkAudit:
    """Follows one contract's state, basis and mark."""

    def __init__(self, spec: Contract, findings: Findings, index: IndexAudit) -> None:
        self._spec = spec
        self._findings = findings
        self._index = index
        self._basis = BasisAverage(spec)
        self._rate_ppb = 0
        self.state = words.STATE_FROZEN
        self.mark_ticks = 0

    def change_state(self, state_from: int, state_to: int, why: int) -> None:
        self._findings.compare("state_changed.state_from", state_from, self.state)
        self.state = state_to
        if state_to == words.STATE_FROZEN:
            self._basis.drop()

    def note_impact(self, bid_ticks: int, ask_ticks: int) -> None:
        """A premium sample: if both sides are deep it is a basis sample, too."""
        if bid_ticks and ask_ticks:
            self._basis.add((bid_ticks + ask_ticks) // 2 - self._index.index_ticks)

    def note_rate(self, rate_ppb: int) -> None:
        self._rate_ppb = rate_ppb

    def settle(self, price_ticks: int, samples: int, mark_before: int) -> None:
        found = self._findings
        found.compare("settlement_priced.mark_ticks_before", mark_before, self.mark_ticks)
        self.mark_ticks = price_ticks

    def publish(self, mark: int, index: int, fair: int, basis: int, last: int, held: int) -> None:
        """Compare a published mark with its terms."""
        found = self._findings
        found.marks += 1
        found.compare("mark_published.index_ticks", index, self._index.index_ticks)
        terms = [
            *self._first_term(index, fair),
            *self._basis_term(index, basis),
            *self._last_term(last),
        ]
        reach = share_of(index, self._spec.mark_band_ppb)
        expected = clamp(median_of(terms or [index]), index - reach, index + reach)
        if self._spec.mark_move_ppb and self.state != words.STATE_FROZEN:
            move = max(1, share_of(self.mark_ticks, self._spec.mark_move_ppb))
            expected = clamp(expected, self.mark_ticks - move, self.mark_ticks + move)
        expected = clamp(expected, 1, self._spec.price_ticks_max)
        found.compare("mark_published.mark_ticks", mark, expected)
        is_held = not index - reach <= mark <= index + reach
        found.compare("mark_published.held", held, int(is_held))
        self.mark_ticks = mark

    def _first_term(self, index: int, published: int) -> list[int]:
        """The fair price, or other venues' perpetuals."""
        found, method = self._findings, self._spec.mark_method
        if method in OF_FAIR:
            end = index + divide_trunc(index * self._rate_ppb, PPB)
            low, high = min(index, end), max(index, end)
            found.compare_within("mark_published.fair_ticks", published, low, high)
            return [published]
        external = self._index.external_price() if method == words.MARK_EXTERNAL else 0
        found.compare("mark_published.fair_ticks", published, external)
        return [external] if external else []

    def _basis_term(self, index: int, published: int) -> list[int]:
        average = self._basis.value() if self._spec.mark_method in OF_BASIS else None
        term = 0 if average is None else index + average
        self._findings.compare("mark_published.basis_ticks", published, term)
        # A term of 0 ticks can't be told from one that is absent: it counts as absent.
        return [term] if term else []

    def _last_term(self, published: int) -> list[int]:
        if self._spec.mark_method not in OF_LAST:
            self._findings.compare("mark_published.last_ticks", published, 0)
            return []
        return [published] if published else []
