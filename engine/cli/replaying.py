"""A replay and what it comes to: counts of events, sums of money, speed, invariants, digest."""

import time
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.exchange import Exchange
from engine.schema import events as ev
from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.contract import Config

BATCH = 4_096

Progress = Callable[[int], None]  # is told how many commands more are done
Keep = Callable[[NDArray[np.void]], None]  # is given all events, in order


class MoneySums(msgspec.Struct):
    """Both sides of the invariants that are sums, in the smallest unit of money."""

    ledgers: int = 0  # I1: all ledgers less the entry values of all positions
    deposits: int = 0  # I1: deposits less withdrawals
    deficits: int = 0  # I9: found by all waterfalls
    deficits_paid: int = 0  # I9: by fund, counterparties, house layer and haircut


class ReplaySummary(msgspec.Struct, kw_only=True):
    """What a replay was, as one table."""

    name: str
    commands: int
    events: int = 0
    refused: int = 0
    refusals: dict[str, int] = msgspec.field(default_factory=dict)
    trades: int = 0
    funding_intervals: int = 0
    funding_paid: int = 0
    liquidations: int = 0
    adl_fills: int = 0
    fund_draws: int = 0
    fund_drawn: int = 0
    house_drawn: int = 0
    given_up: int = 0
    gains_cut: int = 0
    opened: set[int] = msgspec.field(default_factory=set)  # contracts that have had a mark
    freezes: int = 0
    reopenings: int = 0
    fund_cash: int = 0
    seconds: float = 0.0
    commands_per_second: int = 0
    checks: int = 0
    broken: list[str] = msgspec.field(default_factory=list)
    sums: MoneySums = msgspec.field(default_factory=MoneySums)
    digest: str = ""


def replay(
    name: str,
    config: Config,
    records: NDArray[np.void],
    check_every: int,
    progress: Progress,
    keep: Keep | None = None,
) -> ReplaySummary:
    """Run all commands on a new exchange. The clock stands still while invariants are checked and
    events are counted: it is the exchange's speed that is told."""
    summary = ReplaySummary(name=name, commands=len(records))
    exchange = Exchange(config)
    records = np.ascontiguousarray(records)
    stride = check_every or max(1, len(records))
    for start in range(0, len(records), stride):
        part = records[start : start + stride]
        batches = exchange.batches(part, BATCH)
        done = 0
        while True:
            begin = time.perf_counter()
            events = next(batches, None)
            summary.seconds += time.perf_counter() - begin
            if events is None:
                break
            _count(summary, events)
            if keep is not None:
                keep(events)
            if len(events):
                last = int(events["sequence"][-1]) - start
                progress(last - done)
                done = last
        summary.checks += 1
        summary.broken += [f"after command {start + len(part)}: {b}" for b in exchange.check()]
    _close(summary, exchange)
    return summary


def _count(summary: ReplaySummary, events: NDArray[np.void]) -> None:
    kinds = np.bincount(events["kind"], minlength=max(ev.FIELDS) + 1)
    summary.events += len(events)
    summary.trades += int(kinds[ev.TRADE])
    summary.funding_intervals += int(kinds[ev.FUNDING_PUBLISHED])
    summary.liquidations += int(kinds[ev.LIQUIDATION_STARTED])
    summary.adl_fills += int(kinds[ev.POSITION_DELEVERAGED])
    if kinds[ev.REFUSED]:
        summary.refused += int(kinds[ev.REFUSED])
        codes, counts = np.unique(events["a"][events["kind"] == ev.REFUSED], return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            name = refusals.NAMES[code]
            summary.refusals[name] = summary.refusals.get(name, 0) + count
    if kinds[ev.FUNDING_SETTLED]:
        amounts = events["a"][events["kind"] == ev.FUNDING_SETTLED]
        summary.funding_paid += int(amounts[amounts > 0].sum())
    if kinds[ev.STATE_CHANGED]:
        changed = events[events["kind"] == ev.STATE_CHANGED]
        summary.freezes += int((changed["b"] == words.STATE_FROZEN).sum())
        is_opening = (changed["a"] == words.STATE_FROZEN) & (changed["b"] != words.STATE_SETTLING)
        openings = changed["contract"][is_opening].tolist()
        # The first opening of a contract is no reopening.
        summary.reopenings += len(openings) - len(set(openings) - summary.opened)
        summary.opened.update(openings)
    if kinds[ev.WATERFALL_CLOSED]:
        _count_waterfalls(summary, events[events["kind"] == ev.WATERFALL_CLOSED])


def _count_waterfalls(summary: ReplaySummary, closed: NDArray[np.void]) -> None:
    deficit, fund, given_up, house, haircut = (int(closed[name].sum()) for name in "abcde")
    summary.fund_draws += int((closed["b"] > 0).sum())
    summary.fund_drawn += fund
    summary.given_up += given_up
    summary.house_drawn += house
    summary.gains_cut += haircut
    summary.sums.deficits += deficit
    summary.sums.deficits_paid += fund + given_up + house + haircut


def _close(summary: ReplaySummary, exchange: Exchange) -> None:
    pool = exchange.pool()
    ledgers = (
        "cash_total", "fees", "house", "rounding", "funding_clearing", "conversion_cash",
        "withdrawals_reserved",
    )  # fmt: skip
    summary.sums.ledgers = sum(pool[name] for name in ledgers) - pool["entry_total"]
    summary.sums.deposits = pool["deposits_net"]
    if summary.sums.ledgers != summary.sums.deposits:
        summary.broken.append(f"I1: {summary.sums.ledgers} is not {summary.sums.deposits}")
    if summary.sums.deficits != summary.sums.deficits_paid:
        summary.broken.append(f"I9: {summary.sums.deficits} is not {summary.sums.deficits_paid}")
    summary.fund_cash = exchange.account(words.FUND)["cash"]
    if summary.seconds > 0:
        summary.commands_per_second = int(summary.commands / summary.seconds)
    summary.digest = exchange.digest()
