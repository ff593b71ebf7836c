"""Stress of the whole book (9.9): scenarios, and what every holder would be worth in each.

The screen values all accounts at once in numpy, in whole numbers of 64 bits: an account's equity
is its cash less entry values and funding owed, which no mark changes, plus its lots at the marks of
the scenario, plus what its collateral counts for. It says whom a step would bring down and by how
much. Who pays for it the waterfall alone decides: that is a drill (`engine/drill.py`), which takes
the same scenarios.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from engine.schema.bounds import PPB, TIERS_MAX
from engine.schema.contract import Config, Contract, size_of_lot, value_of_lot
from engine.schema.vocabulary import (
    ASSET_COIN,
    FUND,
    STATE_APPROVED,
    STATE_DRAFT,
    STATE_FROZEN,
    STATE_SETTLED,
)
from engine.state.arena import Arena
from engine.state.layout import PORTFOLIO
from risk.portfolio_grid import Leg, compute_maintenance
from risk.stress_collateral import Stage, read_assets, read_quantities

MOVES_PPB = (50_000_000, 100_000_000, 200_000_000, 300_000_000, 500_000_000)  # up and down (A25)
MOVE_BESIDE_PPB = 200_000_000  # of the prices, where something else fails as well
DEPEG_PPB = 130_000_000  # below par: where a large dollar coin stood in March 2023
STILL = (STATE_FROZEN, STATE_SETTLED, STATE_DRAFT, STATE_APPROVED)
MEMBERS = 2  # so many of the largest default at once

Numbers = npt.NDArray[np.int64]


class Scenario(msgspec.Struct, frozen=True):
    """What happens: first whatever fails, then a step of each asset whose price moves, then one
    step in which all marks move."""

    name: str
    marks: dict[int, int]  # contract -> the mark of the step, of those that move
    clamped: tuple[int, ...] = ()  # contracts whose price would have left the listed range
    frozen: tuple[int, ...] = ()  # contracts whose sources fall silent
    is_book_gone: bool = False  # every order is cancelled
    defaulted: tuple[int, ...] = ()  # accounts that lose their margin: equity 0 before the step
    assets: dict[int, int] = {}  # asset -> the price that all its sources say, of those that move


class Holdings(NamedTuple):
    """Every position of a state, sorted by account, and the accounts that hold one."""

    accounts: Numbers
    groups: Numbers  # of the accounts: those under common control
    cash: Numbers
    collateral: Numbers  # what counts beside it, as last valued
    quantities: Numbers  # of each account what it holds of every asset
    is_portfolio: npt.NDArray[np.bool_]  # of the accounts: margined as a portfolio (8.7)
    starts: Numbers  # the first position of each account
    contracts: Numbers  # from here on of the positions
    lots: Numbers
    fixed: Numbers  # what they add to equity whatever the mark: less entry value and funding owed
    marks: dict[int, int]  # contract -> present mark, of those that have one
    movable: tuple[int, ...]  # those whose mark can move: neither frozen nor settled


class Tiers(NamedTuple):
    """Maintenance tiers by contract and number; beyond a contract's last no value reaches."""

    floors: Numbers
    rates: Numbers
    deductions: Numbers


class Screening(msgspec.Struct, frozen=True):
    """What a scenario would do before any layer pays."""

    scenario: str
    clamped: tuple[int, ...]
    accounts_under: int  # below maintenance, those below zero included
    accounts_negative: int  # when what they hold beside cash has been converted
    accounts_converted: int  # were below zero, and had something to convert (10.4)
    deficit: int  # what the accounts below zero lack, in sum
    value_under: int  # notional of the accounts below maintenance, at the marks of the scenario


