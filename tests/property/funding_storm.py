"""Storms in which funding is due all the time, at rates of percent, and marks run with it.

The mark of `Chaser` follows each funding growth by as much: then what bands are compared with stays
where it was, while the maintenance of whoever holds the contract does not. That is what a band on
mark less funding alone would miss (`risk/bands.py`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.exchange import Exchange
from engine.schema import bounds, commands, events
from engine.schema.commands import COMMAND
from engine.schema.contract import Config, Contract, Tier, size_of_lot
from tests.coins import COIN
from tests.property.storm import PERCENT, Records, Storm, storm_contract

INTERVAL_NS = 600 * bounds.NS_PER_SECOND
PART = 40  # commands, behind which the storm takes up the marks that were chased
GAP_SHARE = 0.2  # of the prices published
MONEY = 10  # times what a storm brings
CHASED_SHARE = 0.9  # of the funding times
INVERSE = {"tick_value": 0, "contract_value": 2**18 * 10**5, "price_ticks_min": 4}
SMALL = {"order_lots_max": 2**10, "position_lots_max": 2**12, "open_interest_lots_max": 2**16}
# So many lots may be open that the index of a lot worth 2^20 is rebased every few dozen intervals.
REBASED = {"price_ticks_min": 2**14, "tick_value": 16, "open_interest_lots_max": 2**30 - 1}
PATIENT: dict[str, Any] = {"stamp_ahead_ns_max": bounds.NS_PER_DAY}
NETTED: dict[str, Any] = {"underlying": 1, "basis_ppb": PERCENT}


def funded(number: int, rate_percent: int, maintenance_percent: int, **terms: Any) -> Contract:
    """A contract whose rate is this at each funding time, and whose maintenance is large."""
    maintenance_ppb = maintenance_percent * PERCENT
    spec: dict[str, Any] = {
        "tiers": (
            Tier(0, 3 * maintenance_ppb // 2, maintenance_ppb),
            Tier(4 * bounds.PPB, 7 * maintenance_ppb // 4, 5 * maintenance_ppb // 4),
        ),
        "funding_interval_ns": INTERVAL_NS,
        "funding_base_ns": INTERVAL_NS,
        "funding_interest_ppb": rate_percent * PERCENT,
        "funding_cap_ppb": abs(rate_percent) * PERCENT,
    }
    return storm_contract(number, **(spec | terms))


FUNDING_STORMS: dict[str, Config] = {
    "funding": Config(
        contracts=(
            funded(1, 2, 12, **REBASED),
            funded(2, -1, 10, source_stale_ns=5 * INTERVAL_NS),
            funded(3, 1, 10, margin_call_ppb=4 * bounds.PPB),
        ),
        **PATIENT,
        fund_cash=2**40,
    ),
    "funding, inverse": Config(
        contracts=(
            funded(1, -2, 40, **(INVERSE | SMALL)),
            funded(2, 1, 30, **(INVERSE | SMALL), mark_move_ppb=6 * PERCENT),
            funded(3, 3, 20),
        ),
        settlement=COIN,
        **PATIENT,
        fund_cash=2**40,
    ),
    "funding, portfolios": Config(
        contracts=(
            funded(1, 2, 4, **NETTED),
            funded(2, 3, 4),
            funded(3, -2, 4, **(INVERSE | SMALL | NETTED)),
        ),
        portfolio_moves_ppb=(-40 * PERCENT, -10 * PERCENT, 10 * PERCENT, 40 * PERCENT),
        portfolio_floor_ppb=40 * PERCENT,
        settlement=COIN,
        **PATIENT,
        fund_cash=2**36,
    ),
}


class FundingStorm(Storm):
    """Prices gap seldom, because a gap ends a chase; a sixth of the commands comes an interval
    later, or up to five: those are made up one by one (7.4)."""

    SHARES = (0.37, 0.17, 0.1, 0.03, 0.13, 0.02, 0.12, 0.04, 0.02)

    def opening(self) -> Records:
        """Every contract has its first price, too."""
        first = self.records(len(self.prices), commands.PUBLISH_PRICE)
        first["source"] = 1
        first["contract"], first["price_ticks"] = list(self.prices), list(self.prices.values())
        parts = (super().opening(), first)
        return np.concatenate([part.view("V64") for part in parts]).view(COMMAND)

    def deposits(self, count: int) -> Records:
        """Money for the large margins of these contracts."""
        records = super().deposits(count)
        records["amount"] = np.minimum(MONEY * records["amount"], bounds.DEPOSITS_MAX >> 24)
        return records

    def follow(self, contracts: NDArray[Any], is_price: NDArray[Any]) -> NDArray[np.int64]:
        """Prices about the marks; of those published some anywhere in the contract's range."""
        specs = self.config.contracts
        present = np.array([self.prices[spec.contract] for spec in specs])[contracts - 1]
        prices = present * np.exp(self.random.normal(0, 0.005, len(contracts)))
        low = np.log([spec.price_ticks_min for spec in specs])[contracts - 1]
        high = np.log([spec.price_ticks_max for spec in specs])[contracts - 1]
        anywhere = np.exp(low + (high - low) * self.random.random(len(contracts)))
        is_gap = is_price & (self.random.random(len(contracts)) < GAP_SHARE)
        return np.clip(np.where(is_gap, anywhere, prices), np.exp(low), np.exp(high)).astype(
            np.int64
        )

    def pauses(self, count: int) -> NDArray[np.int64]:
        intervals = self.random.choice([1, 2, 5], count, p=[0.9, 0.05, 0.05])
        return np.where(self.random.random(count) < 1 / 6, intervals, 0) * INTERVAL_NS

    def take_up(self, exchange: Exchange) -> None:
        """From now on orders are priced by the marks as they stand."""
        marks = exchange.arena.records("contracts", len(self.config.contracts) + 1)["mark_ticks"]
        for contract in self.prices:
            if marks[contract] > 0:
                self.prices[contract] = int(marks[contract])


class Chaser:
    """Publishes, behind a funding time, the price that brings the effective value back."""

    def __init__(self, exchange: Exchange, seed: int) -> None:
        self.exchange = exchange
        self.random = np.random.default_rng(seed)
        self.chased = 0

    def answer(self, found: NDArray[np.void], time_ns: int) -> Records | None:
        """A publication of the contracts that have grown, or nothing."""
        grown = found[found["kind"] == events.FUNDING_PUBLISHED]
        if len(grown) == 0 or self.random.random() > CHASED_SHARE:
            return None
        record = np.zeros(1, COMMAND)
        record["kind"], record["time_ns"] = commands.PUBLISH_PRICE, time_ns
        record["source"] = 1
        for name, contract in zip(("", "_2", "_3"), np.unique(grown["contract"]), strict=False):
            growth = int(grown["b"][grown["contract"] == contract].sum())
            record[f"contract{name}"] = contract
            record[f"price_ticks{name}"] = self.price_behind(int(contract), growth)
        self.chased += 1
        return record

    def price_behind(self, contract: int, growth: int) -> int:
        """The price at which a lot is worth `growth` more than at its mark; one that has run to the
        end of its range begins again low in it."""
        spec = self.exchange.config.contracts[contract - 1]
        mark = int(self.exchange.arena.records("contracts", contract + 1)["mark_ticks"][contract])
        if spec.contract_value == 0:
            price = mark + growth // spec.tick_value
        else:
            price = spec.contract_value // max(size_of_lot(spec, mark) - growth, 1)
        if spec.price_ticks_min < price < spec.price_ticks_max:
            return price
        return int((spec.price_ticks_min**3 * spec.price_ticks_max) ** 0.25) + 1
