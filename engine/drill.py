"""A drill (9.9): the real waterfall for any scenario, on a copy, with every layer and amount.

The copy lives on until its liquidations are over, at the prices of the scenario and with nobody
else sending anything: cooldowns and auctions pass, the book gets no new orders. What then still
stands open would take longer than a drill lasts.
"""

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from engine.exchange import Events, Exchange
from engine.schema import events as ev
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.commands import ADVANCE_TIME, COMMAND
from engine.schema.vocabulary import (
    END_FLAT,
    END_FROZEN,
    END_RECOVERED,
    FUND,
    NAMES,
    STATE_APPROVED,
    STATE_DRAFT,
    STATE_FROZEN,
    STATE_SETTLED,
)
from engine.transition import drilling
from risk.stress import Scenario, Screen, Screening

DRILL_NS = 900 * NS_PER_SECOND  # three auctions of the usual length
STILL = tuple(
    NAMES["state"][state]
    for state in (STATE_FROZEN, STATE_SETTLED, STATE_DRAFT, STATE_APPROVED)
)
COMMANDS_MAX = 10_000  # an end for every loop


class Layers(msgspec.Struct):
    """The account of all deficits (9.8, I9): found = the sum of all others."""

    found: int = 0
    fund: int = 0  # cash paid, and charges on positions taken over
    given_up: int = 0  # by opposite holders in deleveragings
    house: int = 0
    haircut: int = 0  # of the gains of the step
    shared: int = 0  # a loss of collateral, over all equities: a declared loss event


class Move(msgspec.Struct, frozen=True):
    """A mark of the step."""

    contract: int
    symbol: str
    before_ticks: int
    after_ticks: int
    is_clamped: bool  # the price would have left the listed range


class AssetMove(msgspec.Struct, frozen=True):
    """The price of an asset, before the marks."""

    asset: int
    symbol: str
    before_ppb: int
    after_ppb: int


class Drill(msgspec.Struct, kw_only=True):
    """What a scenario came to; money in the smallest unit of the settlement asset."""

    scenario: str
    moves: list[Move]
    asset_moves: list[AssetMove]
    layers: Layers = msgspec.field(default_factory=Layers)
    accounts_negative: int = 0
    conversions: int = 0  # of collateral, for cash that lacked or before a deficit (10.4)
    conversions_paid: int = 0
    margin_calls: int = 0
    liquidations: int = 0  # accounts that entered liquidation, those below zero included
    ended_recovered: int = 0
    ended_flat: int = 0
    ended_frozen: int = 0
    in_liquidation: int = 0  # left open at the end, those of before included
    liquidation_fees: int = 0  # paid to the fund, takeover penalties included (9.4)
    lots_provided: int = 0  # to liquidity providers, who pay nothing: they take at mark (9.2 e)
    penalties_provided: int = 0  # what they received of it out of equities above zero (9.4)
    lots_taken_over: int = 0
    lots_paired: int = 0
    lots_deleveraged: int = 0
    accounts_deleveraged: int = 0
    fund_before: int = 0  # equity
    fund_after: int = 0
    fund_ratio_ppb: int | None = None  # fund before / what was found; None: nothing was (9.6)
    house_before: int = 0
    house_after: int = 0
    withdrawals_stopped: bool = False
    seconds: int = 0  # of the exchange's time until the last liquidation was over
    broken: list[str] = msgspec.field(default_factory=list)  # invariants of rule 14


