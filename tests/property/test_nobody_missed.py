"""9.1: no account can be missed. After every command all accounts are valued anew, at once.

The engine values an account only when mark and funding leave its band or something else changes
it; here every account is valued after every command, and who is under maintenance must be in
liquidation, who is under its call level must not have a band that says otherwise.
"""

import numpy as np
import pytest

from engine.exchange import Exchange
from engine.kernel import JIT
from engine.schema import events
from engine.schema.bounds import BAND_SHIFT_MAX, PPB
from engine.schema.vocabulary import STATE_FROZEN
from engine.state import layout
from risk.stress import Scenario, Screen
from tests.property.funding_storm import FUNDING_STORMS, PART, Chaser, FundingStorm
from tests.property.storm import Records, Storm
from tests.property.test_zero_debt import STORMS

COMMANDS = 4_000 if JIT else 200
SOAK_COMMANDS = 80_000  # of each storm: a million and more in all
NOTHING = Scenario("as it stands", {})


class Revaluation:
    """An exchange in a storm, one command at a time."""

    def __init__(self, storm: Storm) -> None:
        self.exchange = Exchange(storm.config)
        self.storm = storm
        self.started = 0
        self.inside = 0

    def open(self) -> None:
        self.exchange.run(self.storm.opening())

    def run(self, commands: int) -> None:
        for record in self.storm.part(commands).reshape(-1, 1):
            self.apply(record)

    def apply(self, record: Records) -> np.ndarray:
        found = self.exchange.run(record)
        self.started += int((found["kind"] == events.LIQUIDATION_STARTED).sum())
        self.look()
        return found

    def look(self) -> None:
        """Who is under maintenance is in liquidation or waits for a mark; a band that has not been
        left speaks for an account above its call level."""
        arena = self.exchange.arena
        screen = Screen(self.exchange.config, arena)
        holdings = screen.holdings
        if len(holdings.accounts) == 0:
            return
        equity, maintenance = screen.value(NOTHING)
        flags = arena.records("accounts", int(holdings.accounts[-1]) + 1)["flags"]
        flags = flags[holdings.accounts]
        states = arena.records("contracts", len(self.exchange.config.contracts) + 1)["state"]
        is_frozen = np.logical_or.reduceat(
            states[holdings.contracts] == STATE_FROZEN, holdings.starts
        )
        is_under = equity < maintenance
        is_missed = is_under & (flags & layout.LIQUIDATING == 0) & ~is_frozen
        assert not is_missed.any(), holdings.accounts[is_missed]
        assert (equity >= 0).all(), holdings.accounts[equity < 0]
        call_ppb = int(arena.pool["margin_call_ppb_max"][0])
        is_sound = equity >= -(-maintenance * call_ppb // PPB)
        is_inside = self.find_inside(screen) & (flags & layout.DIRTY == 0)
        assert is_sound[is_inside].all(), holdings.accounts[is_inside & ~is_sound]
        self.inside += int(is_inside.sum())

    def find_inside(self, screen: Screen) -> np.ndarray:
        """The accounts of which every position's band holds the effective value of its contract."""
        arena, holdings = self.exchange.arena, screen.holdings
        contracts = len(self.exchange.config.contracts) + 1
        values = arena.records("contracts", contracts)["mark_value"]
        shifts = arena.records("band_shifts", contracts)
        low = (values - shifts["low_value"])[holdings.contracts]
        high = (values - shifts["high_value"])[holdings.contracts]
        positions = arena.records("positions", int(arena.engine["positions_top"][0]) + 1)
        held = np.flatnonzero(positions["lots"])
        held = held[np.argsort(positions["account"][held], kind="stable")]
        holders = arena.records("position_extras", len(positions))["holder"][held].astype(np.int64)
        rows = holdings.contracts * layout.ACCOUNT_ROWS + holders - 1
        bands = arena.records("bands", contracts * layout.ACCOUNT_ROWS)[rows]
        is_held = (bands["low_value"] <= low) & (high < bands["end_value"])
        return np.logical_and.reduceat(is_held, holdings.starts)


class FundingRevaluation(Revaluation):
    """The same in a storm of funding, whose marks chase it. One of the two shifts of each contract
    starts where it soon passes its bound, and both begin anew."""

    def __init__(self, name: str, seed: int) -> None:
        self.funding_storm = storm = FundingStorm(FUNDING_STORMS[name], seed)
        super().__init__(storm)
        self.chaser = Chaser(self.exchange, seed)
        self.rebased = 0
        for spec in storm.config.contracts:
            start = BAND_SHIFT_MAX - 2**10
            paid_by_longs = spec.funding_interest_ppb > 0
            self.shifts()[spec.contract] = (start, 0) if paid_by_longs else (0, -start)
        self.open()

    def run(self, commands: int) -> None:
        for _ in range(0, commands, PART):
            self.funding_storm.take_up(self.exchange)
            super().run(PART)

    def apply(self, record: Records) -> np.ndarray:
        found = super().apply(record)
        self.rebased += int((found["kind"] == events.FUNDING_REBASED).sum())
        chase = self.chaser.answer(found, int(record["time_ns"][0]))
        if chase is not None:
            super().apply(chase)
        return found

    def shifts(self) -> np.ndarray:
        return self.exchange.arena.records("band_shifts", len(self.storm.config.contracts) + 1)

    def has_begun_anew(self) -> bool:
        found = self.shifts()
        return bool((found["low_value"] - found["high_value"] < BAND_SHIFT_MAX // 2).all())


@pytest.mark.parametrize(
    "name",
    ["fund and house", "moves limited", "inverse beside linear", "rounded per fill", "portfolios"],
)
def test_rule_9_1_no_account_is_missed(name):
    revaluation = Revaluation(Storm(STORMS[name], seed=3))
    revaluation.open()
    revaluation.run(COMMANDS)
    if JIT:  # a run in which nobody came under maintenance or was in a band proves nothing
        assert revaluation.started > 20
        assert revaluation.inside > 1_000


@pytest.mark.parametrize("name", FUNDING_STORMS)
def test_rule_9_1_funding_and_a_mark_that_runs_with_it_miss_no_account(name):
    revaluation = FundingRevaluation(name, seed=3)
    revaluation.run(COMMANDS)
    assert revaluation.chaser.chased > COMMANDS // 20
    if JIT:
        assert revaluation.started > 20
        assert revaluation.inside > 1_000
        assert revaluation.has_begun_anew()
    if JIT and name == "funding":
        assert revaluation.rebased > 5


@pytest.mark.soak
@pytest.mark.parametrize("name", STORMS)
def test_rule_9_1_no_account_is_missed_in_a_long_storm(name):
    revaluation = Revaluation(Storm(STORMS[name], seed=4))
    revaluation.open()
    revaluation.run(SOAK_COMMANDS)
    assert revaluation.started > 200


@pytest.mark.soak
@pytest.mark.parametrize("name", FUNDING_STORMS)
def test_rule_9_1_no_account_is_missed_in_a_long_storm_of_funding(name):
    revaluation = FundingRevaluation(name, seed=4)
    revaluation.run(SOAK_COMMANDS)
    assert revaluation.started > 200
