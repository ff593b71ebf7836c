"""Trading states of one contract, and the times of their changes (5.1, 5.4).

Previous values: the contract is frozen at first; an auction ends when the last `auction_started` or
`auction_extended` says; a freeze begins with its `state_changed`.
A change that a price, a funding time, staleness, an auction's end or the longest freeze brings has
its time from there. Those that orders or an operator bring are taken as published.
"""

from engine.report.findings import Findings
from engine.schema import vocabulary as words
from engine.schema.contract import Contract

OF_STEPS = (words.WHY_WATERFALL, words.WHY_WATERFALL_DONE, words.WHY_SETTLED)
OF_PRICES = (words.WHY_FRESH_MARK, words.WHY_MARK_FREE)


class StateAudit:
    """Follows one contract's state."""

    def __init__(self, spec: Contract, findings: Findings, is_draft: bool) -> None:
        self._freeze_max_ns = spec.freeze_max_ns
        self._findings = findings
        self._freeze_ns = 0
        self._auction_end_ns = 0
        self._is_asked = False  # a degraded index or an operator's change freezes it next
        self._asked_ns: int | None = None  # when, as far as it is told
        self.state = words.STATE_DRAFT if is_draft else words.STATE_FROZEN
        self.time_ns = 0  # of the last event that has one

    @property
    def is_open(self) -> bool:
        """Whether it has clocks: of samples, of staleness."""
        return self.state != words.STATE_FROZEN and self.is_live

    @property
    def is_live(self) -> bool:
        """Whether anything comes of a price: neither a draft, nor approved alone, nor settled."""
        return self.state not in (
            words.STATE_SETTLING, words.STATE_SETTLED, words.STATE_DRAFT, words.STATE_APPROVED
        )  # fmt: skip

    def start_auction(self, ends_ns: int, *_: int) -> None:
        self._auction_end_ns = ends_ns

    def ask_for_freeze(self, time_ns: int | None) -> None:
        if self.is_open:
            self._is_asked, self._asked_ns = True, time_ns

    def is_ahead_of_samples(self, why: int, time_ns: int) -> bool:
        """Whether staleness or an auction's end, which come ahead of a sample at the same time,
        is what changes the state now."""
        is_stale = why == words.WHY_SOURCES and not self._is_asked
        return is_stale or self.is_auction_end(time_ns)

    def is_auction_end(self, time_ns: int) -> bool:
        return self.state == words.STATE_AUCTION and time_ns == self._auction_end_ns

    def change(
        self, state_from: int, state_to: int, why: int, time_ns: int, stale_due_ns: int
    ) -> None:
        found = self._findings
        found.compare("state_changed.state_from", state_from, self.state)
        expected = self._time_of(state_from, why, stale_due_ns)
        if expected is not None:
            found.compare("state_changed.time_ns", time_ns, expected)
        self.state, self.time_ns = state_to, time_ns
        self._is_asked = False
        if state_to == words.STATE_FROZEN:
            self._freeze_ns = time_ns

    def _time_of(self, state_from: int, why: int, stale_due_ns: int) -> int | None:
        if why in OF_PRICES or why in OF_STEPS:
            return self.time_ns
        if why == words.WHY_SOURCES:
            return self._asked_ns if self._is_asked else stale_due_ns
        if why == words.WHY_MARK_HELD and state_from == words.STATE_CONTINUOUS:
            return self.time_ns
        if why == words.WHY_UNCROSSED:
            return self._auction_end_ns
        if why == words.WHY_FREEZE_MAX:
            return self._freeze_ns + self._freeze_max_ns
        return None