def run_drill(exchange: Exchange, scenario: Scenario) -> tuple[Drill, Events]:
    """Run a scenario on a copy of the exchange; its report, and the records of all its events.
    ValueError when it moves or silences a contract that is frozen or has settled, or moves an asset
    that has no price."""
    for contract in (*scenario.marks, *scenario.frozen):
        if exchange.contract(contract)["state"] in STILL:
            raise ValueError(f"contract {contract} is frozen, settled or not live: its mark stays")
    for asset in scenario.assets:
        if exchange.collateral()[asset - 1]["price_ppb"] == 0:
            raise ValueError(f"asset {asset} has no price yet")
    copy = exchange.copy()
    start_ns = int(copy.arena.engine["clock_ns"][0])
    found = Drill(
        scenario=scenario.name,
        moves=_tell_moves(exchange, scenario),
        asset_moves=_tell_asset_moves(exchange, scenario),
        fund_before=copy.account(FUND)["equity"],
        house_before=copy.pool()["house"],
    )
    events = np.concatenate([apply_scenario(copy, scenario), *finish_liquidations(copy)])
    _count(found, events)
    _close(found, copy)
    found.seconds = -(-(int(copy.arena.engine["clock_ns"][0]) - start_ns) // NS_PER_SECOND)
    return found, events


def apply_scenario(copy: Exchange, scenario: Scenario) -> Events:
    """What fails, then a step of each asset and the step of all marks, as one transition of a copy;
    its events."""
    base = copy.arena.base
    drilling.begin_drill(base)
    if scenario.is_book_gone:
        drilling.empty_books(base)
    for contract in scenario.frozen:
        drilling.silence_sources(base, contract)
    for account in scenario.defaulted:
        drilling.lose_margin(base, account)
    for asset, price_ppb in scenario.assets.items():
        drilling.move_asset(base, asset, price_ppb)
    drilling.hold_prices(base)
    must_supervise = 0
    for contract, mark_ticks in scenario.marks.items():
        must_supervise |= drilling.move_mark(base, contract, mark_ticks)
    drilling.end_drill(base, must_supervise)
    return copy.last_events().copy()


def finish_liquidations(copy: Exchange) -> Iterator[Events]:
    """Let time pass, from each thing that falls due to the next, until nothing is left to do."""
    engine = copy.arena.engine
    end_ns = int(engine["clock_ns"][0]) + DRILL_NS
    command = np.zeros(1, COMMAND)
    command["kind"] = ADVANCE_TIME
    for _ in range(COMMANDS_MAX):
        clock_ns, queued, cooling, ready_ns, fired, due_ns = (
            int(engine[name][0])
            for name in (
                "clock_ns", "liquidations", "cooling", "cooling_ns", "fired", "due_ns",
            )  # fmt: skip
        )
        if queued + cooling + fired == 0:
            return
        ahead = [ready_ns] * (cooling > 0) + [due_ns] * (due_ns > 0)
        next_ns = clock_ns if queued > 0 else max(clock_ns, min(ahead, default=end_ns))
        if next_ns > end_ns:
            return
        command["time_ns"] = next_ns
        events = copy.run(command)
        yield events
        if next_ns == clock_ns and len(events) == 1 and queued == 0:
            return  # fired orders of a contract that does not trade wait for a command


def _tell_moves(exchange: Exchange, scenario: Scenario) -> list[Move]:
    return [
        Move(
            contract,
            exchange.config.contracts[contract - 1].symbol,
            exchange.contract(contract)["mark_ticks"],
            ticks,
            contract in scenario.clamped,
        )
        for contract, ticks in scenario.marks.items()
    ]


def _tell_asset_moves(exchange: Exchange, scenario: Scenario) -> list[AssetMove]:
    before = exchange.collateral()
    return [
        AssetMove(
            asset,
            exchange.config.collateral[asset - 1].symbol,
            before[asset - 1]["price_ppb"],
            price_ppb,
        )
        for asset, price_ppb in scenario.assets.items()
    ]


def count_layers(events: Events) -> Layers:
    """The sums over all deficits."""
    closed = _of(events, ev.WATERFALL_CLOSED)
    found, fund, given_up, house, haircut = (int(closed[letter].sum()) for letter in "abcde")
    shared = int(_of(events, ev.COLLATERAL_LOSS_SHARED)["b"].sum())
    return Layers(found, fund, given_up, house, haircut - shared, shared)


def _of(events: Events, kind: int) -> Events:
    found: Events = events[events["kind"] == kind]
    return found


def _count(found: Drill, events: Events) -> None:
    kinds = np.bincount(events["kind"], minlength=max(ev.FIELDS) + 1)
    found.layers = count_layers(events)
    found.accounts_negative = int(kinds[ev.WATERFALL_CLOSED])
    converted = _of(events, ev.COLLATERAL_CONVERTED)
    found.conversions = len(converted)
    found.conversions_paid = int(converted["c"].sum())
    found.margin_calls = int(kinds[ev.MARGIN_CALLED])
    found.liquidations = int(kinds[ev.LIQUIDATION_STARTED])
    ends = _of(events, ev.LIQUIDATION_ENDED)["a"]
    found.ended_recovered = int((ends == END_RECOVERED).sum())
    found.ended_flat = int((ends == END_FLAT).sum())
    found.ended_frozen = int((ends == END_FROZEN).sum())
    found.liquidation_fees = int(_of(events, ev.LIQUIDATION_FEE_PAID)["a"].sum())
    provided = _of(events, ev.POSITION_PROVIDED)
    found.lots_provided = int(provided["a"].sum())
    found.penalties_provided = int(provided["d"].sum())
    found.lots_taken_over = int(_of(events, ev.POSITION_TAKEN_OVER)["a"].sum())
    found.lots_paired = int(_of(events, ev.POSITIONS_PAIRED)["a"].sum())
    deleveraged = _of(events, ev.POSITION_DELEVERAGED)
    found.lots_deleveraged = int(deleveraged["a"].sum())
    found.accounts_deleveraged = len(np.unique(deleveraged["d"]))


def _close(found: Drill, copy: Exchange) -> None:
    pool = copy.pool()
    engine = copy.arena.engine[0]
    found.in_liquidation = int(engine["liquidations"]) + int(engine["cooling"])
    found.fund_after = copy.account(FUND)["equity"]
    found.house_after = pool["house"]
    found.withdrawals_stopped = pool["withdrawals_stopped"] != 0
    if found.layers.found > 0:
        found.fund_ratio_ppb = max(found.fund_before, 0) * PPB // found.layers.found
    found.broken = copy.check()
    layers = found.layers
    paid = layers.fund + layers.given_up + layers.house + layers.haircut + layers.shared
    if layers.found != paid:
        found.broken.append(f"I9: the layers do not add up to {layers.found}")


class StressRow(msgspec.Struct, frozen=True):
    """A scenario in the table: what the screen finds, and who pays for it in a drill."""

    screening: Screening
    layers: Layers


def stress(exchange: Exchange, scenarios: Iterable[Scenario]) -> Iterator[StressRow]:
    """Screen every scenario; of those that leave somebody below zero run the step, in which the
    waterfall is complete (2.5)."""
    screen = Screen(exchange.config, exchange.arena)
    for scenario in scenarios:
        screening = screen.screen(scenario)
        layers = Layers()
        if screening.deficit > 0:
            layers = count_layers(apply_scenario(exchange.copy(), scenario))
        yield StressRow(screening, layers)