def read_holdings(state: Arena, assets: int) -> Holdings:
    """All positions with lots. An account without any is worth its cash and can't fail."""
    engine = state.engine[0]
    terms = state.records("contracts", int(engine["contracts"]) + 1)
    positions = state.records("positions", int(engine["positions_top"]) + 1)
    held = np.flatnonzero(positions["lots"])
    held = held[np.argsort(positions["account"][held], kind="stable")]
    rows = positions[held]
    contracts = state.records("position_extras", len(positions))["contract"][held].astype(np.int64)
    accounts, starts = np.unique(rows["account"].astype(np.int64), return_index=True)
    records = state.records("accounts", int(accounts[-1]) + 1 if len(accounts) else 1)
    extras = state.records("account_extras", len(records))
    lots = rows["lots"].astype(np.int64)
    owed = lots * (terms["funding_index"][contracts] - rows["funding_index"])
    marks = enumerate(terms["mark_ticks"].tolist())
    can_move = ~np.isin(terms["state"], STILL)
    can_move[0] = False  # there is no contract 0
    return Holdings(
        accounts=accounts,
        groups=records["group"][accounts].astype(np.int64),
        cash=records["cash"][accounts],
        collateral=extras["collateral_value"][accounts],
        quantities=read_quantities(state, accounts, assets),
        is_portfolio=(records["flags"][accounts] & PORTFOLIO) != 0,
        starts=starts.astype(np.int64),
        contracts=contracts,
        lots=lots,
        fixed=-rows["entry_value"] - owed,
        marks={contract: mark for contract, mark in marks if mark > 0},
        movable=tuple(np.flatnonzero(can_move).tolist()),
    )


def read_tiers(state: Arena) -> Tiers:
    contracts = int(state.engine["contracts"][0]) + 1
    rows = state.records("tiers", contracts * TIERS_MAX).reshape(contracts, TIERS_MAX)
    counts = state.records("contracts", contracts)["tiers"]
    is_absent = np.arange(TIERS_MAX) >= counts[:, None]
    floors = np.where(is_absent, np.iinfo(np.int64).max, rows["floor_value"])
    return Tiers(floors, rows["rate_maintenance_ppb"].copy(), rows["deduction_maintenance"].copy())


