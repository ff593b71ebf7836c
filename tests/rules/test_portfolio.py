"""Portfolio margin and an operator's leverage cap (8.1, 8.7), by hand.

Contracts 1 and 2 are of one underlying with a basis of 3%, contract 3 nets with nobody. Moves of
10% and 20% up and down, initial margin 1.25 times the risk, never below 20% of the tiers, which say
10% and 5%. All prices are 1,000 at first.
"""

from typing import Any

import pytest

from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Config, check_config
from tests.rules.story import (
    BUY,
    IOC,
    PERCENT,
    SELL,
    A,
    B,
    C,
    Events,
    Story,
    contract,
    named,
    only,
    refusal,
)

RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
PAIR = {"underlying": 9, "basis_ppb": 3 * PERCENT}
MOVES = (-20 * PERCENT, -10 * PERCENT, 10 * PERCENT, 20 * PERCENT)
GRID = {"portfolio_moves_ppb": MOVES}
STANDARD, PORTFOLIO = words.MARGIN_STANDARD, words.MARGIN_PORTFOLIO


def market(cash: int = 100_000, **third: Any) -> Story:
    story = Story(
        contract(1, **RATES, **PAIR), contract(2, **RATES, **PAIR), contract(3, **RATES | third),
        **GRID,
    )  # fmt: skip
    story.open(A, cash)
    for account in (B, C):
        story.open(account, 1_000_000)
    story.price(1, 1_000, 2, 1_000, 3, 1_000)
    return story


def set_mode(story: Story, mode: int = PORTFOLIO, account: int = A) -> Events:
    return story.submit(
        commands.SetMarginMode(time_ns=story.now_ns, account=account, margin_mode=mode)
    )


def cap_leverage(story: Story, rate_ppb: int, account: int = A) -> Events:
    return story.submit(
        commands.SetLeverageCap(time_ns=story.now_ns, account=account, rate_initial_ppb=rate_ppb)
    )


def hedged(cash: int = 100_000, beside: int = 0, **third: Any) -> Story:
    """A long 10 of contract 1, short 10 of contract 2, long so many of contract 3."""
    story = market(cash, **third)
    story.trade(A, B, 10, 1_000, 1)
    story.trade(B, A, 10, 1_000, 2)
    if beside:
        story.trade(A, B, beside, 1_000, 3)
    assert refusal(set_mode(story)) == refusals.OK
    return story


def margins(story: Story, account: int = A) -> tuple[int, int]:
    """(maintenance, requirement) as the kernels have them; the view must agree."""
    idle = commands.AdvanceTime(time_ns=story.now_ns)
    before = story.exchange.what_if(
        commands.Deposit(time_ns=idle.time_ns, account=account, amount=1)
    ).before
    assert before is not None
    assert story.account(account)["margin_maintenance"] == before.maintenance
    return before.maintenance, before.requirement


def test_rule_8_7_what_nets_costs_its_basis():
    """2,000 lost on one leg are won on the other; 3% of 10,000 twice remain. Tiers say 1,000, of
    which 20% are less."""
    assert margins(hedged()) == (600, 750)


def test_rule_1_4_what_nets_is_won_rounded_down_and_lost_rounded_up():
    """At 1,003 a move of 20% wins 200 and loses 201: 1, and 30.09 are 31 of basis, twice."""
    story = market()
    story.price(1, 1_003, 2, 1_003)
    story.trade(A, B, 1, 1_003, 1)
    story.trade(B, A, 1, 1_003, 2)
    set_mode(story)
    assert margins(story) == (1 + 31 + 31, 79)


def test_rule_8_7_what_is_not_of_one_underlying_does_not_net():
    """600, and 20% of the 5,000 in contract 3."""
    assert margins(hedged(beside=5)) == (1_600, 2_000)


def test_rule_8_7_a_position_alone_costs_its_worst_move():
    story = market()
    story.trade(B, A, 10, 1_000, 1)
    set_mode(story)
    assert margins(story) == (2_300, 2_875)


def netted(**pool: Any) -> Story:
    """A long and short 10 of one underlying without a basis: nothing is at risk."""
    story = Story(*(contract(number, **RATES, underlying=9) for number in (1, 2)), **GRID, **pool)
    for account in (A, B):
        story.open(account, 100_000)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 10, 1_000, 1)
    story.trade(B, A, 10, 1_000, 2)
    set_mode(story)
    return story


def test_rule_8_7_never_below_a_share_of_the_tiers():
    """20% of 1,000 and of 2,000 are the floor."""
    assert margins(netted()) == (200, 400)


