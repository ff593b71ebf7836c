"""The screen of scenarios (9.9): whole numbers, and those of the engine's own valuation."""

import numpy as np
import pytest

from engine.exchange import Exchange
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.contract import Config, Contract, Tier, value_of_lot
from engine.state.arena import account_ids
from engine.state.copying import copy_arena
from engine.views import Valuer
from risk.from_python import value_account, value_at_mark
from risk.stress import (
    Scenario,
    Screen,
    move_marks,
    percent,
    standard_scenarios,
)
from tests.oracle.workload import Workload, configs
from tests.property.both import pack
from tests.rules.story import FUND, PERCENT, A, B, C, D, Story, contract

RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
RICH = 10**6
NOTHING = Scenario("nothing", {})


def screen_of(story: Story) -> Screen:
    return Screen(story.exchange.config, story.exchange.arena)


def two_long(**terms: int) -> Story:
    """A long 10 of X with cash 1000, C short 10 of Y with 2000, B on the other sides; at 1000."""
    story = Story(contract(1, **RATES, **terms), contract(2, **RATES))
    for account, cash in ((A, 1_000), (B, RICH), (C, 2_000)):
        story.open(account, cash)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 10, 1_000, 1)
    story.trade(B, C, 10, 1_000, 2)
    return story


@pytest.mark.parametrize(
    ("marks", "under", "negative", "deficit", "value_under"),
    [
        ({}, 0, 0, 0, 0),
        # A: 1000 - 10 x 52 = 480 to ceil(474.0) = 474; one tick on it is 470 to 474
        ({1: 948}, 0, 0, 0, 0),
        ({1: 947}, 1, 0, 0, 9_470),
        ({1: 900}, 1, 0, 0, 9_000),
        ({1: 899}, 1, 1, 10, 8_990),
        ({1: 500}, 1, 1, 4_000, 5_000),
        # C: 2000 - 10 x 200 = 0 is not below zero; at 1300 it is -1000
        ({2: 1_200}, 1, 0, 0, 12_000),
        ({1: 800, 2: 1_300}, 2, 2, 2_000, 8_000 + 13_000),
    ],
)
def test_rule_9_9_counts_and_sums_of_a_step(marks, under, negative, deficit, value_under):
    found = screen_of(two_long()).screen(Scenario("step", marks))
    assert (found.accounts_under, found.accounts_negative) == (under, negative)
    assert (found.deficit, found.value_under) == (deficit, value_under)


@pytest.mark.parametrize(("mark", "under"), [(940, 0), (939, 1)])
def test_rule_9_1_equity_at_maintenance_is_not_below_it(mark, under):
    """1070 - 600 = 470 = 5% of 9400."""
    story = two_long()
    story.deposit(A, 70)
    assert screen_of(story).screen(Scenario("step", {1: mark})).accounts_under == under


def test_rule_9_9_who_loses_its_margin_enters_the_step_at_zero():
    """C has gained 500 at 950; without its margin the 10 ticks back cost 100 of nothing."""
    story = two_long()
    story.price(2, 950)
    screen = screen_of(story)
    assert screen.screen(Scenario("step", {2: 960})).deficit == 0
    found = screen.screen(Scenario("step", {2: 960}, defaulted=(C,)))
    assert (found.accounts_negative, found.deficit) == (1, 100)
    equity, _ = screen.value(Scenario("none", {}, defaulted=(A, C)))
    assert dict(zip(screen.holdings.accounts.tolist(), equity.tolist(), strict=True)) == {
        A: 0,
        B: RICH - 500,
        C: 0,
    }


def test_rule_9_9_the_largest_members_are_groups_by_notional_and_not_the_fund():
    """A and C, under common control, hold 300 + 300; D holds 500; B the 1100 between them."""
    story = Story(contract(1, **RATES))
    for account, group in ((A, 50), (B, 60), (C, 50), (D, 70)):
        story.open(account, RICH, group=group)
    story.price(100)
    for account, lots in ((A, 3), (C, 3), (D, 5)):
        story.trade(account, B, lots, 100)
    screen = screen_of(story)
    assert screen.find_largest(1) == (B,)
    assert screen.find_largest(2) == (A, B, C)
    assert screen.find_largest(3) == screen.find_largest(9) == (A, B, C, D)
    assert screen.find_largest(0) == ()


def test_rule_9_9_the_fund_is_stressed_but_no_member():
    story = Story(
        contract(1, **RATES, fund_value_max=RICH, fund_share_ppb=PPB), fund_cash=1_000
    )
    story.open(A, 1_000)
    story.open(B, RICH)
    story.price(1_000)
    story.trade(A, B, 10, 1_000)
    story.price(880)  # 200 are missing: the fund takes the 10 lots over
    assert story.lots(FUND) == 10 and story.equity(FUND) == 800
    screen = screen_of(story)
    assert screen.find_largest(2) == (B,)
    found = screen.screen(Scenario("step", {1: 790}))
    assert (found.accounts_negative, found.deficit) == (1, 100)