class Screen:
    """One state, read once, and its accounts under any number of scenarios."""

    def __init__(self, config: Config, state: Arena) -> None:
        self.config = config
        self.assets = read_assets(config, state)
        self.holdings = read_holdings(state, len(self.assets))
        self._tiers = read_tiers(state)

    def value(self, scenario: Scenario) -> tuple[Numbers, Numbers]:
        """(equity, maintenance margin) of every account that has a position, by account id, as the
        step of the marks finds it, before anybody's collateral is converted in it."""
        equity = self._enter(scenario).equity(self._in_positions(scenario.marks))
        return equity, self._maintenance_of_accounts(scenario)

    def _enter(self, scenario: Scenario) -> Stage:
        """Everybody right before the step of the marks: who loses its margin has lost it, and every
        asset has moved."""
        holdings = self.holdings
        stage = Stage(self.assets, holdings.cash, holdings.collateral, holdings.quantities)
        in_positions = self._in_positions({})
        if scenario.defaulted:
            left = np.minimum(stage.equity(in_positions), 0) - in_positions
            stage.empty(np.isin(holdings.accounts, scenario.defaulted), left)
        for number, price_ppb in scenario.assets.items():
            stage.move(number, price_ppb, in_positions)
        return stage

    def _maintenance_of_accounts(self, scenario: Scenario) -> Numbers:
        maintenance = self._sums(self._maintenance(scenario.marks))
        for row in np.flatnonzero(self.holdings.is_portfolio):
            by_tiers = int(maintenance[row])
            maintenance[row] = self._maintenance_of_portfolio(int(row), scenario.marks, by_tiers)
        return maintenance

    def screen(self, scenario: Scenario) -> Screening:
        """Counts and sums of a scenario."""
        stage = self._enter(scenario)
        in_positions = self._in_positions(scenario.marks)
        stage.convert(in_positions)
        equity = stage.equity(in_positions)
        is_under = equity < self._maintenance_of_accounts(scenario)
        return Screening(
            scenario=scenario.name,
            clamped=scenario.clamped,
            accounts_under=int(is_under.sum()),
            accounts_negative=int((equity < 0).sum()),
            accounts_converted=int(stage.is_converted.sum()),
            deficit=-int(np.minimum(equity, 0).sum()),
            value_under=int(self.notional(scenario.marks)[is_under].sum()),
        )

    def notional(self, marks: dict[int, int]) -> Numbers:
        """Of every account the value of all its positions, long and short alike."""
        return self._sums(self._sizes(marks))

    def find_largest(self, members: int) -> tuple[int, ...]:
        """The accounts of the members with the largest notional; accounts under common control are
        one member (15.1), the fund is none. Ties go to the lower group."""
        holdings = self.holdings
        groups, of_account = np.unique(holdings.groups, return_inverse=True)
        sums = np.zeros(len(groups), np.int64)
        is_client = holdings.accounts != FUND
        np.add.at(sums, of_account[is_client], self.notional({})[is_client])
        largest = [groups[k] for k in np.argsort(-sums, kind="stable")[:members] if sums[k] > 0]
        found = holdings.accounts[is_client & np.isin(holdings.groups, largest)]
        return tuple(found.tolist())

    def _in_positions(self, marks: dict[int, int]) -> Numbers:
        """What its positions add to every account's equity."""
        values = self._by_contract(marks, value_of_lot)
        holdings = self.holdings
        return self._sums(holdings.fixed + holdings.lots * values[holdings.contracts])

    def _sizes(self, marks: dict[int, int]) -> Numbers:
        sizes = self._by_contract(marks, size_of_lot)
        return np.abs(self.holdings.lots) * sizes[self.holdings.contracts]

    def _maintenance(self, marks: dict[int, int]) -> Numbers:
        """Of every position, rounded up as the kernels do (8.1)."""
        sizes, contracts, tiers = self._sizes(marks), self.holdings.contracts, self._tiers
        number = (tiers.floors[contracts] <= sizes[:, None]).sum(axis=1) - 1
        rates = tiers.rates[contracts, number]
        whole = sizes // PPB
        rest = -(-((sizes - whole * PPB) * rates) // PPB)
        return whole * rates + rest - tiers.deductions[contracts, number]

    def _maintenance_of_portfolio(self, row: int, marks: dict[int, int], by_tiers: int) -> int:
        """Of one account, in plain integers: accounts in this mode are few (8.7)."""
        holdings, config = self.holdings, self.config
        ends = [*holdings.starts[1:].tolist(), len(holdings.lots)]
        legs = []
        for k in range(int(holdings.starts[row]), ends[row]):
            contract = int(holdings.contracts[k])
            spec = config.contracts[contract - 1]
            mark = marks.get(contract, holdings.marks[contract])
            legs.append(
                Leg(
                    group=spec.underlying or -contract,
                    is_inverse=spec.contract_value != 0,
                    lots=int(holdings.lots[k]),
                    size=size_of_lot(spec, mark),
                    basis_ppb=spec.basis_ppb,
                    concentration_value=spec.concentration_value,
                    concentration_ppb=spec.concentration_ppb,
                )
            )
        return compute_maintenance(
            config.portfolio_moves_ppb, legs, by_tiers, config.portfolio_floor_ppb
        )

    def _by_contract(
        self, marks: dict[int, int], value_of: Callable[[Contract, int], int]
    ) -> Numbers:
        """Of every contract the value of a lot, at its mark in the scenario or else its present
        one."""
        values = np.zeros(len(self.config.contracts) + 1, np.int64)
        for contract, present in self.holdings.marks.items():
            spec = self.config.contracts[contract - 1]
            values[contract] = value_of(spec, marks.get(contract, present))
        return values

    def _sums(self, of_positions: Numbers) -> Numbers:
        if len(of_positions) == 0:
            return of_positions
        return np.add.reduceat(of_positions, self.holdings.starts)


def move_marks(
    name: str, config: Config, marks: dict[int, int], move_ppb: int, **failing: Any
) -> Scenario:
    """All of these marks moved by a share of themselves, rounded down, within the listed range."""
    moved, clamped = {}, []
    for contract, mark in marks.items():
        spec = config.contracts[contract - 1]
        wanted = mark + mark * move_ppb // PPB
        moved[contract] = min(max(wanted, spec.price_ticks_min), spec.price_ticks_max)
        if moved[contract] != wanted:
            clamped.append(contract)
    return Scenario(name, moved, tuple(clamped), **failing)


def percent(move_ppb: int) -> str:
    """A share as people write it, exact: -20%, +0.5%."""
    digits = f"{abs(move_ppb):010}"
    rest = digits[-7:].rstrip("0")
    whole = digits[:-7].lstrip("0") or "0"
    return f"{'-' if move_ppb < 0 else '+'}{whole}{'.' if rest else ''}{rest}%"


def find_falls(screen: Screen) -> dict[int, int]:
    """Of every asset that accounts hold the price to which it falls: off its peg, or by the share
    of a coin's value that fund and house must be able to lose (9.8); at least 1."""
    falls = {}
    for number, asset in enumerate(screen.assets, start=1):
        spec = asset.spec
        fallen = asset.price_ppb - asset.price_ppb * spec.stress_ppb // PPB
        if spec.kind != ASSET_COIN:
            fallen = min(asset.price_ppb, spec.par_ppb - spec.par_ppb * DEPEG_PPB // PPB)
        if asset.price_ppb and asset.held:
            falls[number] = max(1, fallen)
    return falls


def asset_scenarios(screen: Screen, marks: dict[int, int]) -> Iterator[Scenario]:
    """Every asset falls alone, and with all contracts; so do all coins, and all assets together."""
    config = screen.config
    falls = find_falls(screen)
    sets = {f"{config.collateral[n - 1].symbol} falls": {n: falls[n]} for n in falls}
    coins = {n: falls[n] for n in falls if config.collateral[n - 1].kind == ASSET_COIN}
    if len(coins) > 1:
        sets["coins fall"] = coins
    if len(falls) > max(1, len(coins)):
        sets["all assets fall"] = falls
    for name, prices in sets.items():
        yield Scenario(name, {}, assets=prices)
        for move in (-MOVE_BESIDE_PPB, MOVE_BESIDE_PPB):
            yield move_marks(f"{name}, all {percent(move)}", config, marks, move, assets=prices)


def standard_scenarios(screen: Screen) -> Iterator[Scenario]:
    """Prices up and down in steps, of each contract and of all; the same with an empty book, with
    the sources of one contract silent, with the largest members in default, and with what stands
    behind accounts beside cash falling."""
    config, holdings = screen.config, screen.holdings
    marks = {contract: holdings.marks[contract] for contract in holdings.movable}
    moves = [sign * move for move in MOVES_PPB for sign in (-1, 1)]
    beside = (-MOVE_BESIDE_PPB, MOVE_BESIDE_PPB)
    yield Scenario("as it stands", {})
    for move in moves:
        yield move_marks(f"all {percent(move)}", config, marks, move)
    for contract in marks if len(marks) > 1 else ():
        symbol = config.contracts[contract - 1].symbol
        for move in moves:
            name = f"{symbol} {percent(move)}"
            yield move_marks(name, config, {contract: marks[contract]}, move)
    for move in beside:
        name = f"no orders, all {percent(move)}"
        yield move_marks(name, config, marks, move, is_book_gone=True)
    for contract in marks if len(marks) > 1 else ():
        symbol = config.contracts[contract - 1].symbol
        others = {other: mark for other, mark in marks.items() if other != contract}
        for move in beside:
            name = f"{symbol} frozen, others {percent(move)}"
            yield move_marks(name, config, others, move, frozen=(contract,))
    largest = screen.find_largest(MEMBERS)
    for move in beside if largest else ():
        name = f"largest {MEMBERS} default, all {percent(move)}"
        yield move_marks(name, config, marks, move, defaulted=largest)
    yield from asset_scenarios(screen, marks)
