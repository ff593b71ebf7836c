"""Collateral in a screen of scenarios (9.9): what holdings would count for and be converted for at
other prices, of all accounts at once and in whole numbers, as the kernels decide it (10.2-10.4).

An asset's caps are taken by what all accounts hold of it now: a conversion in the scenario does not
lift them for others, as in the waterfall it would.
"""

from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from engine.schema.bounds import (
    ACCOUNTS_MAX,
    COLLATERAL_MAX,
    COLLATERAL_SOURCES_MAX,
    COLLATERAL_VALUE_MAX,
    PPB,
)
from engine.schema.collateral import CollateralAsset
from engine.schema.contract import Config
from engine.schema.vocabulary import IMPAIRED_SILENT
from engine.state.arena import Arena

Numbers = npt.NDArray[np.int64]


class Asset(msgspec.Struct, frozen=True):
    """An asset as a scenario finds it; a price of 0: it has none yet."""

    spec: CollateralAsset
    price_ppb: int
    raise_ppb: int
    impaired: int  # the reason, 0: it is not
    is_silent: bool
    held: int  # by all accounts

    def move(self, price_ppb: int) -> Self:
        """All of its sources say this price: silence ends, and off its peg it is impaired."""
        spec = self.spec
        level_ppb = spec.par_ppb - spec.par_ppb * spec.depeg_ppb // PPB
        is_off_peg = spec.par_ppb > 0 and spec.depeg_ppb > 0 and price_ppb < level_ppb
        raise_ppb = self.raise_ppb
        if is_off_peg and not self.impaired:
            raise_ppb = spec.impaired_haircut_ppb
        if not is_off_peg and self.impaired == IMPAIRED_SILENT:
            raise_ppb = 0
        return replace(self, price_ppb=price_ppb, raise_ppb=raise_ppb, is_silent=False)

    def count(self, quantities: Numbers) -> Numbers:
        """The collateral value of holdings (10.2)."""
        price_ppb = self._cap(self.price_ppb, self.spec.asset_value_max)
        if self.spec.par_ppb:
            price_ppb = min(price_ppb, self.spec.par_ppb)
        values = np.minimum(_value_at(quantities, price_ppb), self.spec.account_value_max)
        lost = np.zeros_like(values)
        ends = [step.floor_value for step in self.spec.haircuts[1:]] + [COLLATERAL_VALUE_MAX]
        for step, end in zip(self.spec.haircuts, ends, strict=True):
            slices = np.maximum(np.minimum(values, end) - step.floor_value, 0)
            lost += _rate_up(slices, min(PPB, step.haircut_ppb + self.raise_ppb))
        return values - lost

    def pay(self, quantities: Numbers) -> Numbers:
        """What a conversion of holdings would pay, never less than they count for (10.4)."""
        price_ppb = self.price_ppb
        if self.is_silent:
            lowered_ppb = min(self.raise_ppb, self.spec.impaired_haircut_ppb)
            price_ppb = price_ppb * (PPB - lowered_ppb) // PPB
        worth = _value_at(quantities, self._cap(price_ppb, COLLATERAL_VALUE_MAX))
        return np.maximum(_value_at(worth, PPB - self.spec.discount_ppb), self.count(quantities))

    def _cap(self, price_ppb: int, value_max: int) -> int:
        return min(price_ppb, value_max * PPB // self.held) if self.held else price_ppb


def _value_at(quantities: Numbers, price_ppb: int) -> Numbers:
    """floor(quantity x price / PPB): with a quantity and a price in two parts each no product is
    above the result or 2^60 (1.3)."""
    whole, rest = np.divmod(quantities, PPB)
    return whole * price_ppb + rest * (price_ppb // PPB) + rest * (price_ppb % PPB) // PPB


def _rate_up(values: Numbers, rate_ppb: int) -> Numbers:
    """ceil(value x rate / PPB)."""
    whole, rest = np.divmod(values, PPB)
    return whole * rate_ppb - (-(rest * rate_ppb) // PPB)


def read_assets(config: Config, state: Arena) -> tuple[Asset, ...]:
    """Every asset beside the pool's cash, in the order of their numbers."""
    count = len(config.collateral)
    rows = state.records("collaterals", count + 1)[1:]
    sources = state.records("collateral_sources", (count + 1) * COLLATERAL_SOURCES_MAX)
    sources = sources.reshape(count + 1, COLLATERAL_SOURCES_MAX)[1:]
    clock_ns = int(state.engine["clock_ns"][0])
    found = []
    for k, spec in enumerate(config.collateral):
        is_fresh = (sources["price_ppb"][k] > 0) & (
            clock_ns - sources["time_ns"][k] <= rows["stale_ns"][k]
        )
        price_ppb, raise_ppb, impaired, held = (
            int(rows[name][k]) for name in ("price_ppb", "raise_ppb", "impaired", "held")
        )
        is_silent = int(is_fresh.sum()) < spec.sources_min
        found.append(Asset(spec, price_ppb, raise_ppb, impaired, is_silent, held))
    return tuple(found)


def read_quantities(state: Arena, accounts: Numbers, assets: int) -> Numbers:
    """What accounts hold, a row of every asset's quantities each; margin accounts hold nothing."""
    quantities = np.zeros((len(accounts), assets), np.int64)
    is_own = accounts <= ACCOUNTS_MAX
    if assets and is_own.any():
        rows = (int(accounts[is_own].max()) + 1) * COLLATERAL_MAX
        held = state.records("holdings", rows)["value"].reshape(-1, COLLATERAL_MAX)
        quantities[is_own] = held[accounts[is_own], :assets]
    return quantities


class Stage:
    """The accounts of a screen on their way through a scenario: what stands beside their positions,
    and who a fall of collateral has brought below zero for good."""

    def __init__(
        self, assets: tuple[Asset, ...], cash: Numbers, collateral: Numbers, quantities: Numbers
    ) -> None:
        self.assets = list(assets)
        self.cash = cash.copy()
        self.collateral = collateral.copy()
        self.quantities = quantities.copy()
        self.is_converted = np.zeros(len(cash), np.bool_)
        self.deficits = np.zeros(len(cash), np.int64)  # of those who are gone

    def empty(self, is_chosen: npt.NDArray[np.bool_], cash: Numbers) -> None:
        """These accounts hold nothing beside this cash any more."""
        self.cash = np.where(is_chosen, cash, self.cash)
        self.collateral[is_chosen] = 0
        self.quantities[is_chosen] = 0

    def equity(self, in_positions: Numbers) -> Numbers:
        """With what their positions come to; of those who are gone what they lacked."""
        return np.where(
            self.deficits > 0, -self.deficits, self.cash + self.collateral + in_positions
        )

    def convert(self, in_positions: Numbers) -> None:
        """Whoever is below zero converts all that it holds, before it is a debtor (8.4, 10.4)."""
        is_below = (self.equity(in_positions) < 0) & (self.deficits == 0)
        is_chosen = is_below & (self.quantities > 0).any(axis=1)
        if is_chosen.any():
            paid = np.zeros_like(self.cash)
            for k, asset in enumerate(self.assets):
                paid += asset.pay(self.quantities[:, k])
            self.empty(is_chosen, self.cash + paid)
            self.is_converted |= is_chosen

    def move(self, number: int, price_ppb: int, in_positions: Numbers) -> None:
        """A step of an asset, at the marks as they are: its holders are valued; those whom a
        conversion leaves below zero are gone."""
        self.assets[number - 1] = self.assets[number - 1].move(price_ppb)
        is_holder = self.quantities[:, number - 1] > 0
        counted = np.zeros_like(self.cash)
        for k, asset in enumerate(self.assets):
            counted += asset.count(self.quantities[:, k])
        self.collateral = np.where(is_holder, counted, self.collateral)
        self.convert(in_positions)
        equity = self.equity(in_positions)
        self.deficits = np.where(equity < 0, -equity, self.deficits)