def test_rule_9_9_prices_stay_in_the_listed_range_and_say_so():
    config = Config(
        contracts=(
            contract(1, **RATES, price_ticks_min=400, price_ticks_max=1_100),
            contract(2, **RATES),
        )
    )
    marks = {1: 1_000, 2: 1_000}
    up, down = (move_marks("x", config, marks, move * PERCENT) for move in (20, -70))
    assert (up.marks, up.clamped) == ({1: 1_100, 2: 1_200}, (1,))
    assert (down.marks, down.clamped) == ({1: 400, 2: 300}, (1,))
    assert move_marks("x", config, {2: 999}, -PERCENT).marks == {2: 989}  # 989.01 rounded down


def test_rule_9_9_what_has_no_moving_mark_is_left_out():
    """X is frozen, so nothing moves it, and Y alone can fall silent beside nothing."""
    story = Story(contract(1, **RATES, source_stale_ns=60 * NS_PER_SECOND), contract(2, **RATES))
    for account in (A, B):
        story.open(account, RICH)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 10, 1_000, 1)
    story.go(61)
    scenarios = list(standard_scenarios(screen_of(story)))
    assert {tuple(s.marks) for s in scenarios} == {(), (2,)} and not any(
        s.frozen for s in scenarios
    )


def test_rule_9_9_the_standard_set():
    scenarios = {s.name: s for s in standard_scenarios(screen_of(two_long()))}
    # 10 moves of all, of X, of Y; the book gone, X and Y silent, members in default, up and down
    assert len(scenarios) == 1 + 30 + 2 + 4 + 2
    assert scenarios["all -50%"].marks == {1: 500, 2: 500}
    assert scenarios["X2 +5%"].marks == {2: 1_050}
    assert scenarios["no orders, all +20%"].is_book_gone
    silent = scenarios["X1 frozen, others -20%"]
    assert (silent.marks, silent.frozen) == ({2: 800}, (1,))
    assert scenarios["largest 2 default, all -20%"].defaulted == (A, B)  # ties: the lower group


def test_rule_9_9_an_empty_exchange_fails_nowhere():
    story = Story(contract(1, **RATES))
    screen = screen_of(story)
    assert [s.name for s in standard_scenarios(screen)][:1] == ["as it stands"]
    assert screen.screen(NOTHING).accounts_under == 0 and screen.find_largest(2) == ()


def test_rule_1_2_an_inverse_lot_adds_less_the_more_coin_it_is_worth():
    spec = Contract(contract=1, symbol="I", contract_value=1_000, tiers=(Tier(0, 2, 1),))
    assert [value_of_lot(spec, ticks) for ticks in (3, 400, 2_000)] == [-333, -2, 0]


@pytest.mark.parametrize(
    ("move_ppb", "text"),
    [(-20 * PERCENT, "-20%"), (PERCENT // 2, "+0.5%"), (0, "+0%"), (9 * PPB, "+900%"), (1, "+")],
)
def test_moves_are_told_exactly(move_ppb, text):
    assert percent(move_ppb) == (text if move_ppb != 1 else "+0.0000001%")


def by_kernels(arena, marks: dict[int, int]) -> dict[int, tuple[int, int]]:
    """(equity, maintenance) of every open account, valued one by one on a copy at other marks."""
    copy = copy_arena(arena)
    for number, ticks in marks.items():
        value_at_mark(copy.base, FUND, number, ticks)
    accounts = account_ids(copy).tolist()
    return {account: value_account(copy.base, account)[:2] for account in accounts}


@pytest.mark.parametrize("name", sorted(configs()))
def test_rule_9_9_the_screen_is_the_engines_own_valuation(name):
    exchange = Exchange(configs()[name])
    workload = Workload(8, configs()[name])
    count = 0
    for number in range(400):
        workload.observe(exchange.run(pack(workload.next_command())).tolist())
        if number % 50 != 49:
            continue
        screen = Screen(exchange.config, exchange.arena)
        holders = screen.holdings.accounts.tolist()
        scenarios = [s for s in standard_scenarios(screen) if not s.defaulted]
        for scenario in (NOTHING, *scenarios[1:30:3]):
            equity, maintenance = screen.value(scenario)
            assert equity.dtype == maintenance.dtype == np.int64
            values = zip(equity.tolist(), maintenance.tolist(), strict=True)
            expected = by_kernels(exchange.arena, scenario.marks)
            told = dict(zip(holders, values, strict=True))
            assert told == {account: expected[account] for account in holders}
            rest = {account: expected[account] for account in expected if account not in told}
            assert all(equity >= maintenance == 0 for equity, maintenance in rest.values())
            count += len(told)
        views = {view["account"]: view for view in Valuer(exchange.arena).accounts()}
        equity, maintenance = screen.value(NOTHING)
        assert [views[account]["equity"] for account in holders] == equity.tolist()
        held = [views[account]["margin_maintenance"] for account in holders]
        assert held == maintenance.tolist()
    assert count > 100