def test_rule_1_4_a_share_of_the_tiers_is_rounded_up():
    """A third, all but a part, of 1,000 and of 2,000: 333.33 and 666.67."""
    assert margins(netted(portfolio_floor_ppb=333_333_333)) == (334, 667)


@pytest.mark.parametrize(
    ("beyond", "risk"),
    [
        (5_000, 2_500),
        (4_999, 2_501),  # 10% of 5,001, rounded up
    ],
)
def test_rule_8_7_concentration_costs_more(beyond, risk):
    """What is beyond this of 10,000 at 10%, beside the 2,000 of the worst move."""
    story = market(concentration_value=beyond, concentration_ppb=10 * PERCENT)
    story.trade(A, B, 10, 1_000, 3)
    set_mode(story)
    assert margins(story)[0] == risk


@pytest.mark.parametrize(
    ("side", "risk"),
    [
        (BUY, 251),  # 1,001 x 0.2 / 0.8 = 250.25, rounded against the client
        (SELL, 167),  # 1,001 x 0.2 / 1.2 = 166.83
    ],
)
def test_rule_8_7_an_inverse_lot_moves_with_the_inverse_of_the_price(side, risk):
    story = Story(
        contract(1, **RATES, tick_value=0, contract_value=1_001_000, lot_value_min=1), **GRID
    )
    for account in (A, B):
        story.open(account, 100_000)
    story.price(1_000)
    buyer, seller = (A, B) if side == BUY else (B, A)
    story.trade(buyer, seller, 1, 1_000)
    set_mode(story)
    assert margins(story)[0] == risk


def test_rule_1_4_what_is_to_open_is_rounded_up():
    """20% of 1,005 are 201 to hold, and 251.25 to open."""
    story = market()
    story.price(3, 1_005)
    story.trade(A, B, 1, 1_005, 3)
    set_mode(story)
    assert margins(story) == (201, 252)


def test_rule_1_4_the_rate_of_a_reserve_is_rounded_up():
    """1.25 times 230,000,001 ppb are 287,500,001.25 ppb, and a reserve is taken of 10^9."""
    story = market(10**9, basis_ppb=30_000_001)
    set_mode(story)
    story.order(A, BUY, 10**6, 1_000, 3)
    assert margins(story) == (0, 287_500_002)


@pytest.mark.parametrize(
    ("price", "fee_ppb", "requirement"),
    [
        (1_000, 0, 2_500),
        (1_010, 0, 2_525 + 100),  # 10 a lot are lost against the mark
        (1_000, PERCENT, 2_500 + 100),
        (1_010, PERCENT, 2_525 + 100 + 101),
    ],
)
def test_rule_8_2_an_order_of_a_portfolio_is_asked_for_its_loss_and_fee(
    price, fee_ppb, requirement
):
    """Ten lots at 25%, that is 1.25 times the worst move of 20%, and what 8.2 adds to it."""
    story = market(fee_taker_ppb=fee_ppb)
    set_mode(story)
    story.order(A, BUY, 10, price, 3)
    assert margins(story) == (0, requirement)


def test_rule_8_2_an_order_reserves_the_worst_that_its_fill_can_do():
    """23% x 1.25 of 1,000, rounded up, on either side, and the larger of the two sides counts."""
    story = hedged()
    story.order(A, BUY, 1, 1_000, 1)
    assert margins(story) == (600, 750 + 288)
    story.order(A, SELL, 2, 1_001, 1)
    assert margins(story) == (600, 750 + 576)  # 2,002 x 28.75% = 575.575


def test_rule_9_0_closing_a_leg_of_a_hedge_raises_the_margin():
    story = hedged()
    story.order(C, BUY, 10, 1_000, 1)
    story.order(A, SELL, 10, 1_000, 1, flags=words.REDUCE_ONLY, tif=IOC)
    assert story.lots(A, 1) == 0
    assert margins(story) == (2_300, 2_875)


def test_rule_8_2_a_fill_stays_within_what_was_asked_for_it():
    """28.75% of 8,000 on top of 750: taken with that equity, not with one less. Filled, 8 lots
    more of the long leg are 1,600 and 3% of 8,000 more at risk, just as much."""
    need = 750 + 2_300
    for cash, code in ((need, refusals.OK), (need - 1, refusals.MARGIN_INSUFFICIENT)):
        story = hedged(cash)
        story.order(C, SELL, 8, 1_000, 1)
        assert refusal(story.order(A, BUY, 8, 1_000, 1)) == code
    story = hedged(need)
    story.trade(A, C, 8, 1_000, 1)
    assert margins(story) == (600 + 1_840, need)


