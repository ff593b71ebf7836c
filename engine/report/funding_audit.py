"""Every published index, mark, premium and rate, computed anew (7.2).

Plain whole numbers, the specification and the events are all that this uses: it shares no code with
the engine, so that it can prove it, and so that anyone can write the same from the rules
(`engine/schema/PRICES.md`). What each part takes for a previous value, and what events do not tell,
stands at the head of its file.
"""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.report.findings import Difference, Findings
from engine.report.index_audit import IndexAudit
from engine.report.mark_audit import MarkAudit
from engine.report.premium_audit import PremiumAudit
from engine.report.rate_audit import Averaged, RateAudit
from engine.schema import events as ev
from engine.schema import vocabulary as words
from engine.schema.contract import Config, Contract

BLOCK_EVENTS = 65_536  # turned into Python numbers at a time


class FundingAudit(msgspec.Struct, kw_only=True):
    """How much was recomputed, over all contracts, and what differs."""

    contracts: int
    intervals: int = 0
    samples: int = 0
    indexes: int = 0
    marks: int = 0
    rates_next_open: int = 0
    differences: list[Difference] = msgspec.field(default_factory=list)


class ContractAudit:
    """The parts of one contract, and which event goes to which."""

    def __init__(self, spec: Contract) -> None:
        self.findings = Findings(spec.contract)
        self._index = IndexAudit(spec, self.findings)
        self._mark = MarkAudit(spec, self.findings, self._index)
        self._premium = PremiumAudit(spec, self.findings)
        self._rate = RateAudit(spec, self.findings)
        self.readers: dict[int, Callable[..., None]] = {
            ev.PRICE_RECEIVED: self._index.receive_price,
            ev.CONSTITUENT_PUBLISHED: self._index.note_constituent,
            ev.CONSTITUENT_CHANGED: self._index.change_constituent,
            ev.CONSTITUENT_REDENOMINATED: self._index.redenominate_constituent,
            ev.INDEX_PUBLISHED: self._index.publish,
            ev.MARK_PUBLISHED: self._mark.publish,
            ev.SETTLEMENT_PRICED: self._mark.settle,
            ev.STATE_CHANGED: self._change_state,
            ev.SAMPLE_CLOCK_SET: self._premium.set_clock,
            ev.PREMIUM_SAMPLED: self._sample,
            ev.FUNDING_AVERAGED: self._average,
            ev.FUNDING_REBASED: self._rate.rebase,
            ev.FUNDING_PUBLISHED: self._publish_funding,
        }

    def read(self, kind: int, sequence: int, numbers: tuple[int, ...]) -> None:
        """Take the next event of this contract."""
        self.findings.sequence = sequence
        self.readers[kind](*numbers[: len(ev.FIELDS[kind][1])])

    def finish(self) -> Findings:
        self._rate.finish()
        self.findings.differences.sort(key=lambda difference: difference.sequence)
        return self.findings

    def _change_state(self, state_from: int, state_to: int, why: int) -> None:
        self._mark.change_state(state_from, state_to, why)
        if state_to == words.STATE_FROZEN:
            self._rate.note_freeze()
        elif state_from == words.STATE_FROZEN and state_to != words.STATE_SETTLING:
            self._rate.note_opening()

    def _sample(
        self, premium: int, bid: int, ask: int, valid: int, time_ns: int, rate_next: int
    ) -> None:
        index, mark = self._index.index_ticks, self._mark.mark_ticks
        self._premium.compare(index, mark, premium, bid, ask, valid, time_ns)
        self._mark.note_impact(bid, ask)
        self._rate.take_sample(premium, valid, rate_next)

    def _average(self, *numbers: int) -> None:
        self._rate.note_average(Averaged(*numbers), self._mark.mark_ticks)

    def _publish_funding(self, rate: int, *numbers: int) -> None:
        self._rate.publish(rate, *numbers)
        self._mark.note_rate(rate)


def audit_funding(
    config: Config, events: NDArray[np.void], progress: Callable[[int], object] = lambda _: None
) -> FundingAudit:
    """Recompute everything from the first event of an exchange on; `progress` is told events."""
    audits = {spec.contract: ContractAudit(spec) for spec in config.contracts}
    kinds = sorted({kind for audit in audits.values() for kind in audit.readers})
    for start in range(0, len(events), BLOCK_EVENTS):
        block = events[start : start + BLOCK_EVENTS]
        for sequence, *numbers, _, contract, kind in block[np.isin(block["kind"], kinds)].tolist():
            audits[contract].read(kind, sequence, tuple(numbers))
        progress(len(block))
    whole = FundingAudit(contracts=len(audits))
    for audit in audits.values():
        found = audit.finish()
        whole.intervals += found.intervals
        whole.samples += found.samples
        whole.indexes += found.indexes
        whole.marks += found.marks
        whole.rates_next_open += found.rates_next_open
        whole.differences += found.differences
    whole.differences.sort(key=lambda difference: difference.sequence)
    return whole
