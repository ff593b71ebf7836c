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
from tests.rules.story import (
    BUY,
    PERCENT,
    SELL,
    A,
    B,
    C,
    D,
    E,
    Events,
    Story,
    cancel_reasons,
    contract,
    named,
    only,
    order_id,
    refusal,
)

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


def three_losers(coins: int = 200) -> CollateralStory:
    """A, C and D are long 10 each since 100, marked at 85; B, who is short the 30 since 85, has 255
    and nobody else anything. A and C have 200 of money behind them, D has coins, too."""
    story = CollateralStory()
    for account in (A, C, D):
        story.open(account, 0)
        story.bring(account, MONEY, 200)
    if coins:
        story.bring(D, COINS, coins)
    story.open(B, 255)
    story.open(E, 300)
    story.price(100)
    for account in (A, C, D):
        story.trade(account, E, 10, 100)
    story.price(85)
    story.trade(E, B, 30, 85)
    story.withdraw(E, 750)
    counted = 50 + coins * 4 // 10
    assert [story.equity(account) for account in (A, C, D, B, E)] == [50, 50, counted, 255, 0]
    return story


def test_rule_9_8_a_loss_of_collateral_is_shared_as_far_as_there_is_anything():
    """Money falls to nothing: A and C lack 150 each. D lacks 70 by what its coins count for, and
    has 50 once they are converted: it is no debtor, and bears its share like B, who has 255:
    floor(300 x 255 / 305) of the loss is B's, and all the rest D's."""
    story = three_losers()
    events = story.say(MONEY, 1)
    (declared,) = named(events, "collateral_loss_declared")
    assert declared.values == {"loss": 300, "equity": 305}
    shared = [(e.account, e.values["amount"]) for e in named(events, "collateral_loss_shared")]
    assert shared == [(B, 250), (D, 50)]
    closed = {e.account: e.values for e in named(events, "waterfall_closed")}
    covered = {"deficit": 150, "fund": 0, "given_up": 0, "house": 0, "haircut": 150}
    assert closed == {A: covered, C: covered}
    assert [story.equity(account) for account in (A, C, D, B)] == [0, 0, 0, 5]


def test_rule_9_8_what_nobody_has_is_the_house_layers():
    """As above without D's coins: three lack 150 each, and B has 255 of the 450."""
    story = three_losers(coins=0)
    events = story.say(MONEY, 1)
    (declared,) = named(events, "collateral_loss_declared")
    assert declared.values == {"loss": 450, "equity": 255}
    closed = {e.account: e.values for e in named(events, "waterfall_closed")}
    assert [closed[account]["haircut"] for account in (A, C, D)] == [150, 105, 0]
    assert [closed[account]["house"] for account in (A, C, D)] == [0, 45, 150]
    assert story.exchange.pool()["house"] == -195


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


def long_of_coins(coins: int, lots: int, account: int = A) -> CollateralStory:
    """Long against B, who has bids for nothing; a coin counts for 0.4 and is converted for 1."""
    story = CollateralStory()
    story.open(B, 10**6)
    story.price(100)
    add_long(story, account, coins, lots)
    return story


def add_long(story: CollateralStory, account: int, coins: int, lots: int) -> None:
    story.open(account, 0)
    story.bring(account, COINS, coins)
    story.trade(account, B, lots, 100)


def test_rule_8_4_who_is_below_zero_by_haircuts_alone_is_converted_and_goes_on():
    """30 lots lose 450 of the 400 that A's 1000 coins count for; converted they are 1000, and 550
    are left of the 128 that it must hold. Nothing else happens: its order stays, too."""
    story = long_of_coins(1_000, 30)
    order = order_id(story.order(A, words.SELL, 5, 120))
    events = story.price(85)
    told = [e.name for e in events if e.name not in ("price_received", "index_published")]
    assert told == ["mark_published", "collateral_converted"]
    converted = only(events, "collateral_converted")
    assert (converted["quantity"], converted["paid"], converted["held"]) == (1_000, 1_000, 0)
    assert (story.equity(A), story.lots(A), story.state()) == (550, 30, "continuous")
    story.cancel(A, order)


def test_rule_9_2_who_is_still_below_maintenance_is_liquidated_step_by_step():
    """At 70 the 30 lots have lost 900: of 1000 converted 100 are left, 105 are needed. B's bid for
    all takes what the queue sells, and nothing goes through the waterfall."""
    story = long_of_coins(1_000, 30)
    story.order(B, words.BUY, 30, 70)
    events = story.price(70)
    names = [event.name for event in events]
    assert names.index("collateral_converted") < names.index("liquidation_started")
    started = only(events, "liquidation_started")
    assert started == {"equity": 100, "margin_maintenance": 105}
    steps = [event.values["step"] for event in named(events, "liquidation_stepped")]
    assert steps and words.STEP_WATERFALL not in steps
    assert named(events, "waterfall_closed") == []
    assert story.equity(A) == 100 and 0 < story.lots(A) < 30


