"""9.1: no account can be missed. After every command all accounts are valued anew, at once.

The engine values an account only when a mark leaves its band or something else changes it; here
every account is valued after every command, and who is under maintenance must be in liquidation,
who is under its call level must not have a band that says otherwise.
"""

import numpy as np
import pytest

from engine.exchange import Exchange
from engine.kernel import JIT
from engine.schema import events
from engine.schema.bounds import PPB
from engine.schema.vocabulary import STATE_FROZEN
from engine.state import layout
from risk.stress import Scenario, Screen
from tests.property.storm import Storm
from tests.property.test_zero_debt import STORMS

COMMANDS = 4_000 if JIT else 150
SOAK_COMMANDS = 200_000
NOTHING = Scenario("as it stands", {})


class Revaluation:
    """An exchange in a storm, one command at a time."""

    def __init__(self, name: str, seed: int) -> None:
        self.exchange = Exchange(STORMS[name])
        self.storm = Storm(STORMS[name], seed)
        self.exchange.run(self.storm.opening())
        self.started = 0
        self.inside = 0

    def run(self, commands: int) -> None:
        for record in self.storm.part(commands).reshape(-1, 1):
            found = self.exchange.run(record)
            self.started += int((found["kind"] == events.LIQUIDATION_STARTED).sum())
            self.look()

    def look(self) -> None:
        """Who is under maintenance is in liquidation or waits for a mark; a band that holds the
        mark speaks for an account above its call level."""
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
        """The accounts of which every position's band holds the mark of its contract."""
        arena, holdings = self.exchange.arena, screen.holdings
        contracts = len(self.exchange.config.contracts) + 1
        marks = arena.records("contracts", contracts)["mark_ticks"][holdings.contracts]
        positions = arena.records("positions", int(arena.engine["positions_top"][0]) + 1)
        held = np.flatnonzero(positions["lots"])
        held = held[np.argsort(positions["account"][held], kind="stable")]
        holders = arena.records("position_extras", len(positions))["holder"][held].astype(np.int64)
        rows = holdings.contracts * layout.ACCOUNT_ROWS + holders - 1
        bands = arena.records("bands", contracts * layout.ACCOUNT_ROWS)[rows]
        is_held = (bands["low_ticks"] <= marks) & (marks <= bands["high_ticks"])
        return np.logical_and.reduceat(is_held, holdings.starts)


@pytest.mark.parametrize(
    "name",
    ["fund and house", "moves limited", "inverse beside linear", "rounded per fill", "portfolios"],
)
def test_rule_9_1_no_account_is_missed(name):
    revaluation = Revaluation(name, seed=3)
    revaluation.run(COMMANDS)
    if JIT:  # a run in which nobody came under maintenance or was in a band proves nothing
        assert revaluation.started > 20
        assert revaluation.inside > 1_000


@pytest.mark.soak
@pytest.mark.parametrize("name", STORMS)
def test_rule_9_1_no_account_is_missed_in_a_long_storm(name):
    revaluation = Revaluation(name, seed=4)
    revaluation.run(SOAK_COMMANDS)
    assert revaluation.started > 500
