"""Collateral beside cash where it meets the rest of the exchange: supervision, drills, last layer
(9.1, 9.8, 9.9). What its page fixes is worked out by hand in tests/oracle and told to both engines
by tests/property/test_collateral_by_hand.py."""

from typing import Any

from engine.drill import Layers, run_drill
from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.collateral import CollateralAsset, Haircut
from risk.stress import Scenario
from tests.rules.story import PERCENT, A, B, C, D, E, Events, Story, contract, named, refusal

RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
MONEY, COINS = 1, 2
CONFIG = ("fund_cash", "house_cash", "liquidation_steps_max")


def asset(symbol: str, kind: int, haircut: int, **terms: Any) -> CollateralAsset:
    haircuts = (Haircut(floor_value=0, haircut_ppb=haircut * PERCENT),)
    return CollateralAsset(symbol=symbol, kind=kind, haircuts=haircuts, **terms)


class CollateralStory(Story):
    """Money counts whole; of coins 60% do not count, and a conversion costs nothing."""

    def __init__(self, **config: Any) -> None:
        assets = (
            asset("M", words.ASSET_FIAT, 0, par_ppb=PPB),
            asset("C", words.ASSET_COIN, 60, stress_ppb=0),
        )
        terms = {name: config.pop(name) for name in list(config) if name not in CONFIG}
        super().__init__(contract(1, **RATES, **terms), collateral=assets, **config)
        for number in (MONEY, COINS):
            self.say(number, PPB)

    def say(self, number: int, price_ppb: int) -> Events:
        return self.submit(
            commands.PublishCollateral(
                time_ns=self.now_ns, asset=number, source=1, price_ppb=price_ppb
            )
        )

    def bring(self, account: int, number: int, quantity: int) -> None:
        found = self.submit(
            commands.DepositCollateral(
                time_ns=self.now_ns, account=account, asset=number, quantity=quantity
            )
        )
        assert refusal(found) == refusals.OK

    def take(self, account: int, number: int, quantity: int) -> None:
        found = self.submit(
            commands.WithdrawCollateral(
                time_ns=self.now_ns, account=account, client_id=self.client_id(),
                asset=number, quantity=quantity,
            )
        )  # fmt: skip
        assert refusal(found) == refusals.OK


def test_rule_9_1_a_withdrawal_of_collateral_is_looked_at_by_the_next_step():
    """1000 behind 50 lots at 100 stand a fall to 82; when 500 are gone, 94 leaves 200 of the 235
    that A must hold."""
    story = CollateralStory()
    story.open(A, 0)
    story.open(B, 10**6)
    story.bring(A, MONEY, 1_000)
    story.price(100)
    story.trade(A, B, 50, 100)
    story.price(101)
    story.price(100)
    story.take(A, MONEY, 500)
    events = story.price(94)
    assert [event.account for event in named(events, "liquidation_started")] == [A]


def test_rule_9_9_a_member_in_default_has_nothing_left_of_its_coins():
    """A's 1000 coins count for 400 and would be converted for 1000: all of it is lost before the
    mark costs its 30 lots 5 each."""
    story = CollateralStory()
    story.open(A, 0)
    story.open(B, 10**6)
    story.bring(A, COINS, 1_000)
    story.price(100)
    story.trade(A, B, 30, 100)
    digest = story.exchange.digest()
    report, _ = run_drill(story.exchange, Scenario("default", {1: 95}, defaulted=(A,)))
    assert story.exchange.digest() == digest and report.broken == []
    assert report.layers == Layers(found=150, given_up=150)


def three_losers() -> CollateralStory:
    """A, C and D are long 10 each since 100, marked at 85; B, who is short the 30 since 85, has 255
    and nobody else anything. A and C have 200 of money behind them, D has coins, too."""
    story = CollateralStory()
    for account in (A, C, D):
        story.open(account, 0)
        story.bring(account, MONEY, 200)
    story.bring(D, COINS, 200)
    story.open(B, 255)
    story.open(E, 300)
    story.price(100)
    for account in (A, C, D):
        story.trade(account, E, 10, 100)
    story.price(85)
    story.trade(E, B, 30, 85)
    story.withdraw(E, 750)
    assert [story.equity(account) for account in (A, C, D, B, E)] == [50, 50, 130, 255, 0]
    return story


def test_rule_9_8_a_loss_of_collateral_is_shared_as_far_as_there_is_anything():
    """Money falls to nothing: A and C lack 150 each. D lacks 70 by what its coins count for, and
    has 50 once they are converted: it bears none of the loss. B has 255 of the 300."""
    story = three_losers()
    events = story.say(MONEY, 1)
    (declared,) = named(events, "collateral_loss_declared")
    assert declared.values == {"loss": 300, "equity": 255}
    shared = [(e.account, e.values["amount"]) for e in named(events, "collateral_loss_shared")]
    assert shared == [(B, 255)]
    closed = {e.account: e.values for e in named(events, "waterfall_closed")}
    assert closed[A] == {"deficit": 150, "fund": 0, "given_up": 0, "house": 0, "haircut": 150}
    assert closed[C] == {"deficit": 150, "fund": 0, "given_up": 0, "house": 45, "haircut": 105}
    assert closed[D] == {"deficit": 0, "fund": 0, "given_up": 0, "house": 0, "haircut": 0}
    assert [story.equity(account) for account in (A, C, D, B)] == [0, 0, 50, 0]
    assert story.exchange.pool()["house"] == -45


def test_rule_9_2_a_conversion_changes_the_place_in_the_queue():
    """At 90 A, whose 1000 coins count for 400, has 100 left, C 120. The fund takes A's lots first,
    300 of its coins are converted, and the 700 left count for 280: its end comes behind C's."""
    story = CollateralStory(fund_cash=10**6, fund_value_max=10**6, fund_share_ppb=PPB)
    story.open(A, 0)
    story.open(C, 420)
    story.open(B, 10**6)
    story.bring(A, COINS, 1_000)
    story.price(100)
    for account in (A, C):
        story.trade(account, B, 30, 100)
    events = story.price(90)
    assert [e.account for e in named(events, "position_taken_over")] == [A, C]
    ended = [(e.account, e.values["equity"]) for e in named(events, "liquidation_ended")]
    assert ended == [(C, 120), (A, 280)]


def test_rule_9_2_a_price_of_collateral_changes_the_place_in_the_queue_without_a_position():
    """At 90 A has 100 left, which is what its 250 coins count for, and C has 120. Two steps of a
    command give the lots of both to the fund; before they can end, the coins count for 200."""
    story = CollateralStory(
        fund_cash=10**6, fund_value_max=10**6, fund_share_ppb=PPB, liquidation_steps_max=2
    )
    story.open(A, 300)
    story.open(C, 420)
    story.open(B, 10**6)
    story.bring(A, COINS, 250)
    story.price(100)
    for account in (A, C):
        story.trade(account, B, 30, 100)
    events = story.price(90)
    assert [e.account for e in named(events, "position_taken_over")] == [A, C]
    assert not named(events, "liquidation_ended")
    ended = named(story.say(COINS, 2 * PPB), "liquidation_ended")
    assert [(e.account, e.values["equity"]) for e in ended] == [(C, 120), (A, 200)]
