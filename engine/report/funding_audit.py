"""Every published index, mark, premium, rate and delisting price, computed anew (7.2).

Plain whole numbers, the specification and the events are all that this uses: it shares no code with
the engine, so that it can prove it, and so that anyone can write the same from the rules
(`engine/schema/PRICES.md`). What each part takes for a previous value, and what it takes as
published, stands at the head of its file.
"""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.report.findings import AuditError, Difference, Findings
from engine.report.index_audit import IndexAudit
from engine.report.mark_audit import MarkAudit, Parts
from engine.report.moments import bound_moments, count_in_prices
from engine.report.premium_audit import PremiumAudit, Sample
from engine.report.rate_audit import Averaged, RateAudit
from engine.report.state_audit import StateAudit
from engine.report.window_audit import WindowAudit
from engine.schema import events as ev
from engine.schema import vocabulary as words
from engine.schema.contract import Config, Contract

BLOCK_EVENTS = 65_536  # turned into Python numbers at a time
WITHOUT_TIME = (ev.TRADE, ev.SAMPLE_CLOCK_SET)  # and yet it matters when they happened
SAMPLED = (words.STATE_CONTINUOUS, words.STATE_POST_ONLY)


class FundingAudit(msgspec.Struct, kw_only=True):
    """How much was recomputed, over all contracts, and what differs."""

    contracts: int
    intervals: int = 0
    samples: int = 0
    indexes: int = 0
    marks: int = 0
    settlements: int = 0
    settlements_open: int = 0  # of them those whose number of values no event tells
    differences: list[Difference] = msgspec.field(default_factory=list)


class Untimed(msgspec.Struct, frozen=True):
    """What events around it tell of an event without a time."""

    since_ns: int
    until_ns: int
    is_priced: bool


class ContractAudit:
    """The parts of one contract, and which event goes to which."""

    def __init__(self, spec: Contract, is_draft: bool = False) -> None:
        self.findings = found = Findings(spec.contract)
        self._has_affiliates_priced = spec.affiliates_priced
        self._states = StateAudit(spec, found, is_draft)
        self._index = IndexAudit(spec, found)
        self._windows = WindowAudit(spec, found)
        self._rate = RateAudit(spec, found)
        parts = Parts(self._states, self._index, self._windows, self._rate)
        self._mark = MarkAudit(spec, found, parts)
        self._premium = PremiumAudit(spec, found)
        self.readers: dict[int, Callable[..., None]] = {
            ev.PRICE_RECEIVED: self._receive_price,
            ev.CONSTITUENT_PUBLISHED: self._index.note_constituent,
            ev.CONSTITUENT_CHANGED: self._index.change_constituent,
            ev.CONSTITUENT_REDENOMINATED: self._redenominate,
            ev.INDEX_PUBLISHED: self._publish_index,
            ev.MARK_PUBLISHED: self._mark.publish,
            ev.SETTLEMENT_PRICED: self._mark.settle,
            ev.STATE_CHANGED: self._change_state,
            ev.AUCTION_STARTED: self._states.start_auction,
            ev.AUCTION_EXTENDED: self._states.start_auction,
            ev.IMPACT_SAMPLED: self._premium.note_impact,
            ev.PREMIUM_SAMPLED: self._sample,
            ev.FUNDING_AVERAGED: self._average,
            ev.FUNDING_REBASED: self._rate.rebase,
            ev.FUNDING_PUBLISHED: self._publish_funding,
        }

    def read(self, kind: int, sequence: int, numbers: tuple[int, ...]) -> None:
        """Take the next event of this contract."""
        self.findings.sequence = sequence
        self.readers[kind](*numbers[: len(ev.FIELDS[kind][1])])

    def read_untimed(
        self, kind: int, sequence: int, numbers: tuple[int, ...], around: Untimed
    ) -> None:
        """The same of one of `WITHOUT_TIME`."""
        self.findings.sequence = sequence
        since_ns, until_ns = around.since_ns, around.until_ns
        if kind == ev.SAMPLE_CLOCK_SET:
            is_taking = self._states.state in SAMPLED and not self._mark.is_held
            self._pass_until(since_ns)
            self._windows.set_clock(numbers[0], until_ns, is_taking)
            return
        # A sample at the time at which an auction ends comes behind the auction's trades.
        since_ns -= self._states.is_auction_end(since_ns)
        self._pass_until(since_ns)
        if around.is_priced or self._has_affiliates_priced:
            self._windows.add_trade(numbers[0], numbers[1], max(since_ns, until_ns))

    def _pass_until(self, time_ns: int) -> None:
        """Sample times without a sample, up to this one: they count as not valid."""
        skipped = self._windows.pass_until(time_ns, self._index.index_ticks)
        self._rate.skip_samples(skipped)

    def _receive_price(self, source: int, price_ticks: int, time_ns: int) -> None:
        if not self._states.is_live:
            return  # nothing comes of it, whatever it is
        self._pass_until(time_ns)
        if self._states.is_open and time_ns >= self._index.stale_due():
            self.findings.compare("state_changed", 0, 1)
        self._states.time_ns = time_ns
        self._index.receive_price(source, price_ticks, time_ns)

    def _redenominate(self, asset: int, units: int) -> None:
        self._index.redenominate_constituent(asset, units)
        self._states.ask_for_freeze(None)

    def _publish_index(self, index: int, *numbers: int) -> None:
        self._index.publish(index, *numbers)
        if index == 0:
            self._states.ask_for_freeze(self._index.time_ns)

    def _change_state(self, state_from: int, state_to: int, why: int, time_ns: int) -> None:
        self._pass_until(time_ns - self._states.is_ahead_of_samples(why, time_ns))
        self._states.change(state_from, state_to, why, time_ns, self._index.stale_due())
        if state_to == words.STATE_FROZEN:
            self._rate.doubt_samples(self._windows.early)
            for part in (self._mark, self._premium, self._windows):
                part.freeze()
            self._rate.freeze(time_ns)
        elif state_to == words.STATE_SETTLING:
            self._windows.close()
        elif state_from == words.STATE_FROZEN:
            self._rate.open(time_ns)
            self._windows.open(time_ns)

    def _sample(self, *numbers: int) -> None:
        sample = Sample(*numbers)
        index, mark = self._index.index_ticks, self._mark.mark_ticks
        bid, ask = sample.bid_ticks, sample.ask_ticks
        self._pass_until(sample.time_ns - 1)
        self._windows.take_sample(sample.time_ns, bid, ask, index)
        self._premium.compare(index, mark, sample)
        self._mark.note_impact(bid, ask, sample.time_ns)
        self._rate.take_sample(sample.premium_ppb, sample.valid, sample.rate_next_ppb)

    def _average(self, *numbers: int) -> None:
        averaged = Averaged(*numbers)
        self._pass_until(self._rate.due_ns)
        passed = self._rate.settle_doubt(averaged.samples, self._windows.early)
        self._windows.end_doubt(passed, self._index.index_ticks)
        self._rate.skip_samples(passed)
        self._rate.note_average(averaged, self._mark.mark_ticks)

    def _publish_funding(self, *numbers: int) -> None:
        time_ns = numbers[-1]
        self._pass_until(time_ns)
        self._states.time_ns = time_ns
        self._rate.publish(*numbers)


