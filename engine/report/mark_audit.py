"""The mark of one contract, computed anew from its terms, with its band and largest move (6.2).

Previous values: the old mark is that of the last `mark_published` or `settlement_priced`, the state
that of the last `state_changed`, rate and next funding time those of the last interval. Basis
samples are made of the impact prices of each `premium_sampled` and the index before it, and dropped
by a freeze and by the first one that comes when the last has stood too long. The time is that of
the price that brings the mark.
"""

from collections import deque

import msgspec

from engine.report.findings import Findings
from engine.report.index_audit import IndexAudit
from engine.report.rate_audit import RateAudit
from engine.report.rounding import clamp, divide_trunc, median_of, share_of
from engine.report.state_audit import StateAudit
from engine.report.window_audit import WindowAudit
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract

OF_BASIS = (words.MARK_MEDIAN, words.MARK_BASIS, words.MARK_EXTERNAL)
OF_FAIR = (words.MARK_MEDIAN, words.MARK_FAIR)
OF_BOOK = (words.MARK_LAST, words.MARK_EXTERNAL)


class BasisAverage:
    """The average of mid less index: of a window, or exponential."""

    def __init__(self, spec: Contract) -> None:
        self._weight_ppb = spec.mark_basis_ema_ppb
        self._hold_ns = spec.mark_basis_hold_ns
        self._window: deque[int] = deque(maxlen=spec.mark_basis_samples)
        self._sum = self._weights = 0
        self._time_ns = 0  # of the last sample

    def add(self, sample: int, time_ns: int) -> None:
        if self._is_too_old(time_ns):
            self.drop()
        self._time_ns = time_ns
        self._window.append(sample)
        a = self._weight_ppb
        self._sum += sample * a - divide_trunc(self._sum * a, PPB)
        self._weights += a - divide_trunc(self._weights * a, PPB)

    def drop(self) -> None:
        self._window.clear()
        self._sum = self._weights = 0

    def value(self, time_ns: int) -> int | None:
        if not self._window or self._is_too_old(time_ns):
            return None
        if self._weight_ppb:
            return (2 * self._sum + self._weights) // (2 * self._weights)
        return sum(self._window) // len(self._window)

    def _is_too_old(self, time_ns: int) -> bool:
        return time_ns - self._time_ns > self._hold_ns


class Parts(msgspec.Struct, frozen=True):
    """What a mark is made of."""

    states: StateAudit
    index: IndexAudit
    windows: WindowAudit
    rate: RateAudit


class MarkAudit:
    """Follows one contract's basis and mark."""

    def __init__(self, spec: Contract, findings: Findings, parts: Parts) -> None:
        self._spec = spec
        self._findings = findings
        self._parts = parts
        self._basis = BasisAverage(spec)
        self.is_held = False
        self.mark_ticks = 0

    def freeze(self) -> None:
        self._basis.drop()
        self.is_held = False

    def note_impact(self, bid_ticks: int, ask_ticks: int, time_ns: int) -> None:
        """A premium sample: if both sides are deep it is a basis sample, too."""
        if bid_ticks and ask_ticks:
            basis = (bid_ticks + ask_ticks) // 2 - self._parts.index.index_ticks
            self._basis.add(basis, time_ns)

    def settle(self, price_ticks: int, samples: int, mark_before: int) -> None:
        found = self._findings
        found.compare("settlement_priced.mark_ticks_before", mark_before, self.mark_ticks)
        self._parts.windows.settle(price_ticks, samples, self.mark_ticks)
        self.mark_ticks = price_ticks
        self.is_held = False

    def publish(self, mark: int, index: int, fair: int, basis: int, last: int, held: int) -> None:
        """Compare a published mark with its terms."""
        found = self._findings
        found.marks += 1
        found.compare("mark_published.index_ticks", index, self._parts.index.index_ticks)
        terms = [
            *self._first_term(index, fair),
            *self._basis_term(index, basis),
            *self._last_term(last),
        ]
        reach = share_of(index, self._spec.mark_band_ppb)
        expected = clamp(median_of(terms or [index]), index - reach, index + reach)
        if self._spec.mark_move_ppb and self._parts.states.state != words.STATE_FROZEN:
            move = max(1, share_of(self.mark_ticks, self._spec.mark_move_ppb))
            expected = clamp(expected, self.mark_ticks - move, self.mark_ticks + move)
        expected = clamp(expected, 1, self._spec.price_ticks_max)
        found.compare("mark_published.mark_ticks", mark, expected)
        is_held = not index - reach <= mark <= index + reach
        found.compare("mark_published.held", held, int(is_held))
        self.mark_ticks, self.is_held = mark, bool(held)

    def _first_term(self, index: int, published: int) -> list[int]:
        """The fair price, or other venues' perpetuals."""
        found, method = self._findings, self._spec.mark_method
        if method in OF_FAIR:
            left_ppb = self._parts.rate.rate_left_ppb(self._parts.index.time_ns)
            expected = index + divide_trunc(index * left_ppb, PPB)
            found.compare("mark_published.fair_ticks", published, expected)
            return [published]
        external = self._parts.index.external_price() if method == words.MARK_EXTERNAL else 0
        found.compare("mark_published.fair_ticks", published, external)
        return [published] if external else []

    def _basis_term(self, index: int, published: int) -> list[int]:
        is_used = self._spec.mark_method in OF_BASIS
        average = self._basis.value(self._parts.index.time_ns) if is_used else None
        term = 0 if average is None else index + average
        self._findings.compare("mark_published.basis_ticks", published, term)
        return [] if average is None else [published]

    def _last_term(self, published: int) -> list[int]:
        """The last price or the book's; trades leave a few possible in rare cases."""
        possible = [0]
        if self._spec.mark_method == words.MARK_MEDIAN:
            possible = [terms.last for terms in self._parts.windows.terms]
        elif self._spec.mark_method in OF_BOOK:
            possible = [terms.book() for terms in self._parts.windows.terms]
        self._findings.compare_one_of("mark_published.last_ticks", published, possible)
        return [published] if published else []