def test_rule_9_3_a_deficit_is_what_a_conversion_leaves_of_it():
    """At 60 they have lost 1200: 800 by what the coins count for, 200 when they are converted."""
    story = long_of_coins(1_000, 30)
    events = story.price(60)
    started = only(events, "liquidation_started")
    assert started == {"equity": -200, "margin_maintenance": 90}
    closed = only(events, "waterfall_closed")
    assert closed == {"deficit": 200, "fund": 0, "given_up": 200, "house": 0, "haircut": 0}
    assert (story.equity(A), story.lots(A)) == (0, 0)


def test_rule_9_2_debtors_come_in_the_order_of_what_conversions_leave_them():
    """At 57 A has 160 - 430 and C 100 - 301, so A is converted first; then A lacks 30 of 400, C 51
    of 250, and C comes first."""
    story = long_of_coins(400, 10)
    add_long(story, C, 250, 7)
    events = story.price(57)
    assert [e.account for e in named(events, "collateral_converted")] == [A, C]
    started = [(e.account, e.values["equity"]) for e in named(events, "liquidation_started")]
    assert started == [(C, -51), (A, -30)]
    closed = [(e.account, e.values["deficit"]) for e in named(events, "waterfall_closed")]
    assert closed == [(C, 51), (A, 30)]


def test_rule_9_1_a_conversion_can_leave_a_margin_call():
    """At 69 the 29 lots have lost 899 of 1000: 101 are left and just needed, 122 are called for; at
    70 130 are left, and 123 called for. What counts is the value behind the conversion."""
    for price, called in ((69, [A]), (70, [])):
        story = long_of_coins(1_000, 29)
        events = story.price(price)
        assert [e.account for e in named(events, "margin_called")] == called
        assert named(events, "liquidation_started") == []


def test_rule_9_2_a_conversion_moves_an_account_in_liquidation_to_its_new_place():
    """In one command the mark falls to 90, where A has 100 and C 125 of the 135 to hold, then to
    86. There A is 20 below zero, and has 580 when it is converted; C has 5, comes first, and is
    deleveraged at its bankruptcy price."""
    story = long_of_coins(1_000, 30)
    story.open(C, 425)
    story.trade(C, B, 30, 100)
    events = story.price(1, 90, 1, 86)
    assert [e.account for e in named(events, "liquidation_started")] == [A, C]
    assert only(events, "collateral_converted")["paid"] == 1_000
    assert [e.account for e in named(events, "liquidation_stepped")] == [C]
    ended = [(e.account, e.values["equity"]) for e in named(events, "liquidation_ended")]
    assert ended == [(C, 0), (A, 580)]
    assert story.lots(A) == 30 and named(events, "waterfall_closed") == []


def test_rule_8_4_a_fall_of_collateral_converts_what_is_left_of_it_first():
    """The same in a step of an asset: at half of their price the coins count for 200 of the 240
    that A has lost, and bring 500."""
    story = long_of_coins(1_000, 30)
    story.price(92)
    assert story.equity(A) == 160
    events = story.say(COINS, PPB // 2)
    assert only(events, "collateral_converted")["paid"] == 500
    assert named(events, "liquidation_started") == [] and story.equity(A) == 260


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


def test_rule_10_2_a_fill_counts_what_is_held_beside_cash_and_no_more_than_that():
    """A, long 50 at 100, has 100 of cash and 900 of money: to sell 45 at 80 costs 900, and the
    whole position 1000, which is all that A has. Long 10 without the 900, the 100 of cash are gone
    with five lots."""
    for lots in (45, 50):
        story = CollateralStory(liquidation_slippage_ppb=50 * PERCENT)
        story.open(A, 100)
        story.open(B, 10**6)
        story.bring(A, MONEY, 900)
        story.price(100)
        story.trade(A, B, 50, 100)
        story.trade(B, A, lots, 80)
        assert story.equity(A) == 1_000 - 20 * lots
    story = CollateralStory(liquidation_slippage_ppb=50 * PERCENT)
    story.open(A, 100)
    story.open(B, 10**6)
    story.bring(A, MONEY, 900)
    story.price(100)
    story.trade(A, B, 10, 100)
    story.take(A, MONEY, 900)
    story.order(B, BUY, 10, 80)
    events = story.order(A, SELL, 10, 80)
    assert [trade.values["lots"] for trade in named(events, "trade")] == [5]
    assert cancel_reasons(events) == [(A, "solvency")]