def find_untimed(events: NDArray[np.void]) -> Iterator[Untimed]:
    """Of every event of `WITHOUT_TIME`, in their order."""
    rows = np.flatnonzero(np.isin(events["kind"], WITHOUT_TIME))
    since, until = bound_moments(events, rows)
    is_priced = count_in_prices(events, rows)
    for start in range(0, len(rows), BLOCK_EVENTS):
        block = slice(start, start + BLOCK_EVENTS)
        parts = (since[block].tolist(), until[block].tolist(), is_priced[block].tolist())
        for around in zip(*parts, strict=True):
            yield Untimed(*around)


def check_contracts(config: Config, events: NDArray[np.void], kinds: list[int]) -> None:
    """Raise AuditError for the first event of these kinds that is of no contract."""
    known = [spec.contract for spec in config.contracts]
    is_foreign = np.isin(events["kind"], kinds) & ~np.isin(events["contract"], known)
    if is_foreign.any():
        row = int(is_foreign.argmax())
        name, contract = ev.FIELDS[int(events["kind"][row])][0], int(events["contract"][row])
        raise AuditError(f"record {row}: contract: {name} needs one, {contract} is none")


def audit_funding(
    config: Config, events: NDArray[np.void], progress: Callable[[int], object] = lambda _: None
) -> FundingAudit:
    """Recompute everything from the first event of an exchange on; `progress` is told events.

    Raises AuditError for an event of a contract that the configuration doesn't have.
    """
    is_draft = config.approvals_required
    audits = {spec.contract: ContractAudit(spec, is_draft) for spec in config.contracts}
    kinds = [*WITHOUT_TIME, *{kind for audit in audits.values() for kind in audit.readers}]
    check_contracts(config, events, kinds)
    untimed = find_untimed(events)
    for start in range(0, len(events), BLOCK_EVENTS):
        block = events[start : start + BLOCK_EVENTS]
        for sequence, *numbers, _, contract, kind in block[np.isin(block["kind"], kinds)].tolist():
            audit = audits[contract]
            if kind in WITHOUT_TIME:
                audit.read_untimed(kind, sequence, tuple(numbers), next(untimed))
            else:
                audit.read(kind, sequence, tuple(numbers))
        progress(len(block))
    return sum_up([audit.findings for audit in audits.values()])


def sum_up(findings: list[Findings]) -> FundingAudit:
    whole = FundingAudit(contracts=len(findings))
    for found in findings:
        whole.intervals += found.intervals
        whole.samples += found.samples
        whole.indexes += found.indexes
        whole.marks += found.marks
        whole.settlements += found.settlements
        whole.settlements_open += found.settlements_open
        whole.differences += found.differences
    whole.differences.sort(key=lambda difference: difference.sequence)
    return whole