def test_rule_9_2_the_position_whose_end_helps_most_is_closed_first():
    """At 900 equity is 3,300 - 1,000 = 2,300, below 600 + 20% of 9,000. Without contract 3 600 is
    left of it, without one leg of the hedge 4,100; by tiers contract 1 would be the largest. Cut x:
    2,300 - x >= 1.2 x (2,400 - 180 x), so x = 3; its share is 2,300 x 450 / 1,450."""
    story = hedged(3_300, beside=10)
    story.order(B, BUY, 10, 895, 3)
    events = story.price(3, 900)
    assert only(events, "liquidation_started", A) == {"equity": 2_300, "margin_maintenance": 2_400}
    stepped = named(events, "liquidation_stepped", A)[0]
    assert stepped.contract == 3
    assert stepped.values == {
        "step": words.STEP_PARTIAL, "lots": 3, "limit_ticks": 829, "equity": 2_300,
        "margin_maintenance": 2_400, "share": 713,
    }  # fmt: skip


def test_rule_9_1_a_mark_that_hurts_the_hedge_is_seen():
    """Contract 2 rises alone: the short leg loses, and the bands of a portfolio must see it."""
    story = hedged(2_100)
    events = story.price(2, 1_160)  # 2,100 - 1,600 = 500, below 300 + 348 and 320 of the net 1,600
    assert only(events, "liquidation_started", A)["margin_maintenance"] == 300 + 348 + 320


def test_rule_9_1_who_loses_a_leg_of_its_hedge_to_deleveraging_is_looked_at():
    """The other long of contract 2 has 10 left at 900, and nobody but A stands on the other side:
    A's short goes, and brings it the 10. But what is left of the hedge needs 2,070, and A has
    2,010."""
    story = market(2_000)
    poor = C + 1
    story.open(poor, 1_010)
    story.trade(A, B, 10, 1_000, 1)
    story.trade(poor, A, 10, 1_000, 2)
    assert refusal(set_mode(story)) == refusals.OK
    events = story.price(1, 900, 2, 900)
    assert named(events, "position_deleveraged", poor)
    started = [event.account for event in named(events, "liquidation_started")]
    assert started == [poor, A]


def test_rule_8_7_a_mode_must_be_affordable():
    """10 lots alone: 2,875 as a portfolio, 1,000 by tiers."""
    story = market(2_874)
    story.trade(A, B, 10, 1_000, 1)
    assert refusal(set_mode(story)) == refusals.MARGIN_INSUFFICIENT
    story.deposit(A, 1)
    assert only(set_mode(story), "margin_mode_set", A) == {"margin_mode": PORTFOLIO}
    assert refusal(set_mode(story)) == refusals.MODE_UNCHANGED
    assert refusal(set_mode(story, STANDARD)) == refusals.OK
    assert margins(story) == (500, 1_000)


@pytest.mark.parametrize(
    ("price", "code"), [(650, refusals.OK), (640, refusals.MARGIN_INSUFFICIENT)]
)
def test_rule_9_1_nobody_is_liquidated_for_a_mode(price, code):
    """50% to open and 5% to hold by tiers. As a portfolio less is to open, but 23% to hold: at 650
    1,495 of the 1,500 that are left, at 640 1,472 of 1,400."""
    story = Story(
        contract(1, initial_ppb=50 * PERCENT, maintenance_ppb=5 * PERCENT, **PAIR), **GRID
    )
    story.open(A, 5_000)
    story.open(B, 100_000)
    story.price(1_000)
    story.trade(A, B, 10, 1_000)
    story.price(price)
    events = set_mode(story)
    assert refusal(events) == code
    assert not named(events, "liquidation_started")


@pytest.mark.parametrize(
    ("cap_ppb", "requirement"),
    [
        (0, 750),
        (3 * PERCENT, 750),
        (4 * PERCENT, 800),
        (10 * PERCENT, 2_000),
        (10 * PERCENT + 1, 2_002),
        (50 * PERCENT, 10_000),
    ],
)
def test_rule_8_1_a_cap_of_leverage_holds_whatever_nets(cap_ppb, requirement):
    """By netting 750 would do, each leg of 10,000 must have what the cap says: whether that is
    above the 10% of its tier, equal or below."""
    story = hedged()
    cap_leverage(story, cap_ppb)
    assert margins(story) == (600, requirement)


