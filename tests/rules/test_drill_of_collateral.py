"""Scenarios and drills in which what stands behind accounts beside cash falls (9.9, 9.8, 10)."""

import numpy as np
import pytest

from engine.drill import Layers, apply_scenario, run_drill, stress
from engine.exchange import Exchange
from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.collateral import CollateralAsset, Haircut
from risk.stress import Scenario, Screen, standard_scenarios
from risk.stress_collateral import Asset
from tests.oracle.workload import Workload, configs
from tests.property.both import pack
from tests.rules.story import HOUR_NS, PERCENT, A, B, Story, refusal
from tests.rules.test_collateral import (
    COINS,
    MONEY,
    CollateralStory,
    long_of_coins,
    three_losers,
)
from tests.rules.test_silent_assets import PEG, SilentStory


def screen_of(story: Story) -> Screen:
    return Screen(story.exchange.config, story.exchange.arena)


def equity_of(story: Story, scenario: Scenario) -> int:
    """A's, right before anybody is supervised at the marks."""
    screen = screen_of(story)
    equity, _ = screen.value(scenario)
    return int(equity[screen.holdings.accounts.tolist().index(A)])


# A is long 30 at 100 of 1000 coins, which count for 0.4 of their price and are converted for it.
@pytest.mark.parametrize(
    ("marks", "prices", "converted", "under", "negative", "deficit"),
    [
        ({}, {}, 0, 0, 0, 0),
        ({1: 85}, {}, 1, 0, 0, 0),  # 400 - 450; 1000 - 450 of the 128 to hold
        ({1: 70}, {}, 1, 1, 0, 0),  # 100 of 105
        ({1: 60}, {}, 1, 1, 1, 200),
        ({}, {COINS: PPB // 2}, 0, 0, 0, 0),  # 200 of 150
        ({}, {COINS: PPB // 4}, 0, 1, 0, 0),  # 100 of 150
        ({1: 90}, {COINS: PPB // 2}, 1, 0, 0, 0),  # 200 - 300; 500 - 300 of 135
        ({1: 80}, {COINS: PPB // 2}, 1, 1, 1, 100),
    ],
)
def test_rule_9_9_the_screen_converts_before_it_counts_a_deficit(
    marks, prices, converted, under, negative, deficit
):
    """The drill finds the same, and pays it: B gives up what A lacks by the mark."""
    story = long_of_coins(1_000, 30)
    digest = story.exchange.digest()
    scenario = Scenario("step", marks, assets=prices)
    found = screen_of(story).screen(scenario)
    assert (found.accounts_converted, found.accounts_under) == (converted, under)
    assert (found.accounts_negative, found.deficit) == (negative, deficit)
    report, _ = run_drill(story.exchange, scenario)
    assert report.layers == Layers(found=deficit, given_up=deficit) and report.broken == []
    # below maintenance A is closed in the drill, which may convert what it loses by that
    assert report.conversions >= converted
    assert story.exchange.digest() == digest


def test_rule_9_9_a_drill_tells_what_is_shared_of_a_loss_of_collateral():
    """Money falls to nothing: A and C lack 150 each, of which B bears 250 and D 50; then the mark
    falls by 5, and nobody but B has a position."""
    story = three_losers()
    digest = story.exchange.digest()
    scenario = Scenario("money falls", {1: 80}, assets={MONEY: 1})
    report, events = run_drill(story.exchange, scenario)
    assert story.exchange.digest() == digest and report.broken == []
    assert report.layers.shared == 300 and report.withdrawals_stopped
    assert [(m.symbol, m.before_ppb, m.after_ppb) for m in report.asset_moves] == [("M", PPB, 1)]
    assert report.conversions_paid == 200  # D's coins


def test_rule_9_9_the_house_layer_stands_before_what_is_shared():
    story = three_losers()
    story.pay_in(words.LEDGER_HOUSE, 120)
    report, _ = run_drill(story.exchange, Scenario("money falls", {}, assets={MONEY: 1}))
    assert report.layers == Layers(found=300, house=120, shared=180)
    assert (report.house_before, report.house_after) == (120, 0)


def with_pegs() -> SilentStory:
    """A long 10 at 100 of 1000 of the stablecoin."""
    story = SilentStory()
    story.say(1, number=PEG)
    story.open(A, 0)
    story.open(B, 10_000)
    assert story.bring(A, 1_000, PEG) == refusals.OK
    story.trade(A, B, 10, 100)
    return story


@pytest.mark.parametrize(
    ("seconds", "price_ppb", "equity"),
    [
        (0, 98 * PERCENT, 980),  # on its peg
        (0, 98 * PERCENT - 1, 881),  # floor(979.99) less ceil(97.9)
        (0, 87 * PERCENT, 783),
        (0, 2 * PPB, 1_000),  # at most par
        (61, 99 * PERCENT, 990),  # silent, and heard again
        (61, 87 * PERCENT, 783),
    ],
)
def test_rule_10_3_a_depeg_raises_the_haircut_in_a_scenario(seconds, price_ppb, equity):
    story = with_pegs()
    story.advance(seconds)
    scenario = Scenario("depeg", {}, assets={PEG: price_ppb})
    assert equity_of(story, scenario) == equity
    copy = story.exchange.copy()
    found = copy.submit(
        commands.PublishCollateral(
            time_ns=story.now_ns, asset=PEG, source=1, price_ppb=price_ppb
        )
    )
    assert refusal(found) == refusals.OK and copy.account(A)["equity"] == equity


def test_rule_10_2_nobody_falls_silent_in_a_drill_for_want_of_a_price():
    """Time passes until the last liquidation is over: the price of A's stablecoin stands as the
    scenario said it, and money, silent before, goes on falling."""
    story = with_pegs()
    story.say(1, 2)
    story.advance(61)
    copy = story.exchange.copy()
    apply_scenario(copy, Scenario("fall", {}, assets={PEG: 99 * PERCENT}))
    copy.submit(commands.AdvanceTime(time_ns=story.now_ns + HOUR_NS // 3))
    money, peg = copy.collateral()
    assert (money["impaired"], peg["impaired"]) == (words.IMPAIRED_SILENT, 0)
    copy.submit(commands.AdvanceTime(time_ns=story.now_ns + HOUR_NS))
    money, peg = copy.collateral()
    assert money["raise_ppb"] == 20 * PERCENT
    assert peg["impaired"] == words.IMPAIRED_LICENCE  # which has ended by then


def test_rule_10_4_the_screen_converts_for_no_less_than_was_counted():
    """10^10 at 7 ppb are worth 70; silent, with a raise of a tenth, 63 of it count, and at
    floor(6.3) they would bring 60."""
    spec = CollateralAsset(
        symbol="M", kind=words.ASSET_FIAT, par_ppb=PPB,
        haircuts=(Haircut(floor_value=0, haircut_ppb=0),),
    )  # fmt: skip
    asset = Asset(spec, 7, 10 * PERCENT, words.IMPAIRED_SILENT, True, 10**10)
    quantities = np.array([10**10, 0, 2 * 10**9])
    assert asset.count(quantities).tolist() == [63, 0, 12]
    assert asset.pay(quantities).tolist() == [63, 0, 12]


def test_rule_9_9_an_asset_without_a_price_does_not_move():
    with pytest.raises(ValueError, match="asset 1 has no price yet"):
        run_drill(SilentStory().exchange, Scenario("x", {}, assets={MONEY: 1}))


def test_rule_9_9_the_standard_set_has_every_asset_that_is_held():
    """Coins fall by the share that fund and house must bear, here nothing; money to 13% below par,
    each alone and with all marks up and down, and both together."""
    story = three_losers()
    told = {s.name: s for s in standard_scenarios(screen_of(story))}
    assert told["M falls"].assets == {MONEY: 87 * PERCENT} and told["M falls"].marks == {}
    assert told["C falls, all -20%"].assets == {COINS: PPB}
    assert told["C falls, all -20%"].marks == {1: 68}
    assert told["all assets fall, all +20%"].assets == {MONEY: 87 * PERCENT, COINS: PPB}
    assert "coins fall" not in told  # there is one
    nobody_holds = screen_of(CollateralStory())
    assert not any(s.assets for s in standard_scenarios(nobody_holds))


def test_rule_9_9_a_drill_of_collateral_finds_what_the_screen_says():
    """A hostile stream: in steps of one asset and of the marks behind it nobody is missed. What was
    shared or given up in the first step lowers what others have in the second, so only scenarios
    without such a loss are compared to the unit."""
    config = configs()["collateral"]
    exchange, workload = Exchange(config), Workload(9, config)
    compared = found = converted = 0
    for number in range(1_200):
        workload.observe(exchange.run(pack(workload.next_command())).tolist())
        if number % 150 != 149:
            continue
        digest = exchange.digest()
        screen = Screen(exchange.config, exchange.arena)
        scenarios = [s for s in standard_scenarios(screen) if s.assets]
        for scenario in scenarios:
            told = screen.screen(scenario)
            (row,) = stress(exchange, [scenario])
            if row.layers.shared == 0 and len(scenario.assets) == 1 and row.layers.found:
                assert row.layers.found == told.deficit, (number, scenario.name)
                compared += 1
            found += row.layers.found > 0
            converted += told.accounts_converted
        report, _ = run_drill(exchange, scenarios[-1]) if scenarios else (None, None)
        assert report is None or report.broken == []
        assert exchange.digest() == digest
    assert compared > 5 and found > 5 and converted > 5
