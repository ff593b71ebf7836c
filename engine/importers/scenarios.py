"""The generated days: what is listed, how prices run, what goes wrong and when.

Everything is a number of steps; a step is a second of the exchange's time. A scenario scales with
the number of steps, so that a short run goes through the same story as a long one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from engine.importers.draws import Draws, Whole
from engine.schema import bounds
from engine.schema.contract import Config, Contract, Tier, outside

STEP_NS = bounds.NS_PER_SECOND
START_NS = 1_767_225_600 * bounds.NS_PER_SECOND  # 2026-01-01 00:00 UTC
MONEY = 1_000_000  # units in one dollar
SOURCES = 5
PPM = 1_000_000


class Listing(NamedTuple):
    """What a generator has to know of a contract beside its specification."""

    start_ticks: int
    step_centiticks: int  # the widest move of the mid in a step, in hundredths of a tick
    trade_lots: int  # of a larger retail trade
    quote_lots: int  # of a larger quote


class Leg(NamedTuple):
    """A move of all prices from one step to the next; market makers pull their quotes before."""

    at_ppm: int  # of the steps of the session
    later: int  # steps after that
    move_ppm: int


class Freeze(NamedTuple):
    """A time in which no source publishes prices of a contract."""

    contract: int
    at_ppm: int
    steps: int


class Cast(NamedTuple):
    """Accounts with a part to play: they take these positions, then only watch."""

    accounts: int
    cash: int
    lots: dict[int, int]  # contract -> signed lots


class Scenario(NamedTuple):
    """One generated day."""

    name: str
    config: Callable[[int], Config]  # from the number of steps
    listings: tuple[Listing, ...]
    accounts_max: int
    makers: int
    legs: tuple[Leg, ...]
    freeze: Freeze | None
    buyers_ppm: int  # share of buys among retail trades before the first leg
    flow_contracts: tuple[int, ...]  # where makers and retail trade
    cast: tuple[Cast, ...] = ()


def price_paths(scenario: Scenario, steps: int, draws: Draws) -> Whole:
    """The mid of every contract at every step, one row a contract: a walk and the legs."""
    paths = np.empty((len(scenario.listings), steps), np.int64)
    for row, listing in enumerate(scenario.listings):
        walk = np.cumsum(draws.around_zero(listing.step_centiticks, steps)) // 100
        # A long walk may go far; a fold at a quarter of the price keeps it within the bands.
        width = listing.start_ticks // 4
        walk = np.abs((walk + width) % (4 * width) - 2 * width) - width
        paths[row] = listing.start_ticks - walk
    for leg in scenario.legs:
        at = leg_step(leg, steps)
        paths[:, at:] += paths[:, at:] * leg.move_ppm // PPM
    return np.maximum(paths, 2)


def leg_step(leg: Leg, steps: int) -> int:
    """The first step after the move."""
    return min(steps - 1, steps * leg.at_ppm // PPM + leg.later)


def _contract(contract: int, symbol: str, steps: int, **terms: Any) -> Contract:
    interval_ns = max(60, steps // 24) * STEP_NS
    spec: dict[str, Any] = {
        "band_static_ppb": 100_000_000,
        "source_outlier_ppb": 150_000_000,
        "source_reentry_ppb": 50_000_000,
        "source_stale_ns": 90 * STEP_NS,
        "sources_healthy_min": 3,
        "mark_band_ppb": 5_000_000,
        "fee_taker_ppb": 500_000,
        "fee_maker_ppb": -100_000,
        "funding_interval_ns": min(interval_ns, 8 * 3_600 * STEP_NS),
        "funding_sample_ns": 10 * STEP_NS,
        "funding_impact_value": 10_000 * MONEY,
        "liquidation_fee_ppb": 2_000_000,
        "liquidation_whole_lots": 2,
        "takeover_penalty_ppb": 5_000_000,
        "fund_value_max": 12_000_000 * MONEY,
        "fund_share_ppb": 200_000_000,
    }
    spec.update(terms)
    return Contract(
        contract=contract,
        symbol=symbol,
        tiers=(
            Tier(0, 20_000_000, 10_000_000),
            Tier(1_000_000 * MONEY, 50_000_000, 25_000_000),
            Tier(20_000_000 * MONEY, 100_000_000, 50_000_000),
        ),
        sources=outside(3, 3, 2, 2, 1),
        **spec,
    )


def _contracts(steps: int, **terms: Any) -> tuple[Contract, ...]:
    sizes = (
        ("BTC-PERP", "0.1", "0.001", 100, 1_500_000, 20_000_000),
        ("ETH-PERP", "0.01", "0.01", 100, 1_000_000, 40_000_000),
        ("SOL-PERP", "0.01", "1", 10_000, 60_000, 7_000_000),
        ("XRP-PERP", "0.0001", "100", 10_000, 30_000, 10_000_000),
    )
    return tuple(
        _contract(
            number,
            symbol,
            steps,
            tick_size=tick_size,
            lot_size=lot_size,
            tick_value=tick_value,
            price_ticks_max=price_max,
            order_lots_max=lots_max // 10,
            position_lots_max=lots_max // 2,
            open_interest_lots_max=lots_max,
            **terms,
        )
        for number, (symbol, tick_size, lot_size, tick_value, price_max, lots_max) in enumerate(
            sizes, 1
        )
    )


_LISTINGS = (
    Listing(start_ticks=600_000, step_centiticks=2_000, trade_lots=200, quote_lots=2_000),
    Listing(start_ticks=300_000, step_centiticks=1_000, trade_lots=400, quote_lots=4_000),
    Listing(start_ticks=15_000, step_centiticks=45, trade_lots=80, quote_lots=800),
    Listing(start_ticks=6_000, step_centiticks=18, trade_lots=200, quote_lots=2_000),
)


def _crash_config(steps: int) -> Config:
    return Config(
        contracts=_contracts(steps),
        fund_cash=1_000_000 * MONEY,
        house_cash=500_000 * MONEY,
        fund_loss_step_max=200_000 * MONEY,
        stamp_ahead_ns_max=60 * STEP_NS,
    )


def _cascade_config(steps: int) -> Config:
    return Config(
        contracts=_contracts(steps, source_outlier_ppb=400_000_000, source_reentry_ppb=100_000_000),
        fund_cash=20_000 * MONEY,
        house_cash=10_000 * MONEY,
        fund_cash_limit=20_000 * MONEY,
        house_cash_limit=10_000 * MONEY,
        stamp_ahead_ns_max=60 * STEP_NS,
    )


CRASH = Scenario(
    name="crash",
    config=_crash_config,
    listings=_LISTINGS,
    accounts_max=4_000,
    makers=20,
    legs=(
        Leg(450_000, 0, -40_000),
        Leg(450_000, 60, -60_000),
        Leg(450_000, 130, -50_000),
        Leg(600_000, 0, 70_000),
    ),
    freeze=Freeze(contract=4, at_ppm=700_000, steps=250),
    buyers_ppm=530_000,
    flow_contracts=(1, 2, 3, 4),
)

# Hedgers are short one contract and long the other, as rule 16 r has it: when both fall, what they
# gain on one they lose on the other, so nothing can be taken from them for the failing longs. The
# winners are the shorts of the second contract, and it is their gains that are cut.
CASCADE = Scenario(
    name="cascade",
    config=_cascade_config,
    listings=_LISTINGS,
    accounts_max=400,
    makers=32,
    legs=(Leg(500_000, 0, -150_000),),
    freeze=None,
    buyers_ppm=500_000,
    flow_contracts=(3, 4),
    cast=(
        Cast(accounts=100, cash=3_000 * MONEY, lots={1: 1_000}),
        Cast(accounts=50, cash=6_000 * MONEY, lots={1: -2_000, 2: 4_000}),
        Cast(accounts=50, cash=40_000 * MONEY, lots={2: -4_000}),
    ),
)

SCENARIOS = {scenario.name: scenario for scenario in (CRASH, CASCADE)}