@pytest.mark.parametrize(
    ("floor_ppb", "requirement"), [(5 * PERCENT, 2_000), (35 * PERCENT, 2_150), (PPB, 5_400)]
)
def test_rule_8_1_no_floor_is_netted(floor_ppb, requirement):
    """At risk are 600 and 20% of the 5,000 in contract 3: 1,600 x 1.25. The floor there, and what A
    has chosen for the pair, 2% of 20,000, are held whatever the tiers say."""
    story = hedged(beside=5, rate_initial_min_ppb=floor_ppb)
    own = {"time_ns": story.now_ns, "account": A, "rate_initial_ppb": 2 * PERCENT}
    for number in (1, 2):
        story.submit(commands.SetLeverage(client_id=story.client_id(), contract=number, **own))
    assert margins(story)[1] == requirement


@pytest.mark.parametrize(
    ("open_lots", "requirement"),
    [(6, 2_000), (25, 2_000), (27, 2_125), (30, 2_500), (50, 5_000), (60, 5_000)],
)
def test_rule_8_6_open_interest_asks_for_all_of_a_leg_in_the_end(open_lots, requirement):
    """At risk is as much as above. The line of contract 3 goes from 10 to 50 lots: 15 of 40 are
    1,875 of its 5,000, 17 are 2,125."""
    line = {"open_interest_scale_low_lots": 10, "open_interest_scale_high_lots": 50}
    story = hedged(beside=5, **line)
    story.trade(C, B, open_lots - 5, 1_000, 3)
    assert margins(story)[1] == requirement


def test_rule_8_7_no_order_of_a_portfolio_fills_unseen():
    """A bid for 300 at 900 reserves 28.75%: 77,625. 250 sold at the mark are risked at 71,875, and
    149,500 are asked for then, of 100,000: it may sell no more, though its sells reserve less than
    its bid."""
    story = market()
    set_mode(story)
    story.order(A, BUY, 300, 900, 1)
    story.order(B, BUY, 251, 1_000, 1)
    assert margins(story)[1] == 77_625
    assert refusal(story.order(A, SELL, 250, 1_000, 1)) == refusals.OK
    assert margins(story) == (57_500, 149_500)
    assert refusal(story.order(A, SELL, 1, 1_000, 1)) == refusals.MARGIN_INSUFFICIENT


def test_rule_9_2_a_small_cut_of_a_hedge_is_found_where_a_large_one_hurts():
    """Long 100, short 60 of one underlying, 1% of basis, 20% of moves. At 980 and 1,130 6,200 are
    left, and to hold are 20% of what does not net, 30,200, with 980 and 678: 7,698. Up to 30 lots
    of the long leg lower that by 205.8 each, more lots raise it again. A cut x must reach 6,200 - x
    >= 1.2 x (7,698 - 205.8 x): 13 lots."""
    pair = {"underlying": 9, "basis_ppb": 1 * PERCENT}
    story = Story(contract(1, **RATES, **pair), contract(2, **RATES, **pair), **GRID)
    for account, cash in ((A, 16_000), (B, 1_000_000)):
        story.open(account, cash)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 100, 1_000, 1)
    story.trade(B, A, 60, 1_000, 2)
    assert refusal(set_mode(story)) == refusals.OK
    story.order(B, BUY, 100, 980, 1)
    events = story.price(1, 980, 2, 1_130)
    assert only(events, "liquidation_started", A) == {"equity": 6_200, "margin_maintenance": 7_698}
    cut = named(events, "liquidation_stepped", A)[0].values
    assert (cut["step"], cut["lots"]) == (words.STEP_PARTIAL, 13)


def test_rule_9_2_a_provider_takes_what_hedges_it():
    """Long 10 of contract 1 it needs 2,875 of 1,500; ten lots short of contract 2 would leave 750:
    it takes them all, though not one would do alone."""
    story = market(3_000)
    provider = C + 1
    story.open(provider, 3_000, kind=words.KIND_LIQUIDITY_PROVIDER)
    story.trade(provider, B, 10, 1_000, 1)
    set_mode(story, account=provider)
    story.submit(commands.SetCapacity(time_ns=story.now_ns, account=provider, contract=2, lots=20))
    story.trade(B, A, 10, 1_000, 2)
    story.withdraw(A, 1_500)
    story.withdraw(provider, 100)
    events = story.price(2, 1_110)
    assert only(events, "position_provided", A)["lots"] == 10


def test_rule_8_7_a_mode_changes_without_orders():
    story = market()
    story.order(A, BUY, 1, 900, 1)
    assert refusal(set_mode(story)) == refusals.MODE_WITH_ORDERS
    story.cancel_all(A)
    assert refusal(set_mode(story)) == refusals.OK


def test_rule_8_5_an_isolated_position_stays_by_tiers():
    story = market()
    story.isolate(A, 1)
    story.move(A, 5_000, 1)
    story.order(B, SELL, 10, 1_000, 1)
    story.order(A, BUY, 10, 1_000, 1)
    set_mode(story)
    margin_account = story.account(A)["isolated"][1]
    assert margins(story, margin_account) == (500, 1_000)
    assert margins(story) == (0, 0)


def test_rule_9_2_a_provider_takes_what_its_portfolio_can_bear():
    """20% x 1.25 of 900 a lot: with 1,000 of equity it takes 4 of them."""
    story = market(1_000)
    provider = C + 1
    story.open(provider, 1_000, kind=words.KIND_LIQUIDITY_PROVIDER)
    set_mode(story, account=provider)
    story.submit(commands.SetCapacity(time_ns=story.now_ns, account=provider, contract=3, lots=20))
    story.trade(A, B, 10, 1_000, 3)
    events = story.price(3, 900)
    provided = only(events, "position_provided", A)
    assert provided["lots"] == 4
    assert margins(story, provider)[1] == 900


def test_rule_8_1_an_operator_caps_the_leverage_of_an_account():
    story = market()
    assert only(cap_leverage(story, 50 * PERCENT), "leverage_cap_set", A) == {
        "rate_initial_ppb": 50 * PERCENT
    }
    story.order(A, BUY, 1, 1_000, 1)
    assert story.position(A, 1)["reserve_buy"] == 500
    story.order(B, BUY, 1, 1_000, 1)
    assert story.position(B, 1)["reserve_buy"] == 100
    cap_leverage(story, 0)
    story.order(A, BUY, 1, 1_000, 1)
    assert story.position(A, 1)["reserve_buy"] == 600


def test_rule_8_1_the_cap_reaches_isolated_positions_too():
    story = market()
    story.isolate(A, 1)
    cap_leverage(story, 50 * PERCENT)
    story.isolate(A, 2)
    for number in (1, 2):
        story.move(A, 1_000, number)
        story.order(A, BUY, 1, 1_000, number)
        margin_account = story.account(A)["isolated"][number]
        assert story.position(margin_account, number)["reserve_buy"] == 500


def test_rule_8_1_the_largest_floor_counts():
    story = market()
    story.submit(
        commands.SetLeverage(
            time_ns=story.now_ns, account=A, client_id=story.client_id(), contract=1,
            rate_initial_ppb=30 * PERCENT,
        )
    )  # fmt: skip
    cap_leverage(story, 20 * PERCENT)
    story.order(A, BUY, 1, 1_000, 1)
    story.order(A, BUY, 1, 1_000, 2)
    assert story.position(A, 1)["reserve_buy"] == 300
    assert story.position(A, 2)["reserve_buy"] == 200


@pytest.mark.parametrize(
    ("terms", "config", "word"),
    [
        ({}, {"portfolio_moves_ppb": (0,)}, "not 0"),
        ({}, {"portfolio_moves_ppb": (-PPB,)}, "not 0"),
        ({}, {"portfolio_moves_ppb": (PPB + 1,)}, "not 0"),
        ({}, {"portfolio_moves_ppb": (1,) * 17}, "at most 16"),
        ({}, {"portfolio_moves_ppb": (1, 2)}, "both ways"),
        ({}, {"portfolio_moves_ppb": (-1,)}, "both ways"),
        ({}, {"portfolio_initial_ppb": PPB - 1}, "portfolio_initial_ppb"),
        ({}, {"portfolio_floor_ppb": 0}, "portfolio_floor_ppb"),
        ({"basis_ppb": 80 * PERCENT}, {}, "all of its value"),
        ({"tick_value": 0, "contract_value": 10**9, "price_ticks_max": 1_000}, {
            "portfolio_moves_ppb": (-50 * PERCENT, 1)}, "all of its value"),
    ],
)  # fmt: skip
def test_rule_8_7_a_grid_that_can_not_be_listed(terms, config, word):
    problems = check_config(Config(contracts=(contract(1, **RATES | terms),), **GRID | config))
    assert [problem for problem in problems if word in problem], problems
